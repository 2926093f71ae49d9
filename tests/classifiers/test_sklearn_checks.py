"""The estimators keep scikit-learn's contract."""

from __future__ import annotations

from typing import Any

from sklearn.linear_model import Ridge
from sklearn.utils.estimator_checks import parametrize_with_checks

from elmarc.classifiers import ELMClassifier, LeaveOneOutRidge


@parametrize_with_checks(
    [
        ELMClassifier(),
        ELMClassifier(30, regressor=Ridge()),
        ELMClassifier(activation="tanh"),
        ELMClassifier(scaled_weights=True, regressor=LeaveOneOutRidge()),
        LeaveOneOutRidge(),
    ]
)
def test_estimator_keeps_scikit_learns_contract(estimator: Any, check: Any) -> None:
    check(estimator)
