"""The hidden layers and the classifiers give what the 2018 program gave, for the same components."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import fixture_files

from elmarc.classifiers import ELMClassifier, ELMRegressor, GRBFRandomLayer, RandomLayer

OWN_COMPONENTS = ("weights", "biases", "centers", "radii")
HELPERS = ("data", "wrappers")  # the inputs, and outputs whose components stand in another file
CASES = [path for path in fixture_files("elm") if path.stem not in HELPERS]
WELL_CONDITIONED = 1e8
Arrays = dict[str, np.ndarray]


def read(path: Path) -> Arrays:
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


@pytest.fixture
def data(fixtures_dir: Path) -> Arrays:
    return read(fixtures_dir / "elm" / "data.npz")


def layer_of(name: str, case: Arrays, n_features: int) -> RandomLayer:
    """Build the layer that a file's name and components describe."""
    n_hidden = case["H"].shape[1]
    components = {part: case[part] for part in OWN_COMPONENTS if part in case}
    if "taus" in case:
        found = re.search(r"lambda([\d.]+)", name)
        share = float(found[1]) if found else 0.001
        # radii and taus are to follow from the centres
        return GRBFRandomLayer(n_hidden, grbf_lambda=share, user_components={"centers": case["centers"]})
    width = re.search(r"rbfwidth([\d.]+)", name)
    return RandomLayer(
        n_hidden,
        alpha=alpha_of(name, case),
        activation=activation_of(name),
        rbf_width=float(width[1]) if width else 1.0,
        user_components=components,
    )


def alpha_of(name: str, case: Arrays) -> float:
    found = re.search(r"alpha(\d(?:\.\d+)?)", name)
    if found:
        return float(found[1])
    return 1.0 if "centers" not in case else 0.0 if "weights" not in case else 0.5


def activation_of(name: str) -> str:
    if name.startswith("RBF"):
        return "gaussian"
    if name.startswith("MLP"):
        return "tanh"
    if name.startswith("RandomLayer"):
        return next((part for part in name.split("_")[2:] if not part.startswith(("rbf", "alpha"))), "tanh")
    return name.split("__")[0]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_hidden_activations_equal_those_of_2018(path: Path, data: Arrays) -> None:
    case = read(path)
    layer = layer_of(path.stem, case, data["X"].shape[1]).fit(data["X"])

    np.testing.assert_allclose(layer.input_activations(data["X"]), case["input_act"], rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(layer.transform(data["X"]), case["H"], rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(layer.transform(data["X2"]), case["H2"], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("path", [path for path in CASES if "GRBF" in path.stem], ids=lambda path: path.stem)
def test_generalised_rbf_components_follow_from_the_centres(path: Path, data: Arrays) -> None:
    case = read(path)
    layer = layer_of(path.stem, case, data["X"].shape[1]).fit(data["X"])

    for part in ("dN", "dF", "taus", "radii"):
        np.testing.assert_allclose(layer.components_[part], case[part], rtol=1e-12)


@pytest.mark.parametrize(("labels", "suffix"), [("y", ""), ("y2class", "_2class")])
@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_decisions_equal_those_of_2018(path: Path, labels: str, suffix: str, data: Arrays) -> None:
    case = read(path)
    layer = layer_of(path.stem, case, data["X"].shape[1])
    elm = ELMClassifier(hidden_layer=layer).fit(data["X"], data[labels])
    tolerance = relative_tolerance(case["H"])
    decisions = elm.decision_function(data["X2"]).reshape(len(data["X2"]), -1)

    if tolerance < 1e-4:
        reference = case["decision" + suffix]
        atol = tolerance * np.abs(reference).max()
        np.testing.assert_array_equal(elm.predict(data["X2"]), case["pred" + suffix])
        np.testing.assert_allclose(decisions, reference, rtol=0, atol=atol)
    if np.linalg.cond(case["H"]) < WELL_CONDITIONED:
        np.testing.assert_allclose(elm.coef_, case["coefs" + suffix], rtol=1e-6, atol=1e-8)


def relative_tolerance(hidden: np.ndarray) -> float:
    """Rounding grows with the condition number over the singular values that the pseudo-inverse keeps."""
    singular = np.linalg.svd(hidden, compute_uv=False)
    kept = singular[singular > max(hidden.shape) * np.finfo(float).eps * singular[0]]
    return 1e-12 + 100 * np.finfo(float).eps * (kept[0] / kept[-1] if len(kept) else 1.0)


@pytest.fixture
def mixed_sigmoid(fixtures_dir: Path) -> dict[str, Any]:
    """Parameters of the layer that the 2018 wrappers drew: the components of the mixed sigmoid layer."""
    path = fixtures_dir / "elm" / "sigmoid__alpha0.5.npz"
    if not path.is_file() or not (path.parent / "wrappers.npz").is_file():
        pytest.skip("these fixtures hold no wrappers.npz with its sigmoid__alpha0.5.npz")
    case = read(path)
    components = {part: case[part] for part in OWN_COMPONENTS}
    layer = RandomLayer(case["H"].shape[1], alpha=0.5, activation="sigmoid", user_components=components)
    return {"hidden_layer": layer}


def test_wrappers_equal_those_of_2018(
    mixed_sigmoid: dict[str, Any], fixtures_dir: Path, data: Arrays
) -> None:
    wrappers = read(fixtures_dir / "elm" / "wrappers.npz")
    classifier = ELMClassifier(**mixed_sigmoid).fit(data["X"], data["y"])
    regressor = ELMRegressor(**mixed_sigmoid).fit(data["X"], wrappers["yr"])

    decisions, numbers = classifier.decision_function(data["X2"]), regressor.predict(data["X2"])
    np.testing.assert_array_equal(classifier.predict(data["X2"]), wrappers["elmclassifier_pred"])
    np.testing.assert_allclose(decisions, wrappers["elmclassifier_decision"], rtol=0, atol=1e-10)
    np.testing.assert_allclose(numbers, wrappers["elmregressor_pred"], rtol=0, atol=1e-10)
