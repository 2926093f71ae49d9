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
    MLPRandomLayer,
    RandomLayer,
    RBFRandomLayer,
)


@parametrize_with_checks(
    [
        RandomLayer(),
        MLPRandomLayer(),
        RBFRandomLayer(),
        GRBFRandomLayer(),
        ELMClassifier(),
        ELMClassifier(hidden_layer=RBFRandomLayer(30, activation="tanh", random_state=0), regressor=Ridge()),
        ELMClassifier(ridge=1.0, activation="tanh"),
        ELMClassifier(scaled_weights=True, regressor=LeaveOneOutRidge()),
        ELMRegressor(),
        LeaveOneOutRidge(),
        ELMRegressor(alpha=0.5, regressor=Ridge()),
    ]
)
def test_estimator_keeps_scikit_learns_contract(estimator: Any, check: Any) -> None:
    check(estimator)
