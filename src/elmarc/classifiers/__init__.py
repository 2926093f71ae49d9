"""Features -> classes: random hidden layers, extreme learning machines, every classifier with its grid."""

from __future__ import annotations

from elmarc.classifiers.activations import ACTIVATIONS
from elmarc.classifiers.elm import ELMClassifier, ELMRegressor
from elmarc.classifiers.random_layer import GRBFRandomLayer, MLPRandomLayer, RandomLayer, RBFRandomLayer

__all__ = [
    "ACTIVATIONS",
    "ELMClassifier",
    "ELMRegressor",
    "GRBFRandomLayer",
    "MLPRandomLayer",
    "RBFRandomLayer",
    "RandomLayer",
]
