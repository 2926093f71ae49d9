"""Features -> classes: random hidden layers, extreme learning machines, every classifier with its grid.

Importing this package loads no scikit-learn: a name is loaded when it is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from elmarc.classifiers.grids import CLASSIFIERS, STUDY_CLASSIFIERS, ClassifierSpec, make_classifier

if TYPE_CHECKING:
    from elmarc.classifiers.activations import ACTIVATIONS
    from elmarc.classifiers.elm import ELMClassifier, ELMRegressor
    from elmarc.classifiers.random_layer import (
        GRBFRandomLayer,
        MLPRandomLayer,
        RandomLayer,
        RBFRandomLayer,
    )
    from elmarc.classifiers.ridge import LeaveOneOutRidge
    from elmarc.classifiers.ridge_classifier import LeaveOneOutRidgeClassifier

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
    "MLPRandomLayer",
    "RBFRandomLayer",
    "RandomLayer",
    "make_classifier",
]

_HOMES = {
    "ACTIVATIONS": "activations",
    "ELMClassifier": "elm",
    "ELMRegressor": "elm",
    "GRBFRandomLayer": "random_layer",
    "LeaveOneOutRidge": "ridge",
    "LeaveOneOutRidgeClassifier": "ridge_classifier",
    "MLPRandomLayer": "random_layer",
    "RBFRandomLayer": "random_layer",
    "RandomLayer": "random_layer",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'elmarc.classifiers' has no attribute {name!r}")
    return getattr(import_module(f"elmarc.classifiers.{_HOMES[name]}"), name)
