// One cost figure at a time; without a script all of them show.
function startCosts() {
  for (const choices of document.querySelectorAll("[data-costs]")) {
    const figures = document.getElementById(`${choices.dataset.costs}-costs`).children;
    const show = (cost) => { for (const figure of figures) figure.hidden = figure.dataset.cost !== cost; };
    choices.addEventListener("change", (event) => show(event.target.value));
    choices.hidden = figures.length < 2;
    show(choices.querySelector("input:checked").value);
  }
}
