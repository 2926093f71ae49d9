from __future__ import annotations

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, PredefinedSplit

from elmarc.classifiers.grids import make_classifier
from elmarc.datasets import toy
from elmarc.evaluation.protocol import Protocol, evaluate
from elmarc.evaluation.splits import Folds, Lists, make_splits
from elmarc.features.extractor import FeatureExtractor
from elmarc.features.matrix import FeatureMatrix
from elmarc.frontends.mfcc import MFCC


@pytest.fixture(scope="module")
def toy_features(tmp_path_factory: pytest.TempPathFactory) -> FeatureMatrix:
    data = toy.load(tmp_path_factory.mktemp("toy"), target="timbre")
    return FeatureExtractor(MFCC()).extract(data.clips).matrix


def folds(matrix: FeatureMatrix) -> Folds:
    parts = make_splits(matrix.labels, matrix.folds, kind="folds")
    assert isinstance(parts, Folds)
    return parts


def test_on_random_labels_nested_stays_at_chance_and_paper_does_not(toy_features: FeatureMatrix) -> None:
    """Ten permutations: 1600 guesses among four classes."""
    spec = make_classifier("knn")
    scores: dict[str, list[float]] = {"nested": [], "paper": []}
    for seed in range(10):
        y = np.random.default_rng(seed).permutation(toy_features.y)
        for protocol in ("nested", "paper"):
            outcome = evaluate(
                spec,
                toy_features.X,
                y,
                folds(toy_features),
                protocol=protocol,
                keep_together=toy_features.folds,
                n_jobs=2,
            )
            scores[protocol].append(outcome.accuracy)
    chance, half_width = 0.25, 1.96 * np.sqrt(0.25 * 0.75 / 1600)
    assert abs(np.mean(scores["nested"]) - chance) < half_width
    assert np.mean(scores["paper"]) > chance + half_width


def test_paper_is_the_best_mean_score_of_the_grid(toy_features: FeatureMatrix) -> None:
    spec = make_classifier("knn")
    outcome = evaluate(spec, toy_features.X, toy_features.y, folds(toy_features), protocol="paper")
    search = GridSearchCV(
        spec.estimator, spec.grid, cv=PredefinedSplit([int(fold) for fold in toy_features.folds])
    ).fit(toy_features.X, toy_features.y)
    assert outcome.accuracy == pytest.approx(search.best_score_)
    assert outcome.best_params == search.best_params_
    assert outcome.note.startswith("optimistic")


def test_nested_never_looks_at_the_held_out_labels(toy_features: FeatureMatrix) -> None:
    """Whatever the labels of a fold, what is said of its clips stays the same."""
    parts = folds(toy_features)
    spec = make_classifier("knn")
    _, test = parts.splits[0]
    spoiled = toy_features.y.copy()
    spoiled[test] = "bell"
    said = []
    for y in (toy_features.y, spoiled):
        one = Folds(parts.names[:1], parts.splits[:1])
        outcome = evaluate(spec, toy_features.X, y, one, protocol="nested", keep_together=toy_features.folds)
        said.append([label for _, label, _ in outcome.held_out])
    assert said[0] == said[1]


@pytest.mark.parametrize(("protocol", "n_fitted_on"), [("paper", 60), ("nested", 100)])
def test_lists_choose_on_validation_and_report_test(
    toy_features: FeatureMatrix, protocol, n_fitted_on: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    order = np.random.default_rng(0).permutation(160)
    parts = Lists(train=order[:60], validation=order[60:100], test=order[100:])
    spec = make_classifier("knn")
    outcome = evaluate(spec, toy_features.X, toy_features.y, parts, protocol=protocol)
    assert sorted(i for i, _, _ in outcome.held_out) == sorted(parts.test)
    assert len(outcome.grid[0].scores) == 1  # one validation score a candidate
    model = spec.estimator.set_params(**outcome.best_params)
    fitted_on = order[:n_fitted_on]
    said = model.fit(toy_features.X[fitted_on], toy_features.y[fitted_on]).predict(toy_features.X[parts.test])
    assert [label for _, label, _ in outcome.held_out] == said.tolist()


def test_fits_that_do_not_converge_are_told(toy_features: FeatureMatrix) -> None:
    spec = make_classifier("linear_svm")
    spec.estimator.set_params(max_iter=1)
    outcome = evaluate(spec, toy_features.X, toy_features.y, folds(toy_features), protocol="paper")
    assert any("stopped before they converged" in note for note in outcome.notes)


def test_every_clip_is_held_out_once(toy_features: FeatureMatrix) -> None:
    outcome = evaluate(
        make_classifier("ridge"), toy_features.X, toy_features.y, folds(toy_features), protocol="nested"
    )
    assert sorted(i for i, _, _ in outcome.held_out) == list(range(160))


@pytest.mark.parametrize("protocol", ["nested", "paper"])
def test_without_a_validation_list_the_training_list_chooses(
    toy_features: FeatureMatrix, protocol: Protocol
) -> None:
    names = ["test" if fold == "5" else "train" for fold in toy_features.folds]
    parts = make_splits(toy_features.labels, names, kind="lists")
    outcome = evaluate(make_classifier("knn"), toy_features.X, toy_features.y, parts, protocol=protocol)
    assert outcome.note == "selected inside the training list: there is no validation list"
    assert {len(candidate.scores) for candidate in outcome.grid} == {5}
    assert sorted(i for i, _, _ in outcome.held_out) == [i for i, name in enumerate(names) if name == "test"]
