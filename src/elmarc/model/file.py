"""Fitted models as files: a header line, a checksum of the rest, and a zip of a description and arrays.

The header names the format. A changed, missing or additional byte is detected before anything is read from
the zip, whose parts are stored without compression: what is opened is never larger than the file. Nothing
that a file names is imported, no pickle is read, and the same model gives the same bytes (see
docs/predict.md).
"""

from __future__ import annotations

import hashlib
import io
import json
import math
import zipfile
from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict, fields, is_dataclass
from importlib.metadata import version
from numbers import Integral
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load as arrays_from
from safetensors.numpy import save as bytes_of
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import ParameterGrid

from elmarc import __version__
from elmarc._io import write_atomic
from elmarc._names import special
from elmarc.audio.decode import MAX_CLIP_BYTES
from elmarc.errors import ConfigError, ElmarcError, ModelError
from elmarc.features.extractor import FeatureExtractor
from elmarc.features.store import definition_key
from elmarc.features.transformer import MFCCFeatures, RandomCNNFeatures
from elmarc.frontends import frontends_of
from elmarc.model import estimators
from elmarc.model.learning import TRAINED, Expectation
from elmarc.model.unknown import Check, Unknown, restored
from elmarc.networks import NETWORKS
from elmarc.networks.base import Network
from elmarc.networks.random_cnn import RandomCNN
from elmarc.networks.section import parts_of

if TYPE_CHECKING:
    from elmarc.model.sound_classifier import SoundClassifier

FORMAT = 3  # rises whenever an older elmarc would read a file wrongly
MAGIC = b"elmarc model "
LONGEST_HEADER = len(MAGIC) + 20
N_DIGITS = 64  # of sha256, hexadecimal
DATE = (1980, 1, 1, 0, 0, 0)  # of the parts of a zip: the same parts give the same bytes
N_SHOWN = 400  # characters of a message, which may repeat what is in the file
DESCRIPTION, CLASSIFIER, WEIGHTS = "model.json", "classifier.npz", "weights.safetensors"
UNKNOWN = "unknown.safetensors"

KINDS = {kind.__name__: kind for kind in (RandomCNNFeatures, MFCCFeatures)}  # features that a file can hold
OF_THIS_MACHINE = ("batch_size", "n_workers", "device", "store")  # parameters that are not written
PACKAGES = ("torch", "numpy", "scikit-learn")
RATES = (100, 1_000_000)  # Hz; of waveforms, and what clips are resampled to
MOST_GROWTH = 100  # of the number of samples, by resampling
LEVEL, SPREAD = "level", "spread"  # of the input, by which a trained network standardises it

Description = Mapping[str, Any]


def save(model: SoundClassifier, path: str | Path) -> None:
    """Write a fitted model, whole or not at all; a ModelError where a file cannot hold it."""
    _check_rates(model)
    sizes = {"n_classes": len(model.classes_), "n_features": len(model.extractor_.columns)}
    parts = {CLASSIFIER: zip_of(estimators.dump(model.estimator_, **sizes))}
    weights = _weights(model.features_)
    if weights is not None:
        parts[WEIGHTS] = weights
    if model.unknown_ is not None:
        parts[UNKNOWN] = bytes_of({key: np.atleast_1d(x) for key, x in asdict(model.unknown_).items()})
    text = json.dumps(_description(model), indent=1, sort_keys=True, default=_plain, allow_nan=False)
    write_atomic(path, pack(parts | {DESCRIPTION: text.encode()}))


def restore(model: SoundClassifier, path: str | Path, *, network: Any = None) -> None:
    """Make an unfitted classifier the one in a file: see `sound_classifier.load`."""
    try:
        if kind := special(path):
            raise ModelError(f"is {kind}, expected a model file that elmarc wrote")
        parts = unpack(Path(path).read_bytes(), known=(DESCRIPTION, CLASSIFIER, WEIGHTS, UNKNOWN))
        _restore(model, json.loads(parts[DESCRIPTION]), parts, network)
    except OSError as problem:
        raise ModelError(f"{path}: cannot be read: {problem.strerror or problem}") from None
    except ElmarcError as problem:
        raise ModelError(f"{path}: {str(problem)[:N_SHOWN]}") from problem
    except Exception as problem:  # whatever Python and its packages raise on a document of another form
        raise ModelError(
            f"{path}: is not as elmarc writes it ({type(problem).__name__}: {str(problem)[:N_SHOWN]}): fit "
            "the model again"
        ) from problem


# Bytes


def pack(parts: Mapping[str, bytes]) -> bytes:
    """Return a model file of parts by name."""
    header, body = MAGIC + str(FORMAT).encode() + b"\n", zip_of(parts)
    return header + _digest(header, body) + b"\n" + body


def unpack(data: bytes, *, known: Collection[str]) -> dict[str, bytes]:
    """Return the parts of a model file, which may have the names in `known`; else raise a ModelError."""
    header, newline, _ = data[:LONGEST_HEADER].partition(b"\n")
    number = header.removeprefix(MAGIC)
    if not data.startswith(MAGIC) or not newline or not number.isdigit():
        raise ModelError("no model file of elmarc, or damaged: give a file that `save` wrote")
    if int(number) != FORMAT:
        raise ModelError(
            f"model format {int(number)}, this elmarc reads {FORMAT}: install the elmarc that "
            "wrote it, or fit the model again"
        )
    start = len(header) + 1
    digest, body = data[start : start + N_DIGITS + 1], data[start + N_DIGITS + 1 :]
    if digest != _digest(data[:start], body) + b"\n":
        raise ModelError(
            f"damaged: its checksum is not that of its {len(data)} bytes: fetch the file again, or "
            "fit the model again"
        )
    return unzip(body, known=known)


def zip_of(parts: Mapping[str, bytes]) -> bytes:
    """Return a zip without compression or dates, parts in the order of their names."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(parts):
            archive.writestr(zipfile.ZipInfo(name, DATE), parts[name])
    return buffer.getvalue()


def unzip(body: bytes, *, known: Collection[str] | None = None) -> dict[str, bytes]:
    """Return the parts of a zip in memory. Raises ModelError where one is compressed, twice or not known."""
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            entries = archive.infolist()
            if len({entry.filename for entry in entries}) < len(entries):
                raise ModelError("a part is there twice: fit the model again")
            for entry in entries:
                if known is not None and entry.filename not in known:
                    raise ModelError(
                        f"holds a part {entry.filename!r}, expected {', '.join(sorted(known))}: do not "
                        "trust this file, or install the elmarc that wrote it"
                    )
            is_larger = sum(entry.file_size for entry in entries) > len(body)
            if is_larger or any(entry.compress_type != zipfile.ZIP_STORED for entry in entries):
                raise ModelError("its parts are compressed, which elmarc never does: do not trust this file")
            return {entry.filename: archive.read(entry) for entry in entries}
    except ModelError:
        raise
    except (zipfile.BadZipFile, ValueError, EOFError, NotImplementedError, RuntimeError) as problem:
        raise ModelError(f"its zip cannot be read ({str(problem)[:N_SHOWN]}): fit the model again") from None


def _digest(header: bytes, body: bytes) -> bytes:
    return hashlib.sha256(header + body).hexdigest().encode()


# From a model to its description


def _check_rates(model: SoundClassifier) -> None:
    """Refuse rates that would make long clips of short ones, or that no recorder has."""
    sr = model.extractor_.frontend.sr
    input_sr = sr if model.features_.input_sr is None else model.features_.input_sr
    possible = all(
        isinstance(rate, Integral) and RATES[0] <= int(rate) <= RATES[1] for rate in (input_sr, sr)
    )
    if not possible or sr > MOST_GROWTH * input_sr:
        raise ModelError(
            f"input_sr {input_sr!r}, sr {sr!r}: a model file holds rates of {RATES[0]} to {RATES[1]} Hz, sr "
            f"at most {MOST_GROWTH} times input_sr"
        )


def _description(model: SoundClassifier) -> dict[str, Any]:
    network, definition = getattr(model.features_, "network", None), model.extractor_.definition
    return {
        "elmarc": __version__,
        "parameters": {
            "features": _features(model.features_),
            "classifier": model.classifier,
            "standardise": model.standardise,
            "random_state": model.seed_,
        },
        "network": None if _is_ours(network) else _named(network),
        "length": model.extractor_.input_length,
        "fix_length": model.extractor_.fix_length,
        "definition": definition,
        "definition_key": definition_key(definition),
        "classes": {"dtype": str(model.classes_.dtype), "values": model.classes_.tolist()},
        "n_samples": getattr(model, "n_features_in_", None),
        "scale": model.scale_,
        "best_params": model.best_params_,
        "expected": None if model.expected_ is None else asdict(model.expected_),
        "n_clips": model.n_clips_,
        "unknown": None if model.check_ is None else asdict(model.check_),
        "versions": {package: version(package) for package in PACKAGES},
    }


def _features(features: Any) -> dict[str, Any]:
    """Return the kind and the parameters of fitted features as JSON has them, the seed for a generator."""
    kind = type(features).__name__
    if KINDS.get(kind) is not type(features):
        raise ModelError(
            f"features: a model file cannot hold a {kind}: fit with {' or '.join(KINDS)}, or the name of a "
            "network"
        )
    parameters = {
        name: value for name, value in features.get_params(deep=False).items() if name not in OF_THIS_MACHINE
    }
    if "random_state" in parameters:
        parameters["random_state"] = features.seed_
    front = parameters.get("frontend")
    if is_dataclass(front) and not isinstance(front, type):
        parameters["frontend"] = {"kind": features.extractor_.frontend.kind, **asdict(front)}
    if not _is_ours(getattr(features, "network", None)):
        parameters["network"] = None
    return {"kind": kind, **parameters}


def _is_ours(network: Any) -> bool:
    """Return whether elmarc can build the network from its description, without the user's code."""
    if parts := parts_of(network):
        return all(map(_is_ours, parts))
    kind = network.get("kind") if isinstance(network, Mapping) else network
    return kind is None or (isinstance(kind, str) and (kind in NETWORKS or kind in frontends_of(None)))


def _named(network: Any) -> str:
    """Name a network of the user's, for the message that asks for it again."""
    if parts := parts_of(network):
        return "+".join(map(_named, parts))
    if isinstance(network, Mapping):
        return str(network.get("factory", network.get("kind")))
    if isinstance(network, str):
        return network
    owner = network if hasattr(network, "__qualname__") else type(network)
    return f"{owner.__module__}:{owner.__qualname__}"


def _plain(value: Any) -> Any:
    """Return NumPy's numbers and mappings as JSON has them."""
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, Mapping):
        return dict(value)
    raise ModelError(f"a parameter is a {type(value).__name__}, {value!r}, which a model file cannot hold")


# Weights of networks


def _weights(features: Any) -> bytes | None:
    """Return weights that were trained or kept; None where the seed draws them again."""
    network, named = features.extractor_.network, getattr(features, "network", None)
    if isinstance(network, RandomCNN):
        if network.is_drawn:
            return None
        arrays = dict(zip(_layers(network), network.get_weights(), strict=True))
        if network.standards is not None:
            arrays |= dict(zip((LEVEL, SPREAD), network.standards, strict=True))
        return bytes(bytes_of(arrays))
    from safetensors.torch import save as bytes_of_tensors
    from torch import nn

    redrawn = isinstance(named, Mapping) and named.get("weights", "redraw") == "redraw"
    if network is None or redrawn or not isinstance(named, Mapping | nn.Module):
        return None
    state = network.state_dict()
    return bytes(bytes_of_tensors({name: t.detach().cpu().clone().contiguous() for name, t in state.items()}))


def _set_weights(network: Network | None, data: bytes) -> None:
    """Set the weights of `_weights`."""
    if network is None:
        raise ModelError("has weights, and its network has none: do not trust it")
    try:
        if isinstance(network, RandomCNN):
            _set_layers(network, data)
        else:
            from safetensors.torch import load as tensors_from

            network.load_state_dict(tensors_from(data))
    except (SafetensorError, ConfigError, ValueError, RuntimeError) as problem:
        which = f"network {network.name}" if isinstance(network, RandomCNN) else "network given"
        raise ModelError(f"its weights are not those of the {which}: {problem}: fit it again") from None


def _set_layers(network: RandomCNN, data: bytes) -> None:
    arrays = {name: np.asarray(array, np.float32) for name, array in arrays_from(data).items()}
    standards = (arrays.pop(LEVEL), arrays.pop(SPREAD)) if {LEVEL, SPREAD} <= set(arrays) else None
    if sorted(arrays) != sorted(_layers(network)):
        raise ConfigError(f"found {', '.join(sorted(arrays))}")
    if not all(np.isfinite(array).all() for array in (*arrays.values(), *(standards or ()))):
        raise ConfigError("some are not finite")
    network.set_weights([arrays[name] for name in _layers(network)], standards=standards)


def _layers(network: RandomCNN) -> list[str]:
    return [f"{layer}.{part}" for layer in network.convs for part in ("kernel", "bias")]


# From a description to a model


def _restore(model: SoundClassifier, about: Description, parts: Mapping[str, bytes], network: Any) -> None:
    model.set_params(**_parameters(model, about, network))
    model.seed_ = model.random_state
    if type(model.seed_) is not int:
        raise ModelError(f"random_state is {model.seed_!r}, expected a whole number")
    model.features_ = clone(model.features).restore(about["length"], about["fix_length"])
    _check_rates(model)
    _check_length(model.extractor_)
    if WEIGHTS in parts:
        _set_weights(model.extractor_.network, parts[WEIGHTS])
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
    sizes = {"n_classes": len(model.classes_), "n_features": len(model.extractor_.columns)}
    estimators.restore(model.estimator_, unzip(parts[CLASSIFIER]), **sizes)
    _check_probabilities(model, sizes["n_features"])
    model.unknown_ = model.check_ = None
    if UNKNOWN in parts:
        arrays = arrays_from(parts[UNKNOWN])
        model.unknown_ = restored([arrays[each.name] for each in fields(Unknown)], sizes["n_features"])
    if (told := about.get("unknown")) is not None:
        model.check_ = Check(**{key: _number(key, told[key], 0.0, 1.0) for key in ("auroc", "false_alarms")})


def _parameters(model: SoundClassifier, about: Description, network: Any) -> dict[str, Any]:
    """Return the constructor's parameters, with the network that was given where the file asks for one."""
    parameters = dict(about["parameters"])
    _check_names(parameters, model)
    features = dict(parameters["features"])
    made = KINDS[features.pop("kind")]()
    _check_names(features, made)
    if about["network"] is not None and network is None:
        raise ModelError(
            f"its network is one of your own, {str(about['network'])[:N_SHOWN]}: give it again, as "
            "load(path, network=...). It is not imported because a file names it"
        )
    if about["network"] is None and network is not None:
        raise ModelError(f"its network is elmarc's {features['network']!r}: leave out network=")
    if about["network"] is None and not _is_ours(features.get("network")):
        raise ModelError(
            f"its network {features['network']!r} is none of elmarc's: install the elmarc that wrote it"
        )
    if network is not None:
        length = about["length"]
        n_parts, n_given = len(length) if isinstance(length, list) else 1, len(parts_of(network)) or 1
        if n_given != n_parts:
            raise ModelError(
                f"its network is {str(about['network'])[:N_SHOWN]}: found {n_given} parts, expected "
                f"{n_parts}: give the network that it was fitted with"
            )
        features["network"] = network  # a clone of it is fitted
    if hasattr(made, "store"):
        features["store"] = None  # features of new clips are not stored
    return parameters | {"features": made.set_params(**features)}


def _check_names(parameters: Description, estimator: Any) -> None:
    """Refuse parameters that `save` does not write."""
    known = estimator.get_params(deep=False).keys() - set(OF_THIS_MACHINE)
    if unknown := sorted(parameters.keys() - known):
        raise ModelError(f"sets {unknown[0]!r}, which no model file does: do not trust it")


def _unfitted(model: SoundClassifier) -> Any:
    """Return the classifier with the hyper-parameters that were chosen, each a value of its grid."""
    if model.classifier == TRAINED:
        return LogisticRegression()
    spec = model.spec()
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
    for part in extractor.parts:
        if part.length is not None:
            most = MAX_CLIP_BYTES / 4 / part.frontend.sr * (part.frontend.positions_per_second or 0.0)
            _number("length", part.length, 1, most)


def _check_features(extractor: FeatureExtractor, about: Description) -> None:
    """Refuse a model of which this elmarc, or this network, would compute other features."""
    definition = json.loads(json.dumps(extractor.definition, default=_plain))
    wanted = about["definition"]
    if definition_key(definition) == about["definition_key"] and definition == wanted:
        return
    parts = sorted(key for key in {*definition, *wanted} if definition.get(key) != wanted.get(key))
    what = f"their {', '.join(parts)} differ" if parts else "they are computed in another way"
    way_out = "give the network that it was fitted with, " if about["network"] else ""
    raise ModelError(
        f"was fitted on features of elmarc {about['elmarc']}, and this is {__version__}, which computes "
        f"others ({what}): {way_out}install that version, or fit the model again"
    )


def _check_probabilities(model: SoundClassifier, n_columns: int) -> None:
    """Refuse a classifier whose numbers, each of them possible, give no probabilities."""
    probe = np.linspace(-1, 1, n_columns, dtype=np.float32)[None]
    _, shares = model.classify(probe)
    if shares.shape != (1, len(model.classes_)) or not np.isfinite(shares).all():
        raise ModelError(f"its classifier gives no probability for some of {len(model.classes_)} classes")
