"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const PAGE_OF_CLIPS = 24;
let mediaCache = null;

// Parsed when first needed: it may hold tens of megabytes.
function media() {
  mediaCache ??= JSON.parse(document.getElementById("media").textContent);
  return mediaCache;
}

function element(tag, properties = {}, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

function clipCount(n) {
  return n === 1 ? "1 clip" : `${n} clips`;
}

// --- theme ---

function startTheme() {
  const button = document.getElementById("theme");
  const preferred = matchMedia("(prefers-color-scheme: dark)");
  const dark = () => (document.documentElement.dataset.theme ?? (preferred.matches ? "dark" : "light")) === "dark";
  const name = () => { button.textContent = dark() ? "Light theme" : "Dark theme"; };
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = dark() ? "light" : "dark";
    name();
  });
  preferred.addEventListener("change", name);
  button.hidden = false;
  name();
}

// --- accuracy against cost ---

function startCosts() {
  for (const choices of document.querySelectorAll("[data-costs]")) {
    const figures = document.getElementById(`${choices.dataset.costs}-costs`).children;
    choices.addEventListener("change", (event) => {
      for (const figure of figures) figure.hidden = figure.dataset.cost !== event.target.value;
    });
  }
}

// --- confusion matrices ---

// clips[true][predicted] holds the numbers of the clips in that cell
function confusion(dataset, run) {
  const n = dataset.classes.length;
  const clips = Array.from({ length: n }, () => Array.from({ length: n }, () => []));
  run.predicted.forEach((said, clip) => {
    if (said >= 0) clips[dataset.labels[clip]][said].push(clip);
  });
  return clips;
}

function cellButton(dataset, row, column, clips, total) {
  const [label, said] = [dataset.classes[row], dataset.classes[column]];
  const button = element("button", { type: "button", tabIndex: -1, textContent: clips.length || "·" });
  button.setAttribute("aria-label", `true ${label}, predicted ${said}: ${clipCount(clips.length)}`);
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
    element("th", { scope: "col" }, element("span", { textContent: name })));
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
    return element("tr", {}, element("th", { scope: "row", textContent: name }), ...cells,
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

function startExplorer(explorer) {
  const section = data.sections[explorer.dataset.section];
  const dataset = data.datasets[section.dataset];
  const table = explorer.querySelector("table");
  const system = explorer.querySelector('[data-role="system"]');
  const seed = explorer.querySelector('[data-role="seed"]');
  const current = () => section.systems[system.value];
  const draw = () => {
    const run = current().runs[seed.value];
    const about = `${current().label}, seed ${run.seed}`;
    drawMatrix(table, dataset, run, (row, column, clips) =>
      openClips({ section, dataset, run, about, row, column, clips }));
  };
  const listSeeds = () => {
    const kept = seed.value;
    seed.replaceChildren(...current().runs.map((run, k) =>
      element("option", { value: k, textContent: `${run.seed} (${(100 * run.accuracy).toFixed(1)} %)` })));
    seed.value = kept in current().runs ? kept : "0";
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
  listSeeds();
}

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

// --- the clips behind a cell ---

const dialog = document.getElementById("clips");

function player(entry, name) {
  if (entry.audio) {
    const audio = element("audio", { controls: true, preload: "metadata", src: entry.audio });
    audio.setAttribute("aria-label", `play ${name}`);
    return audio;
  }
  if (entry.href) {
    return element("a", { href: entry.href, target: "_blank", rel: "noopener noreferrer", textContent: "open the file" });
  }
  return element("span", { className: "absent", textContent: "not embedded" });
}

function facts(pairs) {
  const list = element("dl");
  for (const [key, value] of pairs) {
    list.append(element("div", {}, element("dt", { textContent: key }), element("dd", { textContent: value })));
  }
  return list;
}

function clipItem({ section, dataset, run }, clip) {
  const name = dataset.clips[clip];
  const entry = media()[section.dataset]?.[clip] ?? {};
  const about = [
    ["true", dataset.classes[dataset.labels[clip]]],
    ["predicted", dataset.classes[run.predicted[clip]]],
    ["fold", dataset.folds[run.folds[clip]]],
  ];
  if (entry.duration) about.push(["length", `${entry.duration} s`]);
  const item = element("li");
  if (entry.picture) item.append(element("img", { src: entry.picture, alt: `log-mel spectrogram of ${name}` }));
  item.append(element("div", {}, element("p", { className: "file", textContent: name }), player(entry, name), facts(about)));
  return item;
}

function openClips(cell) {
  const { dataset, about, row, column, clips } = cell;
  const [label, said] = [dataset.classes[row], dataset.classes[column]];
  document.getElementById("clips-title").textContent =
    row === column ? `${label}, recognised` : `${label}, taken for ${said}`;
  document.getElementById("clips-facts").textContent = `${clipCount(clips.length)}, ${about}`;
  const list = document.getElementById("clips-list");
  const more = document.getElementById("more");
  list.replaceChildren();
  const show = () => {
    const start = list.children.length;
    list.append(...clips.slice(start, start + PAGE_OF_CLIPS).map((clip) => clipItem(cell, clip)));
    const left = clips.length - list.children.length;
    more.hidden = left <= 0;
    more.textContent = `Show ${Math.min(left, PAGE_OF_CLIPS)} more of ${left}`;
  };
  more.onclick = show;
  show();
  dialog.showModal();
  dialog.scrollTop = 0;
  document.getElementById("clips-title").focus();
}

function startDialog() {
  document.getElementById("close").addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => document.getElementById("clips-list").replaceChildren()); // stops sound
}

startTheme();
startCosts();
document.querySelectorAll(".explorer").forEach(startExplorer);
startLinks();
startDialog();
