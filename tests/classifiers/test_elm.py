"""What extreme learning machines hold to: least squares, ridge, any regressor, nothing shared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LinearRegression

from elmarc.classifiers import ELMClassifier, LeaveOneOutRidge
from elmarc.classifiers.elm import ACTIVATIONS
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
    hidden = elm.hidden(X)
    targets = np.where(y[:, None] == elm.classes_, 1.0, -1.0)
    reference = LinearRegression(fit_intercept=False).fit(hidden, targets)

    np.testing.assert_allclose(elm.decision_function(X), reference.predict(hidden), atol=1e-10)
    np.testing.assert_array_equal(elm.predict(X), elm.classes_[elm.decision_function(X).argmax(axis=1)])


def test_more_units_than_clips_gives_the_weights_of_least_norm(data: Data) -> None:
    X, y = data
    elm = ELMClassifier(200, random_state=0).fit(X, y)
    hidden = elm.hidden(X)

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


def test_classifiers_share_nothing(data: Data) -> None:
    X, y = data
    first = ELMClassifier(20, random_state=0).fit(X, y)
    before = first.predict(X)
    ELMClassifier(20, random_state=1).fit(X[:20], np.where(y[:20] == "low", "a", "b"))

    np.testing.assert_array_equal(first.predict(X), before)


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


@pytest.fixture
def X(rng: np.random.Generator) -> NDArray[np.float64]:
    return rng.normal(size=(12, 5))


def units(n_hidden: int, X: NDArray[np.float64], **options: Any) -> NDArray[np.float64]:
    """Return the activations of drawn units."""
    return ELMClassifier(n_hidden, **options).draw(*X.shape).hidden(X)


def test_seed_alone_decides_the_units(X: NDArray[np.float64]) -> None:
    np.random.seed(1)  # noqa: NPY002  the global state must not matter
    first = units(6, X, random_state=3)
    np.random.seed(2)  # noqa: NPY002
    state = np.random.get_state()[1].copy()  # noqa: NPY002

    np.testing.assert_array_equal(units(6, X, random_state=3), first)
    assert not np.array_equal(units(6, X, random_state=4), first)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_smaller_layer_is_the_first_units_of_a_larger_one(X: NDArray[np.float64]) -> None:
    small, large = (units(n, X, random_state=0) for n in (4, 9))

    np.testing.assert_allclose(small, large[:, :4], rtol=1e-13)


@pytest.mark.parametrize("scaled", [False, True])
def test_weights_and_biases_are_normal(X: NDArray[np.float64], scaled: bool) -> None:
    elm = ELMClassifier(20_000, scaled_weights=scaled, random_state=0).draw(*X.shape)

    for values, deviation in ((elm.weights_, 5**-0.5 if scaled else 1.0), (elm.biases_, 1.0)):
        assert abs(values.mean()) < 0.03
        assert abs(values.std() - deviation) < 0.03


def test_hidden_units_follow_the_formula(X: NDArray[np.float64]) -> None:
    elm = ELMClassifier(3, random_state=0).draw(*X.shape)
    unit, clip = 2, 7
    expected = max(0.0, X[clip] @ elm.weights_[:, unit] + elm.biases_[unit])

    np.testing.assert_allclose(elm.hidden(X)[clip, unit], expected)


@pytest.mark.parametrize(
    ("name", "values"), [("tanh", np.tanh([-2, -0.5, 0, 0.5, 2])), ("reclinear", [0, 0, 0, 0.5, 2])]
)
def test_activations(name: str, values: Any) -> None:
    np.testing.assert_allclose(ACTIVATIONS[name](np.array([-2, -0.5, 0, 0.5, 2])), values, atol=1e-15)


def test_activation_may_be_a_callable(X: NDArray[np.float64]) -> None:
    found = units(4, X, activation=lambda x: 3.0 * np.maximum(x, 0.0), random_state=0)

    np.testing.assert_allclose(found, 3.0 * units(4, X, random_state=0))


@pytest.mark.parametrize(
    ("elm", "message"),
    [
        (ELMClassifier(0), "n_hidden is 0"),
        (ELMClassifier(activation="relu"), "unknown activation 'relu': .* reclinear"),
    ],
)
def test_wrong_settings_are_named(elm: ELMClassifier, message: str, data: Data) -> None:
    with pytest.raises(ConfigError, match=message):
        elm.fit(*data)


def test_units_beyond_the_memory_are_refused_before_any_is_drawn(
    data: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elmarc.classifiers.elm.memory_bytes", lambda: 10**6)
    with pytest.raises(ConfigError, match="n_hidden is 10000: for 60 clips of 8 features this takes"):
        ELMClassifier(10_000).fit(*data)
    assert ELMClassifier(100, random_state=0).fit(*data).coef_.shape == (100, 3)
