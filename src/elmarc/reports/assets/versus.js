// System against system: their contrast, and the clips that one has right and the other wrong.

// Whether a system has a clip right in more than half of its seeds; null where it did not judge it.
function rightness(system, labels) {
  return labels.map((label, clip) => {
    const said = system.runs.map((run) => run.predicted[clip]).filter((k) => k >= 0);
    return said.length ? said.filter((k) => k === label).length > said.length / 2 : null;
  });
}

function crossing(a, b, labels) {
  const [ofA, ofB] = [rightness(a, labels), rightness(b, labels)];
  const clips = labels.map((_, clip) => clip).filter((clip) => ofA[clip] !== null && ofB[clip] !== null);
  const where = (right, other) => clips.filter((clip) => ofA[clip] === right && ofB[clip] === other);
  return [
    ["A right, B wrong", where(true, false)], ["B right, A wrong", where(false, true)],
    ["both right", where(true, true)], ["both wrong", where(false, false)],
  ];
}

function contrastText(section, a, b) {
  const [A, B] = [section.systems[a], section.systems[b]];
  if (a === b) return "Choose two systems.";
  const compared = section.contrasts[[a, b].sort((x, y) => x - y).join(" ")];
  return compared ?? `${A.label} has ${A.accuracy} % right, ${B.label} ${B.accuracy} %. ` +
    "The two are not tested against each other: the families of comparisons stay within a classifier.";
}

function saidBy(system, classes, clip) {
  const said = system.runs.map((run) => run.predicted[clip]).filter((k) => k >= 0);
  const [most, count] = mostCommon(said);
  return classes[most] + (said.length > 1 ? ` (${count} of ${said.length})` : "");
}

function startVersus(versus) {
  const section = data.sections[versus.dataset.section];
  const { classes, labels } = data.datasets[section.dataset];
  const [a, b] = ["a", "b"].map((role) => versus.querySelector(`[data-role="${role}"]`));
  const button = ([name, clips]) => {
    const [A, B] = [section.systems[a.value], section.systems[b.value]];
    const made = element("button", { type: "button" }, element("b", { textContent: clips.length }), name);
    made.setAttribute("aria-label", `${name}: ${clipCount(clips.length)}`);
    if (!clips.length) made.setAttribute("aria-disabled", "true");
    const describe = (clip) => [["A says", saidBy(A, classes, clip)], ["B says", saidBy(B, classes, clip)]];
    made.addEventListener("click", () => {
      const about = `A: ${A.label}, B: ${B.label}`;
      if (clips.length) openClips({ section, clips, title: name, about, describe });
    });
    return made;
  };
  const draw = () => {
    versus.querySelector('[data-role="contrast"]').textContent = contrastText(section, Number(a.value), Number(b.value));
    const cross = crossing(section.systems[a.value], section.systems[b.value], labels);
    versus.querySelector(".crossed").replaceChildren(...(a.value === b.value ? [] : cross.map(button)));
  };
  const choose = (first, second) => { [a.value, b.value] = [first, second]; draw(); };
  for (const select of [a, b]) select.addEventListener("change", draw);
  versus.querySelector('[data-role="swap"]').addEventListener("click", () => choose(b.value, a.value));
  startPairs(versus.dataset.section, versus, choose);
  versus.hidden = false;
  draw();
}

// A cell of a table of differences chooses its two systems: a short way for the mouse.
function startPairs(number, versus, choose) {
  for (const table of document.querySelectorAll(`.differences[data-section="${number}"]`)) {
    table.addEventListener("click", (event) => {
      const pair = event.target.closest("[data-pair]")?.dataset.pair;
      if (!pair) return;
      choose(...pair.split(" "));
      versus.scrollIntoView({ block: "center" });
    });
  }
}
