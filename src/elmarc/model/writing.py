"""A fitted `SoundClassifier` to one file; docs/predict.md describes the file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from importlib.metadata import PackageNotFoundError, version
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np

from elmarc import __version__
from elmarc._io import write_atomic
from elmarc.errors import ModelError
from elmarc.features.store import definition_key
from elmarc.features.transformer import MFCCFeatures, RandomCNNFeatures
from elmarc.frontends import frontends_of
from elmarc.model import estimators
from elmarc.model.container import pack
from elmarc.networks import NETWORKS

DESCRIPTION, CLASSIFIER, WEIGHTS = "model.json", "classifier.npz", "weights.safetensors"
KINDS = {kind.__name__: kind for kind in (RandomCNNFeatures, MFCCFeatures)}  # features that a file can hold
OF_THIS_MACHINE = ("batch_size", "n_workers", "device", "store")  # parameters that no file keeps
PACKAGES = ("torch", "numpy", "scikit-learn")
RATES = (100, 1_000_000)  # Hz; what a model may be asked to bring clips to, and from
MOST_GROWTH = 100  # of the number of samples


def save(model: Any, path: str | Path) -> None:
    """Write a fitted model, whole or not at all; the same model gives the same bytes.

    Raises
    ------
    ModelError
        It holds what a model file cannot.
    """
    check_rates(model)
    sizes = {"n_classes": len(model.classes_), "n_features": len(model.extractor_.columns)}
    parts = {CLASSIFIER: estimators.dump(model.estimator_, **sizes)}
    features = model.features_
    weights = _set_weights(features) if is_ours(network_of(features)) else _kept_weights(features)
    if weights is not None:
        parts[WEIGHTS] = weights
    text = json.dumps(_description(model), indent=1, sort_keys=True, default=plain, allow_nan=False)
    write_atomic(path, pack(parts | {DESCRIPTION: text.encode()}))


def check_rates(model: Any) -> None:
    """Refuse rates that would make long clips of short ones, or that no recorder has.

    Raises
    ------
    ModelError
    """
    sr = model.extractor_.frontend.sr
    given = sr if model.features_.input_sr is None else model.features_.input_sr
    possible = all(isinstance(rate, Integral) and RATES[0] <= int(rate) <= RATES[1] for rate in (given, sr))
    if not possible or sr > MOST_GROWTH * given:
        raise ModelError(
            f"input_sr {given!r}, sr {sr!r}: a model file holds rates of {RATES[0]} to {RATES[1]} Hz, sr at "
            f"most {MOST_GROWTH} times input_sr"
        )


def _description(model: Any) -> dict[str, Any]:
    network, definition = network_of(model.features_), model.extractor_.definition
    return {
        "elmarc": __version__,
        "parameters": {
            "features": _features(model.features_),
            "classifier": model.classifier,
            "standardise": model.standardise,
            "random_state": model.seed_,
        },
        "network": None if is_ours(network) else _named(network),
        "length": model.extractor_.length,
        "fix_length": model.extractor_.fix_length,
        "definition": definition,
        "definition_key": definition_key(definition),
        "n_features": len(model.extractor_.columns),
        "classes": {"dtype": str(model.classes_.dtype), "values": model.classes_.tolist()},
        "n_samples": getattr(model, "n_features_in_", None),
        "scale": model.scale_,
        "best_params": model.best_params_,
        "expected": None if model.expected_ is None else asdict(model.expected_),
        "n_clips": model.n_clips_,
        "versions": {package: _version(package) for package in PACKAGES},
    }


def _features(features: Any) -> dict[str, Any]:
    """Return the kind and the parameters of fitted features as JSON has them, the seed for a generator."""
    kind = type(features).__name__
    if KINDS.get(kind) is not type(features):
        raise ModelError(
            f"features: a model file cannot hold a {kind}: fit with {' or '.join(KINDS)}, or a name "
            "of a network"
        )
    parameters = features.get_params(deep=False)
    parameters = {"kind": kind} | {
        name: value for name, value in parameters.items() if name not in OF_THIS_MACHINE
    }
    if "random_state" in parameters:
        parameters["random_state"] = features.seed_
    front = parameters.get("frontend")
    if is_dataclass(front) and not isinstance(front, type):
        parameters["frontend"] = {"kind": features.extractor_.frontend.kind, **asdict(front)}
    if not is_ours(network_of(features)):
        parameters["network"] = None
    return parameters


def network_of(features: Any) -> Any:
    """Return the network as features name it; None where they have none."""
    return getattr(features, "network", None)


def is_ours(network: Any) -> bool:
    """Tell whether elmarc can build the network from what a file says, without the user's code."""
    kind = network.get("kind") if isinstance(network, Mapping) else network
    return kind is None or (isinstance(kind, str) and (kind in NETWORKS or kind in frontends_of(None)))


def _named(network: Any) -> str:
    """Say what a network of the user's own is, for the message that asks for it again."""
    if isinstance(network, Mapping):
        return str(network.get("factory", network.get("kind")))
    if isinstance(network, str):
        return network
    owner = network if hasattr(network, "__qualname__") else type(network)
    return f"{owner.__module__}:{owner.__qualname__}"


def _set_weights(features: Any) -> bytes | None:
    """Return the weights of a network of elmarc's; None where they are drawn from the seed again."""
    network = features.extractor_.network
    if network is None or network.is_drawn:
        return None
    from elmarc.model.weights import pack as packed

    return packed(network)


def _kept_weights(features: Any) -> bytes | None:
    """Return the weights of a network of the user's own; None where they were drawn from the seed."""
    from safetensors.torch import save as to_bytes
    from torch import nn

    from elmarc.networks.random_cnn import RandomCNN

    named, network = features.network, features.extractor_.network
    redrawn = isinstance(named, Mapping) and named.get("weights", "redraw") == "redraw"
    drawn = isinstance(network, RandomCNN) or not isinstance(named, Mapping | nn.Module)
    if network is None or redrawn or drawn:
        return None
    state = {
        name: tensor.detach().cpu().clone().contiguous() for name, tensor in network.state_dict().items()
    }
    return bytes(to_bytes(state))


def plain(value: Any) -> Any:
    """Return NumPy's numbers and sets of settings as JSON has them."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return dict(value)
    raise ModelError(f"a parameter is a {type(value).__name__}, {value!r}, which a model file cannot hold")


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
