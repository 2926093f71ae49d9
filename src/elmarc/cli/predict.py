"""What `elmarc predict` does: labels and probabilities of clips, or of the windows of recordings."""

from __future__ import annotations

import json
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from elmarc._choices import choose
from elmarc._io import csv_text, write_atomic
from elmarc._names import expanded
from elmarc.audio.issues import notes as notes_on
from elmarc.audio.recordings import n_windows
from elmarc.cli import console
from elmarc.cli.folders import PICTURE, PREDICTIONS, check_ending, check_output
from elmarc.cli.options import Predictions
from elmarc.datasets import open_clips
from elmarc.datasets.base import Clip
from elmarc.errors import AudioError, ConfigError, DatasetError
from elmarc.features.sounds import Files, cuts
from elmarc.model import SoundClassifier, load
from elmarc.model.sound_classifier import RECORDING
from elmarc.model.timelines import Timeline, named, timeline, warn_of_cut_windows
from elmarc.model.unknown import UNKNOWN
from elmarc.reports.annotations import Marked, audacity, raven
from elmarc.reports.wording import clock

FORMATS = ("raven", "audacity")
Row = dict[str, Any]
Skipped = list[tuple[str, str]]


def predict(model_file: Path, sources: Sequence[str], out: Predictions) -> None:
    """Predict the labels of clips and recordings, and print or write them."""
    if out.format is not None:
        choose("format", out.format, FORMATS)
        if out.output is None:
            raise ConfigError(f"--format {out.format}: name the file to write with -o, such as -o events.txt")
    for path, endings in (
        (out.output, (".txt",) if out.format else (".csv", ".json")),
        (out.plot, (".png", ".svg")),
    ):
        if path is not None:
            check_ending(path, endings)
    if out.window_s is None and (out.plot or out.hop_s is not None):
        option = "--plot" if out.plot else "--hop"
        raise ConfigError(f"{option}: whole clips have no time: add --window, such as --window 4")
    clips = find_clips(sources)
    read = [model_file, *(clip.path for clip in clips)]
    for path, form, option in ((out.output, PREDICTIONS, "--output"), (out.plot, PICTURE, "--plot")):
        if path is not None:
            check_output(path, form, option=option, force=out.force, read=read)
    model = load(model_file)
    model.extractor_.strict = out.strict
    rows: list[Row] = []
    skipped: Skipped = []
    notes: list[str] = []
    document: dict[str, Any] = {}
    recordings: Sequence[Clip] = clips
    if out.window_s is None:
        clips, recordings = _without_recordings(model, clips)
        if clips:
            rows, skipped, notes = _classify(model, clips, out)
        document["clips"] = rows
    if recordings:
        timelines, bad, more = _timelines(model, recordings, out)
        windows = [row for name, each in timelines.items() for row in _window_rows(name, each, out.unknown)]
        events = [
            {"file": name, "start": event.start_s, "end": event.end_s, "label": event.label,
             "probability": event.probability}
            for name, each in timelines.items()
            for event in each.events()
        ]  # fmt: skip
        document |= {"windows": windows, "events": events}
        rows, skipped, notes = [*rows, *windows], [*skipped, *bad], [*notes, *more]
        if out.plot:
            _draw(timelines, out.plot)
    console.show_problems(skipped, notes, quiet=out.quiet)
    if out.format and out.output:
        write_atomic(out.output, _marked(document, out.format, high_hz=model.extractor_.frontend.sr / 2))
    _show(document | {"skipped": console.skipped_rows(skipped)}, rows, out)


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
        for path in (clip.path for clip in open_clips(place)) if place.is_dir() else (place,):
            by_path[str(path)] = Clip(id=str(path), path=path, label="")
    return tuple(by_path.values())


def _without_recordings(
    model: SoundClassifier, clips: Sequence[Clip]
) -> tuple[tuple[Clip, ...], tuple[Clip, ...]]:
    """Split clips from recordings, which are so much longer that they are read by windows; note that."""
    durations = Files(tuple(clips)).durations_s()
    recordings = tuple(
        clip for clip, seconds in zip(clips, durations, strict=True) if model.is_recording(seconds)
    )
    if not recordings:
        return tuple(clips), ()
    console.note(
        f"{len(recordings)} of {len(clips)} files, such as {recordings[0].path.name}, are over {RECORDING} "
        f"times as long as the {model.clip_s:g} s of a clip that the model uses: they are read by windows of "
        "as many seconds; --window sets another length"
    )
    if not any(seconds and not model.is_recording(seconds) for seconds in durations):
        return (), tuple(clips)  # those that cannot be read are named there
    return tuple(clip for clip in clips if clip not in recordings), recordings


def _classify(
    model: SoundClassifier, clips: Sequence[Clip], out: Predictions
) -> tuple[list[Row], Skipped, list[str]]:
    """Return a row per clip that can be read, the skipped clips, and notes."""
    with console.Live(quiet=out.quiet) as live:
        live.on_features("clips", len(clips))
        if cut := cuts(Files(tuple(clips)), model.extractor_):
            console.note(f"{cut}; --window reads recordings whole, such as --window 4")
        extraction = model.extractor_.extract(clips, progress=live.on_clips)
    labels, shares = model.classify(extraction.matrix.X)
    p = model.familiarity(extraction.matrix.X) if out.unknown else None
    names = named(labels, shares, out.min_confidence, p)
    classes = list(map(str, model.classes_))
    rows = [
        {"file": clip, **_prediction(label, row, classes, p_of_clip)}
        for clip, label, row, p_of_clip in zip(
            extraction.matrix.ids, names, shares.tolist(), _each(p, len(names)), strict=True
        )
    ]
    return rows, list(extraction.skipped), extraction.notes


def _timelines(
    model: SoundClassifier, clips: Sequence[Clip], out: Predictions
) -> tuple[dict[str, Timeline], Skipped, list[str]]:
    """Return the timeline of each recording that can be read, the skipped recordings, and notes."""
    timelines, skipped = {}, []
    issues: dict[str, dict[str, str]] = defaultdict(dict)
    window_s = model.clip_s if out.window_s is None else out.window_s
    hop_s = window_s / 2 if out.hop_s is None else out.hop_s
    warn_of_cut_windows(model, window_s)
    with console.Live(quiet=out.quiet) as live:
        for clip in clips:
            try:
                n_all = n_windows(clip.path, window_s=window_s, hop_s=hop_s)
                live.on_features(clip.path.name, n_all)
                timelines[clip.id] = timeline(
                    model,
                    clip.path,
                    window_s=window_s,
                    hop_s=hop_s,
                    min_confidence=out.min_confidence,
                    unknown=out.unknown,
                    progress=partial(live.on_clips, total=n_all),
                    issues=issues[clip.id],
                )
            except AudioError as problem:
                if out.strict:
                    raise
                skipped.append((clip.id, str(problem)))
    if not timelines:
        raise DatasetError(f"none of the {len(clips)} recordings can be used: {skipped[0][1]}")
    known = {name: issues[name] for name in timelines if issues[name]}
    return timelines, skipped, notes_on(known, len(timelines))


def _window_rows(name: str, of: Timeline, unknown: bool) -> list[Row]:
    p = _each(of.unknown if unknown else None, len(of.labels))
    windows = zip(of.start_s, of.end_s, of.labels, of.probabilities.tolist(), p, strict=True)
    return [
        {
            "file": name,
            "start": float(start),
            "end": float(end),
            **_prediction(label, shares, of.classes, alike),
        }
        for start, end, label, shares, alike in windows
    ]


def _each(p: NDArray[np.float64] | None, n: int) -> list[float | None]:
    return [None] * n if p is None else p.tolist()


def _prediction(label: str, shares: Sequence[float], classes: Sequence[str], unknown: float | None) -> Row:
    """Return label, probability of the best class, the p-value `unknown` if any, and all probabilities."""
    by_class = dict(zip(classes, shares, strict=True))
    alike = {} if unknown is None else {"unknown": unknown}
    return {"label": label, "probability": max(shares), **alike, "probabilities": by_class}


def _show(document: Mapping[str, Any], rows: Sequence[Row], out: Predictions) -> None:
    """Write the file, and print JSON, events, or the clips where no file is written."""
    if out.output and not out.format:
        is_json = out.output.suffix.lower() == ".json"
        text = json.dumps(document, indent=1, ensure_ascii=False) + "\n" if is_json else _csv(rows)
        write_atomic(out.output, text)
    if out.as_json:
        console.print_json(document)
        return
    if "events" in document or not out.output:
        for row in [*document.get("clips", ()), *document.get("events", ())]:
            times = f"{clock(row['start'])} - {clock(row['end'])}  " if "start" in row else ""
            console.say(f"{times}{row['label']:<20} {row['probability']:.2f}  {row['file']}")
    if out.output:
        kinds = " and ".join(kind for kind in ("clips", "windows") if document.get(kind))
        skipped = f", {len(document['skipped'])} skipped" if document["skipped"] else ""
        console.say(f"written: {out.output}, {len(rows)} {kinds}{skipped}")
    if out.plot:
        console.say(f"written: {out.plot}")


def _marked(document: Mapping[str, Any], format: str, *, high_hz: float) -> str:
    """Return the events of recordings, and whole clips, as another program reads them; no unknown sounds."""
    rows = [*document.get("clips", ()), *document.get("events", ())]
    names = list(dict.fromkeys(row["file"] for row in [*rows, *document.get("windows", ())]))
    if format == "audacity" and len(names) > 1:
        raise ConfigError(
            f"--format audacity: a label track is of one file, found {len(names)}: name one, or take raven"
        )
    paths = [Clip(id=name, path=Path(name), label="") for name in names]
    seconds = dict(zip(names, Files(tuple(paths)).durations_s(), strict=True))
    events = [
        Marked(name, row.get("start", 0.0), row.get("end", seconds[name]), row["label"], row["probability"])
        for row in rows
        if row["label"] != UNKNOWN
        for name in [row["file"]]
    ]
    return raven(events, seconds, high_hz=high_hz) if format == "raven" else audacity(events)


def _csv(rows: Sequence[Row]) -> str:
    """Return the rows as a table, with a column p_CLASS for each class."""
    has_times = any("start" in row for row in rows)
    flat = [
        ({"file": row["file"], "start": None, "end": None} if has_times else {})
        | {key: value for key, value in row.items() if key != "probabilities"}
        | {f"p_{name}": round(share, 6) for name, share in row["probabilities"].items()}
        | {key: round(row[key], 6) for key in ("probability", "unknown") if key in row}
        for row in rows
    ]
    return csv_text(pd.DataFrame(flat))


def _draw(timelines: Mapping[str, Timeline], path: Path) -> None:
    """Write the picture of the recordings, or of as many as one holds."""
    from elmarc.reports.figures import to_png, to_svg
    from elmarc.reports.timeline import MOST_PANELS, Panel, timeline_figure

    panels = [
        Panel(
            name,
            each.classes,
            each.borders_s,
            each.probabilities,
            [(event.start_s, event.end_s, event.label) for event in each.events()],
        )
        for name, each in timelines.items()
    ]
    if len(panels) > MOST_PANELS:
        console.err.print(f"note: {path} shows the first {MOST_PANELS} of {len(panels)} recordings")
    figure = timeline_figure(panels[:MOST_PANELS])
    write_atomic(path, to_svg(figure) if path.suffix.lower() == ".svg" else to_png(figure))
