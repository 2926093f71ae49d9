"""The accuracy to expect on new clips, with its interval, beside what guessing would give."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from elmarc._errors import DatasetError, warn
from elmarc._types import FeatureArray
from elmarc.classifiers.grids import ClassifierSpec
from elmarc.comparison.single import score_alone
from elmarc.datasets.groups import n_units
from elmarc.evaluation.protocol import Evaluation, evaluate
from elmarc.evaluation.search import SearchWorkspace
from elmarc.evaluation.splits import Folds, Lists, make_splits
from elmarc.model.units import Units
from elmarc.results import Prediction

MOST_FOLDS = 10  # as in the study


@dataclass(frozen=True)
class Expectation:
    """The nested score: every fold is predicted by a classifier that was chosen and fitted without it.

    Parameters
    ----------
    accuracy : float
        Mean over folds, in [0, 1].
    low, high : float or None
        Its interval: how far the clips that happened to be at hand may have moved it. None where their groups
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
    codes: NDArray[np.intp],
    units: Units,
    *,
    workspace: SearchWorkspace,
    n_jobs: int = 1,
) -> Expectation | None:
    """Return the nested score of a classifier on all clips; None, with a warning, where none can be had.

    Parameters
    ----------
    spec : ClassifierSpec
    X : np.ndarray [shape=(n_clips, n_features)]
    codes : np.ndarray [shape=(n_clips,)]
        Class numbers.
    units : Units
        Their folds and groups.
    workspace : SearchWorkspace
        Of X.
    n_jobs : int
        Threads for the grids.
    """
    labels = codes.astype(np.str_)
    try:
        parts = _parts(labels, units)
        found = evaluate(
            spec, X, labels, parts, keep_together=units.together, workspace=workspace, n_jobs=n_jobs
        )
    except DatasetError as problem:
        warn(f"no accuracy to expect can be computed: {problem}")
        return None
    return _summary(found, labels, units.groups)


def _parts(labels: NDArray[np.str_], units: Units) -> Folds | Lists:
    smallest = min(Counter(labels.tolist()).values())
    n_folds = max(2, min(MOST_FOLDS, smallest, n_units(units.groups)))
    return make_splits(
        labels.tolist(), units.folds, kind=units.split_kind, groups=units.groups, n_folds=n_folds
    )


def _summary(found: Evaluation, labels: NDArray[np.str_], groups: tuple[str, ...]) -> Expectation:
    said = [Prediction(str(i), str(labels[i]), label, fold, groups[i]) for i, label, fold in found.held_out]
    return expectation(found.accuracy, said, n_folds=len(found.folds), n_classes=len(np.unique(labels)))


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
    alone = score_alone(said, n_classes=n_classes)
    return Expectation(
        accuracy, alone.low, alone.high, alone.confidence, len(said), n_folds, alone.chance, alone.majority
    )
