"""From a model file to a `SoundClassifier`, or a refusal: nothing that a file names is imported."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline

from elmarc import __version__
from elmarc._errors import ElmarcError, ModelError
from elmarc._names import special
from elmarc.features.extractor import FeatureExtractor
from elmarc.features.store import definition_key
from elmarc.model import estimators
from elmarc.model.container import unpack
from elmarc.model.expectation import Expectation
from elmarc.model.sound_classifier import SoundClassifier
from elmarc.model.writing import CLASSIFIER, DESCRIPTION, WEIGHTS, is_ours, plain

SHOWN = 200  # characters of another package's message


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
        The file is damaged, of a newer version or no model; it holds a type that elmarc does not write; this
        elmarc would compute other features; or the network is missing, or another one.
    """
    source = str(path)
    try:
        if what := special(path):
            raise ModelError(f"{source}: is {what}, expected a model file that elmarc wrote")
        data = Path(path).read_bytes()
    except OSError as problem:
        raise ModelError(f"{source}: cannot be read: {problem.strerror or problem}") from None
    parts = unpack(data, source=source, known=(DESCRIPTION, CLASSIFIER, WEIGHTS))
    try:
        about = json.loads(parts[DESCRIPTION])
        model = _model(about, network, source)
        _restore(model, about, parts, source)
    except ModelError:
        raise
    except ElmarcError as problem:
        raise ModelError(f"{source}: cannot be rebuilt: {problem}") from problem
    except (ArithmeticError, KeyError, TypeError, ValueError, AttributeError, RecursionError) as problem:
        said = f"{type(problem).__name__}: {problem}"[:SHOWN]
        raise ModelError(
            f"{source}: {DESCRIPTION} is not as elmarc writes it ({said}): fit the model again"
        ) from None
    return model


def _model(about: Mapping[str, Any], network: Any, source: str) -> SoundClassifier:
    """Return the unfitted model, with the network that was given where the file asks for one."""
    parameters = dict(about["parameters"])
    if about["network"] is not None and network is None:
        raise ModelError(
            f"{source}: its network is one of your own, {about['network']}: give it again, as "
            "load(path, network=...). It is not imported because a file names it"
        )
    if about["network"] is None and network is not None:
        raise ModelError(f"{source}: its network is elmarc's {parameters['network']!r}: leave out network=")
    if about["network"] is None and not is_ours(parameters["network"]):
        raise ModelError(
            f"{source}: its network {parameters['network']!r} is none of elmarc's: install the newer one"
        )
    if network is not None:
        parameters["network"] = copy.deepcopy(network)
    return SoundClassifier(**parameters)


def _restore(
    model: SoundClassifier, about: Mapping[str, Any], parts: Mapping[str, bytes], source: str
) -> None:
    """Fill in what `fit` has found, and check that the features are those of the file."""
    model.seed_ = model.random_state
    model.extractor_ = model._rebuilt(about["length"], about["fix_length"])
    if WEIGHTS in parts:
        _take_weights(model.extractor_, parts[WEIGHTS], source)
    _check_features(model.extractor_, about, source)
    values, dtype = about["classes"]["values"], about["classes"]["dtype"]
    model.classes_ = np.asarray(values, dtype=dtype)
    model.scale_, model.best_params_ = float(about["scale"]), about["best_params"]
    model.expected_ = Expectation(**about["expected"]) if about["expected"] else None
    model.n_clips_ = about["n_clips"]
    if about["n_samples"] is not None:
        model.n_features_in_ = int(about["n_samples"])
    model.estimator_ = estimators.restore(parts[CLASSIFIER], source=source)
    _check_parts(model, source)


def _check_parts(model: SoundClassifier, source: str) -> None:
    """Refuse parts of different models: other features, or other classes than were fitted."""
    names = model.classes_.tolist() if model.classes_.ndim == 1 else []
    fitted = np.asarray(model.estimator_.classes_).tolist()
    n_columns = len(model.extractor_.columns)
    n_features = getattr(model.estimator_, "n_features_in_", n_columns)
    if len(set(names)) < max(len(names), 2) or fitted != list(range(len(names))) or n_features != n_columns:
        raise ModelError(
            f"{source}: its parts do not fit together: {len(names)} names for the classes {fitted}, "
            f"{n_columns} features for a classifier of {n_features}: fit the model again"
        )
    if not (np.isfinite(model.scale_) and model.scale_ > 0):
        raise ModelError(
            f"{source}: scale is {model.scale_}, expected a positive number: fit the model again"
        )
    if model.input_sr is not None and not isinstance(model.input_sr, int):
        raise ModelError(f"{source}: input_sr is {model.input_sr!r}, expected a rate: fit the model again")
    if not _neighbours_have_classes(model.estimator_, len(names)):
        raise ModelError(
            f"{source}: its classifier holds clips of classes that are none: fit the model again"
        )
    _check_answers(model, n_columns, source)


def _neighbours_have_classes(estimator: Any, n_classes: int) -> bool:
    """Tell whether each clip that nearest neighbours keep has its class: a probe meets only a few of them."""
    last = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    if not isinstance(last, KNeighborsClassifier):
        return True
    own = np.asarray(last._y)
    return own.shape == (len(last._fit_X),) and bool(np.isin(own, range(n_classes)).all())


def _check_answers(model: SoundClassifier, n_columns: int, source: str) -> None:
    """Refuse a classifier that cannot answer: parts of it may lack, or be of other lengths."""
    probe = np.linspace(-1, 1, n_columns, dtype=np.float32)[None]
    try:
        _, shares = model.classify(probe)
    except Exception as problem:  # whatever scikit-learn, SciPy and NumPy raise on halves of their objects
        raise ModelError(
            f"{source}: its classifier does not work ({type(problem).__name__}): fit the model again"
        ) from None
    if shares.shape != (1, len(model.classes_)) or not np.isfinite(shares).all():
        raise ModelError(
            f"{source}: its classifier gives no probability for some of {len(model.classes_)} classes: "
            "fit the model again"
        )


def _take_weights(extractor: FeatureExtractor, data: bytes, source: str) -> None:
    from safetensors import SafetensorError
    from safetensors.torch import load as from_bytes

    from elmarc.model import weights
    from elmarc.networks.random_cnn import RandomCNN

    if isinstance(extractor.network, RandomCNN):
        weights.take(extractor.network, data, source=source)
        return
    try:
        if extractor.network is not None:
            extractor.network.load_state_dict(from_bytes(data))
    except (SafetensorError, RuntimeError) as problem:
        raise ModelError(f"{source}: its weights are not those of the network given: {problem}") from None


def _check_features(extractor: FeatureExtractor, about: Mapping[str, Any], source: str) -> None:
    """Refuse where this elmarc, or this network, would compute other features."""
    definition = json.loads(json.dumps(extractor.definition, default=plain))
    wanted = about["definition"]
    if definition_key(definition) == about["definition_key"] and definition == wanted:
        return
    parts = sorted(key for key in {*definition, *wanted} if definition.get(key) != wanted.get(key))
    what = f"their {', '.join(parts)} differ" if parts else "they are computed in another way"
    own = "give the network that it was fitted with, " if about["network"] else ""
    raise ModelError(
        f"{source}: was fitted on features of elmarc {about['elmarc']}, and this is {__version__}, which "
        f"computes others ({what}): {own}install that version, or fit the model again"
    )
