"""A classifier whose network was trained: set weights, and the linear head as a logistic regression."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from elmarc.features.extractor import FeatureExtractor
from elmarc.model.expectation import Expectation
from elmarc.model.sound_classifier import TRAINED, SoundClassifier


def trained_classifier(
    model: SoundClassifier,
    extractor: FeatureExtractor,
    head: tuple[NDArray[np.float64], NDArray[np.float64]],
    *,
    classes: Sequence[str],
    labels: Sequence[str],
    best_params: Mapping[str, Any],
    expected: Expectation,
) -> SoundClassifier:
    """Return a classifier that says what a trained network says.

    Parameters
    ----------
    model : SoundClassifier
        Not fitted; of the network's section.
    extractor : FeatureExtractor
        Its network has the trained weights.
    head : (np.ndarray, np.ndarray) [shape=(n_classes, n_features), (n_classes,)]
        Pooled features to logits.
    classes : sequence of str
        In the order of the head.
    labels : sequence of str
        Of the clips that were learned from.
    best_params : mapping
        Learning rate and epochs.
    expected : Expectation
        The score of the study that it comes from.
    """
    model.classifier, model.standardise = TRAINED, None
    model.seed_, model.features_ = model.random_state, clone(model.features)
    model.features_.seed_, model.features_.extractor_ = model.features_.random_state, extractor
    model.classes_ = np.asarray(classes)
    counts = Counter(labels)
    model.n_clips_ = {name: counts[name] for name in classes}
    model.best_params_, model.expected_ = dict(best_params), expected
    model.estimator_, model.scale_ = logistic(*head), 1.0
    return model


def logistic(coef: NDArray[np.float64], intercept: NDArray[np.float64]) -> LogisticRegression:
    """Return a fitted logistic regression whose values differ from class to class as the logits do.

    Of two classes it has one value, which is above 0 for the second: half their difference.
    """
    if len(coef) == 2:
        coef, intercept = (coef[1:] - coef[:1]) / 2, (intercept[1:] - intercept[:1]) / 2
    estimator = LogisticRegression()
    estimator.classes_ = np.arange(max(2, len(coef)))
    estimator.coef_, estimator.intercept_ = coef, intercept
    estimator.n_features_in_ = coef.shape[1]
    return estimator
