"""Scores of each candidate of a grid on each split: what scikit-learn's GridSearchCV computes, only faster.

Candidates that share work are computed together: the SVMs of a grid on one Gram matrix, the extreme learning
machines on one orthogonal factorisation. A `SearchWorkspace` keeps that work between calls on the same
features. Every other classifier is fitted plainly.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import ParameterGrid
from sklearn.pipeline import Pipeline
from sklearn.utils import check_array
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from elmarc._resources import n_cores
from elmarc.classifiers import elm_grid, kernel_svm, ridge
from elmarc.classifiers.elm import ELMClassifier
from elmarc.classifiers.grids import ClassifierSpec, fit
from elmarc.classifiers.ridge import Blocks
from elmarc.errors import ConfigError

Rows: TypeAlias = NDArray[np.intp]
Split: TypeAlias = tuple[Rows, Rows]
Params: TypeAlias = dict[str, Any]
Predicted: TypeAlias = list[list[Rows]]  # class numbers, by candidate and split


@dataclass(frozen=True)
class GridScores:
    """The scores of a grid search.

    Attributes
    ----------
    candidates : the hyper-parameters, in the order of scikit-learn's `ParameterGrid`.
    scores : accuracy of each candidate on the test part of each split, (n_candidates, n_splits), 0 to 1.
    notes : what a reader of the scores should know, such as fits that did not converge.
    """

    candidates: list[Params]
    scores: NDArray[np.float64]
    classes: NDArray[Any] = field(repr=False)
    predicted: Predicted = field(repr=False)
    notes: tuple[str, ...] = ()

    def predictions(self, candidate: int) -> list[NDArray[Any]]:
        """Return the labels that a candidate predicts for the test clips of each split."""
        return [self.classes[codes] for codes in self.predicted[candidate]]

    @property
    def best(self) -> int:
        """Index of the first candidate with the highest mean score, as GridSearchCV picks it."""
        return int(np.average(self.scores, axis=1).argmax())


class SearchWorkspace:
    """Work on one feature matrix X (n_clips, n_features) that several searches share.

    `memory_gib` limits what Gram matrices may take; None is half of the machine's memory.
    """

    def __init__(self, X: NDArray[Any], *, memory_gib: float | None = None) -> None:
        self.X = X
        self.memory_gib = memory_gib
        self._hidden: dict[str, NDArray[np.float64]] = {}

    @cached_property
    def gram(self) -> NDArray[np.float64]:
        """X X^T in float64."""
        return kernel_svm.gram_matrix(self.X)

    def hidden(self, model: ELMClassifier) -> NDArray[np.float64]:
        """Return the activations (n_clips, n_hidden) of a machine's hidden units, keeping the last ones."""
        key = repr(model.get_params(deep=False) | {"regressor": None})
        if key not in self._hidden:
            X = check_array(self.X, dtype=np.float64)
            self._hidden = {key: model.draw(*X.shape).hidden(X)}
        return self._hidden[key]


def candidate_scores(
    spec: ClassifierSpec,
    X: NDArray[Any],
    y: NDArray[Any],
    splits: Sequence[Split],
    *,
    n_jobs: int = 1,
    workspace: SearchWorkspace | None = None,
    share: bool = True,
) -> GridScores:
    """Score every candidate of a grid on every split.

    Parameters
    ----------
    spec : the classifier and its grid; numbers of neighbours above the clips to learn from are left out.
    X : features (n_clips, n_features).
    y : labels (n_clips,).
    splits : pairs of row indices, to fit on and to score on; rows in neither are left out.
    n_jobs : number of threads; -1 for one a core.
    workspace : work of earlier calls with the same X.
    share : False fits each candidate by itself, the ELM by plain pseudo-inverse: the 2018 program's way.

    Raises
    ------
    ConfigError
        The workspace is of another X, or the SVM's Gram matrices do not fit its memory limit.
    """
    workspace = workspace or SearchWorkspace(X)
    if workspace.X is not X:
        raise ConfigError("the workspace belongs to other features: make one SearchWorkspace for each X")
    n_train = min(len(train) for train, _ in splits)
    names = ("n_neighbors", "classifier__n_neighbors")
    candidates = [
        params for params in ParameterGrid(spec.grid) if all(params.get(name, 1) <= n_train for name in names)
    ]
    classes, codes = np.unique(y, return_inverse=True)
    n_threads = n_jobs if n_jobs > 0 else n_cores()
    task = _Task(spec.estimator, candidates, codes, list(splits), n_threads)
    predicted = task.shared(workspace) if share else None
    notes: tuple[str, ...] = ()
    if predicted is None:
        predicted, notes = task.plain(X)
    scores = [
        [float(np.mean(answers == codes[test])) for answers, (_, test) in zip(row, splits, strict=True)]
        for row in predicted
    ]
    return GridScores(candidates, np.array(scores), classes, predicted, notes)


@dataclass(frozen=True)
class _Task:
    estimator: Any
    candidates: list[Params]
    y: Rows
    splits: list[Split]
    n_jobs: int

    def plain(self, X: NDArray[Any]) -> tuple[Predicted, tuple[str, ...]]:
        """Clone, fit and predict: the reference for every shortcut."""

        def predict(job: tuple[Params, Split]) -> Rows:
            params, (train, test) = job
            model = clone(self.estimator).set_params(**params)
            return np.asarray(fit(model, X[train], self.y[train]).predict(X[test]))

        jobs = [(params, split) for params in self.candidates for split in self.splits]
        with (
            warnings.catch_warnings(record=True) as caught,
            threadpool_limits(1),  # sums of several threads round otherwise, and an mlp ends elsewhere
            ThreadPoolExecutor(self.n_jobs) as pool,
        ):
            warnings.simplefilter("always")
            answers = list(pool.map(predict, jobs))
        width = len(self.splits)
        return [answers[i : i + width] for i in range(0, len(answers), width)], _notes(caught, len(jobs))

    def shared(self, workspace: SearchWorkspace) -> Predicted | None:
        """Compute the candidates together; None where this classifier or grid shares no work."""
        if all(
            ridge.is_for_blocks(self.estimator, Blocks(workspace.X, train), self.y[train])
            for train, _ in self.splits
        ):
            return self._in_blocks(workspace.X)
        if isinstance(self.estimator, Pipeline):
            return self._behind_transformers(workspace)
        model, candidates, grid = self.estimator, self.candidates, (self.y, self.splits)
        if kernel_svm.can_share(model, candidates):
            n_clips, n_features = workspace.X.shape
            kernel_svm.check_memory(n_clips, n_jobs=self.n_jobs, memory_gib=workspace.memory_gib)
            return kernel_svm.predict_grid(
                workspace.gram, *grid, model, candidates, n_features=n_features, n_jobs=self.n_jobs
            )
        if elm_grid.can_share(model, candidates) and self._learnable():
            largest = max(params["n_hidden"] for params in candidates)
            hidden = workspace.hidden(clone(model).set_params(n_hidden=largest))
            return elm_grid.predict_grid(
                hidden, *grid, candidates, regressor=model.regressor, n_jobs=self.n_jobs
            )
        return None

    def _in_blocks(self, X: NDArray[Any]) -> Predicted:
        """Fit the candidates one by one, without a copy of any part of X."""

        def predict(params: Params, train: Rows, test: Rows) -> Rows:
            model = clone(self.estimator).set_params(**params)
            fitted = ridge.fit_in_blocks(model, Blocks(X, train), self.y[train])
            return ridge.predict_in_blocks(fitted, Blocks(X, test))

        return [[predict(params, *split) for split in self.splits] for params in self.candidates]

    def _behind_transformers(self, workspace: SearchWorkspace) -> Predicted | None:
        """Fit the transformers on each training part, then share among the candidates of that split."""
        (name, model), first = self.estimator.steps[-1], self.estimator[:-1]
        if any(not key.startswith(f"{name}__") for params in self.candidates for key in params):
            return None
        candidates = [{k.removeprefix(f"{name}__"): v for k, v in p.items()} for p in self.candidates]
        if not isinstance(model, Pipeline) and not _can_share(model, candidates):
            return None  # before the transformers are fitted for nothing
        columns = []
        for train, test in self.splits:
            fitted = clone(first).fit(workspace.X[train], self.y[train])
            parts = [fitted.transform(workspace.X[rows]) for rows in (train, test)]
            split = np.arange(len(train)), np.arange(len(train), len(train) + len(test))
            y = np.concatenate([self.y[train], self.y[test]])
            task = _Task(model, candidates, y, [split], self.n_jobs)
            shared = task.shared(SearchWorkspace(np.concatenate(parts), memory_gib=workspace.memory_gib))
            if shared is None:
                return None
            columns.append([row[0] for row in shared])
        return [list(row) for row in zip(*columns, strict=True)]

    def _learnable(self) -> bool:
        """Return whether each split has two classes to learn from, and uses no clip twice."""
        return all(
            len(np.unique(self.y[train])) > 1
            and len(np.unique(np.concatenate([train, test]))) == len(train) + len(test)
            for train, test in self.splits
        )


def _can_share(model: Any, candidates: Sequence[Params]) -> bool:
    return kernel_svm.can_share(model, candidates) or elm_grid.can_share(model, candidates)


def _notes(caught: Sequence[warnings.WarningMessage], n_fits: int) -> tuple[str, ...]:
    """Count the fits that stopped early, and pass other warnings on."""
    early = [one for one in caught if issubclass(one.category, ConvergenceWarning)]
    for other in caught:
        if not issubclass(other.category, ConvergenceWarning):
            warnings.warn_explicit(other.message, other.category, other.filename, other.lineno)
    return (f"{len(early)} of {n_fits} fits stopped before they converged",) if early else ()
