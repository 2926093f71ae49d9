"""How good is each candidate of a grid on each split: what scikit-learn's GridSearchCV computes, only sooner.

Candidates that share work are computed together: the SVMs of a grid on one Gram matrix, the extreme learning
machines on one orthogonal factorisation. A `SearchWorkspace` keeps that work between calls on the same features.
Every other classifier is fitted plainly.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import ParameterGrid
from threadpoolctl import threadpool_limits

from elmarc._errors import ConfigError
from elmarc.classifiers.grids import ClassifierSpec

Split: TypeAlias = tuple[NDArray[np.intp], NDArray[np.intp]]
Params: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class GridScores:
    """What a grid search found.

    Attributes
    ----------
    candidates : the hyper-parameters, in the order of scikit-learn's `ParameterGrid`.
    scores : accuracy of each candidate on the test part of each split, (n_candidates, n_splits), 0 to 1.
    notes : what a reader of the scores should know, such as fits that did not converge.
    """

    candidates: list[Params]
    scores: NDArray[np.float64]
    predicted: list[list[NDArray[Any]]] = field(repr=False)
    notes: tuple[str, ...] = ()

    def predictions(self, candidate: int) -> list[NDArray[Any]]:
        """Return the predicted labels of the test clips of each split."""
        return self.predicted[candidate]

    @property
    def best(self) -> int:
        """Index of the first candidate with the highest mean score, as GridSearchCV picks it."""
        return int(np.average(self.scores, axis=1).argmax())


class SearchWorkspace:
    """Work on one feature matrix X (n_clips, n_features) that several searches share."""

    def __init__(self, X: NDArray[Any]) -> None:
        self.X = X


def candidate_scores(
    spec: ClassifierSpec,
    X: NDArray[Any],
    y: NDArray[Any],
    splits: Sequence[Split],
    *,
    n_jobs: int = 1,
    workspace: SearchWorkspace | None = None,
) -> GridScores:
    """Score every candidate of a grid on every split.

    Parameters
    ----------
    spec : the classifier and its grid.
    X : features (n_clips, n_features).
    y : labels (n_clips,).
    splits : pairs of row indices, to fit on and to score on; rows in neither are left out.
    n_jobs : number of threads.
    workspace : what earlier calls with the same X left behind.
    """
    if workspace is not None and workspace.X is not X:
        raise ConfigError("the workspace belongs to other features: make one SearchWorkspace for each X")
    candidates = _possible(list(ParameterGrid(spec.grid)), splits)
    predicted, notes = _fit_each(spec, candidates, X, y, splits, n_jobs)
    scores = [
        [np.mean(found == y[test]) for found, (_, test) in zip(row, splits, strict=True)] for row in predicted
    ]
    return GridScores(candidates, np.array(scores, dtype=np.float64), predicted, notes)


def _possible(candidates: list[Params], splits: Sequence[Split]) -> list[Params]:
    """Leave out numbers of neighbours that the smallest training part does not have."""
    n_train = min(len(train) for train, _ in splits)
    neighbours = ("n_neighbors", "classifier__n_neighbors")
    return [params for params in candidates if all(params.get(name, 1) <= n_train for name in neighbours)]


def _fit_each(
    spec: ClassifierSpec,
    candidates: list[Params],
    X: NDArray[Any],
    y: NDArray[Any],
    splits: Sequence[Split],
    n_jobs: int,
) -> tuple[list[list[NDArray[Any]]], tuple[str, ...]]:
    """Clone, fit and predict plainly: the reference for every shortcut."""

    def predict(params: Params, split: Split) -> NDArray[Any]:
        train, test = split
        model = clone(spec.estimator).set_params(**params).fit(X[train], y[train])
        return np.asarray(model.predict(X[test]))

    jobs = [delayed(predict)(params, split) for params in candidates for split in splits]
    blas_threads = max(1, (os.cpu_count() or 1) // max(1, n_jobs))
    with warnings.catch_warnings(record=True) as caught, threadpool_limits(blas_threads):
        warnings.simplefilter("always")
        found = Parallel(n_jobs=n_jobs, backend="threading")(jobs)
    rows = [found[i : i + len(splits)] for i in range(0, len(found), len(splits))]
    return rows, _notes(caught, len(jobs))


def _notes(caught: Sequence[warnings.WarningMessage], n_fits: int) -> tuple[str, ...]:
    """Count the fits that stopped early, and pass other warnings on."""
    early = [one for one in caught if issubclass(one.category, ConvergenceWarning)]
    for other in caught:
        if other not in early:
            warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)
    return (f"{len(early)} of {n_fits} fits stopped before they converged",) if early else ()
