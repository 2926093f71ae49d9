// Tables sort by a press on a column's head, and the ranking filters by words and classifier.
function startTables() {
  for (const head of document.querySelectorAll("th[data-sort]")) {
    const button = element("button", { type: "button" }, ...head.childNodes);
    button.addEventListener("click", () => sortBy(head));
    head.replaceChildren(button);
  }
  document.querySelectorAll("[data-filters]").forEach(startFilters);
  document.querySelectorAll("[data-columns]").forEach(startColumns);
}

// The columns of a table that are ticked show; without a script all of them do.
function startColumns(choices) {
  const { rows } = document.getElementById(choices.dataset.columns);
  const show = () => {
    for (const box of choices.querySelectorAll("input")) {
      for (const row of rows) row.cells[box.value].hidden = !box.checked;
    }
  };
  choices.addEventListener("change", show);
  choices.hidden = false;
  show();
}

const OPPOSITE = { ascending: "descending", descending: "ascending" };

function sortBy(head) {
  const direction = OPPOSITE[head.getAttribute("aria-sort")] ?? head.dataset.sort;
  for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", direction);
  const body = head.closest("table").tBodies[0];
  const sign = direction === "ascending" ? 1 : -1;
  const value = (row) => row.cells[head.cellIndex].dataset.value;
  body.append(...[...body.rows].sort((a, b) => compareValues(value(a), value(b), sign)));
}

// Numbers by size, words by the alphabet, what is absent last in either direction.
function compareValues(a, b, sign) {
  if (a === "" || b === "") return (a === "") - (b === "");
  const difference = Number(a) - Number(b);
  return sign * (Number.isNaN(difference) ? a.localeCompare(b, "en", { numeric: true }) : difference);
}

function startFilters(filters) {
  const table = document.getElementById(filters.dataset.filters);
  const rows = [...table.tBodies[0].rows];
  const mixed = "mixed" in table.dataset; // letters say nothing of systems of two classifiers
  const text = filters.querySelector('[data-role="text"]');
  const classifier = filters.querySelector('[data-role="classifier"]');
  const status = filters.querySelector("output");
  const filter = () => {
    const words = text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = classifier?.value ?? "";
    table.toggleAttribute("data-mixed", mixed && !chosen);
    for (const row of rows) {
      const about = `${row.cells[1].dataset.value} ${row.dataset.classifier}`.toLowerCase();
      row.hidden = (chosen && row.dataset.classifier !== chosen) || !words.every((word) => about.includes(word));
    }
    const shown = rows.filter((row) => !row.hidden).length;
    status.textContent = shown < rows.length ? `${shown} of ${rows.length} systems` : "";
  };
  text.addEventListener("input", filter);
  classifier?.addEventListener("change", filter);
  filters.hidden = rows.length < 2;
}
