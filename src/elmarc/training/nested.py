"""Nested evaluation of trained networks: hyper-parameters are chosen without the clips that are tested.

Learning rate and number of epochs are chosen on one inner fold of each training part (on the validation list,
where there is one); then the network is trained again on the whole part, and tested on the rest.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

import numpy as np

from elmarc._io import write_atomic
from elmarc.errors import DatasetError
from elmarc.evaluation.protocol import INNER_SEED, Evaluation
from elmarc.evaluation.splits import Folds, Lists, Split, inner_splits
from elmarc.results import FoldScore
from elmarc.training.inputs import Index
from elmarc.training.loop import Row, Run, Trainer
from elmarc.training.recipe import TrainingRecipe

INNER_FOLDS = 5
ALL = "all"  # the fold's name where none is held out
CHOSEN = "learning rate and epochs chosen on an inner fold of each training part"
FIXED = "learning rate and epochs as given"
Rows: TypeAlias = tuple[int, ...]  # of clips; tuples, so that tasks with them can be hashed and sent


@dataclass(frozen=True)
class Part:
    """One split of the clips, by row; `inner` are the rows to learn from and to validate on for a choice."""

    name: str  # of the fold that is held out, or "test"
    train: Rows
    test: Rows
    inner: tuple[Rows, Rows] | None


@dataclass(frozen=True)
class SplitScore:
    """The result of one split."""

    fold: FoldScore
    held_out: list[tuple[int, str, str]]  # row, predicted label, fold's name
    curves: list[Row]  # a row per epoch
    seconds: float


@dataclass(frozen=True)
class Rung:
    """How far a training has come: what a race between networks goes by.

    Parameters
    ----------
    epochs : int
        Trained.
    loss, accuracy : float
        On the part that is held out.
    train_loss : float
        The training's losses summed over the epochs (TSE; Ru et al., "Speedy performance estimation for
        neural architecture search", NeurIPS 2021).
    """

    epochs: int
    loss: float
    accuracy: float
    train_loss: float


def parts_of(
    splits: Folds | Lists,
    labels: Sequence[str],
    recipe: TrainingRecipe,
    *,
    keep_together: Sequence[str] = (),
) -> list[Part]:
    """Return the splits with their inner folds, where there is a choice to make.

    `keep_together` has the groups that inner folds must not split; it may be empty.
    """
    if isinstance(splits, Lists):
        whole = np.concatenate([splits.train, splits.validation])
        inner = (splits.train, splits.validation) if len(splits.validation) else None
        return [_part("test", whole, splits.test, inner, labels, recipe, keep_together)]
    pairs = zip(splits.names, splits.splits, strict=True)
    return [_part(name, *split, None, labels, recipe, keep_together) for name, split in pairs]


def race_part(splits: Folds | Lists, labels: Sequence[str], *, keep_together: Sequence[str] = ()) -> Part:
    """Return the part that a race trains and chooses by: the first fold, or the validation list.

    Lists without validation clips give an inner fold of the training list: the test list chooses nothing.

    Raises
    ------
    DatasetError
        A class of the training list has too few clips for an inner fold.
    """
    if isinstance(splits, Folds):
        train, test = splits.splits[0]
        return Part(splits.names[0], _rows(train), _rows(test), None)
    train, test = splits.train, splits.validation
    if not len(test):
        inner = _inner(train, labels, keep_together)
        if inner is None:
            raise DatasetError(
                "the lists have no validation clips to choose a network by, and a class has too few clips "
                "for an inner fold: add a validation list"
            )
        train, test = inner
    return Part("validation", _rows(train), _rows(test), None)


def evaluate_part(trainer: Trainer, part: Part, folder: Path | None = None) -> SplitScore:
    """Train for one split and test on the rest; `folder` has the training's checkpoints, if any."""
    start = time.perf_counter()
    rate, n_epochs, curves = _trained(trainer, part, folder)
    test = _array(part.test)
    predicted = trainer.predict(test)
    accuracy = float(np.mean(predicted == trainer.targets[test]))
    score = FoldScore(part.name, len(test), accuracy, {"learning_rate": rate, "epochs": n_epochs})
    held_out = [(int(i), trainer.classes[k], part.name) for i, k in zip(test, predicted, strict=True)]
    return SplitScore(score, held_out, curves, time.perf_counter() - start)


def train_until(trainer: Trainer, part: Part, folder: Path, n_epochs: int) -> Rung:
    """Train the first epochs for a part, from where `folder` has its checkpoint, and test on the rest.

    The training is that of `evaluate_part` with one learning rate, broken off. What was found is stored.
    """
    file = folder / f"{_safe(part.name)}-rung-{n_epochs}.json"
    try:
        return Rung(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        pass  # there is none, or a damaged one
    run = Run(part.name, trainer.recipe.learning_rates[0], trainer.recipe.epochs, _array(part.train))
    checkpoint = checkpoint_file(folder, part, trainer.recipe)
    curve = trainer.train(run, checkpoint, until=n_epochs)
    if len(curve.rows) != n_epochs:  # the checkpoint is of a later rung, whose weights are no use here
        checkpoint.unlink()
        curve = trainer.train(run, checkpoint, until=n_epochs)
    rung = Rung(n_epochs, *trainer.test(_array(part.test)), sum(float(row["loss"]) for row in curve.rows))
    write_atomic(file, json.dumps(asdict(rung)) + "\n")
    return rung


def put_together(
    scores: Sequence[SplitScore], splits: Folds | Lists, recipe: TrainingRecipe
) -> tuple[Evaluation, list[Row]]:
    """Return the evaluation over all splits, in their order, and all learning curves."""
    folds = [score.fold for score in scores]
    mean = float(np.mean([fold.accuracy for fold in folds]))
    params = folds[0].params if isinstance(splits, Lists) else {}
    held_out = [row for score in scores for row in score.held_out]
    evaluation = Evaluation(mean, folds, params, [], held_out, CHOSEN if recipe.is_chosen else FIXED)
    return evaluation, [row for score in scores for row in score.curves]


def train_on_all(
    trainer: Trainer, *, keep_together: Sequence[str] = (), folder: Path | None = None
) -> dict[str, Any]:
    """Train on all clips, as on each training part; the trainer's model has the weights then.

    Returns the learning rate and the number of epochs, chosen on an inner fold where there is a choice. The
    other arguments are those of `parts_of` and `evaluate_part`.
    """
    rows, none = np.arange(len(trainer.targets)), np.arange(0)
    part = _part(ALL, rows, none, None, trainer.inputs.labels, trainer.recipe, keep_together)
    rate, n_epochs, _ = _trained(trainer, part, folder)
    return {"learning_rate": rate, "epochs": n_epochs}


def weights_file(folder: Path, fold: FoldScore) -> Path:
    """Return the file of a split's weights."""
    rate, n_epochs = fold.params["learning_rate"], fold.params["epochs"]
    return _file(folder, Run(fold.name, rate, n_epochs, _array(())))


def checkpoint_file(folder: Path, part: Part, recipe: TrainingRecipe) -> Path:
    """Return the file of the weights of a part that is trained with one learning rate."""
    return _file(folder, Run(part.name, recipe.learning_rates[0], recipe.epochs, _array(())))


def _part(
    name: str,
    train: Index,
    test: Index,
    inner: Split | None,
    labels: Sequence[str],
    recipe: TrainingRecipe,
    keep_together: Sequence[str],
) -> Part:
    """Return a split with its inner fold: the first of five; none where a class has too few clips for one."""
    if recipe.is_chosen and inner is None:
        inner = _inner(train, labels, keep_together)
    rows = (_rows(inner[0]), _rows(inner[1])) if recipe.is_chosen and inner is not None else None
    return Part(name, _rows(train), _rows(test), rows)


def _inner(train: Index, labels: Sequence[str], keep_together: Sequence[str]) -> Split | None:
    """Return the first of five inner folds of some rows; None where a class has too few clips for one."""
    groups = np.asarray(keep_together)[train].tolist() if len(keep_together) else []
    splits = inner_splits(np.asarray(labels)[train], groups, n_folds=INNER_FOLDS, seed=INNER_SEED)
    return (train[splits[0][0]], train[splits[0][1]]) if splits else None


def _trained(trainer: Trainer, part: Part, folder: Path | None) -> tuple[float, int, list[Row]]:
    """Choose learning rate and epochs inside a part, train on all of it; return them, and the curves."""
    rate, n_epochs, curves = _chosen(trainer, part, folder)
    run = Run(part.name, rate, n_epochs, _array(part.train))
    return rate, n_epochs, curves + _train(trainer, run, folder)


def _chosen(trainer: Trainer, part: Part, folder: Path | None) -> tuple[float, int, list[Row]]:
    """Return the learning rate and the number of epochs for a part, and the curves that chose them.

    The curves are stored, and the checkpoints of the inner fold removed.
    """
    recipe = trainer.recipe
    if part.inner is None:
        return recipe.learning_rates[0], recipe.epochs, []
    inner = _array(part.inner[0]), _array(part.inner[1])
    runs = [Run(part.name, rate, recipe.epochs, *inner) for rate in recipe.learning_rates]
    file = None if folder is None else folder / f"{_safe(part.name)}-inner.json"
    rows = _stored_rows(file)
    if rows is None:
        rows = [row for run in runs for row in _train(trainer, run, folder)]
        if folder is not None and file is not None:
            write_atomic(file, json.dumps(rows))
            for run in runs:
                _file(folder, run).unlink(missing_ok=True)
    best = min(rows, key=lambda row: float(row["validation_loss"]))
    return float(best["learning_rate"]), int(best["epoch"]), rows


def _train(trainer: Trainer, run: Run, folder: Path | None) -> list[Row]:
    """Train, and return the rows of the learning curve."""
    curve = trainer.train(run, folder and _file(folder, run))
    names = {"fold": run.fold, "part": run.part, "learning_rate": run.learning_rate}
    return [names | row for row in curve.rows]


def _stored_rows(file: Path | None) -> list[Row] | None:
    """Return the stored curves; None where there are none that can be read."""
    try:
        return list(json.loads(file.read_text(encoding="utf-8"))) if file and file.exists() else None
    except (OSError, ValueError):
        return None


def _file(folder: Path, run: Run) -> Path:
    """Return the file of a run, named by what differs between the runs of a cell."""
    return folder / f"{_safe(run.fold)}-{run.part}-{run.learning_rate:g}-{run.n_epochs}.safetensors"


def _rows(index: Index) -> Rows:
    return tuple(int(row) for row in index)


def _array(rows: Rows) -> Index:
    return np.array(rows, dtype=np.intp)


def _safe(fold: str) -> str:
    """Return a file name for a fold of any name.

    >>> _safe("1"), _safe("../a")
    ('fold-1', 'fold-%2E%2E%2Fa')
    """
    return f"fold-{quote(fold, safe='').replace('.', '%2E')}"
