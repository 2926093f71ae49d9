"""The estimators keep scikit-learn's contract."""

from __future__ import annotations

from typing import Any

from sklearn.linear_model import Ridge
from sklearn.utils.estimator_checks import parametrize_with_checks

from elmarc.classifiers import (
    ELMClassifier,
    ELMRegressor,
    GRBFRandomLayer,
    LeaveOneOutRidge,
    RandomLayer,
)


@parametrize_with_checks(
    [
        RandomLayer(),
        RandomLayer(alpha=1.0),
        RandomLayer(alpha=0.0, activation="gaussian"),
        GRBFRandomLayer(),
        ELMClassifier(),
        ELMClassifier(hidden_layer=RandomLayer(30, alpha=0.0, random_state=0), regressor=Ridge()),
        ELMClassifier(activation="tanh"),
        ELMClassifier(scaled_weights=True, regressor=LeaveOneOutRidge()),
        ELMRegressor(),
        LeaveOneOutRidge(),
        ELMRegressor(hidden_layer=RandomLayer(100, random_state=0), regressor=Ridge()),
    ]
)
def test_estimator_keeps_scikit_learns_contract(estimator: Any, check: Any) -> None:
    check(estimator)
