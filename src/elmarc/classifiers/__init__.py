"""Features -> classes: random hidden layers, extreme learning machines, every classifier with its grid."""

from __future__ import annotations

from elmarc.classifiers.activations import ACTIVATIONS
from elmarc.classifiers.elm import ELMClassifier, ELMRegressor
from elmarc.classifiers.grids import CLASSIFIERS, STUDY_CLASSIFIERS, ClassifierSpec, make_classifier
from elmarc.classifiers.random_layer import GRBFRandomLayer, MLPRandomLayer, RandomLayer, RBFRandomLayer
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
