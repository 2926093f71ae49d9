"""elmarc: audio features from randomly weighted CNNs that are never trained.

    audio -> frontends -> networks -> features -> classifiers -> evaluation -> comparison -> reports

A study is a data set and a list of systems; a system is features, a head and a seed; a head is a classifier,
a training, or features made elsewhere. What `__all__` and `elmarc.errors` list is stable: see docs/stable.md.
"""

from __future__ import annotations

import logging
from importlib import import_module
from typing import TYPE_CHECKING, Any

from elmarc import errors

if TYPE_CHECKING:
    from elmarc.classifiers.elm import ELMClassifier
    from elmarc.datasets import open_dataset
    from elmarc.errors import ElmarcError
    from elmarc.features.extractor import FeatureExtractor
    from elmarc.features.matrix import FeatureMatrix
    from elmarc.features.transformer import MFCCFeatures, RandomCNNFeatures
    from elmarc.model.sound_classifier import SoundClassifier, load
    from elmarc.networks import build_network, list_networks
    from elmarc.study.ranking import Ranking, rank, train

__version__ = "0.1.0"
logging.getLogger(__name__).addHandler(logging.NullHandler())  # or logging prints what nobody handles

_HOMES = {
    "ELMClassifier": "classifiers.elm",
    "ElmarcError": "errors",
    "Ranking": "study.ranking",
    "open_dataset": "datasets",
    "FeatureExtractor": "features.extractor",
    "FeatureMatrix": "features.matrix",
    "MFCCFeatures": "features.transformer",
    "RandomCNNFeatures": "features.transformer",
    "SoundClassifier": "model.sound_classifier",
    "build_network": "networks",
    "list_networks": "networks",
    "load": "model.sound_classifier",
    "rank": "study.ranking",
    "train": "study.ranking",
}

__all__ = [
    "ELMClassifier",
    "ElmarcError",
    "FeatureExtractor",
    "FeatureMatrix",
    "MFCCFeatures",
    "RandomCNNFeatures",
    "Ranking",
    "SoundClassifier",
    "__version__",
    "build_network",
    "errors",
    "list_networks",
    "load",
    "open_dataset",
    "rank",
    "train",
]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first asked for: importing elmarc alone stays fast."""
    if name not in _HOMES:
        raise AttributeError(f"module 'elmarc' has no attribute {name!r}")
    return getattr(import_module(f"elmarc.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    """Offer the public names before they are loaded."""
    return sorted({*globals(), *__all__})
