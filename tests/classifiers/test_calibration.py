from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax
from sklearn.linear_model import Ridge
from sklearn.metrics import log_loss

from elmarc.classifiers import make_classifier
from elmarc.classifiers.calibration import decision_values, fit_scale, held_out_values, probabilities
from elmarc.classifiers.elm import one_vs_rest
from elmarc.classifiers.ridge import left_out


@pytest.mark.parametrize("shape", [(24, 5), (24, 60)])
def test_left_out_values_are_those_of_fits_without_the_unit(rng, shape) -> None:
    X, y = rng.normal(size=shape), rng.normal(size=(24, 3))
    units = np.arange(24) // 2
    units[:6] = 0  # a unit of six clips
    found = left_out(X, y, penalty=2.5, units=units)
    for unit in np.unique(units):
        own = units == unit
        expected = Ridge(alpha=2.5).fit(X[~own], y[~own]).predict(X[own])
        np.testing.assert_allclose(found[own], expected, rtol=1e-6, atol=1e-8)


def test_a_unit_that_holds_almost_everything_gives_finite_values(rng) -> None:
    units = np.zeros(10, dtype=np.intp)
    found = left_out(rng.normal(size=(10, 4)), rng.normal(size=(10, 2)), penalty=1.0, units=units)
    assert np.isfinite(found).all()


@pytest.mark.parametrize(("name", "ridge"), [("ridge", False), ("elm", True)])
def test_ridge_and_elm_are_left_out_in_closed_form(rng, name: str, ridge: bool) -> None:
    X, y = blobs(rng, 60)
    model = make_classifier(name, standardise="squashed", ridge=ridge).estimator.fit(X, y)
    values, rows = held_out_values(model, X, y, units=np.arange(60), splits=[])
    assert np.array_equal(rows, np.arange(60))
    features, last = model[:-1].transform(X), model[-1]
    inputs = features if name == "ridge" else last.hidden(features)
    penalty = last.alpha_ if name == "ridge" else last.regressor_.penalty_
    without = Ridge(alpha=penalty).fit(inputs[1:], one_vs_rest(y, 3)[1:])
    np.testing.assert_allclose(values[0], without.predict(inputs[:1])[0], rtol=1e-5)


@pytest.mark.parametrize("name", ["svm", "linear_svm", "knn", "mlp", "linear"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_others_are_cross_validated(rng, name: str) -> None:
    X, y = blobs(rng, 60)
    train, test = np.arange(40), np.arange(40, 60)
    estimator = make_classifier(name).estimator.set_params(**({"n_neighbors": 3} if name == "knn" else {}))
    whole = estimator.fit(X, y)
    values, rows = held_out_values(whole, X, y, units=np.arange(60), splits=[(train, test)])
    assert np.array_equal(rows, test)
    again = make_classifier(name).estimator.set_params(**({"n_neighbors": 3} if name == "knn" else {}))
    assert np.array_equal(values, decision_values(again.fit(X[train], y[train]), X[test]))


def test_a_part_without_a_class_is_left_out(rng) -> None:
    X, y = blobs(rng, 60)
    only = np.flatnonzero(y < 2)
    estimator = make_classifier("svm").estimator.fit(X, y)
    values, rows = held_out_values(
        estimator, X, y, units=np.arange(60), splits=[(only, np.flatnonzero(y == 2))]
    )
    assert (values.shape, len(rows)) == ((0, 3), 0)
    assert fit_scale(values, y[rows]) == 1.0


def test_the_scale_that_made_the_labels_is_found(rng) -> None:
    values = rng.normal(size=(20000, 4))
    y = np.array([rng.choice(4, p=row) for row in softmax(3 * values, axis=1)])
    assert fit_scale(values, y) == pytest.approx(3.0, rel=0.03)


def test_no_other_scale_has_less_log_loss(rng) -> None:
    values = rng.normal(size=(500, 3))
    y = np.where(rng.uniform(size=500) < 0.7, values.argmax(axis=1), rng.integers(3, size=500))
    scale = fit_scale(values, y)
    best = log_loss(y, probabilities(values, scale))
    assert best <= min(log_loss(y, probabilities(values, scale * factor)) for factor in (0.8, 1.25))


def test_few_clips_make_nothing_certain() -> None:
    y = np.arange(12) % 3
    values = one_vs_rest(y, 3)
    certainty = probabilities(values, fit_scale(values, y))[np.arange(12), y]
    np.testing.assert_allclose(certainty, (12 + 1 / 3) / 13, atol=1e-3)


def test_values_that_say_the_contrary_are_made_even(rng) -> None:
    values = rng.normal(size=(300, 2))
    shares = probabilities(values, fit_scale(values, values.argmin(axis=1)))
    np.testing.assert_allclose(shares, 0.5, atol=1e-2)


def blobs(rng: np.random.Generator, n_clips: int) -> tuple[np.ndarray, np.ndarray]:
    y = np.arange(n_clips) % 3
    return rng.normal(size=(n_clips, 8)) + np.eye(3, 8)[y], y
