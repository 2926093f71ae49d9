"""Waveforms without a rate are taken for the front-end's, and that is said."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.base import clone

from elmarc import MFCCFeatures, RandomCNNFeatures, SoundClassifier
from elmarc.errors import RateWarning


@pytest.mark.parametrize("estimator", [RandomCNNFeatures("temporal", n_filters=4), MFCCFeatures()])
@pytest.mark.parametrize("shape", ["array", "list", "tensor"])
def test_a_rate_that_is_not_given_is_said_in_the_callers_line(estimator: Any, shape: str) -> None:
    y = 0.1 * np.random.default_rng(0).standard_normal((2, 6000)).astype(np.float32)
    X = {"array": y, "list": list(y), "tensor": torch.from_numpy(y)}[shape]
    with pytest.warns(
        RateWarning, match=r"without a rate, which are taken for 12000 Hz: say .*input_sr="
    ) as caught:
        clone(estimator).fit_transform(X)
    assert {warning.filename for warning in caught} == {__file__}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        clone(estimator).set_params(input_sr=12000).fit_transform(X)
        clone(estimator).fit_transform([(row, 12000) for row in y])


def test_a_classifier_says_it_once() -> None:
    y = 0.1 * np.random.default_rng(0).standard_normal((12, 2400)).astype(np.float32)
    y[::2] = y[::2].cumsum(axis=1) / 10
    model = SoundClassifier(RandomCNNFeatures("temporal", n_filters=4, n_workers=1))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        model.fit(y, ["a", "b"] * 6)
        for _ in range(3):
            model.predict(y)
    assert [warning.category for warning in caught].count(RateWarning) == 1
