// System against system: their contrast, and the clips that one has right and the other wrong.

// For each clip the share of seeds that have it right, and what it counts: every fold counts alike, and all
// clips that were judged sum to their number. null where a seed did not judge it.
function rightness(system, labels) {
  const n = system.runs.length;
  const weights = system.runs.map(clipWeights);
  return labels.map((label, clip) => {
    if (system.runs.some((run) => run.predicted[clip] < 0)) return null;
    const right = system.runs.filter((run) => run.predicted[clip] === label).length;
    return { right: right / n, weight: weights.reduce((sum, of) => sum + of[clip], 0) / n };
  });
}

function clipWeights(run) {
  const sizes = new Map();
  for (const fold of run.folds) if (fold >= 0) sizes.set(fold, (sizes.get(fold) ?? 0) + 1);
  return run.folds.map((fold) => (fold >= 0 ? 1 / (sizes.size * sizes.get(fold)) : 0));
}

// Four numbers of clips with the clips behind them. The first less the second is the difference of accuracies.
function crossing(a, b, labels) {
  const [ofA, ofB] = [rightness(a, labels), rightness(b, labels)];
  const clips = labels.map((_, clip) => clip).filter((clip) => ofA[clip] && ofB[clip]);
  const weight = (clip) => ofA[clip].weight + ofB[clip].weight;
  const total = clips.reduce((sum, clip) => sum + weight(clip), 0);
  const box = (name, share) => {
    const own = clips.filter((clip) => share(ofA[clip].right, ofB[clip].right) > 0);
    const sum = own.reduce((part, clip) => part + weight(clip) * share(ofA[clip].right, ofB[clip].right), 0);
    return { name, clips: own, count: clips.length * sum / total };
  };
  return [
    box("A right, B wrong", (x, y) => x * (1 - y)), box("B right, A wrong", (x, y) => y * (1 - x)),
    box("both right", (x, y) => x * y), box("both wrong", (x, y) => (1 - x) * (1 - y)),
  ];
}

function shortNumber(value) {
  return String(Number(value.toFixed(1)));
}

function contrastText(section, a, b) {
  const [A, B] = [section.systems[a], section.systems[b]];
  if (a === b) return "Choose two systems.";
  const compared = section.contrasts[[a, b].sort((x, y) => x - y).join(" ")];
  return compared ?? `${A.label} has ${A.accuracy} % right, ${B.label} ${B.accuracy} %. ` +
    "The two are not tested against each other: the families of comparisons stay within a classifier.";
}

function predictedBy(system, classes, clip) {
  const predicted = system.runs.map((run) => run.predicted[clip]).filter((k) => k >= 0);
  const [most, count] = mostCommon(predicted);
  return classes[most] + (predicted.length > 1 ? ` (${count} of ${predicted.length})` : "");
}

function startVersus(versus) {
  const section = data.sections[versus.dataset.section];
  const { classes, labels } = data.datasets[section.dataset];
  const [a, b] = ["a", "b"].map((role) => versus.querySelector(`[data-role="${role}"]`));
  const button = ({ name, clips, count }) => {
    const [A, B] = [section.systems[a.value], section.systems[b.value]];
    const made = element("button", { type: "button" }, element("b", { textContent: shortNumber(count) }), name);
    made.setAttribute("aria-label", `${name}: ${shortNumber(count)} clips`);
    if (!clips.length) made.setAttribute("aria-disabled", "true");
    const describe = (clip) => [["A says", predictedBy(A, classes, clip)], ["B says", predictedBy(B, classes, clip)]];
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
