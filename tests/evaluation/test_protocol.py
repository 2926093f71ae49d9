from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, PredefinedSplit

from elmarc.classifiers.grids import make_classifier
from elmarc.evaluation.protocol import Protocol, evaluate
from elmarc.evaluation.splits import Folds, Lists, make_splits
from elmarc.features.matrix import FeatureMatrix


@pytest.fixture(scope="module")
def features() -> FeatureMatrix:
    """Four classes that overlap, of forty clips each, in five folds."""
    labels = np.repeat(["bell", "flute", "horn", "string"], 40)
    means = np.repeat(np.eye(4, 20), 40, axis=0)
    X = (means + np.random.default_rng(0).normal(0, 0.5, means.shape)).astype(np.float32)
    ids, folds = [str(i) for i in range(160)], [str(i % 5 + 1) for i in range(160)]
    columns = [f"column {i}" for i in range(20)]
    return FeatureMatrix(X, tuple(ids), tuple(labels), tuple(folds), ("",) * 160, tuple(columns))


def folds(matrix: FeatureMatrix) -> Folds:
    parts = make_splits(matrix.labels, matrix.folds, kind="folds")
    assert isinstance(parts, Folds)
    return parts


def test_on_random_labels_nested_stays_at_chance_and_paper_does_not(features: FeatureMatrix) -> None:
    """Ten permutations: 1600 guesses among four classes."""
    spec = make_classifier("knn")
    scores: dict[str, list[float]] = {"nested": [], "paper": []}
    for seed in range(10):
        y = np.random.default_rng(seed).permutation(features.y)
        for protocol in ("nested", "paper"):
            outcome = evaluate(
                spec,
                features.X,
                y,
                folds(features),
                protocol=protocol,
                keep_together=features.folds,
                n_jobs=2,
            )
            scores[protocol].append(outcome.accuracy)
    chance, half_width = 0.25, 1.96 * np.sqrt(0.25 * 0.75 / 1600)
    assert abs(np.mean(scores["nested"]) - chance) < half_width
    assert np.mean(scores["paper"]) > chance + half_width


def test_paper_is_the_best_mean_score_of_the_grid(features: FeatureMatrix) -> None:
    spec = make_classifier("knn")
    outcome = evaluate(spec, features.X, features.y, folds(features), protocol="paper")
    search = GridSearchCV(
        spec.estimator, spec.grid, cv=PredefinedSplit([int(fold) for fold in features.folds])
    ).fit(features.X, features.y)
    assert outcome.accuracy == pytest.approx(search.best_score_)
    assert outcome.best_params == search.best_params_
    assert outcome.note.startswith("optimistic")


def test_nested_never_looks_at_the_held_out_labels(features: FeatureMatrix) -> None:
    """Whatever the labels of a fold, what is said of its clips stays the same."""
    parts = folds(features)
    spec = make_classifier("knn")
    _, test = parts.splits[0]
    spoiled = features.y.copy()
    spoiled[test] = "bell"
    said = []
    for y in (features.y, spoiled):
        one = Folds(parts.names[:1], parts.splits[:1])
        outcome = evaluate(spec, features.X, y, one, protocol="nested", keep_together=features.folds)
        said.append([label for _, label, _ in outcome.held_out])
    assert said[0] == said[1]


@pytest.mark.parametrize(("protocol", "n_fitted_on"), [("paper", 60), ("nested", 100)])
def test_lists_choose_on_validation_and_report_test(
    features: FeatureMatrix, protocol, n_fitted_on: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = np.random.default_rng(0).permutation(160)
    parts = Lists(train=order[:60], validation=order[60:100], test=order[100:])
    spec = make_classifier("knn")
    outcome = evaluate(spec, features.X, features.y, parts, protocol=protocol)
    assert sorted(i for i, _, _ in outcome.held_out) == sorted(parts.test)
    assert len(outcome.grid[0].scores) == 1  # one validation score a candidate
    model = spec.estimator.set_params(**outcome.best_params)
    fitted_on = order[:n_fitted_on]
    said = model.fit(features.X[fitted_on], features.y[fitted_on]).predict(features.X[parts.test])
    assert [label for _, label, _ in outcome.held_out] == said.tolist()


def test_fits_that_do_not_converge_are_told(features: FeatureMatrix) -> None:
    spec = make_classifier("linear_svm")
    spec.estimator.set_params(max_iter=1)
    outcome = evaluate(spec, features.X, features.y, folds(features), protocol="paper")
    assert any("stopped before they converged" in note for note in outcome.notes)


def test_every_clip_is_held_out_once(features: FeatureMatrix) -> None:
    outcome = evaluate(make_classifier("ridge"), features.X, features.y, folds(features), protocol="nested")
    assert sorted(i for i, _, _ in outcome.held_out) == list(range(160))


@pytest.mark.parametrize("protocol", ["nested", "paper"])
def test_without_a_validation_list_the_training_list_chooses(
    features: FeatureMatrix, protocol: Protocol
) -> None:
    names = ["test" if fold == "5" else "train" for fold in features.folds]
    parts = make_splits(features.labels, names, kind="lists")
    outcome = evaluate(make_classifier("knn"), features.X, features.y, parts, protocol=protocol)
    assert outcome.note == "selected inside the training list: there is no validation list"
    assert {len(candidate.scores) for candidate in outcome.grid} == {5}
    assert sorted(i for i, _, _ in outcome.held_out) == [i for i, name in enumerate(names) if name == "test"]
