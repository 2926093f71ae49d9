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
class Options:
    """How to predict, and where to write it; without `window_s` only recordings are read by windows."""

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
        """Check that the options fit together. Raises ConfigError."""
        for path, endings in ((self.output, FORMATS), (self.plot, PICTURES)):
            if path is not None and path.suffix.lower() not in endings:
                raise ConfigError(f"{path}: its ending says the format: use one of {', '.join(endings)}")
        if self.window_s is None and (self.plot or self.hop_s is not None):
            option = "--plot" if self.plot else "--hop"
            raise ConfigError(f"{option}: whole clips have no time: add --window, such as --window 4")


def predict(model_file: Path, sources: Sequence[str], options: Options) -> None:
    """Predict the labels of clips and recordings, and print or write them."""
    options.check()
    clips = find_clips(sources)
    read = [model_file, *(clip.path for clip in clips)]
    for path, form, option in ((options.output, PREDICTIONS, "--output"), (options.plot, PICTURE, "--plot")):
        if path is not None:
            check_output(path, form, option=option, force=options.force, read=read)
    model = load(model_file)
    model.extractor_.strict = options.strict
    rows: list[Row] = []
    skipped: Skipped = []
    notes: list[str] = []
    document: dict[str, Any] = {}
    recordings: Sequence[Clip] = clips
    if options.window_s is None:
        clips, recordings = _without_recordings(model, clips)
        if clips:
            rows, skipped, notes = _of_clips(model, clips, options)
        document["clips"] = rows
    if recordings:
        timelines, bad, more = _of_recordings(model, recordings, options)
        windows = [row for name, one in timelines.items() for row in _window_rows(name, one)]
        events = [row for name, one in timelines.items() for row in _event_rows(name, one)]
        document |= {"windows": windows, "events": events}
        rows, skipped, notes = [*rows, *windows], [*skipped, *bad], [*notes, *more]
        if options.plot:
            _draw(timelines, options.plot)
    console.show_problems(skipped, notes, quiet=options.quiet)
    document |= {"skipped": [{"id": name, "reason": reason} for name, reason in skipped]}
    _show_all(document, rows, options)


def find_clips(sources: Sequence[str]) -> tuple[Clip, ...]:
    """Return the clips of files and folders; `-` reads their paths from stdin, one per line.

    A clip's id is its path as typed.

    Raises
    ------
    DatasetError
        Nothing is named, or a folder holds no audio.
    """
    lines = [line.strip() for line in sys.stdin] if "-" in sources else []
    names = [name for source in sources for name in (lines if source == "-" else [source]) if name]
    if not names:
        raise DatasetError("no clips were named: expected files or folders, or their paths on stdin with -")
    by_path: dict[str, Clip] = {}
    for name in names:
        place = expanded(name)
        clips = open_clips(place) if place.is_dir() else (Clip(id=name, path=place, label=""),)
        by_path |= {str(clip.path): Clip(id=str(clip.path), path=clip.path, label="") for clip in clips}
    return tuple(by_path.values())


def _without_recordings(
    model: SoundClassifier, clips: Sequence[Clip]
) -> tuple[tuple[Clip, ...], tuple[Clip, ...]]:
    """Split clips from recordings, which are so much longer that they are read by windows; note that."""
    durations = Files(tuple(clips)).durations_s()
    is_recording = [model.is_recording(seconds) for seconds in durations]
    if not any(is_recording):
        return tuple(clips), ()
    first, n_long = clips[is_recording.index(True)].path.name, sum(is_recording)
    console.note(
        f"{n_long} of {len(clips)} files, such as {first}, are over {RECORDING} times as long as the "
        f"{model.clip_s:g} s of a clip that the model uses: they are read by windows of as many seconds; "
        "--window sets another length"
    )
    if not any(seconds and not long for seconds, long in zip(durations, is_recording, strict=True)):
        return (), tuple(clips)  # those that cannot be read are named there
    others = [clip for clip, long in zip(clips, is_recording, strict=True) if not long]
    return tuple(others), tuple(clip for clip in clips if clip not in others)


def _of_clips(
    model: SoundClassifier, clips: Sequence[Clip], options: Options
) -> tuple[list[Row], Skipped, list[str]]:
    """Return a row per clip that can be read, the skipped ones, and notes."""
    with console.Live(quiet=options.quiet) as live:
        live.on_features("clips", len(clips))
        if cut := cuts(Files(tuple(clips)), model.extractor_):
            console.note(f"{cut}; --window reads recordings whole, such as --window 4")
        extraction = model.extractor_.extract(clips, progress=live.on_clips)
    labels, shares = model.classify(extraction.matrix.X)
    names = named(labels, shares, options.min_confidence)
    classes = list(map(str, model.classes_))
    return (
        [
            {"file": name} | _row(label, row, classes)
            for name, label, row in zip(extraction.matrix.ids, names, shares.tolist(), strict=True)
        ],
        list(extraction.skipped),
        extraction.notes,
    )


def _of_recordings(
    model: SoundClassifier, clips: Sequence[Clip], options: Options
) -> tuple[dict[str, Timeline], Skipped, list[str]]:
    """Return the timeline of each recording that can be read, the skipped ones, and notes."""
    timelines, skipped = {}, []
    issues: dict[str, dict[str, str]] = defaultdict(dict)
    window_s = model.clip_s if options.window_s is None else options.window_s
    hop_s = window_s / 2 if options.hop_s is None else options.hop_s
    warn_of_cut_windows(model, window_s)
    with console.Live(quiet=options.quiet) as live:
        for clip in clips:
            try:
                n_all = n_windows(clip.path, window_s=window_s, hop_s=hop_s)
                live.on_features(clip.path.name, n_all)
                timelines[clip.id] = timeline(
                    model, clip.path, window_s=window_s, hop_s=hop_s, min_confidence=options.min_confidence,
                    progress=partial(live.on_clips, total=n_all), issues=issues[clip.id],
                )  # fmt: skip
            except AudioError as problem:
                if options.strict:
                    raise
                skipped.append((clip.id, str(problem)))
    if not timelines:
        raise DatasetError(f"none of the {len(clips)} recordings can be used: {skipped[0][1]}")
    known = {name: issues[name] for name in timelines if issues[name]}
    return timelines, skipped, notes_of(known, len(timelines))


def _row(label: str, shares: Sequence[float], classes: Sequence[str]) -> Row:
    """Return label, its probability (of the best class where there is no label), and those of all classes."""
    return {
        "label": label,
        "probability": max(shares),
        "probabilities": dict(zip(classes, shares, strict=True)),
    }


def _window_rows(name: str, of: Timeline) -> list[Row]:
    windows = zip(of.start_s, of.end_s, of.labels, of.probabilities.tolist(), strict=True)
    return [
        {"file": name, "start": float(start), "end": float(end)} | _row(label, shares, of.classes)
        for start, end, label, shares in windows
    ]


def _event_rows(name: str, of: Timeline) -> list[Row]:
    return [
        {
            "file": name,
            "start": event.start_s,
            "end": event.end_s,
            "label": event.label,
            "probability": event.probability,
        }
        for event in of.events()
    ]


def _show_all(document: dict[str, Any], rows: list[Row], options: Options) -> None:
    """Write the file, and print JSON, events, or the clips where no file is written."""
    if options.output and options.output.suffix.lower() == ".json":
        write_atomic(options.output, json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    elif options.output:
        write_atomic(options.output, _csv(rows))
    if options.as_json:
        console.print_json(document)
        return
    if "events" in document or not options.output:
        for row in [*document.get("clips", ()), *document.get("events", ())]:
            _show(row)
    if options.output:
        what = " and ".join(kind for kind in ("clips", "windows") if document.get(kind))
        console.say(f"written: {options.output}, {len(rows)} {what}")
    if options.plot:
        console.say(f"written: {options.plot}")


def _show(row: Row) -> None:
    from elmarc.reports.timeline import clock

    label = row["label"] or "(unknown)"
    times = f"{clock(row['start'])} - {clock(row['end'])}  " if "start" in row else ""
    console.say(f"{times}{label:<20} {row['probability']:.2f}  {row['file']}")


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
            name, one.classes, one.borders_s, one.probabilities,
            [(event.start_s, event.end_s, event.label) for event in one.events()],
        )
        for name, one in timelines.items()
    ]  # fmt: skip
    if len(panels) > MOST_PANELS:
        console.err.print(f"note: {path} shows the first {MOST_PANELS} of {len(panels)} recordings")
    figure = timeline_figure(panels[:MOST_PANELS])
    write_atomic(path, to_svg(figure) if path.suffix.lower() == ".svg" else to_png(figure))
