"""Ridge: the closed form is what leaving clips out one by one gives, also in blocks of many clips."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import Ridge, RidgeClassifierCV, RidgeCV
from sklearn.model_selection import LeaveOneOut, StratifiedKFold, cross_val_predict
from sklearn.utils.estimator_checks import parametrize_with_checks

from elmarc.classifiers import (
    LeaveOneOutRidge,
    LeaveOneOutRidgeClassifier,
    calibration,
    make_classifier,
    ridge,
)
from elmarc.classifiers.calibration import held_out_values
from elmarc.classifiers.elm import ELMClassifier
from elmarc.classifiers.ridge import Blocks, Streamed
from elmarc.evaluation.search import SearchWorkspace, candidate_scores

PENALTIES = (0.1, 1.0, 10.0, 100.0)


@pytest.mark.parametrize("n_features", [5, 30, 80])
def test_the_penalty_is_that_of_leaving_clips_out_one_by_one(
    rng: np.random.Generator, n_features: int
) -> None:
    X = rng.normal(size=(30, n_features)) + 3
    y = X[:, :2] @ rng.normal(size=(2, 3)) + rng.normal(size=(30, 3)) + 5
    ridge = LeaveOneOutRidge(PENALTIES).fit(X, y)
    errors = [
        np.square(cross_val_predict(Ridge(alpha=a), X, y, cv=LeaveOneOut()) - y).sum() for a in PENALTIES
    ]
    assert ridge.penalty_ == PENALTIES[int(np.argmin(errors))]


@pytest.mark.parametrize("n_features", [5, 80])
@pytest.mark.parametrize("penalty", [1e-3, 1.0, 1e3])
def test_predictions_are_those_of_scikit_learns_ridge(
    rng: np.random.Generator, n_features: int, penalty: float
) -> None:
    X, y = rng.normal(size=(30, n_features)) + 3, rng.normal(size=(30, 2))
    unseen = rng.normal(size=(7, n_features)) + 3
    expected = Ridge(alpha=penalty).fit(X, y).predict(unseen)
    np.testing.assert_allclose(LeaveOneOutRidge((penalty,)).fit(X, y).predict(unseen), expected, atol=1e-9)


def test_one_target_may_be_a_vector_and_columns_may_be_constant(rng: np.random.Generator) -> None:
    X, y = np.hstack([rng.normal(size=(20, 3)), np.ones((20, 2))]), rng.normal(size=20)
    ridge = LeaveOneOutRidge().fit(X, y)
    assert ridge.predict(X).shape == (20,)
    np.testing.assert_allclose(ridge.coef_[3:], 0, atol=1e-12)


@pytest.mark.parametrize("n_features", [5, 80])
def test_it_is_scikit_learns_ridge_cv(rng: np.random.Generator, n_features: int) -> None:
    X, y = rng.normal(size=(30, n_features)) + 3, rng.normal(size=(30, 2))
    y += X[:, :2]
    ours, theirs = LeaveOneOutRidge(PENALTIES).fit(X, y), RidgeCV(alphas=PENALTIES).fit(X, y)
    assert ours.penalty_ == theirs.alpha_
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), atol=1e-9)


ALPHAS = np.logspace(-3, 9, 25)


class ArrayTargets:
    """Targets that are numbers (n_clips, n_targets)."""

    def __init__(self, values: np.ndarray) -> None:
        self.values, self.n_columns = values, values.shape[1]

    def at(self, place: Any) -> np.ndarray:
        return self.values[place]


@pytest.fixture
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ridge, "MANY", 1)
    monkeypatch.setattr(ridge, "BLOCK_ROWS", 70)


@pytest.fixture(scope="module")
def clips() -> tuple[np.ndarray, np.ndarray]:
    """5,000 clips of features whose levels and deviations differ by decades, sorted by class."""
    rng = np.random.default_rng(0)
    y = np.sort(np.arange(5000) % 7)
    X = rng.normal(size=(5000, 40)) + 0.7 * (y[:, None] == np.arange(40) // 2)
    return X * rng.lognormal(0, 2, size=40) + 1e3 * rng.normal(size=40), np.array(list("abcdefg"))[y]


@pytest.mark.parametrize("n_classes", [2, 7])
def test_5000_clips_give_what_scikit_learn_gives(few_are_many: None, clips: Any, n_classes: int) -> None:
    X, y = clips
    y = y if n_classes == 7 else np.where(y < "c", "low", "high")
    ours, theirs = LeaveOneOutRidgeClassifier(ALPHAS).fit(X, y), RidgeClassifierCV(ALPHAS).fit(X, y)
    assert ours.alpha_ == theirs.alpha_
    np.testing.assert_allclose(ours.best_score_, theirs.best_score_, rtol=1e-9)
    exact = extended_decision(X, y, ours.alpha_)
    exact = exact if n_classes == 7 else exact[:, 1]
    errors = [np.abs(model.decision_function(X) - exact).max() for model in (ours, theirs)]
    assert max(errors) < 1e-8  # how much below depends on the processor: BLAS adds up in another order
    assert (ours.predict(X) == theirs.predict(X)).all()


def extended_decision(X: np.ndarray, y: np.ndarray, penalty: float) -> np.ndarray:
    """Return the decision values of a ridge, solved in extended precision by elimination."""
    targets = np.where(y[:, None] == np.unique(y), np.longdouble(1), np.longdouble(-1))
    centred, level = X.astype(np.longdouble) - X.astype(np.longdouble).mean(axis=0), targets.mean(axis=0)
    left = centred.T @ centred + penalty * np.eye(X.shape[1], dtype=np.longdouble)
    right = centred.T @ (targets - level)
    for i in range(len(left)):
        for j in range(len(left)):
            if i != j:
                share = left[j, i] / left[i, i]
                left[j] -= share * left[i]
                right[j] -= share * right[i]
    return centred @ (right / np.diag(left)[:, None]) + level


def test_few_clips_are_fitted_by_scikit_learn_to_the_last_bit(clips: Any) -> None:
    X, y = clips[0][::50].astype(np.float32), clips[1][::50]
    ours, theirs = LeaveOneOutRidgeClassifier(ALPHAS).fit(X, y), RidgeClassifierCV(ALPHAS).fit(X, y)
    assert ours.coef_.tobytes() == theirs.coef_.tobytes()


@pytest.mark.parametrize("kind", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("n_classes", [2, 7])
def test_clips_that_features_outnumber_are_fitted_as_scikit_learn_does(n_classes: int, kind: Any) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(50) % n_classes
    X = (9 * rng.normal(size=(50, 80)) + 3 * (y[:, None] == np.arange(80) // 4) + 100).astype(kind)
    ours, theirs = LeaveOneOutRidgeClassifier(ALPHAS).fit(X, y), RidgeClassifierCV(ALPHAS).fit(X, y)
    assert vars(ours).keys() == vars(theirs).keys()
    assert ours.alpha_ == theirs.alpha_
    for name in ("coef_", "intercept_", "classes_", "best_score_"):
        one, other = getattr(ours, name), getattr(theirs, name)
        assert (one.dtype, one.shape) == (other.dtype, other.shape), name
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-7)
    assert (ours.predict(X) == theirs.predict(X)).all()


def test_moments_lose_no_digits_far_from_zero() -> None:
    X = np.random.default_rng(0).normal(size=(3000, 3)) + np.array([0, 1e6, -1e8])
    found = Streamed(Blocks(X), ArrayTargets(X[:, :1]))
    centred = X - X.mean(axis=0)
    np.testing.assert_allclose(found.scatter / 3000, centred.T @ centred / 3000, atol=1e-7)
    np.testing.assert_allclose(found.cross[0] / 3000, 1.0, rtol=0.1)


@pytest.mark.parametrize("targets", [1, 3])
def test_leave_one_out_ridge_in_blocks_is_that_of_the_whole(few_are_many: None, targets: int) -> None:
    rng = np.random.default_rng(0)
    X = np.hstack([rng.normal(size=(400, 6)) + 5, np.ones((400, 1))])  # one column says nothing
    y = X[:, :targets] + rng.normal(size=(400, targets))
    whole, parts = LeaveOneOutRidge().fit(X, y), LeaveOneOutRidge().fit_blocks(Blocks(X), ArrayTargets(y))
    assert parts.penalty_ == whole.penalty_
    np.testing.assert_allclose(parts.predict(X), whole.predict(X), atol=1e-9)


@pytest.mark.parametrize("n_classes", [2, 7])
def test_an_elm_in_blocks_is_that_of_the_whole(
    clips: Any, n_classes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    X, y = _standard(clips[0][::5]), clips[1][::5]
    y = y if n_classes == 7 else np.where(y < "c", "low", "high")
    machine = ELMClassifier(30, scaled_weights=True, random_state=0, regressor=LeaveOneOutRidge())
    assert machine.can_fit_blocks()
    assert not ELMClassifier(30).can_fit_blocks()
    whole = clone(machine).fit(X, y).decision_function(X)
    monkeypatch.setattr(ELMClassifier, "hidden", _of_few(ELMClassifier.hidden))
    with pytest.raises(AssertionError, match="too many at once"):
        clone(machine).fit(X, y)
    monkeypatch.setattr(ridge, "MANY", 1)
    monkeypatch.setattr(ridge, "BLOCK_ROWS", 70)
    parts = [clone(machine).fit_blocks(Blocks(X), y), clone(machine).fit(X, y)]
    for part in parts:
        np.testing.assert_allclose(part.decision_function(X), whole, atol=1e-7)


def _of_few(hidden: Any) -> Any:
    def refuse_many(machine: Any, X: Any) -> Any:
        assert len(X) <= 70, "too many at once"
        return hidden(machine, X)

    return refuse_many


@pytest.mark.parametrize("n_classes", [2, 7])
@pytest.mark.parametrize("n_units", [1000, 300], ids=["alone", "in groups"])
@pytest.mark.parametrize("name", ["ridge", "elm"])
def test_values_left_out_in_blocks_are_those_of_the_whole(
    monkeypatch: pytest.MonkeyPatch, clips: Any, name: str, n_units: int, n_classes: int
) -> None:
    X, y = _standard(clips[0][::5]), np.unique(clips[1][::5], return_inverse=True)[1] % n_classes
    units = np.random.default_rng(0).permutation(1000) % n_units
    model = make_classifier(name, ridge=name == "elm", standardise=True).estimator
    if name == "elm":
        model.set_params(classifier__n_hidden=30, classifier__regressor=LeaveOneOutRidge())
    model = clone(model).fit(X, y)
    whole, _ = held_out_values(model, X, y, units=units, splits=[])
    monkeypatch.setattr(calibration, "left_out", None)
    monkeypatch.setattr(ridge, "MANY", 1)
    monkeypatch.setattr(ridge, "BLOCK_ROWS", 70)
    parts, rows = held_out_values(model, X, y, units=units, splits=[])
    np.testing.assert_array_equal(rows, np.arange(1000))
    np.testing.assert_allclose(parts, whole, atol=1e-8)


@pytest.mark.parametrize("standardise", [False, True, "squashed"])
@pytest.mark.parametrize("name", ["ridge", "elm"])
def test_a_search_in_blocks_scores_as_one_on_the_whole(
    monkeypatch: pytest.MonkeyPatch, clips: Any, name: str, standardise: Any
) -> None:
    X, y = _standard(clips[0][::10]), clips[1][::10]
    spec = make_classifier(name, standardise=standardise, ridge=name == "elm")
    spec = spec if name == "ridge" else type(spec)(name, spec.estimator, _of_sizes(spec.grid, [20, 30]))
    splits = list(StratifiedKFold(3, shuffle=True, random_state=0).split(X, y))
    whole = candidate_scores(spec, X, y, splits)
    monkeypatch.setattr(ridge, "MANY", 1)
    calls = []
    monkeypatch.setattr(
        ridge, "predict_in_blocks", lambda *args, of=ridge.predict_in_blocks: calls.append(1) or of(*args)
    )
    parts = candidate_scores(spec, X, y, splits, workspace=SearchWorkspace(X))
    assert len(calls) == 3 * len(parts.candidates), "it went another way"
    np.testing.assert_array_equal(parts.scores, whole.scores)


def _standard(X: np.ndarray) -> np.ndarray:
    return (X - X.mean(axis=0)) / X.std(axis=0)


def _of_sizes(grid: Any, sizes: list[int]) -> Any:
    return dict.fromkeys(grid, sizes)


def test_memory_does_not_grow_with_the_clips_of_a_mapped_file(tmp_path: Path) -> None:
    n_clips, n_features, rng = 50_000, 32, np.random.default_rng(0)
    X = np.lib.format.open_memmap(tmp_path / "X.npy", "w+", np.float32, (n_clips, n_features))
    y = rng.integers(3, size=n_clips)
    X[:] = rng.normal(size=X.shape) + y[:, None] * (np.arange(n_features) < 2)
    X = np.load(tmp_path / "X.npy", mmap_mode="r")
    few, many = _peak_bytes(X[: n_clips // 2], y[: n_clips // 2]), _peak_bytes(X, y)
    assert many - few < n_clips / 2 * n_features * X.itemsize / 2, (
        "a clip costs its label and its place alone"
    )


def _peak_bytes(X: np.ndarray, y: np.ndarray) -> int:
    spec = make_classifier("ridge", standardise="squashed")
    splits = [(np.arange(4_000, len(X)), np.arange(4_000))]
    tracemalloc.start()
    try:
        model = LeaveOneOutRidgeClassifier(ALPHAS).fit(X, y)
        right = np.mean(model.predict(X) == y)
        scores = candidate_scores(spec, X, y, splits).scores
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert right > 0.6
    assert abs(scores[0, 0] - right) < 0.02
    return peak


def test_what_is_not_finite_is_refused(few_are_many: None) -> None:
    X, y = np.zeros((40, 2)), np.arange(40) % 2
    X[33, 1] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        LeaveOneOutRidgeClassifier().fit(X, y)


@pytest.mark.filterwarnings("ignore:The least populated class")  # a check of scikit-learn's own
@parametrize_with_checks([LeaveOneOutRidgeClassifier()])
def test_it_keeps_scikit_learns_contract(few_are_many: None, estimator: Any, check: Any) -> None:
    check(estimator)
