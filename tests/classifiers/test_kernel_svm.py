"""Kernels from a Gram matrix equal those from features, and too many clips are refused."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.svm import SVC

from elmarc.classifiers import kernel_svm
from elmarc.errors import ConfigError


def test_svms_equal_those_on_raw_features(rng: np.random.Generator) -> None:
    X = rng.lognormal(size=(60, 30)).astype(np.float32)
    y = rng.integers(0, 4, size=60)
    split = np.arange(45), np.arange(45, 60)
    candidates = [{"kernel": "rbf", "gamma": g, "C": c} for g in (0.01, "auto") for c in (1, 32)]
    candidates += [{"kernel": "linear", "C": 2}, {"C": 2}]
    model = SVC(gamma=0.002, class_weight="balanced")
    found = kernel_svm.predict_grid(
        kernel_svm.gram_matrix(X), y, [split], model, candidates, n_features=30, n_jobs=2
    )

    for params, row in zip(candidates, found, strict=True):
        raw = SVC(**{"gamma": 0.002, "class_weight": "balanced", **params}).fit(X[:45], y[:45])
        np.testing.assert_array_equal(row[0], raw.predict(X[45:]))


def test_radial_kernel_is_one_on_the_diagonal(rng: np.random.Generator) -> None:
    X = 1e3 * rng.lognormal(size=(40, 500))
    kernel = kernel_svm._kernel_matrix(kernel_svm.gram_matrix(X), ("rbf", 1e-8))

    np.testing.assert_array_equal(np.diag(kernel), 1.0)
    np.testing.assert_allclose(kernel, rbf_kernel(X, gamma=1e-8), rtol=1e-9)


def test_a_hundred_thousand_clips_are_refused_with_the_way_out() -> None:
    with pytest.raises(ConfigError, match=r"100000 clips needs 223\.5 GiB .* ridge or linear_svm"):
        kernel_svm.check_memory(100_000, n_jobs=1, memory_gib=16.0)
    kernel_svm.check_memory(2_000, n_jobs=2, memory_gib=1.0)


def test_model_keeps_its_own_settings(rng: np.random.Generator) -> None:
    X, y = rng.normal(size=(20, 3)), np.arange(20) % 2
    model = SVC()
    split = np.arange(15), np.arange(15, 20)
    kernel_svm.predict_grid(
        kernel_svm.gram_matrix(X), y, [split], model, [{"C": 1, "gamma": 1.0}], n_features=3
    )

    assert model.kernel == "rbf"
