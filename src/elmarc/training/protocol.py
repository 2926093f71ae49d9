"""How a trained network is judged: nested, as an untrained one with a classifier is.

Learning rate and number of epochs are chosen on one inner fold of each training part (on the validation list,
where there is one); then the network is trained anew on the whole part, and judged on what was held out.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from elmarc._io import write_atomic
from elmarc.evaluation.protocol import INNER_SEED, Evaluation
from elmarc.evaluation.splits import Folds, Lists, Split, inner_splits
from elmarc.results import FoldScore
from elmarc.training.inputs import Index
from elmarc.training.loop import Row, Run, Trainer
from elmarc.training.recipe import TrainingRecipe

INNER_FOLDS = 5
ALL = "all"  # stands for a fold's name where none is held out
CHOSEN = "learning rate and epochs chosen on an inner fold of each training part"
GIVEN = "learning rate and epochs as given"


@dataclass(frozen=True)
class Part:
    """What is held out, and what may be learned from: rows, so that any process can be told.

    Parameters
    ----------
    name : str
        Of the fold, or "test".
    train, test : tuple of int
        Rows of the clips.
    inner : (tuple of int, tuple of int) or None
        Rows to learn from and to judge on while learning rate and epochs are chosen.
    """

    name: str
    train: tuple[int, ...]
    test: tuple[int, ...]
    inner: tuple[tuple[int, ...], tuple[int, ...]] | None


@dataclass(frozen=True)
class Judged:
    """What became of a part.

    Parameters
    ----------
    fold : FoldScore
    held_out : list of (int, str, str)
        Row, label that was said, and the fold's name.
    curves : list of dict
        The learning curves, a row an epoch.
    seconds : float
    """

    fold: FoldScore
    held_out: list[tuple[int, str, str]]
    curves: list[Row]
    seconds: float


def evaluate(
    trainer: Trainer, parts: Folds | Lists, *, keep_together: Sequence[str] = (), folder: Path | None = None
) -> tuple[Evaluation, list[Row]]:
    """Train once for each held-out part and judge it there.

    Parameters
    ----------
    trainer : Trainer
    parts : Folds or Lists
        From `splits.make_splits`, of the trainer's clips.
    keep_together : sequence of n_clips strings
        What inner folds must not tear apart; may be empty.
    folder : Path or None
        Where trainings are kept: those that are there go on, or are not done again.

    Returns
    -------
    (Evaluation, list of dict)
        And the learning curves, a row an epoch.
    """
    each = parts_of(parts, trainer.inputs.labels, trainer.recipe, keep_together=keep_together)
    return put_together([judge(trainer, part, folder) for part in each], parts, trainer.recipe)


def parts_of(
    parts: Folds | Lists, labels: Sequence[str], recipe: TrainingRecipe, *, keep_together: Sequence[str] = ()
) -> list[Part]:
    """Return what is to be trained and judged, each by itself, with the inner fold where there is a choice.

    Parameters
    ----------
    parts : Folds or Lists
    labels : sequence of n_clips strings
    recipe : TrainingRecipe
    keep_together : sequence of n_clips strings
        What inner folds must not tear apart; may be empty.
    """
    if isinstance(parts, Folds):
        pairs = zip(parts.names, parts.splits, strict=True)
        return [_part(name, *split, None, labels, recipe, keep_together) for name, split in pairs]
    whole = np.concatenate([parts.train, parts.validation])
    inner = (parts.train, parts.validation) if len(parts.validation) else None
    return [_part("test", whole, parts.test, inner, labels, recipe, keep_together)]


def put_together(
    judged: Sequence[Judged], parts: Folds | Lists, recipe: TrainingRecipe
) -> tuple[Evaluation, list[Row]]:
    """Return the evaluation that all parts make up, in their order, and all learning curves."""
    folds = [part.fold for part in judged]
    mean = float(np.mean([fold.accuracy for fold in folds]))
    params = folds[0].params if isinstance(parts, Lists) else {}
    held_out = [row for part in judged for row in part.held_out]
    evaluation = Evaluation(mean, folds, params, [], held_out, CHOSEN if recipe.is_chosen else GIVEN)
    return evaluation, [row for part in judged for row in part.curves]


def judge(trainer: Trainer, part: Part, folder: Path | None = None) -> Judged:
    """Train for one held-out part, and judge it there: it follows from the arguments alone.

    Parameters
    ----------
    trainer : Trainer
    part : Part
    folder : Path or None
        Where the training is kept, to go on from.
    """
    start = time.perf_counter()
    rate, n_epochs, curves = _trained(trainer, part, folder)
    test = _rows_of(part.test)
    said = trainer.predict(test)
    accuracy = float(np.mean(said == trainer.targets[test]))
    score = FoldScore(part.name, len(test), accuracy, {"learning_rate": rate, "epochs": n_epochs})
    held_out = [(int(i), trainer.classes[number], part.name) for i, number in zip(test, said, strict=True)]
    return Judged(score, held_out, curves, time.perf_counter() - start)


def train_on_all(
    trainer: Trainer, *, keep_together: Sequence[str] = (), folder: Path | None = None
) -> dict[str, Any]:
    """Train on all clips, as each training part is in `evaluate`; the trainer's model has the weights then.

    Parameters
    ----------
    trainer : Trainer
    keep_together : sequence of n_clips strings
        What the inner fold must not tear apart; may be empty.
    folder : Path or None
        Where the training is kept, to go on from.

    Returns
    -------
    dict
        The learning rate and the number of epochs, chosen on an inner fold where there is a choice.
    """
    rows, none = np.arange(len(trainer.targets)), np.arange(0)
    part = _part(ALL, rows, none, None, trainer.inputs.labels, trainer.recipe, keep_together)
    rate, n_epochs, _ = _trained(trainer, part, folder)
    return {"learning_rate": rate, "epochs": n_epochs}


def weights_file(folder: Path, fold: FoldScore) -> Path:
    """Return where the weights of a part lie that was judged."""
    rate, n_epochs = fold.params["learning_rate"], fold.params["epochs"]
    return _file(folder, Run(fold.name, rate, n_epochs, _rows_of(())))


def _part(
    name: str,
    train: Index,
    test: Index,
    inner: Split | None,
    labels: Sequence[str],
    recipe: TrainingRecipe,
    keep_together: Sequence[str],
) -> Part:
    if recipe.is_chosen and inner is None:
        inner = _inner(train, labels, keep_together)
    known = (_told(inner[0]), _told(inner[1])) if recipe.is_chosen and inner is not None else None
    return Part(name, _told(train), _told(test), known)


def _inner(train: Index, labels: Sequence[str], keep_together: Sequence[str]) -> Split | None:
    """Return the first inner fold; None where a class has too few clips for one."""
    together = np.asarray(keep_together)[train].tolist() if len(keep_together) else []
    splits = inner_splits(np.asarray(labels)[train], together, n_folds=INNER_FOLDS, seed=INNER_SEED)
    return (train[splits[0][0]], train[splits[0][1]]) if splits else None


def _trained(trainer: Trainer, part: Part, folder: Path | None) -> tuple[float, int, list[Row]]:
    """Choose learning rate and epochs inside a part, train on all of it; return them, and the curves."""
    rate, n_epochs, curves = _chosen(trainer, part, folder)
    run = Run(part.name, rate, n_epochs, _rows_of(part.train))
    return rate, n_epochs, curves + _train(trainer, run, folder)


def _chosen(trainer: Trainer, part: Part, folder: Path | None) -> tuple[float, int, list[Row]]:
    """Return the learning rate and the number of epochs for a part, and what chose them."""
    recipe = trainer.recipe
    if part.inner is None:
        return recipe.learning_rates[0], recipe.epochs, []
    inner = _rows_of(part.inner[0]), _rows_of(part.inner[1])
    runs = [Run(part.name, rate, recipe.epochs, *inner) for rate in recipe.learning_rates]
    rows = _known(part, folder)
    if rows is None:
        rows = [row for run in runs for row in _train(trainer, run, folder)]
        _know(part, rows, runs, folder)
    best = min(rows, key=lambda row: float(row["validation_loss"]))
    return float(best["learning_rate"]), int(best["epoch"]), rows


def _train(trainer: Trainer, run: Run, folder: Path | None) -> list[Row]:
    """Train, and return the rows of the learning curve."""
    curve = trainer.train(run, folder and _file(folder, run))
    kept = {"fold": run.fold, "part": run.part, "learning_rate": run.learning_rate}
    return [kept | row for row in curve.rows]


def _known(part: Part, folder: Path | None) -> list[Row] | None:
    """Return the curves of the runs on an inner fold that an earlier call has finished."""
    try:
        file = folder and _curves_file(folder, part)
        return list(json.loads(file.read_text(encoding="utf-8"))) if file and file.exists() else None
    except (OSError, ValueError):
        return None


def _know(part: Part, rows: Sequence[Row], runs: Sequence[Run], folder: Path | None) -> None:
    """Keep the curves; the weights of the inner fold have done their part."""
    if folder is None:
        return
    write_atomic(_curves_file(folder, part), json.dumps(rows))
    for run in runs:
        _file(folder, run).unlink(missing_ok=True)


def _curves_file(folder: Path, part: Part) -> Path:
    return folder / f"{_safe(part.name)}-inner.json"


def _file(folder: Path, run: Run) -> Path:
    """Return where a run is kept, by all that tells it from the cell's other runs."""
    return folder / f"{_safe(run.fold)}-{run.part}-{run.learning_rate:g}-{run.n_epochs}.safetensors"


def _told(rows: Index) -> tuple[int, ...]:
    return tuple(int(row) for row in rows)


def _rows_of(told: tuple[int, ...]) -> Index:
    return np.array(told, dtype=np.intp)


def _safe(fold: str) -> str:
    """Name a fold in a file's name, whatever it is called.

    >>> _safe("1"), _safe("../a")
    ('fold-1', 'fold-%2E%2E%2Fa')
    """
    return f"fold-{quote(fold, safe='').replace('.', '%2E')}"
