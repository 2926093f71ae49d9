"""Features -> classes: extreme learning machine, ridge regressions, every classifier with its grid.

Importing this package loads no scikit-learn: a name is loaded when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from elmarc.classifiers.grids import CLASSIFIERS, STUDY_CLASSIFIERS, ClassifierSpec, make_classifier

if TYPE_CHECKING:
    from elmarc.classifiers.elm import ELMClassifier
    from elmarc.classifiers.ridge import LeaveOneOutRidge, LeaveOneOutRidgeClassifier

__all__ = [
    "CLASSIFIERS",
    "STUDY_CLASSIFIERS",
    "ClassifierSpec",
    "ELMClassifier",
    "LeaveOneOutRidge",
    "LeaveOneOutRidgeClassifier",
    "make_classifier",
]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module 'elmarc.classifiers' has no attribute {name!r}")
    return getattr(import_module(f"elmarc.classifiers.{'elm' if name == 'ELMClassifier' else 'ridge'}"), name)
