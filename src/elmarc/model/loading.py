"""From a model file to a `SoundClassifier`, or a refusal: nothing that a file names is imported."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import ParameterGrid

from elmarc import __version__
from elmarc._names import special
from elmarc.audio.decode import MAX_CLIP_BYTES
from elmarc.errors import ElmarcError, ModelError
from elmarc.features.extractor import FeatureExtractor
from elmarc.features.store import definition_key
from elmarc.model import estimators
from elmarc.model.container import unpack
from elmarc.model.expectation import Expectation
from elmarc.model.sound_classifier import TRAINED, SoundClassifier
from elmarc.model.writing import (
    CLASSIFIER,
    DESCRIPTION,
    KINDS,
    OF_THIS_MACHINE,
    WEIGHTS,
    check_rates,
    is_ours,
    plain,
)

SHOWN = 400  # characters of a message, which may repeat what is in the file
Description = Mapping[str, Any]


def load(path: str | Path, *, network: Any = None) -> SoundClassifier:
    """Read a model that `SoundClassifier.save` has written.

    No code is imported or run that the file names, and no pickle is read.

    Parameters
    ----------
    path : str or Path
        The file.
    network : module, factory, mapping or Network, or None
        The network, where the model has one of your own: the file says which, and keeps its weights where
        they were kept, but never its code.

    Returns
    -------
    SoundClassifier
        Fitted.

    Raises
    ------
    ModelError
        The file is damaged, of another version or no model; it holds what elmarc does not write; this elmarc
        would compute other features; or the network is missing, or another one.
    """
    try:
        if what := special(path):
            raise ModelError(f"is {what}, expected a model file that elmarc wrote")
        return _model(unpack(Path(path).read_bytes(), known=(DESCRIPTION, CLASSIFIER, WEIGHTS)), network)
    except OSError as problem:
        raise ModelError(f"{path}: cannot be read: {problem.strerror or problem}") from None
    except ElmarcError as problem:
        raise ModelError(f"{path}: {str(problem)[:SHOWN]}") from problem
    except Exception as problem:  # whatever Python and its packages raise on a document of another form
        raise ModelError(
            f"{path}: is not as elmarc writes it ({type(problem).__name__}: {str(problem)[:SHOWN]}): fit the "
            "model again"
        ) from problem


def _model(parts: Mapping[str, bytes], network: Any) -> SoundClassifier:
    about = json.loads(parts[DESCRIPTION])
    model = SoundClassifier(**_parameters(about, network))
    model.seed_ = model.random_state
    if type(model.seed_) is not int:
        raise ModelError(f"random_state is {model.seed_!r}, expected a whole number")
    model.features_ = clone(model.features).restore(about["length"], about["fix_length"])
    check_rates(model)
    _check_length(model.extractor_)
    if WEIGHTS in parts:
        _take_weights(model.extractor_, parts[WEIGHTS])
    _check_features(model.extractor_, about)
    model.classes_ = _classes(**about["classes"])
    model.best_params_ = dict(about["best_params"])
    _check_scalars("best_params", model.best_params_.values())
    model.n_clips_ = {name: _number("n_clips", n, 0, MAX_CLIP_BYTES) for name, n in about["n_clips"].items()}
    model.scale_ = _number("scale", about["scale"], 1.0 / estimators.LARGEST, estimators.LARGEST)
    model.expected_ = None if about["expected"] is None else _expectation(about["expected"])
    if about["n_samples"] is not None:
        model.features_.n_features_in_ = _number("n_samples", about["n_samples"], 1, MAX_CLIP_BYTES)
    model.estimator_ = _unfitted(model)
    n_columns = len(model.extractor_.columns)
    estimators.restore(
        model.estimator_, parts[CLASSIFIER], n_classes=len(model.classes_), n_features=n_columns
    )
    _check_answers(model, n_columns)
    return model


def _parameters(about: Description, network: Any) -> dict[str, Any]:
    """Return the constructor's parameters, with the network that was given where the file asks for one."""
    parameters = dict(about["parameters"])
    _check_known(parameters, SoundClassifier())
    features = dict(parameters["features"])
    made = KINDS[features.pop("kind")]()
    _check_known(features, made)
    if about["network"] is not None and network is None:
        raise ModelError(
            f"its network is one of your own, {str(about['network'])[:SHOWN]}: give it again, as load(path, "
            "network=...). It is not imported because a file names it"
        )
    if about["network"] is None and network is not None:
        raise ModelError(f"its network is elmarc's {features['network']!r}: leave out network=")
    if about["network"] is None and not is_ours(features.get("network")):
        raise ModelError(
            f"its network {features['network']!r} is none of elmarc's: install the elmarc that wrote it"
        )
    if network is not None:
        features["network"] = network  # a clone of it is fitted
    if hasattr(made, "store"):
        features["store"] = None  # features of new clips are not stored
    return parameters | {"features": made.set_params(**features)}


def _check_known(parameters: Description, estimator: Any) -> None:
    known = estimator.get_params(deep=False).keys() - set(OF_THIS_MACHINE)
    if strange := sorted(parameters.keys() - known):
        raise ModelError(f"sets {strange[0]!r}, which no model file does: do not trust it")


def _unfitted(model: SoundClassifier) -> Any:
    """Return the classifier with the hyper-parameters that were chosen, each as the grid has it."""
    if model.classifier == TRAINED:
        return LogisticRegression()
    spec = model._spec()
    candidates = list(ParameterGrid(spec.grid))
    for name, value in model.best_params_.items():
        values = [candidate[name] for candidate in candidates if name in candidate]
        if value not in values and not (_is_positive(value) and any(map(_is_positive, values))):
            raise ModelError(f"best_params: {name} is {value!r}, expected the like of {values[:3]}")
    return spec.estimator.set_params(**model.best_params_)


def _is_positive(value: Any) -> bool:
    return not isinstance(value, bool | str | None) and 0 < value < math.inf


def _classes(values: list[Any], dtype: str) -> NDArray[Any]:
    kind = np.dtype(dtype)
    if kind.kind not in "biufUO" or kind.itemsize * len(values) > MAX_CLIP_BYTES:
        raise ModelError(f"classes: {dtype} is no type of labels")
    _check_scalars("classes", values)
    classes = np.asarray(values, dtype=kind)
    if len(set(values)) < max(len(values), 2) or classes.tolist() != values:
        raise ModelError(f"classes: {len(values)} labels, expected two or more that differ")
    return classes


def _expectation(values: dict[str, Any]) -> Expectation:
    most = {name: MAX_CLIP_BYTES if name in ("n_clips", "n_folds") else 1 for name in values}
    if values["low"] is values["high"] is None:  # there are too few groups
        most = {name: limit for name, limit in most.items() if name not in ("low", "high")}
    return Expectation(
        **values | {name: _number(name, values[name], 0, limit) for name, limit in most.items()}
    )


def _check_scalars(name: str, values: Iterable[Any]) -> None:
    for value in values:
        if isinstance(value, list | dict):
            raise ModelError(f"{name} holds a {type(value).__name__}, expected words and numbers")


def _number(name: str, value: Any, least: float, most: float) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise ModelError(f"{name} is {value!r}, expected a number from {least:g} to {most:g}")
    return value


def _check_length(extractor: FeatureExtractor) -> None:
    """Refuse an input that no clip fills: each would be padded to it."""
    front, length = extractor.frontend, extractor.length
    if length is not None:
        most = MAX_CLIP_BYTES / 4 / front.sr * (front.positions_per_second or 0.0)
        _number("length", length, 1, most)


def _check_answers(model: SoundClassifier, n_columns: int) -> None:
    """Refuse a classifier whose numbers, each of them possible, give no probabilities."""
    probe = np.linspace(-1, 1, n_columns, dtype=np.float32)[None]
    _, shares = model.classify(probe)
    if shares.shape != (1, len(model.classes_)) or not np.isfinite(shares).all():
        raise ModelError(f"its classifier gives no probability for some of {len(model.classes_)} classes")


def _take_weights(extractor: FeatureExtractor, data: bytes) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import load as from_bytes

    from elmarc.model import weights
    from elmarc.networks.random_cnn import RandomCNN

    if isinstance(extractor.network, RandomCNN):
        weights.take(extractor.network, data)
        return
    try:
        if extractor.network is not None:
            extractor.network.load_state_dict(from_bytes(data))
    except (SafetensorError, RuntimeError) as problem:
        raise ModelError(f"its weights are not those of the network given: {problem}") from None


def _check_features(extractor: FeatureExtractor, about: Description) -> None:
    """Refuse where this elmarc, or this network, would compute other features."""
    definition = json.loads(json.dumps(extractor.definition, default=plain))
    wanted = about["definition"]
    if definition_key(definition) == about["definition_key"] and definition == wanted:
        return
    parts = sorted(key for key in {*definition, *wanted} if definition.get(key) != wanted.get(key))
    what = f"their {', '.join(parts)} differ" if parts else "they are computed in another way"
    own = "give the network that it was fitted with, " if about["network"] else ""
    raise ModelError(
        f"was fitted on features of elmarc {about['elmarc']}, and this is {__version__}, which computes "
        f"others ({what}): {own}install that version, or fit the model again"
    )
