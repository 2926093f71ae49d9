"""The shared searches give what GridSearchCV and plain fits give."""

from __future__ import annotations

import pickle
import warnings
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, KFold, StratifiedKFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from elmarc.classifiers import CLASSIFIERS, ClassifierSpec, ELMClassifier, grids, make_classifier
from elmarc.classifiers.grids import Scaling
from elmarc.errors import ConfigError
from elmarc.evaluation.search import GridScores, SearchWorkspace, candidate_scores

Features = tuple[NDArray[np.float32], NDArray[np.str_]]
SMALL_ELM = {"n_hidden": [5, 30, 60, 81, 90, 100, 140]}  # below, at and above 81 training clips of 90
WAYS = [("svm", False), ("elm", False), ("elm", True)]  # classifier, ridge


@pytest.fixture
def features(rng: np.random.Generator) -> Features:
    """Features as networks give them: positive, of very different sizes, some channels dead."""
    y = np.arange(90) % 3
    signal = rng.normal(size=(3, 40))[y] + rng.normal(size=(90, 40))
    X = np.maximum(signal, 0.0) * rng.lognormal(0, 1, size=40)
    X[:, ::7] = 0.0
    order = rng.permutation(90)
    return X[order].astype(np.float32), np.array(["blues", "jazz", "rock"])[y[order]]


def folds(features: Features, n: int = 10) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    return list(StratifiedKFold(n).split(*features))


def plain(spec: ClassifierSpec, features: Features, splits: Any) -> GridScores:
    return candidate_scores(spec, *features, splits, n_jobs=2, share=False)


def assert_same_predictions(shared: GridScores, reference: GridScores) -> None:
    assert shared.candidates == reference.candidates
    np.testing.assert_array_equal(shared.scores, reference.scores)
    for i in range(len(reference.candidates)):
        for found, expected in zip(shared.predictions(i), reference.predictions(i), strict=True):
            np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("standardise", [False, True, "squashed"])
def test_svm_grid_equals_grid_search_on_raw_features(features: Features, standardise: Scaling) -> None:
    spec, splits = make_classifier("svm", standardise=standardise), folds(features, 5)
    reference = GridSearchCV(spec.estimator, spec.grid, cv=splits, scoring="accuracy").fit(*features)
    found = candidate_scores(spec, *features, splits, n_jobs=2)

    scores = np.array([reference.cv_results_[f"split{k}_test_score"] for k in range(5)]).T
    assert found.candidates == reference.cv_results_["params"]
    np.testing.assert_array_equal(found.scores, scores)
    assert found.best == reference.best_index_
    assert_same_predictions(found, plain(spec, features, splits))


@pytest.mark.parametrize("ridge", [False, True])
@pytest.mark.parametrize("standardise", [False, True])
def test_elm_grid_equals_plain_fits(features: Features, standardise: bool, ridge: bool) -> None:
    spec = make_classifier("elm", standardise=standardise, ridge=ridge)
    key = "classifier__n_hidden" if standardise else "n_hidden"
    spec = replace(spec, grid={key: SMALL_ELM["n_hidden"]})
    splits = folds(features, 10 if not standardise else 3)

    assert_same_predictions(candidate_scores(spec, *features, splits), plain(spec, features, splits))


def test_elm_grid_fits_no_machine_of_its_own(features: Features, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ELMClassifier, "fit", None)  # what the plain way calls
    for ridge in (False, True):
        spec = replace(make_classifier("elm", ridge=ridge), grid=SMALL_ELM)
        candidate_scores(spec, *features, folds(features, 3))


@pytest.mark.parametrize("name", ["svm", "elm"])
def test_splits_of_a_part_equal_plain_fits(features: Features, name: str) -> None:
    spec = replace(make_classifier(name), grid={"n_hidden": [20, 50]} if name == "elm" else {"C": [1, 8]})
    spec = replace(spec, estimator=SVC(kernel="linear")) if name == "svm" else spec
    part = np.arange(10, 70)
    splits = [(part[train], part[test]) for train, test in KFold(4).split(part)]
    splits.append((np.arange(0, 30), np.arange(50, 90)))

    assert_same_predictions(candidate_scores(spec, *features, splits), plain(spec, features, splits))


@pytest.mark.parametrize(("name", "ridge"), WAYS)
def test_class_absent_from_a_training_part_is_never_predicted(
    features: Features, name: str, ridge: bool
) -> None:
    X, y = features
    rock = np.flatnonzero(y == "rock")
    others = np.flatnonzero(y != "rock")
    splits = [(others[:40], np.concatenate([others[40:], rock]))]
    spec = make_classifier(name, ridge=ridge)
    spec = replace(spec, grid=SMALL_ELM) if name == "elm" else spec
    found = candidate_scores(spec, X, y, splits)

    assert "rock" not in np.concatenate([found.predictions(i)[0] for i in range(len(found.candidates))])
    assert_same_predictions(found, plain(spec, features, splits))


@pytest.mark.parametrize(("name", "ridge"), WAYS)
def test_two_classes(features: Features, name: str, ridge: bool) -> None:
    X, y = features
    two = X, np.where(y == "jazz", "jazz", "other")
    spec = make_classifier(name, ridge=ridge)
    spec = replace(spec, grid=SMALL_ELM) if name == "elm" else spec
    splits = folds(two, 4)

    assert_same_predictions(candidate_scores(spec, *two, splits), plain(spec, two, splits))


@pytest.mark.parametrize("name", ["svm", "elm"])
def test_labels_of_held_out_clips_change_no_prediction(features: Features, name: str) -> None:
    X, y = features
    spec = make_classifier(name)
    spec = replace(spec, grid=SMALL_ELM) if name == "elm" else spec
    train, test = folds(features, 5)[0]
    spoilt = y.copy()
    spoilt[test] = "blues"
    before, after = (candidate_scores(spec, X, labels, [(train, test)]) for labels in (y, spoilt))

    for i in range(len(before.candidates)):
        np.testing.assert_array_equal(before.predictions(i)[0], after.predictions(i)[0])


def test_workspace_changes_no_score(features: Features) -> None:
    X, y = features
    workspace = SearchWorkspace(X)
    for name in ("svm", "elm", "svm"):
        spec = make_classifier(name)
        shared = candidate_scores(spec, X, y, folds(features, 3), workspace=workspace)
        assert_same_predictions(shared, candidate_scores(spec, X, y, folds(features, 3)))


def test_workspace_keeps_hidden_units_of_one_seed_apart_from_another(features: Features) -> None:
    X, y = features
    workspace = SearchWorkspace(X)
    for seed in (0, 1):
        spec = replace(make_classifier("elm", random_state=seed), grid=SMALL_ELM)
        shared = candidate_scores(spec, X, y, folds(features, 3), workspace=workspace)
        assert_same_predictions(shared, plain(spec, features, folds(features, 3)))


def test_workspace_of_other_features_is_refused(features: Features) -> None:
    X, y = features
    with pytest.raises(ConfigError, match="belongs to other features"):
        candidate_scores(make_classifier("svm"), X, y, folds(features), workspace=SearchWorkspace(X.copy()))


def test_svm_says_when_its_gram_matrix_will_not_fit(features: Features) -> None:
    X, y = features
    workspace = SearchWorkspace(X, memory_gib=1e-5)
    with pytest.raises(ConfigError, match=r"90 clips needs .* use the ridge or linear_svm"):
        candidate_scores(make_classifier("svm"), X, y, folds(features), workspace=workspace)


@pytest.mark.parametrize(
    ("estimator", "grid"),
    [
        (SVC(), {"gamma": ["scale"], "C": [1.0]}),
        (SVC(), {"kernel": ["poly"], "degree": [2]}),
        (ELMClassifier(random_state=0), {"n_hidden": [10], "regressor": [None, Ridge()]}),
        (ELMClassifier(10, random_state=0), {"activation": ["tanh"]}),
        (ELMClassifier(random_state=np.random.RandomState(0)), {"n_hidden": [10]}),
    ],
)
def test_other_grids_are_fitted_plainly(features: Features, estimator: Any, grid: dict[str, Any]) -> None:
    spec, splits = ClassifierSpec("own", estimator, grid), folds(features, 3)
    reference = GridSearchCV(estimator, grid, cv=splits).fit(*features)
    found = candidate_scores(spec, *features, splits)

    np.testing.assert_allclose(found.scores.mean(axis=1), reference.cv_results_["mean_test_score"])


@pytest.mark.parametrize("standardise", [False, True])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_classifier_learns(features: Features, name: str, standardise: bool) -> None:
    found = candidate_scores(make_classifier(name, standardise=standardise), *features, folds(features, 3))

    assert found.scores.shape == (len(found.candidates), 3)
    assert found.scores.mean(axis=1).max() > 0.6


def test_neighbours_beyond_the_training_clips_are_left_out(features: Features) -> None:
    found = candidate_scores(make_classifier("knn"), *features, folds(features, 3))

    assert [params["n_neighbors"] for params in found.candidates] == [1, 3, 5, 10, 20, 30, 50]


def test_fits_that_stopped_early_are_counted(features: Features) -> None:
    spec = make_classifier("mlp")
    spec.estimator.set_params(max_iter=2)
    found = candidate_scores(spec, *features, folds(features, 3))

    assert found.notes == ("3 of 3 fits stopped before they converged",)


@pytest.mark.parametrize("name", ["linear_svm", "mlp", "elm", "svm", "linear"])
def test_number_of_threads_changes_no_prediction(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """liblinear, stopped early, shows in which order clips were drawn; an mlp shows each rounding."""
    monkeypatch.setattr("elmarc.evaluation.search.n_cores", lambda: 4)
    rng = np.random.default_rng(0)
    y = np.arange(120) % 6
    X = rng.normal(size=(6, 200))[y] / 2 + rng.normal(size=(120, 200))
    X = (np.maximum(X, 0) * rng.lognormal(0, 2, size=200)).astype(np.float32)
    spec = make_classifier(name)
    grid = {
        "linear_svm": {"C": [0.1, 2]},
        "elm": {"n_hidden": [50, 150]},
        "svm": {"C": [1], "kernel": ["linear"]},
    }
    spec = replace(spec, grid=grid.get(name, {"max_iter": [10]}))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        first = candidate_scores(spec, X, y, folds((X, y), 5), n_jobs=1)
        for n_jobs in (2, 4, 2, 4):
            again = candidate_scores(spec, X, y, folds((X, y), 5), n_jobs=n_jobs)
            assert [p.tobytes() for row in again.predicted for p in row] == [
                p.tobytes() for row in first.predicted for p in row
            ]


def test_fits_that_draw_from_the_process_take_turns() -> None:
    """Whatever they stand in: a pipeline, an ensemble, an estimator of the user's choice."""
    rng = np.random.default_rng(0)
    X, y = rng.lognormal(0, 2, size=(60, 150)), np.arange(60) % 3
    for estimator in (
        make_pipeline(StandardScaler(), LinearSVC(random_state=0, max_iter=20)),
        OneVsRestClassifier(LogisticRegression(solver="liblinear", dual=True, max_iter=20, random_state=0)),
        SVC(probability=True, random_state=0),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            alone = pickle.dumps(grids.fit(clone(estimator), X, y))
            with ThreadPoolExecutor(4) as pool:
                together = list(
                    pool.map(lambda _, e=estimator: pickle.dumps(grids.fit(clone(e), X, y)), range(12))
                )
        assert set(together) == {alone}
