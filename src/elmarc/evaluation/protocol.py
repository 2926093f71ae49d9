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
from typing import Any, Literal, TypeAlias

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
NOTES = {
    ("paper", "folds"): "optimistic: selected on the reported folds",
    ("paper", "lists"): "selected on the validation list, fitted on the training list",
    ("nested", "folds"): "selected inside each training part",
    ("nested", "lists"): "selected on the validation list, fitted on training and validation lists",
}
NO_VALIDATION = "selected inside the training list: there is no validation list"
Predicted: TypeAlias = tuple[int, str, str]  # row index, predicted label, fold name
EVALUATION_VERSION = 2  # rises whenever the same features would give another score
VALUES_AT_ONCE = 2**23  # of features, of which each fold that is fitted beside others takes a copy
INNER_FOLDS = 5  # which choose the hyper-parameters in the nested protocol
INNER_SEED = 0  # the same inner folds for every network: a comparison is paired


@dataclass(frozen=True)
class Evaluation:
    """The score of one classifier on one feature matrix; `held_out` has the reported clips."""

    accuracy: float
    folds: list[FoldScore]
    best_params: dict[str, Any]
    grid: list[Candidate]
    held_out: list[Predicted]
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
    workspace: SearchWorkspace | None = None,
    n_jobs: int = 1,
) -> Evaluation:
    """Score a classifier.

    Parameters
    ----------
    X : np.ndarray [shape=(n_clips, n_features)]
    y : np.ndarray [shape=(n_clips,)] of str
    parts : Folds or Lists
        From `splits.make_splits`.
    protocol : {"nested", "paper"}
        See the module docstring.
    keep_together : sequence of n_clips strings
        From `splits.keep_together`: clips that inner folds keep together; may be empty.
    workspace : SearchWorkspace
        Work on X shared between calls (a Gram matrix, say).

    Raises
    ------
    DatasetError
        There are hyper-parameters to choose, and too few clips to choose them by.
    """
    run = _Run(spec, X, y, keep_together, workspace or SearchWorkspace(X), n_jobs, notes=[])
    if isinstance(parts, Lists):
        evaluation = run.on_lists(parts, protocol)
    else:
        evaluation = run.paper_folds(parts) if protocol == "paper" else run.nested_folds(parts)
    return replace(evaluation, notes=tuple(dict.fromkeys(run.notes)))


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
    keep_together: Sequence[str]
    workspace: SearchWorkspace
    n_jobs: int
    notes: list[str]

    def on_lists(self, parts: Lists, protocol: Protocol) -> Evaluation:
        """Choose on the validation list, or inside the training list where there is none."""
        validated = len(parts.validation) > 0
        choosing = [(parts.train, parts.validation)] if validated else self.inner(parts.train)
        scores = self.search(choosing)
        params = scores.candidates[scores.best]
        train = parts.train if protocol == "paper" else np.concatenate([parts.train, parts.validation])
        fold, held_out = self.fold("test", params, parts.test, self.predict(params, (train, parts.test)))
        note = NOTES[protocol, "lists"] if validated else NO_VALIDATION
        return Evaluation(fold.accuracy, [fold], params, _grid(scores), held_out, note)

    def paper_folds(self, parts: Folds) -> Evaluation:
        """Choose on the folds that are reported."""
        scores = self.search(parts.splits)
        params = scores.candidates[scores.best]
        answers = scores.predictions(scores.best)
        return self.on_folds(parts, [params] * len(answers), answers, "paper", params, _grid(scores))

    def nested_folds(self, parts: Folds) -> Evaluation:
        """Choose inside the training part of each fold."""
        candidates = list(ParameterGrid(self.spec.grid))
        n_folds, is_small = len(parts.splits), self.X.size <= VALUES_AT_ONCE and not are_many(len(self.X))
        if len(candidates) == 1 and is_small:  # nothing to choose: all folds at once
            chosen = [dict(candidates[0])] * n_folds
            answers = self.search(parts.splits).predictions(0)
        else:
            chosen, answers = [], []
            for train, test in parts.splits:
                params = dict(candidates[0])
                if len(candidates) > 1:
                    scores = self.search(self.inner(train))
                    params = scores.candidates[scores.best]
                chosen.append(params)
                answers.append(self.predict(params, (train, test)))
        return self.on_folds(parts, chosen, answers, "nested", {}, [])

    def on_folds(
        self,
        parts: Folds,
        chosen: Sequence[dict[str, Any]],
        answers: Sequence[NDArray[np.str_]],
        protocol: Protocol,
        best_params: dict[str, Any],
        grid: list[Candidate],
    ) -> Evaluation:
        """Return the mean over folds of the predictions by what was chosen for each."""
        scored = [
            self.fold(name, params, test, predicted)
            for name, params, (_, test), predicted in zip(
                parts.names, chosen, parts.splits, answers, strict=True
            )
        ]
        folds = [fold for fold, _ in scored]
        held_out = [one for _, predictions in scored for one in predictions]
        mean = float(np.mean([fold.accuracy for fold in folds]))
        return Evaluation(mean, folds, best_params, grid, held_out, NOTES[protocol, "folds"])

    def inner(self, train: NDArray[np.intp]) -> Sequence[Split]:
        """Return folds of a training part, which choose the hyper-parameters."""
        names = np.asarray(self.keep_together)[train].tolist() if len(self.keep_together) else []
        splits = inner_splits(self.y[train], names, n_folds=INNER_FOLDS, seed=INNER_SEED)
        return some_to_choose_by([(train[fit], train[test]) for fit, test in splits], self.spec.name)

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

    def fold(
        self, name: str, params: dict[str, Any], test: NDArray[np.intp], predicted: NDArray[np.str_]
    ) -> tuple[FoldScore, list[Predicted]]:
        """Return the score of a part, and its predictions."""
        score = FoldScore(name, len(test), float(np.mean(self.y[test] == predicted)), params)
        return score, [(int(i), str(label), name) for i, label in zip(test, predicted, strict=True)]


def _grid(scores: GridScores) -> list[Candidate]:
    return [
        Candidate(params, float(row.mean()), [float(score) for score in row])
        for params, row in zip(scores.candidates, scores.scores, strict=True)
    ]
