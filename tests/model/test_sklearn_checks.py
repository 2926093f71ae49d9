"""A sound classifier is a scikit-learn classifier of waveform arrays."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from elmarc import RandomCNNFeatures, SoundClassifier

SMALL = {"n_filters": 4, "duration": 0.15, "fix_length": "repeat-pad"}


@parametrize_with_checks([SoundClassifier(RandomCNNFeatures("7x96", recipe="v2", **SMALL))])
@pytest.mark.filterwarnings("ignore:no accuracy to expect")
def test_scikit_learn_accepts_it(estimator, check) -> None:
    check(estimator)
