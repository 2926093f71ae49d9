// The dialog that plays clips.
const PAGE_OF_CLIPS = 24;
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

function clipItem(section, clip, describe) {
  const dataset = data.datasets[section.dataset];
  const name = dataset.clips[clip];
  const entry = media()[section.dataset]?.[clip] ?? {};
  const about = [["true", dataset.classes[dataset.labels[clip]]], ...describe(clip)];
  if (dataset.groups[clip]) about.push(["group", dataset.groups[clip]]);
  if (entry.duration) about.push(["length", `${entry.duration} s`]);
  const item = element("li");
  if (entry.picture) item.append(element("img", { src: entry.picture, alt: `log-mel spectrogram of ${name}` }));
  item.append(element("div", {}, element("p", { className: "file", textContent: name }), player(entry, name), facts(about)));
  return item;
}

// Those that can be played come first. `describe` returns what to show of a clip beside its label: pairs of a
// name and a text.
function openClips({ section, clips, title, about, describe }) {
  document.getElementById("clips-title").textContent = title;
  document.getElementById("clips-facts").textContent = [clipCount(clips.length), about].filter(Boolean).join(", ");
  const list = document.getElementById("clips-list");
  const more = document.getElementById("more");
  const silent = (clip) => !media()[section.dataset]?.[clip]?.audio;
  const ordered = [...clips].sort((a, b) => silent(a) - silent(b));
  list.replaceChildren();
  const show = () => {
    const start = list.children.length;
    list.append(...ordered.slice(start, start + PAGE_OF_CLIPS).map((clip) => clipItem(section, clip, describe)));
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

// The clips that every system misses.
function startMissed() {
  for (const button of document.querySelectorAll("[data-missed]")) {
    const section = data.sections[button.dataset.missed];
    const runs = section.systems.flatMap((system) => system.runs);
    const { classes } = data.datasets[section.dataset];
    const describe = (clip) => {
      const predicted = runs.map((run) => run.predicted[clip]).filter((k) => k >= 0);
      const [most, count] = mostCommon(predicted);
      return [["mostly taken for", `${classes[most]} (${count} of ${predicted.length})`]];
    };
    button.hidden = false;
    button.addEventListener("click", () =>
      openClips({ section, clips: section.missed, title: "Clips that all miss", about: "", describe }));
  }
}
