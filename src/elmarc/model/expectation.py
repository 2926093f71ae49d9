"""The accuracy to expect on new clips, with its interval, beside what guessing would give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from elmarc._types import FeatureArray
from elmarc.classifiers.grids import ClassifierSpec
from elmarc.comparison.compare import score_alone
from elmarc.errors import DatasetError, warn
from elmarc.evaluation.protocol import evaluate
from elmarc.evaluation.search import SearchWorkspace
from elmarc.model.units import Units
from elmarc.results import Prediction

# Clips to learn from are a draw as well, which the error over held-out clips leaves out. Nadeau and
# Bengio (2003) have 1.45 for ten folds; 1.3 holds in about 95 % of draws (docs/predict.md).
WIDENING = 1.3


@dataclass(frozen=True)
class Expectation:
    """The nested score: every fold is predicted by a classifier that was chosen and fitted without it.

    Parameters
    ----------
    accuracy : float
        Mean over folds, in [0, 1].
    low, high : float or None
        Its interval: how far the clips that happened to be at hand may have moved it, held out or learned
        from. None where their groups
        are too few for one.
    confidence : float
        Of the interval.
    n_clips, n_folds : int
        Clips that were held out, and in how many parts.
    chance, majority : float
        Accuracy of guessing every class alike, and of always saying the largest class.
    """

    accuracy: float
    low: float | None
    high: float | None
    confidence: float
    n_clips: int
    n_folds: int
    chance: float
    majority: float

    @property
    def interval(self) -> tuple[float, float] | None:
        """The ends of the interval; None where there is none."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    def __str__(self) -> str:
        """Say it in a sentence, in percent."""
        ends = self.interval
        interval = "(no interval: too few groups of clips)"
        if ends is not None:
            interval = f"[{100 * ends[0]:.1f}, {100 * ends[1]:.1f}]"
        return (
            f"{100 * self.accuracy:.1f} % of new clips right {interval}, from {self.n_clips} clips in "
            f"{self.n_folds} folds (chance {100 * self.chance:.1f} %, "
            f"largest class {100 * self.majority:.1f} %)"
        )


def expect(
    spec: ClassifierSpec,
    X: FeatureArray,
    units: Units,
    *,
    workspace: SearchWorkspace,
    n_jobs: int = 1,
) -> Expectation | None:
    """Return the nested score of a classifier on all clips, on the folds that a ranking of them has.

    None, with a warning, where none can be had.

    Parameters
    ----------
    spec : ClassifierSpec
    X : np.ndarray [shape=(n_clips, n_features)]
    units : Units
        Their labels, folds and groups.
    workspace : SearchWorkspace
        Of X.
    n_jobs : int
        Threads for the grids.
    """
    y = np.asarray(units.labels)
    try:
        found = evaluate(
            spec, X, y, units.splits(), keep_together=units.together, workspace=workspace, n_jobs=n_jobs
        )
    except DatasetError as problem:
        warn(f"no accuracy to expect can be computed: {problem}")
        return None
    said = [
        Prediction(str(i), units.labels[i], label, fold, units.groups[i]) for i, label, fold in found.held_out
    ]
    return expectation(found.accuracy, said, n_folds=len(found.folds), n_classes=len(set(units.labels)))


def expectation(accuracy: float, said: Sequence[Prediction], *, n_folds: int, n_classes: int) -> Expectation:
    """Return a nested score with its interval.

    Parameters
    ----------
    accuracy : float
        Mean over folds.
    said : sequence of Prediction
        Of the clips that were held out.
    n_folds, n_classes : int
    """
    alone = score_alone(said, n_classes=n_classes, widening=WIDENING)
    return Expectation(
        accuracy, alone.low, alone.high, alone.confidence, len(said), n_folds, alone.chance, alone.majority
    )
