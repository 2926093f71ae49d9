"""How a trained network is judged: nested, as an untrained one with a classifier is.

Learning rate and number of epochs are chosen on one inner fold of each training part (on the validation list,
where there is one); then the network is trained anew on the whole part, and judged on what was held out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from elmarc._atomic import write_atomic
from elmarc.evaluation.protocol import INNER_SEED, Evaluation
from elmarc.evaluation.splits import Folds, Lists, Split, inner_splits
from elmarc.results import FoldScore
from elmarc.training.inputs import Index
from elmarc.training.loop import Curve, Row, Run, Trainer

INNER_FOLDS = 5
ALL = "all"  # stands for a fold's name where none is held out
CHOSEN = "learning rate and epochs chosen on an inner fold of each training part"
GIVEN = "learning rate and epochs as given"


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
    judge = _Judge(trainer, keep_together, folder)
    if isinstance(parts, Lists):
        whole = np.concatenate([parts.train, parts.validation])
        inner = (parts.train, parts.validation) if len(parts.validation) else None
        judge.part("test", whole, parts.test, inner)
    else:
        for name, (train, test) in zip(parts.names, parts.splits, strict=True):
            judge.part(name, train, test, None)
    mean = float(np.mean([fold.accuracy for fold in judge.folds]))
    params = judge.folds[0].params if isinstance(parts, Lists) else {}
    note = CHOSEN if trainer.recipe.is_chosen else GIVEN
    return Evaluation(mean, judge.folds, params, [], judge.held_out, note), judge.curves


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
    judge = _Judge(trainer, keep_together, folder)
    rate, n_epochs = judge.trained(ALL, np.arange(len(trainer.targets)), None)
    return {"learning_rate": rate, "epochs": n_epochs}


class _Judge:
    """The parts that are judged so far."""

    def __init__(self, trainer: Trainer, together: Sequence[str], folder: Path | None) -> None:
        self.trainer, self.together, self.folder = trainer, together, folder
        self.folds: list[FoldScore] = []
        self.held_out: list[tuple[int, str, str]] = []
        self.curves: list[Row] = []

    def part(self, name: str, train: Index, test: Index, inner: Split | None) -> None:
        rate, n_epochs = self.trained(name, train, inner)
        said = self.trainer.predict(test)
        accuracy = float(np.mean(said == self.trainer.targets[test]))
        self.folds.append(FoldScore(name, len(test), accuracy, {"learning_rate": rate, "epochs": n_epochs}))
        classes = self.trainer.classes
        self.held_out += [(int(i), classes[number], name) for i, number in zip(test, said, strict=True)]

    def trained(self, name: str, train: Index, inner: Split | None) -> tuple[float, int]:
        """Choose learning rate and epochs inside a training part, train on all of it, and return them."""
        rate, n_epochs = self._chosen(name, train, inner)
        run = Run(name, rate, n_epochs, train)
        self.curves += _rows(run, self.trainer.train(run, self._file(run)))
        return rate, n_epochs

    def _chosen(self, name: str, train: Index, inner: Split | None) -> tuple[float, int]:
        """Return the learning rate and the number of epochs for a training part."""
        recipe = self.trainer.recipe
        inner = inner or self._inner(train)
        if not recipe.is_chosen or inner is None:
            return recipe.learning_rates[0], recipe.epochs
        runs = [Run(name, rate, recipe.epochs, *inner) for rate in recipe.learning_rates]
        rows = self._known(runs)
        if rows is None:
            rows = [row for run in runs for row in _rows(run, self.trainer.train(run, self._file(run)))]
            self._know(runs, rows)
        self.curves += rows
        best = min(rows, key=lambda row: float(row["validation_loss"]))
        return float(best["learning_rate"]), int(best["epoch"])

    def _known(self, runs: Sequence[Run]) -> list[Row] | None:
        """Return the curves of runs on an inner fold that an earlier call has finished."""
        file = self._curves_file(runs)
        try:
            return list(json.loads(file.read_text(encoding="utf-8"))) if file and file.exists() else None
        except (OSError, ValueError):
            return None

    def _know(self, runs: Sequence[Run], rows: Sequence[Row]) -> None:
        """Keep the curves; the weights of the inner fold have done their part."""
        if file := self._curves_file(runs):
            write_atomic(file, json.dumps(rows))
        for run in runs:
            if weights := self._file(run):
                weights.unlink(missing_ok=True)

    def _curves_file(self, runs: Sequence[Run]) -> Path | None:
        return None if self.folder is None else self.folder / f"{_safe(runs[0].fold)}-inner.json"

    def _inner(self, train: Index) -> Split | None:
        """Return the first inner fold; None where a class has too few clips for one."""
        labels = np.asarray(self.trainer.inputs.labels)[train]
        together = np.asarray(self.together)[train].tolist() if len(self.together) else []
        splits = inner_splits(labels, together, n_folds=INNER_FOLDS, seed=INNER_SEED)
        return (train[splits[0][0]], train[splits[0][1]]) if splits else None

    def _file(self, run: Run) -> Path | None:
        """Return where a run is kept, by all that tells it from the cell's other runs."""
        name = f"{_safe(run.fold)}-{run.part}-{run.learning_rate:g}-{run.n_epochs}.safetensors"
        return None if self.folder is None else self.folder / name


def _safe(fold: str) -> str:
    """Name a fold in a file's name, whatever it is called.

    >>> _safe("1"), _safe("../a")
    ('fold-1', 'fold-%2E%2E%2Fa')
    """
    return f"fold-{quote(fold, safe='').replace('.', '%2E')}"


def _rows(run: Run, curve: Curve) -> list[Row]:
    kept = {"fold": run.fold, "part": run.part, "learning_rate": run.learning_rate}
    return [kept | row for row in curve.rows]
