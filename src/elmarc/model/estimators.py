"""A fitted scikit-learn estimator as bytes and back, by skops: no pickle, no types but those listed."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from typing import Any

from elmarc._errors import ModelError
from elmarc.model.container import unzip, zip_of

SHOWN = 300  # characters of skops' message, and of what a file says
SCHEMA = "schema.json"
PLAIN = (
    "builtins.dict",
    "builtins.list",
    "builtins.str",
    "builtins.tuple",
    "numpy.bool",
    "numpy.float64",
    "numpy.int64",
    "numpy.ndarray",
    "numpy.random.mtrand.RandomState",
)
OF_ELMARC = (
    "elmarc.classifiers.elm.ELMClassifier",
    "elmarc.classifiers.grids.squash",
    "elmarc.classifiers.random_layer.RandomLayer",
    "elmarc.classifiers.ridge.LeaveOneOutRidge",
    "elmarc.classifiers.ridge_classifier.LeaveOneOutRidgeClassifier",
)
OF_SKLEARN = (
    "sklearn.linear_model._logistic.LogisticRegression",
    "sklearn.linear_model._ridge.RidgeClassifierCV",
    "sklearn.linear_model._sgd_fast.Hinge",
    "sklearn.linear_model._stochastic_gradient.SGDClassifier",
    "sklearn.metrics._dist_metrics.EuclideanDistance64",
    "sklearn.neighbors._classification.KNeighborsClassifier",
    "sklearn.neighbors._kd_tree.KDTree",
    "sklearn.neural_network._multilayer_perceptron.MLPClassifier",
    "sklearn.neural_network._stochastic_optimizers.AdamOptimizer",
    "sklearn.pipeline.Pipeline",
    "sklearn.preprocessing._data.StandardScaler",
    "sklearn.preprocessing._function_transformer.FunctionTransformer",
    "sklearn.preprocessing._label.LabelBinarizer",
    "sklearn.svm._classes.LinearSVC",
    "sklearn.svm._classes.SVC",
)
TRUSTED = frozenset((*PLAIN, *OF_ELMARC, *OF_SKLEARN))
LOADERS = frozenset(
    {
        "DictNode",
        "FunctionNode",
        "JsonNode",
        "ListNode",
        "LossNode",
        "NdArrayNode",
        "ObjectNode",
        "RandomStateNode",
        "TupleNode",
        "TypeNode",
    }
)


def dump(estimator: Any) -> bytes:
    """Return an estimator's bytes; equal estimators give equal bytes.

    skops names arrays and objects by their address in memory; here they are named by their content.

    Raises
    ------
    ModelError
        The estimator holds a type that is not listed.
    """
    import skops.io

    parts = unzip(skops.io.dumps(estimator), source="the classifier")
    schema = json.loads(parts.pop(SCHEMA))
    names = {name: f"{hashlib.sha256(data).hexdigest()[:32]}.npy" for name, data in parts.items()}
    _check(schema, "the classifier")
    text = json.dumps(_renamed(schema, names), separators=(",", ":"))
    return zip_of({SCHEMA: text.encode(), **{names[name]: data for name, data in parts.items()}})


def restore(data: bytes, *, source: str) -> Any:
    """Return the estimator of `dump`. Nothing that a file names is imported unless it is listed.

    Raises
    ------
    ModelError
        A type is not listed, or the bytes are damaged.
    """
    import skops.io

    parts = unzip(data, source=source)
    try:
        schema = json.loads(parts[SCHEMA])
    except (KeyError, ValueError, RecursionError):
        raise ModelError(f"{source}: its classifier cannot be read: fit the model again") from None
    _check(schema, source)
    try:
        return skops.io.loads(data, trusted=sorted(TRUSTED))
    except Exception as problem:  # skops has no base class of errors: whatever it is, the file is refused
        said = re.sub(r" object at 0x\w+", "", str(problem))[:SHOWN]
        raise ModelError(
            f"{source}: its classifier cannot be read ({type(problem).__name__}: {said}): install the "
            "elmarc, scikit-learn and skops that wrote it, or fit the model again"
        ) from None


def _check(schema: Any, source: str) -> None:
    for loader, name in _types(schema):
        if name not in TRUSTED or loader not in LOADERS:
            raise ModelError(
                f"{source}: holds {name[:SHOWN]}, which is none of the types that elmarc writes to a model: "
                "nothing was loaded. Do not trust a file that someone has changed"
            )


def _types(node: Any) -> Iterator[tuple[str, str]]:
    """Yield loader and name of everything that a schema would make."""
    if isinstance(node, dict):
        if "__loader__" in node or "__class__" in node or "__module__" in node:
            yield str(node.get("__loader__")), f"{node.get('__module__')}.{node.get('__class__')}"
        for value in node.values():
            yield from _types(value)
    elif isinstance(node, list):
        for value in node:
            yield from _types(value)


def _renamed(node: Any, names: dict[str, str]) -> Any:
    """Return the schema without addresses, its files by their new names."""
    if isinstance(node, dict):
        kept = {key: _renamed(value, names) for key, value in node.items() if key != "__id__"}
        return kept | {"file": names[node["file"]]} if node.get("file") in names else kept
    return [_renamed(value, names) for value in node] if isinstance(node, list) else node
