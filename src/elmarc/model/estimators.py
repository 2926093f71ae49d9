"""The fitted arrays of a classifier as NPY files, and the classifier from them.

A model's parameters say which classifier it is; the arrays are what `fit` has computed and predicting needs,
listed here by class. No array reaches an estimator before its name, type, shape and values are checked:
libsvm and the trees of nearest neighbours read beyond their arrays where lengths disagree.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, LabelBinarizer, StandardScaler
from sklearn.svm import SVC, LinearSVC

from elmarc.classifiers.elm import ELMClassifier
from elmarc.classifiers.ridge import LeaveOneOutRidgeClassifier
from elmarc.errors import ModelError

Array = NDArray[Any]
Sizes = dict[str, int]

# The arrays of each class, with the letters of its axes: d features, k classes, c = k columns (1 of two
# classes), j = k - 1, p pairs of classes, h hidden units, n clips, m support vectors.
LINEAR = {"coef_": "cd", "intercept_": "c"}
UNITS = {"weights_": "dh", "biases_": "h"}
ARRAYS: dict[type, Mapping[str, str]] = {
    StandardScaler: {"mean_": "d", "scale_": "d"},
    FunctionTransformer: {},
    LogisticRegression: LINEAR,
    LinearSVC: LINEAR,
    SGDClassifier: LINEAR,
    LeaveOneOutRidgeClassifier: {**LINEAR, "alpha_": ""},
    KNeighborsClassifier: {"_fit_X": "nd", "_y": "n"},
    MLPClassifier: {"coefs_.0": "dh", "coefs_.1": "hc", "intercepts_.0": "h", "intercepts_.1": "c"},
    SVC: {
        "support_": "m", "support_vectors_": "md", "_n_support": "k", "_dual_coef_": "jm", "_intercept_": "p",
        "_gamma": "",
    },
    ELMClassifier: {**UNITS, "coef_": "hc"},
}  # fmt: skip
ELM_BY_RIDGE = {**UNITS, "regressor_.coef_": "hc", "regressor_.intercept_": "c", "regressor_.penalty_": ""}
TYPES: dict[str, list[Any]] = {
    "_y": [np.int64], "support_": [np.int32], "_n_support": [np.int32],
    "support_vectors_": [np.float64], "_dual_coef_": [np.float64], "_intercept_": [np.float64],
}  # fmt: skip
FLOATING: list[Any] = [np.float32, np.float64]  # of all others
POSITIVE = ("scale_", "alpha_", "regressor_.penalty_", "_gamma")
LARGEST = 1e30  # of any number: sums of products stay finite, in single precision too


def dump(estimator: Any, *, n_classes: int, n_features: int) -> dict[str, bytes]:
    """Return the fitted arrays of a classifier of class numbers; equal ones give equal bytes.

    Raises
    ------
    ModelError
        A step of it is none of the classes in `ARRAYS`, or its arrays would be refused by `restore`.
    """
    parts: dict[str, bytes] = {}
    for name, step, arrays in _steps(estimator):
        values = {key: np.asarray(_at(step, key)) for key in arrays}
        _check(name, arrays, values, _sizes(step, n_classes, n_features))
        parts |= {f"{name}.{key}.npy": _bytes(value) for key, value in values.items()}
    return parts


def restore(estimator: Any, parts: Mapping[str, bytes], *, n_classes: int, n_features: int) -> None:
    """Fit an estimator with the arrays of `dump`.

    Parameters
    ----------
    estimator : Pipeline or classifier
        Not fitted; with the parameters of the one that was dumped.
    parts : mapping
        NPY files by name.
    n_classes, n_features : int

    Raises
    ------
    ModelError
        An array is missing, is there too much, or has a type, shape or value that `fit` cannot have made.
    """
    stored = {name.removesuffix(".npy"): _array(name, part) for name, part in parts.items()}
    for name, step, arrays in _steps(estimator):
        values = {key: stored.pop(f"{name}.{key}") for key in arrays if f"{name}.{key}" in stored}
        _check(name, arrays, values, _sizes(step, n_classes, n_features))
        _fit(step, values, n_classes, n_features)
    if stored:
        raise ModelError(f"holds an array {min(stored)}, which its classifier does not have")


def _steps(estimator: Any) -> Iterator[tuple[str, Any, Mapping[str, str]]]:
    """Yield name and estimator of each step, with the arrays of its class."""
    steps = estimator.steps if isinstance(estimator, Pipeline) else [("classifier", estimator)]
    for name, step in steps:
        if type(step) not in ARRAYS:
            raise ModelError(
                f"a model file cannot hold a {type(step).__name__}: name one of elmarc's classifiers"
            )
        by_ridge = isinstance(step, ELMClassifier) and step.regressor is not None
        yield name, step, ELM_BY_RIDGE if by_ridge else ARRAYS[type(step)]


def _sizes(step: Any, n_classes: int, n_features: int) -> Sizes:
    """Return the lengths of axes that are known before any array is read."""
    sizes = {"d": n_features, "k": n_classes, "c": n_classes if n_classes > 2 else 1, "j": n_classes - 1}
    sizes["p"] = n_classes * (n_classes - 1) // 2
    return sizes | ({"h": step.n_hidden} if isinstance(step, ELMClassifier) else {})


def _at(owner: Any, name: str) -> Any:
    """Return an attribute of an attribute, or an item of one."""
    for part in name.split("."):
        key: Any = int(part) if part.isdigit() else part
        owner = owner[key] if isinstance(owner, list | dict) else getattr(owner, part)
    return owner


def _put(step: Any, name: str, value: Any) -> None:
    """Set what `_at` returns."""
    path, _, last = name.rpartition(".")
    owner = _at(step, path) if path else step
    if isinstance(owner, list | dict):
        owner[int(last) if last.isdigit() else last] = value  # type: ignore[index]
    else:
        setattr(owner, last, value)


def _check(owner: str, arrays: Mapping[str, str], values: Mapping[str, Array], known: Sizes) -> None:
    """Refuse arrays that `fit` cannot have made: by type, shape and numbers, and against each other."""
    sizes = dict(known)
    for name, axes in arrays.items():
        if name not in values:
            raise ModelError(f"{owner}.{name} is missing")
        value, types = values[name], TYPES.get(name, FLOATING)
        if value.ndim == len(axes):
            sizes = dict(zip(axes, value.shape, strict=True)) | sizes
        shape = tuple(sizes.get(axis, -1) for axis in axes)
        shapes = {shape, shape[1:]} if axes[:1] == "c" and shape[0] == 1 else {shape}  # as ridge has them
        if value.dtype not in types or value.shape not in shapes:
            expected = f"{np.dtype(types[-1])} {shape}"
            raise ModelError(f"{owner}.{name} is {value.dtype} {value.shape}, expected {expected}")
        least = 1.0 / LARGEST if name in POSITIVE else 0 if value.dtype.kind == "i" else -LARGEST
        if value.size == 0 or not (value.min() >= least and value.max() <= LARGEST):
            raise ModelError(f"{owner}.{name} is empty, or holds numbers that are none or out of range")
    if "_y" in values and not np.array_equal(np.unique(values["_y"]), np.arange(sizes["k"])):
        raise ModelError(f"{owner}._y holds classes that are none, or lacks some of {sizes['k']}")
    if "_n_support" in values and values["_n_support"].sum() != sizes["m"]:
        raise ModelError(f"{owner}._n_support does not add up to its {sizes['m']} support vectors")


def _fit(step: Any, values: Mapping[str, Array], n_classes: int, n_features: int) -> None:
    """Set checked arrays, and what follows from them."""
    if isinstance(step, KNeighborsClassifier):  # its tree is grown again
        step.fit(values["_fit_X"], values["_y"])
        return
    step.n_features_in_ = n_features
    if isinstance(step, ClassifierMixin):
        step.classes_ = np.arange(n_classes)
    if isinstance(step, ELMClassifier) and step.regressor is not None:
        step.regressor_ = clone(step.regressor)
        step.regressor_.n_features_in_ = step.n_hidden
    if isinstance(step, MLPClassifier):
        step.coefs_, step.intercepts_, step.n_layers_ = [None, None], [None, None], 3
        step.n_outputs_, step.out_activation_ = (1, "logistic") if n_classes == 2 else (n_classes, "softmax")
    for name, value in values.items():
        _put(step, name, np.asarray(value, order="C") if isinstance(step, SVC) else value[()])
    if isinstance(step, LeaveOneOutRidgeClassifier | MLPClassifier):
        negative = -1 if isinstance(step, LeaveOneOutRidgeClassifier) else 0
        step._label_binarizer = LabelBinarizer(neg_label=negative).fit(step.classes_)
    if isinstance(step, SVC):
        sign = -1.0 if n_classes == 2 else 1.0
        step.dual_coef_, step.intercept_ = sign * step._dual_coef_, sign * step._intercept_
        step.shape_fit_, step.fit_status_ = (int(step.support_.max()) + 1, n_features), 0
        step._sparse, step._probA, step._probB = False, np.empty(0), np.empty(0)
        step.class_weight_, step._gamma = np.ones(n_classes), float(step._gamma)


def _bytes(value: Array) -> bytes:
    buffer = io.BytesIO()
    npy.write_array(buffer, value, version=(1, 0), allow_pickle=False)
    return buffer.getvalue()


def _array(name: str, data: bytes) -> Array:
    """Return the array of an NPY file of numbers, which is never larger than the file."""
    stream = io.BytesIO(data)
    try:
        npy.read_magic(stream)
        shape, by_columns, dtype = npy.read_array_header_1_0(stream)
        if dtype.kind not in "fi":
            raise ValueError(dtype)
        flat = np.frombuffer(data, dtype, offset=stream.tell())
        return flat.reshape(shape, order="F" if by_columns else "C").copy(order="K")
    except Exception:  # NumPy reads the header as Python's literals, which fail in many ways
        raise ModelError(
            f"its array {name} cannot be read: found a damaged header or too few numbers, expected an array "
            "of numbers; fit the model again"
        ) from None
