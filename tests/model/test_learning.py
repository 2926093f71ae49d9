"""What `fit` says of new clips, against what a model reaches on many of them: draws of Gaussian classes."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from elmarc.classifiers import make_classifier
from elmarc.classifiers.calibration import decision_values, probabilities
from elmarc.evaluation.search import SearchWorkspace
from elmarc.model.learning import Units, expect, learn

N_DRAWS = 40
N_FEATURES = 12
N_NEW = 500
# Classes, clips of each, and the distance of class means in deviations of a clip.
DESIGNS = [(2, 20, 1.5), (5, 8, 3.0)]


@cache
def draws(design: tuple[int, int, float]) -> np.ndarray:
    """Return expected accuracy, its interval, accuracy and mean confidence on new clips, a row a draw."""
    n_classes, n_each, distance = design
    rng = np.random.default_rng(n_classes)
    spec = make_classifier("ridge", standardise="squashed")
    rows = []
    for _ in range(N_DRAWS):
        means = rng.normal(size=(n_classes, N_FEATURES)) * distance / np.sqrt(N_FEATURES)
        y, new_y = np.arange(n_classes * n_each) % n_classes, rng.integers(n_classes, size=N_NEW)
        X, new_X = (means[of] + rng.normal(size=(len(of), N_FEATURES)) for of in (y, new_y))
        alone = Units(tuple(map(str, y)), ("",) * len(y), ("",) * len(y))
        work = SearchWorkspace(X)
        fitted, expected = learn(spec, X, y, alone, workspace=work), expect(spec, X, alone, workspace=work)
        shares = probabilities(decision_values(fitted.estimator, new_X), fitted.scale)
        right = np.mean(shares.argmax(axis=1) == new_y)
        rows.append((expected.accuracy, *expected.interval, right, shares.max(axis=1).mean()))
    return np.array(rows).T


@pytest.mark.parametrize("design", DESIGNS)
def test_the_accuracy_to_expect_is_not_too_high(design) -> None:
    """At most two points on average; below it may be, as folds leave fewer clips to learn from."""
    expected, _, _, accuracy, _ = draws(design)
    assert np.mean(expected - accuracy) < 0.02


def test_its_interval_is_as_wide_as_what_is_expected_varies() -> None:
    """Clips to learn from are a draw too: over held-out clips alone, errors are 1.3 times what it says."""
    for design in DESIGNS:
        expected, low, high, accuracy, _ = draws(design)
        assert np.std(expected - accuracy) < 1.15 * np.mean(high - low) / (2 * 1.96)
    _, low, high, accuracy, _ = np.concatenate([draws(design) for design in DESIGNS], axis=1)
    assert np.mean((low <= accuracy) & (accuracy <= high)) > 0.9


@pytest.mark.parametrize("design", DESIGNS)
def test_probabilities_of_few_clips_are_neither_too_sure_nor_too_unsure(design) -> None:
    _, _, _, accuracy, sure = draws(design)
    assert abs(np.mean(sure - accuracy)) < 0.05
