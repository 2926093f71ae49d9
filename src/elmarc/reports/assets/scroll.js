// Shadows and a word where a table is wider than the window; only then does it take part in the tab order.
function startScroll() {
  const update = (region) => {
    const left = region.scrollWidth - region.clientWidth - region.scrollLeft;
    const wide = region.scrollWidth > region.clientWidth + 1;
    region.parentElement.classList.toggle("more-left", wide && region.scrollLeft > 1);
    region.parentElement.classList.toggle("more-right", wide && left > 1);
    if (wide) region.tabIndex = 0;
    else region.removeAttribute("tabindex");
    hintOf(region).hidden = !wide;
  };
  const observer = new ResizeObserver((entries) => {
    for (const { target } of entries) update(target.closest(".scroll"));
  });
  for (const region of document.querySelectorAll(".scroll")) {
    region.addEventListener("scroll", () => update(region), { passive: true });
    observer.observe(region);
    observer.observe(region.firstElementChild);
  }
}

function hintOf(region) {
  const before = region.parentElement.previousElementSibling;
  if (before?.className === "hint") return before;
  const hint = element("p", { className: "hint", textContent: "Scroll sideways for more →" });
  region.parentElement.before(hint);
  return hint;
}
