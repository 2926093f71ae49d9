"""What extreme learning machines hold to: least squares, ridge, any layer, any regressor, nothing shared."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from elmarc.classifiers import ELMClassifier, ELMRegressor, LeaveOneOutRidge, RandomLayer
from elmarc.errors import ConfigError

Data = tuple[NDArray[np.float64], NDArray[np.str_]]


@pytest.fixture
def data(rng: np.random.Generator) -> Data:
    y = np.arange(60) % 3
    X = rng.normal(size=(3, 8))[y] * 2 + rng.normal(size=(60, 8))
    return X, np.array(["low", "mid", "high"])[y]


def test_outputs_solve_least_squares_on_one_vs_rest_targets(data: Data) -> None:
    X, y = data
    elm = ELMClassifier(20, random_state=0).fit(X, y)
    hidden = elm.hidden_layer_.transform(X)
    targets = np.where(y[:, None] == elm.classes_, 1.0, -1.0)
    reference = LinearRegression(fit_intercept=False).fit(hidden, targets)

    np.testing.assert_allclose(elm.decision_function(X), reference.predict(hidden), atol=1e-10)
    np.testing.assert_array_equal(elm.predict(X), elm.classes_[elm.decision_function(X).argmax(axis=1)])


def test_more_units_than_clips_gives_the_weights_of_least_norm(data: Data) -> None:
    X, y = data
    elm = ELMClassifier(200, random_state=0).fit(X, y)
    hidden = elm.hidden_layer_.transform(X)

    np.testing.assert_allclose(np.abs(elm.decision_function(X)), 1.0, atol=1e-9)
    in_row_space = hidden.T @ np.linalg.lstsq(hidden.T, elm.coef_, rcond=None)[0]
    np.testing.assert_allclose(elm.coef_, in_row_space, atol=1e-9)


def test_two_classes_are_split_at_zero(data: Data) -> None:
    X, y = data
    two = np.where(y == "low", "low", "other")
    elm = ELMClassifier(20, random_state=0).fit(X, two)
    outputs = elm.decision_function(X)

    assert outputs.shape == (60,)
    np.testing.assert_array_equal(elm.predict(X), np.where(outputs > 0, "other", "low"))


def test_hidden_layer_may_be_any_transformer(data: Data) -> None:
    X, y = data
    layer = RandomLayer(30, alpha=0.0, activation="gaussian", rbf_width=0.2, random_state=5)
    given = ELMClassifier(hidden_layer=make_pipeline(StandardScaler(), layer)).fit(X, y)

    assert given.score(X, y) > 0.9
    assert not hasattr(layer, "components_")


def test_simple_parameters_make_the_layer_they_name(data: Data) -> None:
    X, y = data
    simple = ELMClassifier(30, activation="tanh", random_state=5).fit(X, y)
    given = ELMClassifier(hidden_layer=RandomLayer(30, alpha=1.0, activation="tanh", random_state=5)).fit(
        X, y
    )

    np.testing.assert_array_equal(simple.decision_function(X), given.decision_function(X))


def test_classifiers_share_nothing(data: Data) -> None:
    X, y = data
    first = ELMClassifier(20, random_state=0).fit(X, y)
    before = first.predict(X)
    ELMClassifier(20, random_state=1).fit(X[:20], np.where(y[:20] == "low", "a", "b"))

    np.testing.assert_array_equal(first.predict(X), before)


def test_regressor_recovers_what_its_units_span(data: Data, rng: np.random.Generator) -> None:
    X, _ = data
    hidden = RandomLayer(10, alpha=1.0, random_state=0).fit_transform(X)
    targets = hidden @ rng.normal(size=(10, 2))
    elm = ELMRegressor(10, activation="tanh", random_state=0)

    np.testing.assert_allclose(elm.fit(X, targets).predict(X), targets, atol=1e-9)
    np.testing.assert_allclose(elm.fit(X, targets[:, 0]).predict(X), targets[:, 0], atol=1e-9)


def test_one_class_is_refused(data: Data) -> None:
    with pytest.raises(ConfigError, match="y holds 1 class"):
        ELMClassifier().fit(data[0], np.full(60, "low"))


def test_with_ridge_and_scaled_weights_units_beyond_the_clips_do_no_harm(rng: np.random.Generator) -> None:
    y = np.arange(120) % 3
    X = 0.5 * rng.normal(size=(3, 40))[y] + rng.normal(size=(120, 40))
    half = np.arange(120) < 60

    def accuracy(n_hidden: int, **options: object) -> float:
        machines = [ELMClassifier(n_hidden, random_state=seed, **options) for seed in range(5)]
        return float(
            np.mean([machine.fit(X[half], y[half]).score(X[~half], y[~half]) for machine in machines])
        )

    v2 = {"scaled_weights": True, "regressor": LeaveOneOutRidge()}
    assert accuracy(60) < accuracy(1000) - 0.1  # as many units as clips: the study's machine collapses
    assert accuracy(20, **v2) <= accuracy(60, **v2) + 0.02 <= accuracy(1000, **v2) + 0.04
