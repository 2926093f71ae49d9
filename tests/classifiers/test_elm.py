"""What extreme learning machines hold to: least squares, ridge, any layer, any regressor, nothing shared."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from elmarc.classifiers import (
    ACTIVATIONS,
    ELMClassifier,
    ELMRegressor,
    GRBFRandomLayer,
    LeaveOneOutRidge,
    RandomLayer,
)
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


def of_sums(n_hidden: int, **options: Any) -> RandomLayer:
    return RandomLayer(n_hidden, alpha=1.0, **options)


def of_distances(n_hidden: int, **options: Any) -> RandomLayer:
    return RandomLayer(n_hidden, alpha=0.0, activation="gaussian", **options)


LAYERS = [RandomLayer, of_sums, of_distances, GRBFRandomLayer]


@pytest.fixture
def X(rng: np.random.Generator) -> NDArray[np.float64]:
    return rng.normal(size=(12, 5))


@pytest.mark.parametrize("layer", LAYERS)
def test_seed_alone_decides_the_units(layer: Any, X: NDArray[np.float64]) -> None:
    np.random.seed(1)  # noqa: NPY002  the global state must not matter
    first = layer(6, random_state=3).fit_transform(X)
    np.random.seed(2)  # noqa: NPY002
    state = np.random.get_state()[1].copy()  # noqa: NPY002

    np.testing.assert_array_equal(layer(6, random_state=3).fit_transform(X), first)
    assert not np.array_equal(layer(6, random_state=4).fit_transform(X), first)
    np.testing.assert_array_equal(np.random.get_state()[1], state)  # noqa: NPY002


def test_smaller_layer_is_the_first_units_of_a_larger_one(X: NDArray[np.float64]) -> None:
    small, large = (of_sums(n, random_state=0).fit(X) for n in (4, 9))

    np.testing.assert_allclose(small.transform(X), large.transform(X)[:, :4], rtol=1e-13)
    centers = [of_distances(n, random_state=0).fit(X).components_["centers"] for n in (4, 9)]
    np.testing.assert_array_equal(centers[0], centers[1][:4])


def test_weights_and_biases_are_standard_normal(X: NDArray[np.float64]) -> None:
    parts = of_sums(20_000, random_state=0).fit(X).components_

    for values in (parts["weights"], parts["biases"]):
        assert abs(values.mean()) < 0.03
        assert abs(values.std() - 1.0) < 0.03


def test_centres_lie_in_the_bounding_box(X: NDArray[np.float64]) -> None:
    centers = of_distances(500, random_state=0).fit(X).components_["centers"]

    assert (centers >= X.min(axis=0)).all()
    assert (centers <= X.max(axis=0)).all()
    np.testing.assert_allclose(centers.max(axis=0), X.max(axis=0), atol=0.2)


def test_mixed_input_activation_lies_between_both_kinds(X: NDArray[np.float64]) -> None:
    sums, mixed, distances = (
        RandomLayer(6, alpha=alpha, rbf_width=2.0, random_state=0).fit(X).input_activations(X)
        for alpha in (1.0, 0.25, 0.0)
    )

    np.testing.assert_allclose(mixed, 0.25 * sums + 0.75 * distances)


def test_input_activation_follows_the_formula(X: NDArray[np.float64]) -> None:
    layer = RandomLayer(3, alpha=0.5, rbf_width=0.3, random_state=0).fit(X)
    parts = layer.components_
    unit, clip = 2, 7
    distance = np.sqrt(((X[clip] - parts["centers"][unit]) ** 2).sum()) / parts["radii"][unit]
    expected = 0.5 * (X[clip] @ parts["weights"][:, unit] + parts["biases"][unit]) + 0.5 * 0.3 * distance

    np.testing.assert_allclose(layer.input_activations(X)[clip, unit], expected)


@pytest.mark.parametrize(
    ("name", "values"),
    [  # at -2, -0.5, 0, 0.5, 2
        ("tanh", np.tanh([-2, -0.5, 0, 0.5, 2])),
        ("sine", np.sin([-2, -0.5, 0, 0.5, 2])),
        ("tribas", [0, 0.5, 1, 0.5, 0]),
        ("inv_tribas", [1, 0.5, 0, 0.5, 1]),
        ("sigmoid", 1 / (1 + np.exp([2, 0.5, 0, -0.5, -2]))),
        ("hardlim", [0, 0, 0, 1, 1]),
        ("softlim", [0, 0, 0, 0.5, 1]),
        ("gaussian", np.exp([-4, -0.25, 0, -0.25, -4])),
        ("multiquadric", np.sqrt([5, 1.25, 1, 1.25, 5])),
        ("inv_multiquadric", 1 / np.sqrt([5, 1.25, 1, 1.25, 5])),
        ("reclinear", [0, 0, 0, 0.5, 2]),
    ],
)
def test_activations(name: str, values: Any) -> None:
    np.testing.assert_allclose(ACTIVATIONS[name](np.array([-2, -0.5, 0, 0.5, 2])), values, atol=1e-15)


def test_activation_may_be_a_callable(X: NDArray[np.float64]) -> None:
    layer = of_sums(4, activation=lambda x: 3.0 * x, random_state=0).fit(X)

    np.testing.assert_allclose(layer.transform(X), 3.0 * layer.input_activations(X))


def test_given_components_are_used_and_others_drawn(X: NDArray[np.float64], rng: np.random.Generator) -> None:
    weights = rng.normal(size=(5, 4))
    layer = of_sums(4, user_components={"weights": weights}, random_state=0).fit(X)
    drawn = of_sums(4, random_state=0).fit(X)

    np.testing.assert_array_equal(layer.components_["weights"], weights)
    np.testing.assert_array_equal(layer.components_["biases"], drawn.components_["biases"])


def test_generalised_rbf_meets_its_share_at_both_ends(X: NDArray[np.float64]) -> None:
    parts = GRBFRandomLayer(6, grbf_lambda=0.05, random_state=0).fit(X).components_
    near, far = (np.exp(-((parts[d] / parts["radii"]) ** parts["taus"])) for d in ("dN", "dF"))

    np.testing.assert_allclose(near, 0.95)
    np.testing.assert_allclose(far, 0.05)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (RandomLayer(0), "n_hidden is 0"),
        (RandomLayer(alpha=1.5), "alpha is 1.5: expected 0"),
        (RandomLayer(activation="relu"), "unknown activation 'relu': .* reclinear"),
        (GRBFRandomLayer(1), "needs two units"),
        (GRBFRandomLayer(grbf_lambda=0.5), "grbf_lambda is 0.5"),
        (of_sums(2, user_components={"wieghts": [0]}), "has 'wieghts': expected some of weights"),
        (of_sums(2, user_components={"biases": [0]}), r"\['biases'\]: shape \(1,\), expected \(2,\)"),
        (of_distances(2, user_components={"centers": [[0.0], [1.0]]}), r"expected \(2, 5\)"),
    ],
)
def test_wrong_settings_are_named(layer: RandomLayer, message: str, X: NDArray[np.float64]) -> None:
    with pytest.raises(ConfigError, match=message):
        layer.fit(X)


def test_coinciding_centres_are_refused(X: NDArray[np.float64]) -> None:
    with pytest.raises(ConfigError, match="two centres of the GRBF layer coincide"):
        GRBFRandomLayer(3).fit(np.ones((4, 2)))


@pytest.mark.parametrize("layer", LAYERS)
def test_units_beyond_the_memory_are_refused_before_any_is_drawn(
    layer: Any, X: NDArray[np.float64], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("elmarc.classifiers.elm.memory_bytes", lambda: 10**6)
    with pytest.raises(ConfigError, match="n_hidden is 10000: for 12 clips of 5 features this takes"):
        layer(10_000).fit(X)
    assert layer(100, random_state=0).fit_transform(X).shape == (12, 100)
