"""What `elmarc predict` does: labels and probabilities of clips, or of the windows of recordings."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from rich.markup import escape

from elmarc._io import csv_text, write_atomic
from elmarc._names import expanded
from elmarc.audio.issues import notes as notes_of
from elmarc.audio.recordings import n_windows
from elmarc.cli import console
from elmarc.cli.folders import PICTURE, PREDICTIONS, check_output
from elmarc.datasets import open_clips
from elmarc.datasets.base import Clip
from elmarc.errors import AudioError, ConfigError, DatasetError
from elmarc.features.sounds import Files, cuts
from elmarc.model import SoundClassifier, load
from elmarc.model.sound_classifier import RECORDING
from elmarc.model.timelines import Timeline, named, timeline, warn_of_cut_windows

FORMATS, PICTURES = (".csv", ".json"), (".png", ".svg")
Row = dict[str, Any]
Skipped = list[tuple[str, str]]


@dataclass(frozen=True)
class Asked:
    """How to predict, and where to write it: `window_s` None is by whole clips, recordings by windows."""

    min_confidence: float = 0.0
    window_s: float | None = None
    hop_s: float | None = None
    output: Path | None = None
    plot: Path | None = None
    force: bool = False
    strict: bool = False
    quiet: bool = False
    as_json: bool = False

    def check(self) -> None:
        """Refuse what has no meaning, before any work is done. Raises ConfigError."""
        for path, endings in ((self.output, FORMATS), (self.plot, PICTURES)):
            if path is not None and path.suffix.lower() not in endings:
                raise ConfigError(f"{path}: its ending says the format: use one of {', '.join(endings)}")
        if self.window_s is None and (self.plot or self.hop_s is not None):
            option = "--plot" if self.plot else "--hop"
            raise ConfigError(f"{option}: whole clips have no time: add --window, such as --window 4")


def predict(model_file: Path, sources: Sequence[str], asked: Asked) -> None:
    """Predict what is named, and show or write it."""
    asked.check()
    clips = find_clips(sources)
    read = [model_file, *(clip.path for clip in clips)]
    for path, form, option in ((asked.output, PREDICTIONS, "--output"), (asked.plot, PICTURE, "--plot")):
        if path is not None:
            check_output(path, form, option=option, force=asked.force, read=read)
    model = load(model_file)
    model.extractor_.strict = asked.strict
    rows: list[Row] = []
    skipped: Skipped = []
    notes: list[str] = []
    document: dict[str, Any] = {}
    recordings: Sequence[Clip] = clips
    if asked.window_s is None:
        clips, recordings = _apart(model, clips)
        if clips:
            rows, skipped, notes = _of_clips(model, clips, asked)
        document["clips"] = rows
    if recordings:
        timelines, bad, odd = _of_recordings(model, recordings, asked)
        windows = [row for name, found in timelines.items() for row in _window_rows(name, found)]
        events = [row for name, found in timelines.items() for row in _event_rows(name, found)]
        document |= {"windows": windows, "events": events}
        rows, skipped, notes = [*rows, *windows], [*skipped, *bad], [*notes, *odd]
        if asked.plot:
            _draw(timelines, asked.plot)
    console.show_problems(skipped, notes, quiet=asked.quiet)
    document |= {"skipped": [{"id": name, "reason": reason} for name, reason in skipped]}
    _give(document, rows, asked)


def find_clips(sources: Sequence[str]) -> tuple[Clip, ...]:
    """Return the clips of files and folders; `-` is a list of them on stdin, one a line.

    A file's id is its path as it was given; whether it can be read is told later.

    Raises
    ------
    DatasetError
        Nothing is named, or a folder holds no audio.
    """
    lines = [line.strip() for line in sys.stdin] if "-" in sources else []
    names = [name for source in sources for name in (lines if source == "-" else [source]) if name]
    if not names:
        raise DatasetError("no clips were named: expected files or folders, or their paths on stdin with -")
    found: dict[str, Clip] = {}
    for name in names:
        place = expanded(name)
        clips = open_clips(place) if place.is_dir() else (Clip(id=name, path=place, label=""),)
        found |= {str(clip.path): Clip(id=str(clip.path), path=clip.path, label="") for clip in clips}
    return tuple(found.values())


def _apart(model: SoundClassifier, clips: Sequence[Clip]) -> tuple[tuple[Clip, ...], tuple[Clip, ...]]:
    """Return clips, and recordings that are so much longer that they are read by windows, which is said."""
    durations = Files(tuple(clips)).durations_s()
    is_recording = [model.is_recording(seconds) for seconds in durations]
    if not any(is_recording):
        return tuple(clips), ()
    first, n_long = clips[is_recording.index(True)].path.name, sum(is_recording)
    console.note(
        f"{n_long} of {len(clips)} files, such as {first}, are over {RECORDING} times as long as the "
        f"{model.heard_s:g} s of a clip that the model hears: they are read by windows of as many seconds; "
        "--window sets another length"
    )
    if not any(seconds and not long for seconds, long in zip(durations, is_recording, strict=True)):
        return (), tuple(clips)  # those that cannot be read are named there
    others = [clip for clip, long in zip(clips, is_recording, strict=True) if not long]
    return tuple(others), tuple(clip for clip in clips if clip not in others)


def _of_clips(
    model: SoundClassifier, clips: Sequence[Clip], asked: Asked
) -> tuple[list[Row], Skipped, list[str]]:
    """Return a row a clip that can be read, the others, and what is odd."""
    with console.Live(quiet=asked.quiet) as live:
        live.on_features("clips", len(clips))
        if cut := cuts(Files(tuple(clips)), model.extractor_):
            console.note(f"{cut}; --window reads recordings whole, such as --window 4")
        extraction = model.extractor_.extract(clips, progress=live.on_clips)
    labels, shares = model.classify(extraction.matrix.X)
    said = named(labels, shares, asked.min_confidence)
    classes = list(map(str, model.classes_))
    return (
        [
            {"file": name} | _said(label, row, classes)
            for name, label, row in zip(extraction.matrix.ids, said, shares.tolist(), strict=True)
        ],
        list(extraction.skipped),
        extraction.notes,
    )


def _of_recordings(
    model: SoundClassifier, clips: Sequence[Clip], asked: Asked
) -> tuple[dict[str, Timeline], Skipped, list[str]]:
    """Return what is heard in each recording that can be read, the others, and what is odd."""
    found, skipped = {}, []
    odd: dict[str, dict[str, str]] = defaultdict(dict)
    window_s = model.heard_s if asked.window_s is None else asked.window_s
    hop_s = window_s / 2 if asked.hop_s is None else asked.hop_s
    warn_of_cut_windows(model, window_s)
    with console.Live(quiet=asked.quiet) as live:
        for clip in clips:
            try:
                n_all = n_windows(clip.path, window_s=window_s, hop_s=hop_s)
                live.on_features(clip.path.name, n_all)
                found[clip.id] = timeline(
                    model, clip.path, window_s=window_s, hop_s=hop_s, min_confidence=asked.min_confidence,
                    progress=partial(live.on_clips, total=n_all), issues=odd[clip.id],
                )  # fmt: skip
            except AudioError as problem:
                if asked.strict:
                    raise
                skipped.append((clip.id, str(problem)))
    if not found:
        raise DatasetError(f"none of the {len(clips)} recordings can be used: {skipped[0][1]}")
    return found, skipped, notes_of({name: odd[name] for name in found if odd[name]}, len(found))


def _said(label: str, shares: Sequence[float], classes: Sequence[str]) -> Row:
    """Return label, its probability (of the best class where there is no label), and those of all classes."""
    return {
        "label": label,
        "probability": max(shares),
        "probabilities": dict(zip(classes, shares, strict=True)),
    }


def _window_rows(name: str, found: Timeline) -> list[Row]:
    windows = zip(found.start_s, found.end_s, found.labels, found.probabilities.tolist(), strict=True)
    return [
        {"file": name, "start": float(start), "end": float(end)} | _said(label, shares, found.classes)
        for start, end, label, shares in windows
    ]


def _event_rows(name: str, found: Timeline) -> list[Row]:
    return [
        {
            "file": name,
            "start": event.start_s,
            "end": event.end_s,
            "label": event.label,
            "probability": event.probability,
        }
        for event in found.events()
    ]


def _give(document: dict[str, Any], rows: list[Row], asked: Asked) -> None:
    """Write the file and the JSON that were asked for; else show clips, or events."""
    if asked.output and asked.output.suffix.lower() == ".json":
        write_atomic(asked.output, json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    elif asked.output:
        write_atomic(asked.output, _csv(rows))
    if asked.as_json:
        console.print_json(document)
        return
    if "events" in document or not asked.output:
        for row in [*document.get("clips", ()), *document.get("events", ())]:
            _show(row)
    if asked.output:
        what = " and ".join(kind for kind in ("clips", "windows") if document.get(kind))
        console.out.print(
            f"written: {escape(str(asked.output))}, {len(rows)} {what}", highlight=False, soft_wrap=True
        )
    if asked.plot:
        console.out.print(f"written: {escape(str(asked.plot))}", highlight=False, soft_wrap=True)


def _show(row: Row) -> None:
    from elmarc.reports.timeline import clock

    label = row["label"] or "(unknown)"
    times = f"{clock(row['start'])} - {clock(row['end'])}  " if "start" in row else ""
    console.out.print(
        f"{times}{escape(label):<20} {row['probability']:.2f}  {escape(row['file'])}",
        highlight=False,
        soft_wrap=True,
    )


def _csv(rows: Sequence[Row]) -> str:
    """Return the rows as a table, with a column p_CLASS for each class."""
    has_times = any("start" in row for row in rows)
    flat = [
        ({"file": row["file"], "start": None, "end": None} if has_times else {})
        | {key: value for key, value in row.items() if key != "probabilities"}
        | {f"p_{name}": round(share, 6) for name, share in row["probabilities"].items()}
        | {"probability": round(row["probability"], 6)}
        for row in rows
    ]
    return csv_text(pd.DataFrame(flat))


def _draw(timelines: dict[str, Timeline], path: Path) -> None:
    """Write the picture of the recordings, or of as many as one holds."""
    from elmarc.reports.figures import to_png, to_svg
    from elmarc.reports.timeline import MOST_PANELS, Panel, timeline_figure

    panels = [
        Panel(
            name, found.classes, found.borders_s, found.probabilities,
            [(event.start_s, event.end_s, event.label) for event in found.events()],
        )
        for name, found in timelines.items()
    ]  # fmt: skip
    if len(panels) > MOST_PANELS:
        console.err.print(f"note: {path} shows the first {MOST_PANELS} of {len(panels)} recordings")
    figure = timeline_figure(panels[:MOST_PANELS])
    write_atomic(path, to_svg(figure) if path.suffix.lower() == ".svg" else to_png(figure))
