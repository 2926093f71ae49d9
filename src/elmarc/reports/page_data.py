"""Data of the page's script: predictions as class numbers, and the clips' media as data URLs."""

from __future__ import annotations

import base64
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from elmarc.comparison.records import by_system
from elmarc.errors import ConfigError
from elmarc.reports.page_view import Section
from elmarc.reports.wording import percent
from elmarc.results import Result


@dataclass(frozen=True)
class ClipMedia:
    """Audio and picture of one clip.

    Parameters
    ----------
    audio : bytes or None
        An encoded file that a browser plays, for example Ogg Opus or WAV.
    mime : str
        Its type, for example "audio/wav".
    picture : bytes or None
        PNG of the log-mel spectrogram.
    href : str or None
        Link to the clip where it is not embedded: relative, http: or https:. Others are left out, also file:,
        which would reveal folders of the machine.
    duration_s : float or None
        Length in seconds.
    """

    audio: bytes | None = None
    mime: str = "audio/wav"
    picture: bytes | None = None
    href: str | None = None
    duration_s: float | None = None

    def __post_init__(self) -> None:
        if not re.fullmatch(r"audio/[\w.+-]+", self.mime):
            raise ConfigError(f"media type {self.mime!r}: expected audio/..., such as audio/wav")

    @property
    def size(self) -> int:
        """Bytes of audio and picture."""
        return len(self.audio or b"") + len(self.picture or b"")


@dataclass(frozen=True)
class Embedded:
    """The clips' media, a list for each data set in the order of its clips, and a note on how many."""

    clips: list[list[dict[str, Any]]]
    note: str


def listening_order(results: Iterable[Result]) -> list[tuple[str, str]]:
    """Return (data set, clip id) of every clip, those most often mistaken first."""
    mistakes: Counter[tuple[str, str]] = Counter()
    for result in results:
        for p in result.predictions:
            mistakes[result.dataset, p.id] += p.label != p.predicted
    return sorted(mistakes, key=lambda clip: (-mistakes[clip], clip))


def page_data(results: Sequence[Result], sections: Sequence[Section]) -> dict[str, Any]:
    """Return classes and clips of each data set, and each system's predictions, as the script reads them."""
    datasets = [_dataset(name, results) for name in dict.fromkeys(s.comparison.dataset for s in sections)]
    place = {dataset["name"]: k for k, dataset in enumerate(datasets)}
    return {
        "datasets": datasets,
        "sections": [
            _section(each, place[each.comparison.dataset], datasets[place[each.comparison.dataset]])
            for each in sections
        ],
    }


def _section(section: Section, place: int, dataset: Mapping[str, Any]) -> dict[str, Any]:
    cells = by_system(section.results)
    number = {clip: k for k, clip in enumerate(dataset["clips"])}
    systems = [
        {
            "label": s.label,
            "accuracy": percent(s.accuracy, s.deviation),
            "runs": [_run(r, dataset) for r in cells[s.system]],
        }
        for s in section.comparison.scores
    ]
    return {
        "dataset": place,
        "protocol": section.comparison.protocol,
        "systems": systems,
        "contrasts": section.contrasts,
        "missed": [number[m.clip] for m in section.missed],
    }


def _dataset(name: str, results: Iterable[Result]) -> dict[str, Any]:
    own = [r for r in results if r.dataset == name]
    labels = {p.id: p.label for r in own for p in r.predictions}
    groups = {p.id: p.group for r in own for p in r.predictions}
    folds = sorted({p.fold for r in own for p in r.predictions})
    classes = list(dict.fromkeys(c for r in own for c in r.classes))
    number = {c: k for k, c in enumerate(classes)}
    clips = sorted(labels)
    return {
        "name": name, "classes": classes, "clips": clips, "folds": folds,
        "labels": [number[labels[clip]] for clip in clips],
        "groups": [groups[clip] for clip in clips] if any(groups.values()) else [],
    }  # fmt: skip


def _run(result: Result, dataset: Mapping[str, Any]) -> dict[str, Any]:
    """Return one seed's predictions: class and fold of each clip, -1 for clips without a prediction."""
    predicted = {p.id: (p.predicted, p.fold) for p in result.predictions}
    classes = {c: k for k, c in enumerate(dataset["classes"])}
    folds = {f: k for k, f in enumerate(dataset["folds"])}
    both = [predicted.get(clip) for clip in dataset["clips"]]
    return {
        "seed": result.seed,
        "accuracy": percent(result.accuracy),
        "predicted": [classes[pair[0]] if pair else -1 for pair in both],
        "folds": [folds[pair[1]] if pair else -1 for pair in both],
    }


def embed(
    data: Mapping[str, Any], results: Sequence[Result], media: Mapping[str, Mapping[str, ClipMedia]], *,
    max_bytes: float,
) -> Embedded:  # fmt: skip
    """Encode audio and pictures in listening order until `max_bytes` are used; the rest keeps its link."""
    encoded: dict[tuple[str, str], dict[str, Any]] = {}
    n_played = 0
    for dataset, clip in listening_order(results):
        own = media.get(dataset, {}).get(clip)
        if own is None:
            continue
        entry = encoded[dataset, clip] = _link(own)
        if own.size > max_bytes:
            continue
        max_bytes -= own.size
        entry |= _encoded(own)
        n_played += "audio" in entry
    clips = [[encoded.get((d["name"], clip), {}) for clip in d["clips"]] for d in data["datasets"]]
    return Embedded(clips, _note(n_played, sum(map(len, clips))))


def _encoded(media: ClipMedia) -> dict[str, str]:
    both = {"audio": (media.audio, media.mime), "picture": (media.picture, "image/png")}
    return {
        kind: f"data:{mime};base64,{base64.b64encode(content).decode()}"
        for kind, (content, mime) in both.items()
        if content is not None
    }


def _link(media: ClipMedia) -> dict[str, Any]:
    entry: dict[str, Any] = {}
    if media.href is not None and _may_be_linked(media.href):
        entry["href"] = media.href
    if media.duration_s is not None:
        entry["duration"] = round(media.duration_s, 2)
    return entry


def _may_be_linked(href: str) -> bool:
    """Return whether a link runs nothing and reveals no folder of the machine.

    >>> [_may_be_linked(href) for href in ("dog/1.wav", "https://a.org/1.wav", "file:///a.wav", "/a.wav")]
    [True, True, False, False]
    """
    parts = urlsplit(href)
    local = not parts.scheme and not parts.netloc and not parts.path.startswith(("/", "\\"))
    return local or parts.scheme in ("http", "https")


def _note(n_played: int, total: int) -> str:
    if n_played == total:
        return "Every clip can be played here."
    if not n_played:
        return "This page holds no audio."
    return f"{n_played} of {total} clips can be played here: those most often mistaken."


def island(value: Any) -> str:
    """Return JSON for a script element: no character of it can close the element."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
