"""What `elmarc extract --per-frame` does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from elmarc.audio.issues import notes
from elmarc.cli import console
from elmarc.cli.folders import FRAMES, check_output, files_read
from elmarc.cli.options import FileOutput
from elmarc.datasets.base import Clip
from elmarc.errors import AudioError, ConfigError, DatasetError
from elmarc.features.extractor import FeatureExtractor
from elmarc.features.frames import FRAME_FORMATS, FrameFeatures, write_frames
from elmarc.study import build
from elmarc.study.request import Extract


def extract_frames(what: Extract, out: FileOutput, *, rate: float | None) -> None:
    """Write features over time to a file."""
    output = out.output
    if output.suffix.lower() not in FRAME_FORMATS:
        raise ConfigError(f"{output}: its ending says the format: use one of {', '.join(FRAME_FORMATS)}")
    config = what.experiment()
    data = build.clips(config.data)
    read = files_read(config, data.clips)
    check_output(output, FRAMES, option="--output", force=out.force, read=read)
    extractor, _ = build.extractor(config, data)
    sequencer = extractor.sequencer(rate)
    skipped: list[tuple[str, str]] = []
    definition = {**extractor.frame_definition, "frames": {"rate_hz": sequencer.rate}}
    with console.Live(quiet=out.quiet) as live:
        live.on_features(config.label, len(data.clips))
        good = _good(extractor, data.clips, rate, skipped, live)
        n_clips, n_frames = write_frames(output, good, columns=sequencer.columns, definition=definition)
    odd = {clip.id: extractor.issues[clip.id] for clip in data.clips if clip.id in extractor.issues}
    console.show_problems(skipped, [*data.notes, *notes(odd, n_clips)], quiet=out.quiet)
    _show(output, n_clips, n_frames, len(sequencer.columns), sequencer.rate, skipped, as_json=out.as_json)


def _good(
    extractor: FeatureExtractor,
    clips: Sequence[Clip],
    rate: float | None,
    skipped: list[tuple[str, str]],
    live: console.Live,
) -> Iterator[tuple[str, FrameFeatures]]:
    """Yield the clips that can be used; note the others."""
    live.on_clips(0, len(clips))
    for i, (clip, outcome) in enumerate(zip(clips, extractor.sequences(clips, rate=rate), strict=True)):
        if isinstance(outcome, AudioError):
            skipped.append((clip.id, str(outcome)))
        else:
            yield clip.id, outcome
        live.on_clips(i + 1, len(clips))
    if len(skipped) == len(clips):
        raise DatasetError(f"none of the {len(clips)} clips can be used: {skipped[0][1]}")


def _show(
    output: Path,
    n_clips: int,
    n_frames: int,
    n_features: int,
    rate: float,
    skipped: list[tuple[str, str]],
    *,
    as_json: bool,
) -> None:
    if as_json:
        console.print_json(
            {
                "output": str(output),
                "n_clips": n_clips,
                "n_frames": n_frames,
                "n_features": n_features,
                "rate_hz": rate,
                "skipped": [{"id": name, "reason": reason} for name, reason in skipped],
            }
        )
    else:
        console.out.print(
            f"{output}: {n_clips} clips, {n_frames} frames x {n_features} features, {rate:.4g} a second",
            highlight=False,
        )
