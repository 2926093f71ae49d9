"""Features -> classes: extreme learning machines, ridge regressions, every classifier with its grid.

Importing this package loads no scikit-learn: a name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from elmarc.classifiers.grids import CLASSIFIERS, STUDY_CLASSIFIERS, ClassifierSpec, make_classifier

if TYPE_CHECKING:
    from elmarc.classifiers.elm import (
        ACTIVATIONS,
        ELMClassifier,
        ELMRegressor,
        GRBFRandomLayer,
        RandomLayer,
    )
    from elmarc.classifiers.ridge import LeaveOneOutRidge, LeaveOneOutRidgeClassifier

_HOMES = {
    "ACTIVATIONS": "elm",
    "ELMClassifier": "elm",
    "ELMRegressor": "elm",
    "GRBFRandomLayer": "elm",
    "LeaveOneOutRidge": "ridge",
    "LeaveOneOutRidgeClassifier": "ridge",
    "RandomLayer": "elm",
}
__all__ = [
    "ACTIVATIONS",
    "CLASSIFIERS",
    "STUDY_CLASSIFIERS",
    "ClassifierSpec",
    "ELMClassifier",
    "ELMRegressor",
    "GRBFRandomLayer",
    "LeaveOneOutRidge",
    "LeaveOneOutRidgeClassifier",
    "RandomLayer",
    "make_classifier",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'elmarc.classifiers' has no attribute {name!r}")
    return getattr(import_module(f"elmarc.classifiers.{_HOMES[name]}"), name)
