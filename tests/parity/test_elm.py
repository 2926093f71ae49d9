"""The hidden units and the classifier give what the 2018 program gave, for the same weights and biases."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.conftest import fixture_files

from elmarc.classifiers.elm import ACTIVATIONS, ELMClassifier

CASES = [path for path in fixture_files("elm") if path.stem in {f"{name}__alpha1.0" for name in ACTIVATIONS}]
WELL_CONDITIONED = 1e8
Arrays = dict[str, np.ndarray]


class Given(ELMClassifier):
    """A machine with the weights and biases of a file."""

    case: Arrays

    def draw(self, n_clips: int, n_features: int) -> Given:
        self.weights_, self.biases_ = self.case["weights"], self.case["biases"]
        return self


def read(path: Path) -> Arrays:
    with np.load(path, allow_pickle=False) as arrays:
        return dict(arrays)


def machine(path: Path) -> tuple[Given, Arrays]:
    case = read(path)
    elm = Given(case["H"].shape[1], activation=path.stem.split("__")[0])
    elm.case = case
    return elm, case


@pytest.fixture
def data(fixtures_dir: Path) -> Arrays:
    return read(fixtures_dir / "elm" / "data.npz")


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_hidden_activations_equal_those_of_2018(path: Path, data: Arrays) -> None:
    elm, case = machine(path)
    elm.draw(*data["X"].shape)

    np.testing.assert_allclose(elm.hidden(data["X"]), case["H"], rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(elm.hidden(data["X2"]), case["H2"], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("labels", "suffix"), [("y", ""), ("y2class", "_2class")])
@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_decisions_equal_those_of_2018(path: Path, labels: str, suffix: str, data: Arrays) -> None:
    elm, case = machine(path)
    elm.fit(data["X"], data[labels])
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
