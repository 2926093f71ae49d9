"""Evaluation protocols: which clips choose the hyper-parameters, and which are reported.

paper
    The 2018 study's. Fixed lists: chosen on the validation list, fitted on the training list, reported on the
    test list. Folds: the best mean score of the grid over the same folds that chose it, which is optimistic.
nested
    Chosen inside the training part alone, by folds made of it (of its official folds or groups, where there
    are some); reported on the held-out part. Fixed lists: as in the paper, then fitted on training and
    validation clips together.

Fixed lists without a validation list: chosen by folds made of the training list, in both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import ParameterGrid

from elmarc._types import FeatureArray
from elmarc.classifiers.grids import ClassifierSpec
from elmarc.classifiers.ridge import are_many
from elmarc.errors import DatasetError
from elmarc.evaluation.search import GridScores, SearchWorkspace, candidate_scores
from elmarc.evaluation.splits import Folds, Lists, Split, inner_splits
from elmarc.results import Candidate, FoldScore

Protocol = Literal["paper", "nested"]
PROTOCOLS: tuple[Protocol, ...] = ("paper", "nested")
NOTES = {
    ("paper", "folds"): "optimistic: selected on the reported folds",
    ("paper", "lists"): "selected on the validation list, fitted on the training list",
    ("nested", "folds"): "selected inside each training part",
    ("nested", "lists"): "selected on the validation list, fitted on training and validation lists",
}
NO_VALIDATION = "selected inside the training list: there is no validation list"
EVALUATION_VERSION = 2  # rises whenever the same features would give another score
VALUES_AT_ONCE = 2**23  # of features, of which each fold that is fitted beside others takes a copy
INNER_SEED = 0  # the same inner folds for every network: a comparison is paired


@dataclass(frozen=True)
class Evaluation:
    """The score of one classifier on one feature matrix.

    `held_out` gives for each reported clip (row index, predicted label, fold name).
    """

    accuracy: float
    folds: list[FoldScore]
    best_params: dict[str, Any]
    grid: list[Candidate]
    held_out: list[tuple[int, str, str]]
    note: str
    notes: tuple[str, ...] = ()  # such as fits that did not converge


def evaluate(
    spec: ClassifierSpec,
    X: FeatureArray,
    y: NDArray[np.str_],
    parts: Folds | Lists,
    *,
    protocol: Protocol = "nested",
    keep_together: Sequence[str] = (),
    inner_folds: int = 5,
    workspace: SearchWorkspace | None = None,
    n_jobs: int = 1,
) -> Evaluation:
    """Score a classifier.

    Parameters
    ----------
    spec : ClassifierSpec
        The classifier and its grid.
    X : np.ndarray [shape=(n_clips, n_features)]
    y : np.ndarray [shape=(n_clips,)] of str
    parts : Folds or Lists
        From `splits.make_splits`.
    protocol : {"nested", "paper"}
        See the module docstring.
    keep_together : sequence of n_clips strings
        From `splits.keep_together`: clips that inner folds keep together; may be empty.
    inner_folds : int
        How many folds choose the hyper-parameters in the nested protocol.
    workspace : SearchWorkspace
        Work on X shared between calls (a Gram matrix, say).

    Raises
    ------
    DatasetError
        There are hyper-parameters to choose, and too few clips to choose them by.
    """
    notes: list[str] = []
    run = _Run(spec, X, y, workspace or SearchWorkspace(X), n_jobs, notes)
    if isinstance(parts, Lists):
        evaluation = _on_lists(run, parts, protocol, run.inner(parts.train, keep_together, inner_folds))
    elif protocol == "paper":
        evaluation = _paper_folds(run, parts)
    else:
        evaluation = _nested_folds(run, parts, keep_together, inner_folds)
    return replace(evaluation, notes=tuple(dict.fromkeys(notes)))


def some_to_choose_by(splits: Sequence[Split], classifier: str) -> Sequence[Split]:
    """Return the splits that choose hyper-parameters. Raises DatasetError where there are none."""
    if not splits:
        raise DatasetError(
            f"{classifier} chooses its hyper-parameters on clips held out of those it learns from, and these "
            "are one of each class: add clips, or take a classifier that chooses none, such as ridge"
        )
    return splits


@dataclass(frozen=True)
class _Run:
    spec: ClassifierSpec
    X: FeatureArray
    y: NDArray[np.str_]
    workspace: SearchWorkspace
    n_jobs: int
    notes: list[str]

    def inner(self, train: NDArray[np.intp], together: Sequence[str], n_folds: int) -> list[Split]:
        """Return folds of a training part, which choose the hyper-parameters."""
        names = np.asarray(together)[train].tolist() if len(together) else []
        splits = inner_splits(self.y[train], names, n_folds=n_folds, seed=INNER_SEED)
        return [(train[fit], train[test]) for fit, test in splits]

    def choose(self, train: NDArray[np.intp], together: Sequence[str], n_folds: int) -> dict[str, Any]:
        """Return the hyper-parameters that are best inside a training part."""
        candidates = list(ParameterGrid(self.spec.grid))
        if len(candidates) == 1:
            return dict(candidates[0])
        scores = self.search(some_to_choose_by(self.inner(train, together, n_folds), self.spec.name))
        return scores.candidates[scores.best]

    def search(self, splits: Sequence[Split]) -> GridScores:
        scores = candidate_scores(
            self.spec, self.X, self.y, list(splits), workspace=self.workspace, n_jobs=self.n_jobs
        )
        self.notes.extend(scores.notes)
        return scores

    def predict(self, params: dict[str, Any], split: Split) -> NDArray[np.str_]:
        """Fit one candidate on a part and return its predictions for the other."""
        one = replace(self.spec, grid={name: [value] for name, value in params.items()})
        return replace(self, spec=one).search([split]).predictions(0)[0]

    def score(self, name: str, params: dict[str, Any], split: Split) -> tuple[FoldScore, list[Any]]:
        predicted = self.predict(params, split)
        return self.fold(name, params, split[1], predicted)

    def fold(
        self, name: str, params: dict[str, Any], test: NDArray[np.intp], predicted: NDArray[np.str_]
    ) -> tuple[FoldScore, list[Any]]:
        score = FoldScore(name, len(test), float(np.mean(self.y[test] == predicted)), params)
        return score, [(int(i), str(label), name) for i, label in zip(test, predicted, strict=True)]


def _grid(scores: GridScores) -> list[Candidate]:
    return [
        Candidate(params, float(row.mean()), [float(score) for score in row])
        for params, row in zip(scores.candidates, scores.scores, strict=True)
    ]


def _on_lists(run: _Run, parts: Lists, protocol: Protocol, inner: Sequence[Split]) -> Evaluation:
    validated = len(parts.validation) > 0
    choosing = [(parts.train, parts.validation)] if validated else some_to_choose_by(inner, run.spec.name)
    scores = run.search(choosing)
    params = scores.candidates[scores.best]
    train = parts.train if protocol == "paper" else np.concatenate([parts.train, parts.validation])
    fold, held_out = run.score("test", params, (train, parts.test))
    note = NOTES[protocol, "lists"] if validated else NO_VALIDATION
    return Evaluation(fold.accuracy, [fold], params, _grid(scores), held_out, note)


def _paper_folds(run: _Run, parts: Folds) -> Evaluation:
    scores = run.search(parts.splits)
    best = scores.best
    params = scores.candidates[best]
    folds, held_out = [], []
    for name, (_, test), predicted in zip(parts.names, parts.splits, scores.predictions(best), strict=True):
        fold, predictions = run.fold(name, params, test, predicted)
        folds.append(fold)
        held_out += predictions
    mean = float(np.mean([fold.accuracy for fold in folds]))
    return Evaluation(mean, folds, params, _grid(scores), held_out, NOTES["paper", "folds"])


def _nested_folds(run: _Run, parts: Folds, together: Sequence[str], inner_folds: int) -> Evaluation:
    candidates = list(ParameterGrid(run.spec.grid))
    if len(candidates) == 1 and run.X.size <= VALUES_AT_ONCE and not are_many(len(run.X)):
        params = dict(candidates[0])  # nothing to choose: all folds at once
        answers = run.search(parts.splits).predictions(0)
        scored = [
            run.fold(name, params, test, predicted)
            for name, (_, test), predicted in zip(parts.names, parts.splits, answers, strict=True)
        ]
    else:
        scored = [
            run.score(name, run.choose(train, together, inner_folds), (train, test))
            for name, (train, test) in zip(parts.names, parts.splits, strict=True)
        ]
    folds = [fold for fold, _ in scored]
    mean = float(np.mean([fold.accuracy for fold in folds]))
    held_out = [one for _, predictions in scored for one in predictions]
    return Evaluation(mean, folds, {}, [], held_out, NOTES["nested", "folds"])
