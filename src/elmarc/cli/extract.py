"""What `elmarc extract` does: a vector per clip, or with --per-frame a row per frame, written to a file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from elmarc.audio.issues import notes as notes_on
from elmarc.cli import console
from elmarc.cli.folders import FEATURES, FRAMES, check_ending, check_output, check_store, files_read
from elmarc.cli.options import FileOutput
from elmarc.datasets.base import Clip
from elmarc.errors import AudioError, DatasetError
from elmarc.features.extractor import FeatureExtractor
from elmarc.features.frames import FRAME_FORMATS, FrameFeatures, write_frames
from elmarc.features.matrix import FORMATS
from elmarc.study import build
from elmarc.study.executors import opened
from elmarc.study.request import Extract, Run
from elmarc.study.tasks import computing


def extract(what: Extract, where: Run, out: FileOutput) -> None:
    """Write a vector per clip."""
    output, store = out.output, out.open_store()
    check_ending(output, FORMATS)
    config = what.experiment()
    data = build.clips(config.data)
    check_output(output, FEATURES, option="--output", force=out.force, read=files_read(config, data.clips))
    check_store(store)
    extractor, notes = build.extractor(config, data, store=store)
    with opened(where, device=config.device) as executor, console.Live(quiet=out.quiet) as live:
        if executor is not None and not out.quiet:
            console.log(executor.described)
        live.on_features(config.label, len(data.clips))
        compute = computing(config, extractor, executor)
        extraction = extractor.extract(data.clips, progress=live.on_clips, compute=compute)
    extraction.matrix.save(output)
    console.show_problems(extraction.skipped, [*data.notes, *notes, *extraction.notes], quiet=out.quiet)
    n_clips, n_features = extraction.matrix.X.shape
    if out.as_json:
        console.print_json(
            {
                "output": str(output),
                "n_clips": n_clips,
                "n_features": n_features,
                "skipped": console.skipped_rows(extraction.skipped),
                "n_computed": extraction.n_computed,
                "seconds": extraction.seconds,
            }
        )
    else:
        done = f"{extraction.n_computed} computed in {extraction.seconds:.1f} s"
        console.say(f"{output}: {n_clips} clips x {n_features} features, {done}")


def extract_frames(what: Extract, out: FileOutput, *, rate: float | None) -> None:
    """Write features over time."""
    output = out.output
    check_ending(output, FRAME_FORMATS)
    config = what.experiment()
    data = build.clips(config.data)
    check_output(output, FRAMES, option="--output", force=out.force, read=files_read(config, data.clips))
    extractor, _ = build.extractor(config, data)
    sequencer = extractor.sequencer(rate)
    skipped: list[tuple[str, str]] = []
    definition = {**extractor.frame_definition, "frames": {"rate_hz": sequencer.rate}}
    with console.Live(quiet=out.quiet) as live:
        live.on_features(config.label, len(data.clips))
        good = _usable(extractor, data.clips, rate, skipped, live)
        n_clips, n_frames = write_frames(output, good, columns=sequencer.columns, definition=definition)
    odd = {clip.id: extractor.issues[clip.id] for clip in data.clips if clip.id in extractor.issues}
    console.show_problems(skipped, [*data.notes, *notes_on(odd, n_clips)], quiet=out.quiet)
    n_features = len(sequencer.columns)
    if out.as_json:
        console.print_json(
            {
                "output": str(output),
                "n_clips": n_clips,
                "n_frames": n_frames,
                "n_features": n_features,
                "rate_hz": sequencer.rate,
                "skipped": console.skipped_rows(skipped),
            }
        )
    else:
        frames = f"{n_frames} frames x {n_features} features, {sequencer.rate:.4g} a second"
        console.say(f"{output}: {n_clips} clips, {frames}")


def _usable(
    extractor: FeatureExtractor,
    clips: Sequence[Clip],
    rate: float | None,
    skipped: list[tuple[str, str]],
    live: console.Live,
) -> Iterator[tuple[str, FrameFeatures]]:
    """Yield the features of the clips that can be used; append the others to `skipped`."""
    live.on_clips(0, len(clips))
    for i, (clip, outcome) in enumerate(zip(clips, extractor.sequences(clips, rate=rate), strict=True)):
        if isinstance(outcome, AudioError):
            skipped.append((clip.id, str(outcome)))
        else:
            yield clip.id, outcome
        live.on_clips(i + 1, len(clips))
    if len(skipped) == len(clips):
        raise DatasetError(f"none of the {len(clips)} clips can be used: {skipped[0][1]}")
