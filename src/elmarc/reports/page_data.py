"""What the report page's script works on: predictions as class numbers, and the clips' media as data URLs."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from elmarc._errors import ConfigError
from elmarc.comparison.records import Comparison
from elmarc.comparison.systems import by_system
from elmarc.results import Result


@dataclass(frozen=True)
class ClipMedia:
    """What to hear and see of one clip.

    Parameters
    ----------
    audio : an encoded file that a browser plays, for example Ogg Opus or WAV
    mime : its type, for example "audio/wav"
    picture : PNG of the log-mel spectrogram
    href : where the clip lies, for the link shown where it is not embedded: relative, file: or http(s):
    """

    audio: bytes | None = None
    mime: str = "audio/wav"
    picture: bytes | None = None
    href: str | None = None
    duration_s: float | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"audio/[\w.+-]+", self.mime):
            raise ConfigError(f"media type {self.mime!r}: expected audio/..., such as audio/wav")


@dataclass(frozen=True)
class Embedded:
    """The clips' media, a list for each data set in the order of its clips, and a word on how much."""

    clips: list[list[dict[str, Any]]]
    note: str


def listening_order(results: Iterable[Result]) -> list[tuple[str, str]]:
    """Return (data set, clip id) of every clip, those most often mistaken first: embed in this order."""
    mistakes: Counter[tuple[str, str]] = Counter()
    for result in results:
        for p in result.predictions:
            mistakes[result.dataset, p.id] += p.label != p.predicted
    return sorted(mistakes, key=lambda clip: (-mistakes[clip], clip))


def page_data(results: Sequence[Result], compared: Sequence[Comparison]) -> dict[str, Any]:
    """Return classes and clips of each data set, and each system's predictions, as the script reads them."""
    datasets = [_dataset(name, results) for name in dict.fromkeys(c.dataset for c in compared)]
    place = {dataset["name"]: k for k, dataset in enumerate(datasets)}
    sections = []
    for each in compared:
        own = [r for r in results if (r.dataset, r.protocol) == (each.dataset, each.protocol)]
        cells = by_system(own)
        dataset = datasets[place[each.dataset]]
        systems = [
            {"label": s.label, "runs": [_run(r, dataset) for r in cells[s.system]]} for s in each.scores
        ]
        sections.append({"dataset": place[each.dataset], "protocol": each.protocol, "systems": systems})
    return {"datasets": datasets, "sections": sections}


def _dataset(name: str, results: Iterable[Result]) -> dict[str, Any]:
    own = [r for r in results if r.dataset == name]
    labels = {p.id: p.label for r in own for p in r.predictions}
    folds = sorted({p.fold for r in own for p in r.predictions})
    classes = list(dict.fromkeys(c for r in own for c in r.classes))
    number = {c: k for k, c in enumerate(classes)}
    clips = sorted(labels)
    return {
        "name": name, "classes": classes, "clips": clips, "folds": folds,
        "labels": [number[labels[clip]] for clip in clips],
    }  # fmt: skip


def _run(result: Result, dataset: Mapping[str, Any]) -> dict[str, Any]:
    """Return one seed's predictions: a class and a fold for each clip, -1 where it was not judged."""
    said = {p.id: (p.predicted, p.fold) for p in result.predictions}
    classes = {c: k for k, c in enumerate(dataset["classes"])}
    folds = {f: k for k, f in enumerate(dataset["folds"])}
    both = [said.get(clip) for clip in dataset["clips"]]
    return {
        "seed": result.seed,
        "accuracy": round(result.accuracy, 4),
        "predicted": [classes[pair[0]] if pair else -1 for pair in both],
        "folds": [folds[pair[1]] if pair else -1 for pair in both],
    }


def embed(
    data: Mapping[str, Any], results: Sequence[Result], media: Mapping[str, Mapping[str, ClipMedia]], *,
    max_audio: float, max_picture: float,
) -> Embedded:  # fmt: skip
    """Encode media in listening order until the caps (bytes) are reached; what is left keeps its link."""
    room = {"audio": max_audio, "picture": max_picture}
    encoded: dict[tuple[str, str], dict[str, Any]] = {}
    heard = 0
    for dataset, clip in listening_order(results):
        found = media.get(dataset, {}).get(clip)
        if found is None:
            continue
        entry = encoded[dataset, clip] = _link(found)
        for kind, content, mime in (
            ("audio", found.audio, found.mime),
            ("picture", found.picture, "image/png"),
        ):
            if content is not None and len(content) <= room[kind]:
                room[kind] -= len(content)
                entry[kind] = f"data:{mime};base64,{base64.b64encode(content).decode()}"
        heard += "audio" in entry
    clips = [[encoded.get((d["name"], clip), {}) for clip in d["clips"]] for d in data["datasets"]]
    return Embedded(clips, _note(heard, sum(map(len, clips))))


def _link(media: ClipMedia) -> dict[str, Any]:
    entry: dict[str, Any] = {}
    if media.href is not None and urlsplit(media.href).scheme in ("", "file", "http", "https"):
        entry["href"] = media.href
    if media.duration_s is not None:
        entry["duration"] = round(media.duration_s, 2)
    return entry


def _note(heard: int, total: int) -> str:
    if heard == total:
        return "Every clip can be played here."
    if not heard:
        return "This page holds no audio."
    return f"{heard} of {total} clips can be played here: those most often mistaken."


def island(value: Any) -> str:
    """Return JSON that may stand inside a script element: no character of it can close the element."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
