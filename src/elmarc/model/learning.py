"""From features and labels to a calibrated classifier, and the accuracy to expect of it on new clips."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid

from elmarc._types import FeatureArray
from elmarc.classifiers.calibration import fit_scale, held_out_values
from elmarc.classifiers.grids import ClassifierSpec, fit
from elmarc.comparison.compare import score_alone
from elmarc.datasets.base import PARTS, SplitKind, group_name, units
from elmarc.errors import DatasetError, warn
from elmarc.evaluation.protocol import INNER_FOLDS, INNER_SEED, evaluate, some_to_choose_by
from elmarc.evaluation.search import SearchWorkspace, candidate_scores
from elmarc.evaluation.splits import Folds, Lists, inner_splits, keep_together, make_splits
from elmarc.features.sounds import Files, Sounds
from elmarc.results import Prediction

TRAINED = "trained"  # in place of a classifier's name: the head was trained with the network

# The training clips are a sample too, which the error over held-out clips leaves out. Nadeau and Bengio
# (2003) have 1.45 for ten folds; 1.3 covers in about 95 % of draws (docs/lab).
WIDENING = 1.3


@dataclass(frozen=True)
class Units:
    """Label, fold and group of each clip, from which folds are made; "" where a clip has none.

    `kind`, `n_folds` and `shuffle` are those of a `Dataset`.
    """

    labels: tuple[str, ...]
    folds: tuple[str, ...]
    groups: tuple[str, ...]
    kind: SplitKind | None = None
    n_folds: int | None = None
    shuffle: bool = False

    @property
    def split_kind(self) -> SplitKind:
        """Official folds, fixed lists, or none."""
        if self.kind is not None:
            return self.kind
        if not all(self.folds):
            return "none"
        return "lists" if set(self.folds) <= set(PARTS.values()) else "folds"

    @property
    def together(self) -> Sequence[str]:
        """Names of the clips that inner folds keep together: groups, or else official folds; may be empty."""
        return keep_together(self.groups, self.folds, kind=self.split_kind)

    def splits(self) -> Folds | Lists:
        """Return the parts for a nested score, as a ranking has them. Raises DatasetError."""
        how: dict[str, Any] = {"kind": self.split_kind, "n_folds": self.n_folds, "shuffle": self.shuffle}
        return make_splits(self.labels, self.folds, groups=self.groups, **how)

    def of(self, rows: NDArray[np.intp]) -> Units:
        """Return those of some clips."""
        texts = (self.labels, self.folds, self.groups)
        labels, folds, groups = (tuple(names[i] for i in rows) for names in texts)
        return replace(self, labels=labels, folds=folds, groups=groups)


def units_of(sounds: Sounds, labels: NDArray[Any], groups: Any) -> Units:
    """Return what the folds of clips are made of; `groups` take precedence over those of the clips.

    Raises
    ------
    ValueError
        There are not as many groups as clips.
    """
    clips, data = (sounds.clips, sounds.dataset) if isinstance(sounds, Files) else ((), None)
    n_clips = len(labels)
    names = np.asarray([clip.group for clip in clips] or [None] * n_clips, dtype=object)
    if groups is not None:
        names = np.asarray(groups, dtype=object)  # as text, NaN would be a name
    if names.shape != (n_clips,):
        raise ValueError(f"groups has shape {names.shape}, expected one for each of {n_clips} clips")
    made = Units(
        tuple(map(str, labels.tolist())),
        tuple(clip.fold or "" for clip in clips) or ("",) * n_clips,
        tuple(group_name(name) or "" for name in names.tolist()),
    )
    if data is None:
        return made
    return replace(made, kind=data.split_kind, n_folds=data.n_folds, shuffle=data.shuffle)


def labels_of(sounds: Sounds, y: Any) -> Any:
    """Return the labels: `y`, or those of the clips. Raises ValueError where there are none."""
    if y is not None:
        return y
    labels = [clip.label for clip in sounds.clips] if isinstance(sounds, Files) else []
    if not any(labels):
        raise ValueError(
            "SoundClassifier requires y to be passed, but the target y is None: give one label per clip, "
            "or a data set as X, such as a folder with one sub-folder per class"
        )
    return np.asarray(labels)


@dataclass(frozen=True)
class Calibrated:
    """A classifier of class numbers, fitted on all clips, and the factor of its values for probabilities.

    `best_params` were chosen by cross-validation; empty where there is nothing to choose. `held_out` has the
    decision values of clips that were left out, and their rows; `units` says which are left out together,
    `splits` are inner folds.
    """

    estimator: Any
    scale: float
    best_params: dict[str, Any]
    held_out: tuple[NDArray[np.float64], NDArray[np.intp]]
    units: NDArray[np.intp]
    splits: Sequence[tuple[NDArray[np.intp], NDArray[np.intp]]]


def learn(
    spec: ClassifierSpec,
    X: FeatureArray,
    codes: NDArray[np.intp],
    clips: Units,
    *,
    workspace: SearchWorkspace | None = None,
    n_jobs: int = 1,
) -> Calibrated:
    """Choose the hyper-parameters, fit on all clips, and calibrate on values of clips that were left out.

    Parameters
    ----------
    X : np.ndarray [shape=(n_clips, n_features)]
    codes : np.ndarray [shape=(n_clips,)]
        Class numbers from 0.
    workspace : SearchWorkspace or None
        Of X.
    n_jobs : int
        Threads.

    Raises
    ------
    DatasetError
        There are hyper-parameters to choose, and one clip of each class.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class")  # `expect` warns in elmarc's words
        splits = inner_splits(clips.labels, clips.together, n_folds=INNER_FOLDS, seed=INNER_SEED)
    candidates = list(ParameterGrid(spec.grid))
    params = dict(candidates[0])
    if len(candidates) > 1:
        choosing, workspace = some_to_choose_by(splits, spec.name), workspace or SearchWorkspace(X)
        grid = candidate_scores(spec, X, codes, choosing, workspace=workspace, n_jobs=n_jobs)
        params = dict(grid.candidates[grid.best])
    estimator = fit(clone(spec.estimator).set_params(**params), X, codes)
    apart = units(clips.together or ("",) * len(X))
    values, rows = held_out_values(estimator, X, codes, units=apart, splits=splits)
    return Calibrated(estimator, fit_scale(values, codes[rows]), params, (values, rows), apart, splits)


@dataclass(frozen=True)
class Expectation:
    """The nested score: every fold is predicted by a classifier that was chosen and fitted without it.

    `accuracy` is the mean over folds, in [0, 1]; `low` and `high` are its interval, over the choice of clips
    to learn from and to hold out, None where there are too few groups for one. `chance` and `majority` are
    the accuracies of guessing every class alike, and of always predicting the largest class.
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
        """Return a sentence, in percent."""
        interval = "(no interval: too few groups of clips)"
        if ends := self.interval:
            interval = f"[{100 * ends[0]:.1f}, {100 * ends[1]:.1f}]"
        return (
            f"{100 * self.accuracy:.1f} % of new clips right {interval}, from {self.n_clips} clips in "
            f"{self.n_folds} folds (chance {100 * self.chance:.1f} %, "
            f"largest class {100 * self.majority:.1f} %)"
        )


def expect(
    spec: ClassifierSpec, X: FeatureArray, clips: Units, *, workspace: SearchWorkspace, n_jobs: int = 1
) -> Expectation | None:
    """Return the nested score on the folds that a ranking has; parameters are those of `learn`.

    None, with a warning, where the clips cannot be split.
    """
    y = np.asarray(clips.labels)
    try:
        nested = evaluate(
            spec, X, y, clips.splits(), keep_together=clips.together, workspace=workspace, n_jobs=n_jobs
        )
    except DatasetError as problem:
        warn(f"no accuracy to expect can be computed: {problem}")
        return None
    predictions = [
        Prediction(str(i), clips.labels[i], label, fold, clips.groups[i])
        for i, label, fold in nested.held_out
    ]
    n_folds, n_classes = len(nested.folds), len(set(clips.labels))
    return expectation(nested.accuracy, predictions, n_folds=n_folds, n_classes=n_classes)


def expectation(
    accuracy: float, predictions: Sequence[Prediction], *, n_folds: int, n_classes: int
) -> Expectation:
    """Return a nested score, the mean over folds, with its interval from the held-out predictions."""
    one = score_alone(predictions, n_classes=n_classes, widening=WIDENING)
    ends, n_clips = (one.low, one.high), len(predictions)
    return Expectation(accuracy, *ends, one.confidence, n_clips, n_folds, one.chance, one.majority)
