"""Probabilities from decision values: one scale, fitted on clips that the classifier was not fitted on.

Decision values become probabilities by a softmax of the values times a scale (temperature scaling, Guo et
al. 2017). The scale is the one with the least log loss on held-out values. A positive scale leaves the order
of the classes as it is: the most probable class is the predicted one. Where the values come from:

- `ridge`, and `elm` with a leave-one-out ridge: the values of clips left out with all clips of their unit, in
  closed form (`elmarc.classifiers.ridge.left_out`; of many clips, in blocks).
- all others: cross-validation.

scikit-learn's `CalibratedClassifierCV` scales temperatures too (from version 1.8), but takes no held-out
values that are computed already.
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax
from sklearn.base import clone
from sklearn.linear_model import RidgeClassifierCV
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC, NuSVC

from elmarc.classifiers.elm import ELMClassifier, one_vs_rest
from elmarc.classifiers.grids import fit
from elmarc.classifiers.ridge import (
    Blocks,
    ClassTargets,
    FloatArray,
    LeaveOneOutRidge,
    Rows,
    Streamed,
    are_many,
    left_out,
)

Split = tuple[Rows, Rows]
LEAST_SHARE = 1e-3  # of a classifier that gives probabilities: log(0) would rule out a class for good
FLATTEST, STEEPEST = 1e-3, 1e3  # log odds of the widest gap between classes: as good as even, and certain


def decision_values(estimator: Any, X: NDArray[Any]) -> FloatArray:
    """Return one value a class (n_clips, n_classes); the largest is the class predicted.

    Parameters
    ----------
    estimator : a fitted classifier of class numbers; without decision values, logarithms of its shares.
    X : features (n_clips, n_features).
    """
    if isinstance(estimator, Pipeline):
        return decision_values(estimator[-1], estimator[:-1].transform(X))
    if hasattr(estimator, "best_estimator_"):  # of a grid search
        return decision_values(estimator.best_estimator_, X)
    if isinstance(estimator, SVC | NuSVC) and len(estimator.classes_) > 2:
        return _margins(estimator, X)
    if not hasattr(estimator, "decision_function"):
        return np.log(np.maximum(np.asarray(estimator.predict_proba(X), np.float64), LEAST_SHARE))
    return _both_classes(np.asarray(estimator.decision_function(X), dtype=np.float64))


def probabilities(values: FloatArray, scale: float) -> FloatArray:
    """Return probabilities (n_clips, n_classes) of decision values; rows sum to 1.

    >>> probabilities(np.array([[0.0, 0.0], [1.0, -1.0]]), 1.0).round(2).tolist()
    [[0.5, 0.5], [0.88, 0.12]]
    """
    return np.asarray(softmax(scale * values, axis=1))


def fit_scale(values: FloatArray, y: Rows) -> float:
    """Return the scale with the least log loss of class numbers `y` (n_clips,) on held-out values.

    As in Platt (1999), it is as if there were one more clip, of every class in equal parts: where all n
    clips are right, certainty ends near (n + 1 / n_classes) / (n + 1). 1 where no values differ.
    """
    widest = float(np.ptp(values, axis=1).max(initial=0.0))
    if not widest > 0.0:
        return 1.0
    n_clips, n_classes = values.shape
    targets = np.full(values.shape, 1.0 / n_classes / (n_clips + 1))
    targets[np.arange(n_clips), y] += n_clips / (n_clips + 1)

    def log_loss(log_scale: float) -> float:
        return -float((targets * log_softmax(np.exp(log_scale) * values, axis=1)).sum(axis=1).mean())

    bounds = np.log(FLATTEST / widest), np.log(STEEPEST / widest)
    return float(np.exp(minimize_scalar(log_loss, bounds=bounds, method="bounded").x))


def held_out_values(
    estimator: Any, X: NDArray[Any], y: Rows, *, units: Rows, splits: Sequence[Split]
) -> tuple[FloatArray, Rows]:
    """Return decision values of clips that were left out of the fit, and the rows of these clips.

    Parameters
    ----------
    estimator : a classifier fitted on all clips, alone or behind a scaler.
    X, y : features (n_clips, n_features) and class numbers (n_clips,).
    units : number of the unit of each clip (n_clips,): clips of a unit are left out together.
    splits : pairs of rows (train, test) for classifiers without a closed form.
    """
    last = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    penalty = _penalty(last)
    if penalty is None:
        return _cross_validated(estimator, X, y, splits)
    before = [step.transform for step in estimator[:-1]] if isinstance(estimator, Pipeline) else []
    before += [last.hidden] if isinstance(last, ELMClassifier) else []
    inputs = Blocks(X, steps=before)
    if are_many(len(X), inputs.n_columns):
        streamed = Streamed(inputs, ClassTargets(y, int(y.max()) + 1))
        values = streamed.left_out(penalty=penalty, units=units)
        return _both_classes(values.squeeze(axis=1) if values.shape[1] == 1 else values), np.arange(len(y))
    targets = one_vs_rest(y, int(y.max()) + 1)
    return left_out(inputs.at(slice(None)), targets, penalty=penalty, units=units), np.arange(len(y))


def _penalty(model: Any) -> float | None:
    """Return the penalty of a fitted classifier that is a ridge regression in the end."""
    if isinstance(model, RidgeClassifierCV) and model.fit_intercept and model.class_weight is None:
        return float(model.alpha_)
    if isinstance(model, ELMClassifier) and isinstance(getattr(model, "regressor_", None), LeaveOneOutRidge):
        return float(model.regressor_.penalty_)
    return None


def _cross_validated(
    estimator: Any, X: NDArray[Any], y: Rows, splits: Sequence[Split]
) -> tuple[FloatArray, Rows]:
    """Fit on each training part that has every class, and return the decision values of the others."""
    n_classes = int(y.max()) + 1
    usable = [(train, test) for train, test in splits if len(np.unique(y[train])) == n_classes]
    if not usable:
        return np.empty((0, n_classes)), np.empty(0, dtype=np.intp)
    values = [decision_values(fit(clone(estimator), X[train], y[train]), X[test]) for train, test in usable]
    return np.concatenate(values), np.concatenate([test for _, test in usable])


def _margins(machine: SVC | NuSVC, X: NDArray[Any]) -> FloatArray:
    """Return the sum of each class's margins against the others, the largest for the class with most votes.

    scikit-learn's own values are votes, with margins as decimals that decide ties: one vote is as good as
    another, however close. The sum of margins may be largest for another class than the voted one: then the
    two change places.
    """
    pairs = copy(machine).set_params(decision_function_shape="ovo").decision_function(X)
    n_classes = len(machine.classes_)
    values = np.zeros((len(pairs), n_classes))
    for (a, b), margin in zip(combinations(range(n_classes), 2), pairs.T, strict=True):
        values[:, a] += margin
        values[:, b] -= margin
    rows, largest = np.arange(len(values)), values.argmax(axis=1)
    voted = np.searchsorted(machine.classes_, machine.predict(X))
    values[rows, voted], values[rows, largest] = values[rows, largest], values[rows, voted]
    return values


def _both_classes(values: FloatArray) -> FloatArray:
    """Give two classes a column each, where the estimator has one number above 0 for the second."""
    return np.stack([-values, values], axis=1) if values.ndim == 1 else values
