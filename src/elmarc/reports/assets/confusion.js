// Confusion matrices, drawn from the predictions.

// clips[true][predicted] holds the numbers of the clips in that cell
function confusion(dataset, run) {
  const n = dataset.classes.length;
  const clips = Array.from({ length: n }, () => Array.from({ length: n }, () => []));
  run.predicted.forEach((predicted, clip) => {
    if (predicted >= 0) clips[dataset.labels[clip]][predicted].push(clip);
  });
  return clips;
}

function cellButton(dataset, row, column, clips, total) {
  const [label, predicted] = [dataset.classes[row], dataset.classes[column]];
  const button = element("button", { type: "button", tabIndex: -1, textContent: clips.length || "·" });
  button.setAttribute("aria-label", `true ${label}, predicted ${predicted}: ${clipCount(clips.length)}`);
  button.setAttribute("aria-haspopup", "dialog");
  if (!clips.length) button.setAttribute("aria-disabled", "true");
  button.classList.add(row === column ? "right" : "wrong");
  const share = total ? clips.length / total : 0;
  button.style.setProperty("--share", `${Math.round(100 * Math.sqrt(share))}%`);
  return button;
}

function drawMatrix(table, dataset, run, open) {
  const clips = confusion(dataset, run);
  const heads = dataset.classes.map((name) =>
    element("th", { scope: "col", title: name }, element("span", { textContent: name })));
  const head = element("tr", {}, element("td"), ...heads,
    element("th", { scope: "col" }, element("span", { textContent: "recall, %" })));
  const rows = dataset.classes.map((name, row) => {
    const total = clips[row].reduce((sum, cell) => sum + cell.length, 0);
    const cells = clips[row].map((cell, column) => {
      const button = cellButton(dataset, row, column, cell, total);
      button.addEventListener("click", () => { if (cell.length) open(row, column, cell); });
      return element("td", {}, button);
    });
    const recall = total ? (100 * clips[row][row].length / total).toFixed(1) : "–";
    return element("tr", {}, element("th", { scope: "row", textContent: name, title: name }), ...cells,
      element("td", { className: "recall", textContent: recall }));
  });
  table.replaceChildren(element("thead", {}, head), element("tbody", {}, ...rows));
  table.querySelector("button").tabIndex = 0;
}

const STEPS = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

// One cell of the matrix takes part in the tab order; arrows, Home and End move it.
function moveInMatrix(event) {
  const at = event.target.closest("td");
  const body = event.target.closest("tbody");
  if (!at || !body || event.altKey || event.ctrlKey || event.metaKey) return;
  const [row, column] = [at.parentElement.rowIndex - 1, at.cellIndex];
  const last = body.rows.length;
  let target = null;
  if (event.key in STEPS) {
    const [down, right] = STEPS[event.key];
    target = body.rows[row + down]?.cells[column + right];
  } else if (event.key === "Home") target = body.rows[row].cells[1];
  else if (event.key === "End") target = body.rows[row].cells[last];
  else return;
  event.preventDefault();
  const next = target?.querySelector("button");
  if (next) focusCell(body, next);
}

function focusCell(body, button) {
  for (const other of body.querySelectorAll('button[tabindex="0"]')) other.tabIndex = -1;
  button.tabIndex = 0;
  button.focus();
}

function openCell(section, system, run, row, column, clips) {
  const dataset = data.datasets[section.dataset];
  const [label, predicted] = [dataset.classes[row], dataset.classes[column]];
  openClips({
    section, clips,
    title: row === column ? `${label}, recognised` : `${label}, taken for ${predicted}`,
    about: `${system.label}, seed ${run.seed}`,
    describe: (clip) => [
      ["predicted", dataset.classes[run.predicted[clip]]], ["fold", dataset.folds[run.folds[clip]]],
    ],
  });
}

function startExplorer(explorer) {
  const section = data.sections[explorer.dataset.section];
  const dataset = data.datasets[section.dataset];
  const table = explorer.querySelector("table");
  const system = explorer.querySelector('[data-role="system"]');
  const seed = explorer.querySelector('[data-role="seed"]');
  const current = () => section.systems[system.value];
  const draw = () => {
    const run = current().runs[seed.value];
    drawMatrix(table, dataset, run, (...cell) => openCell(section, current(), run, ...cell));
  };
  const listSeeds = () => {
    const chosen = seed.value;
    seed.replaceChildren(...current().runs.map((run, k) =>
      element("option", { value: k, textContent: `${run.seed} (${run.accuracy} %)` })));
    seed.value = chosen in current().runs ? chosen : "0";
    draw();
  };
  system.addEventListener("change", listSeeds);
  seed.addEventListener("change", draw);
  table.addEventListener("keydown", moveInMatrix);
  table.addEventListener("focusin", (event) => {
    if (event.target.matches("tbody button") && event.target.tabIndex < 0) {
      focusCell(table.tBodies[0], event.target);
    }
  });
  explorer.hidden = false;
  listSeeds();
}

// A system's name in the ranking opens its matrix.
function startLinks() {
  for (const link of document.querySelectorAll("a[data-system]")) {
    link.addEventListener("click", () => {
      const explorer = document.querySelector(`.explorer[data-section="${link.dataset.section}"]`);
      const system = explorer.querySelector('[data-role="system"]');
      system.value = link.dataset.system;
      system.dispatchEvent(new Event("change"));
      system.focus({ preventScroll: true });
    });
  }
}
