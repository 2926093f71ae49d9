"""Model files that were good once: the container, and what lies in it under a right checksum."""

from __future__ import annotations

import io
import json
import re
import tempfile
import warnings
from dataclasses import replace
from functools import cache
from pathlib import Path
from unittest.mock import patch

import numpy as np
from hypothesis import strategies as st
from sklearn.neural_network import MLPClassifier
from tests.fuzz.mutations import damaged
from tests.fuzz.structures import edited
from tests.fuzz.watch import CANARY, Fault, refusal, watched
from tests.sounds import noises

import elmarc
from elmarc import RandomCNNFeatures, SoundClassifier
from elmarc.classifiers import CLASSIFIERS
from elmarc.errors import ElmarcError
from elmarc.model.file import CLASSIFIER, DESCRIPTION, UNKNOWN, WEIGHTS, pack, unpack, unzip, zip_of

KNOWN = (DESCRIPTION, CLASSIFIER, WEIGHTS, UNKNOWN)
WORDS = (
    CANARY, "os", "system", "vgg", "ridge", "svm", "linear_svm", "elm", "knn", "mlp", "linear", "trained",
    "precomputed", "auto", "float64", "float32", "int32", "<U3", "O", "S1", [3], 2, 100, 12000, 10**6,
    2**31 - 1, "meta", "cuda", "store", "/tmp/elsewhere", {"kind": "external", "factory": f"{CANARY}:make"},
    {"store": "/tmp/elsewhere"}, {"device": "meta"},
)  # fmt: skip


@cache
def wholes() -> tuple[bytes, ...]:
    """Return a small model of each classifier."""
    sounds, labels = noises(18, seed=1)
    few = {
        "elm": replace(CLASSIFIERS["elm"], grid={"n_hidden": [20, 40]}),
        "svm": replace(CLASSIFIERS["svm"], grid={"gamma": ["auto"], "C": [1, 8]}),
        "mlp": replace(
            CLASSIFIERS["mlp"], make=lambda seed: MLPClassifier((20,), max_iter=5, random_state=seed)
        ),
    }
    made = []
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings(), patch.dict(CLASSIFIERS, few):
        warnings.simplefilter("ignore")
        for classifier in CLASSIFIERS:
            features = RandomCNNFeatures("timbral", recipe="v2", n_filters=4, n_workers=1)
            model = SoundClassifier(features, classifier)
            model.fit(sounds, labels).save(Path(folder, "m"))
            made.append(Path(folder, "m").read_bytes())
    return tuple(made)


@cache
def said(whole: bytes) -> np.ndarray:
    """Return what a whole model says of new clips."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "m").write_bytes(whole)
        return elmarc.load(Path(folder, "m")).predict_proba(noises(3, seed=2)[0])


@st.composite
def examples(draw) -> bytes:
    whole = draw(st.sampled_from(wholes()))
    if draw(st.integers(0, 3)) == 0:
        return draw(damaged([whole]))
    parts = unpack(whole, known=KNOWN)
    for _ in range(draw(st.integers(1, 2))):
        draw(st.sampled_from([_description, _description, _classifier, _classifier, _part]))(draw, parts)
    return pack(parts)


def _description(draw, parts: dict[str, bytes]) -> None:
    document = draw(edited([json.loads(unpack(wholes()[0], known=KNOWN)[DESCRIPTION])], words=WORDS))
    parts[DESCRIPTION] = json.dumps(document).encode()


def _classifier(draw, parts: dict[str, bytes]) -> None:
    """Change an array of the classifier: its bytes, or its numbers, type or shape."""
    try:
        inner = unzip(parts[CLASSIFIER])
    except ElmarcError:  # damaged before
        return
    name = draw(st.sampled_from(sorted(inner)))
    inner[name] = draw(st.one_of(damaged([inner[name]]), _arrays(inner[name])))
    parts[CLASSIFIER] = zip_of(inner)


@st.composite
def _arrays(draw, part: bytes) -> bytes:
    try:
        array = np.load(io.BytesIO(part))
    except Exception:  # damaged before: readers of headers raise whatever they meet
        return part
    flat = array.ravel()
    if flat.size and draw(st.booleans()):
        flat[draw(st.integers(0, flat.size - 1))] = draw(st.sampled_from([-1, 0, 1, 2, 1000, 2**31 - 1]))
    if draw(st.booleans()):
        flat = flat[: draw(st.integers(0, flat.size))]
    if draw(st.booleans()):
        flat = np.resize(flat, draw(st.sampled_from([*array.shape, array.size, array.size + 1])))
    if flat.size == array.size and draw(st.booleans()):
        flat = flat.reshape(array.shape)
    buffer = io.BytesIO()
    dtype = draw(st.sampled_from([flat.dtype, np.int32, np.int64, np.float32, np.float64]))
    with np.errstate(all="ignore"):
        np.save(buffer, flat.astype(dtype))
    return buffer.getvalue()


def _part(draw, parts: dict[str, bytes]) -> None:
    name = draw(st.sampled_from([*sorted(parts), WEIGHTS]))
    parts[name] = draw(damaged([parts.get(name, b"\x08" + bytes(7) + b"{}      ")]))


def check(data: bytes, folder: Path) -> str:
    """A damaged file is refused; one that was changed and sealed is refused, or a model that works."""
    path = folder / "m.elmarc"
    path.write_bytes(data)
    new = noises(3, seed=2)[0]
    with watched(folder), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            model = elmarc.load(path)
        except ElmarcError as problem:
            if not str(problem).startswith(str(path)):
                raise Fault(f"the message does not begin with the file: {problem}") from None
            return refusal(problem)
        try:
            shares = model.predict_proba(new)
            labels = model.predict(new)
        except ElmarcError as problem:
            return refusal(problem)
        except ValueError as problem:  # scikit-learn's own word for clips of another length than were fitted
            if not re.fullmatch(r"X has \d+ features, but RandomCNNFeatures is expecting .*", str(problem)):
                raise
            return "refused"
    if shares.shape != (3, len(model.classes_)) or not np.isfinite(shares).all():
        raise Fault(f"gave shares {shares}")
    if not np.allclose(shares.sum(axis=1), 1) or not set(labels.tolist()) <= set(model.classes_.tolist()):
        raise Fault(f"gave shares {shares}, labels {labels}")
    if data in wholes() and not np.array_equal(shares, said(data)):
        raise Fault("a whole file says something else")
    return "read"
