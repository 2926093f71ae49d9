"""What `elmarc fit` does: fit a ranking's winner, or a named system, on all clips, and write it to a file."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path

from elmarc.cli import console
from elmarc.cli.folders import MODEL, check_output, check_store, files_read
from elmarc.cli.options import FileOutput
from elmarc.datasets.base import Dataset
from elmarc.features.store import FeatureStore
from elmarc.model.unknown import LEVEL
from elmarc.results import Result, collect
from elmarc.study import build
from elmarc.study.clips import open_material, with_copy_notes
from elmarc.study.fit import Fit, Winner, fit_trained, winner
from elmarc.study.record import config_of
from elmarc.study.request import Extract
from elmarc.study.request import Fit as FitRequest
from elmarc.study.spec import Experiment
from elmarc.study.summary import comparable

EXPECTED = ("accuracy", "interval", "chance", "n_clips", "n_folds")  # as --json shows them
FITTED = "fitted"  # folder, beside results, of the trainings on all clips


@dataclass(frozen=True)
class Chosen:
    """The system to fit, and notes on how it was chosen."""

    config: Experiment
    notes: tuple[str, ...] = ()
    trained: Result | None = None  # of the training, where the network is to be trained
    folder: Path | None = None  # where its training is stored


def fit(chosen: Chosen, out: FileOutput) -> None:
    """Fit a classifier on all clips of its data set, and write it."""
    config, output, store = chosen.config, out.output, out.open_store()
    opened = build.dataset(config.data)
    ranked = chosen.folder.parent.rglob("result.json") if chosen.folder else ()
    read = chain(files_read(config, opened.clips), ranked)
    check_output(output, MODEL, option="--output", force=out.force, read=read)
    check_store(store)
    data = with_copy_notes(opened, config.data, n_workers=config.n_workers)
    with console.Live(quiet=out.quiet) as live:
        fitted = _fit(chosen, data, store, live)
    model, expected = fitted.model, fitted.model.expected_
    model.save(output)
    console.show_problems(fitted.skipped, [*chosen.notes, *data.notes, *fitted.notes], quiet=out.quiet)
    system = f"{config.label} + {model.classifier}"
    if out.as_json:
        console.print_json(
            {
                "output": str(output),
                "system": system,
                "classes": [str(label) for label in model.classes_],
                "expected": expected and {key: getattr(expected, key) for key in EXPECTED},
                "unknown": model.check_ and asdict(model.check_),
                "skipped": console.skipped_rows(fitted.skipped),
            }
        )
        return
    n_clips = len(data.clips) - len(fitted.skipped)
    unknown = "not known, there are too few clips to hold some out"
    console.say(f"{system}, fitted on {n_clips} clips of {len(model.classes_)} classes")
    console.say(f"accuracy to expect: {expected or unknown}")
    if model.check_ is not None:
        console.say(
            f"unknown sounds: {100 * LEVEL:.0f} % of clips like these will be called so; each class left out "
            f"in turn: AUROC {model.check_.auroc:.2f}, {100 * model.check_.false_alarms:.0f} % false alarms"
        )
    console.say(f"written: {output} ({output.stat().st_size / 1e3:.0f} kB)")
    console.say(f"to classify new clips: elmarc predict {output} FOLDER")


def _fit(chosen: Chosen, data: Dataset, store: FeatureStore, live: console.Live) -> Fit:
    config = chosen.config
    if chosen.trained:
        return fit_trained(chosen.trained, config, data, store=store, folder=chosen.folder, observer=live)
    extractor, notes = build.extractor(config, data, store=store)
    live.on_features(config.label, len(data.clips))
    extraction = extractor.extract(data.clips, progress=live.on_clips)
    skipped = dict(extraction.skipped)
    live.on_classifier(config.head_name)
    model = build.sound_classifier(config, extractor)
    model.fit(replace(data, clips=tuple(clip for clip in data.clips if clip.id not in skipped)))
    return Fit(model, extraction.skipped, tuple(notes))


def from_ranking(folder: Path, what: FitRequest, *, trust: bool = False) -> Chosen:
    """Return the winner of a folder of results, with notes on it.

    Parameters
    ----------
    folder : Path
    what : Fit
        Its data, if not None, is fitted on in place of the clips that were ranked; it says how to compute.
    trust : bool
        Whether a module that the results name may be imported.
    """
    notes: list[str] = []
    results, more = comparable(collect(folder, notes=notes))
    data, key = None, None
    if what.data is not None:
        request = Extract(data=what.data_section(), network="mfcc", n_workers=what.n_workers)
        data = request.experiment()
        key = open_material(data).key
    best = winner(results, clips_key=key)
    config = config_of(best.result, trust=trust, **what.work_keys())
    key = key or open_material(config).key
    if data:
        config = config.model_copy(update={"data": data.data})
    notes = [*notes, *more, *_notes(best, same=key == best.result.clips_key)]
    return Chosen(config, tuple(notes), best.result if config.training else None, folder / FITTED)


def _notes(best: Winner, *, same: bool) -> list[str]:
    mean, own = (f"{100 * accuracy:.1f} %" for accuracy in (best.score.accuracy, best.result.accuracy))
    alone = "" if mean == own else f", which alone have {own}"
    notes = [
        f"{best.score.label} is taken, the best of {best.n_systems} with {mean}, its weights of seed "
        f"{best.result.seed}{alone}"
    ]
    if best.result.protocol == "paper":
        notes.append(
            "the ranking's accuracy is the paper protocol's, chosen on the folds that it is reported on: the "
            "accuracy to expect is nested, and may be lower"
        )
    if best.tied:
        notes.append(f"not significantly different: {', '.join(best.tied)}")
    if best.n_systems > 1:
        notes.append("the score of a winner is a little optimistic: it was chosen on these clips")
    if best.passed_over:
        notes.append(
            "passed over, for their features come from a file, or they are modules of your own that were "
            f"trained: {', '.join(best.passed_over)}"
        )
    if not same:
        notes.append("these are not the clips that were ranked: others, or changed since")
    return notes
