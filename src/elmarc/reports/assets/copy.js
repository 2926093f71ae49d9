// Copies a text of the page; where the browser refuses, the text is shown and selected.
function startCopy() {
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }
}

async function copy(button) {
  const text = document.getElementById(button.dataset.copy);
  const status = button.closest(".exports").querySelector(".status");
  try {
    await navigator.clipboard.writeText(text.value);
    status.textContent = `${text.getAttribute("aria-label")} copied.`;
  } catch {
    text.closest("details").open = true;
    text.focus();
    text.select();
    status.textContent = "This browser does not let the page copy: the text is selected, copy it with Ctrl+C or ⌘C.";
  }
}
