from __future__ import annotations

import io
from functools import cache

import numpy as np
import pytest
from numpy.lib import format as npy
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from elmarc.classifiers import CLASSIFIERS, make_classifier
from elmarc.classifiers.calibration import decision_values
from elmarc.errors import ModelError
from elmarc.model import estimators
from elmarc.model.file import unzip, zip_of

N_FEATURES = 20  # knn grows a tree up to 15
CASES = [
    *((name, options) for name in CLASSIFIERS for options in ({}, {"standardise": "squashed"})),
    ("elm", {"standardise": "squashed", "ridge": True}),
]
IDS = [f"{name}-{'-'.join(options) or 'alone'}" for name, options in CASES]


def unfitted(name: str, **options):
    estimator = make_classifier(name, **options).estimator
    small = {"knn": {"n_neighbors": 3}, "elm": {"n_hidden": 30}, "mlp": {"max_iter": 5}}.get(name, {})
    prefix = "classifier__" if "standardise" in options else ""
    return estimator.set_params(**{prefix + key: value for key, value in small.items()})


def clips(n_clips: int, n_classes: int, n_features: int = N_FEATURES) -> tuple[np.ndarray, np.ndarray]:
    y = np.arange(n_clips) % n_classes
    X = np.random.default_rng(n_clips).normal(size=(n_clips, n_features)) + np.eye(n_features)[y]
    return X.astype(np.float32), y


def fitted(name: str, n_classes: int = 3, n_features: int = N_FEATURES, **options):
    return unfitted(name, **options).fit(*clips(30, n_classes, n_features))


def restored(like, data: bytes, n_classes: int = 3, n_features: int = N_FEATURES):
    again = clone(like)
    estimators.restore(again, unzip(data), n_classes=n_classes, n_features=n_features)
    return again


def dumped(model, n_classes: int = 3, n_features: int = N_FEATURES) -> bytes:
    return zip_of(estimators.dump(model, n_classes=n_classes, n_features=n_features))


@pytest.mark.parametrize("n_features", [N_FEATURES, 5])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(("name", "options"), CASES, ids=IDS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_every_classifier_comes_back_as_it_was(name: str, options, n_classes: int, n_features: int) -> None:
    model = fitted(name, n_classes, n_features, **options)
    data = dumped(model, n_classes, n_features)
    again = restored(model, data, n_classes, n_features)
    for X in (clips(21, n_classes, n_features)[0], clips(1, n_classes, n_features)[0]):
        assert np.array_equal(decision_values(again, X), decision_values(model, X))
        assert np.array_equal(again.predict(X), model.predict(X))
    assert dumped(model, n_classes, n_features) == data == dumped(again, n_classes, n_features)
    assert str(again.get_params()) == str(model.get_params())


class Mine(StandardScaler):
    """An estimator of a user's."""


@pytest.mark.parametrize("step", [Mine(), KMeans(1)])
def test_classes_that_are_not_listed_are_not_written(step) -> None:
    pipeline = Pipeline([("step", step), ("classifier", make_classifier("ridge").estimator)])
    with pytest.raises(ModelError, match=f"cannot hold a {type(step).__name__}"):
        dumped(pipeline.fit(*clips(30, 3)))


def as_npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


def edits(array: np.ndarray):
    """Yield what may be wrong with an array, and the array with this fault."""
    flat = array.ravel()
    yield "no array", None
    yield "empty", flat[:0]
    yield "shorter", flat[:-1] if array.ndim < 2 else array[:-1]
    yield "shorter rows", array[..., :-1] if array.ndim else array
    yield "longer", np.concatenate([array, array])
    yield "longer rows", np.concatenate([array, array], axis=-1)
    yield "an axis more", array[None]
    yield "two axes more", array[None, None]
    yield "flat", flat if array.ndim > 1 else array.reshape(-1, 1)
    yield "turned", array.T.copy()
    none = (1e37, np.nan, np.inf, -np.inf) if array.dtype.kind == "f" else ()
    for value in (-1, 0, 10**6, 2**31 - 1, -(2**31), *none):
        for place in (0, -1):
            bad = array.copy()
            bad.flat[place] = value
            yield f"{value} at {place}", bad
    yield "all alike", np.full_like(array, array.flat[0])
    for dtype in (np.int8, np.int16, np.int32, np.int64, np.uint64, np.float16, np.float32, np.float64,
                  np.longdouble, np.complex128, np.bool_, ">f8", ">i4", "U3", "S2", object):  # fmt: skip
        yield f"as {np.dtype(dtype)}", array.astype(dtype)
    yield "by columns", np.asfortranarray(array)


@cache
def whole(place: int, n_classes: int):
    name, options = CASES[place]
    model = fitted(name, n_classes, **options)
    return model, unzip(dumped(model, n_classes))


def survives(model, data: bytes, n_classes: int) -> bool:
    """Whether an edited file is read; then it has to predict without a crash, which would end the tests."""
    try:
        again = restored(model, data, n_classes)
    except ModelError:
        return False
    X, _ = clips(21, n_classes)
    assert np.isfinite(decision_values(again, X)).all()
    assert set(again.predict(X)) <= set(range(n_classes))
    return True


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("place", range(len(CASES)), ids=IDS)
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning", "ignore::RuntimeWarning")
@pytest.mark.filterwarnings("ignore::numpy.exceptions.ComplexWarning")
def test_any_edit_of_any_stored_array_is_refused_or_a_classifier_that_works(
    place: int, n_classes: int
) -> None:
    model, parts = whole(place, n_classes)
    for name, part in parts.items():
        original = npy.read_array(io.BytesIO(part))
        for what, array in edits(original if original.ndim else original[None]):
            changed = {key: value for key, value in parts.items() if key != name}
            if array is not None:
                array = array.reshape(()) if not original.ndim and array.shape == (1,) else array
                changed[name] = as_npy(array)
            read = survives(model, zip_of(changed), n_classes)
            same_kind = array is not None and array.dtype in (np.float32, np.float64, original.dtype)
            shapes = (original.shape, (1, *original.shape), original.shape[1:])
            if not same_kind or array.shape not in shapes or not np.isfinite(array.astype(float)).all():
                assert not read, f"{name}: {what}"


SVM, KNN = IDS.index("svm-alone"), IDS.index("knn-alone")
NAMED = {
    "an intercept too few": (SVM, "classifier._intercept_", lambda a: a[:-1]),
    "dual coefficients of fewer vectors": (SVM, "classifier._dual_coef_", lambda a: a[:, :-1]),
    "support vectors of fewer features": (SVM, "classifier.support_vectors_", lambda a: a[:, :-1]),
    "more vectors of a class than there are": (SVM, "classifier._n_support", lambda a: a + 10**6),
    "vectors of a class less than none": (SVM, "classifier._n_support", lambda a: a + np.int32([-99, 99, 0])),
    "a negative place of a vector": (SVM, "classifier.support_", lambda a: a - 10**6),
    "neighbours without classes": (KNN, "classifier._y", lambda a: a[:-1]),
    "a neighbour of no class": (KNN, "classifier._y", lambda a: np.where(np.arange(len(a)) == 3, 9, a)),
    "neighbours of fewer features": (KNN, "classifier._fit_X", lambda a: a[:, :-1]),
}


@pytest.mark.parametrize("case", NAMED)
def test_what_ended_the_process_or_read_beyond_an_array_is_refused(case: str) -> None:
    place, name, change = NAMED[case]
    model, parts = whole(place, 3)
    array = change(npy.read_array(io.BytesIO(parts[f"{name}.npy"])))
    with pytest.raises(ModelError, match=name.partition(".")[2]):
        restored(model, zip_of({**parts, f"{name}.npy": as_npy(array)}))


def test_a_tree_of_neighbours_is_never_read_from_a_file() -> None:
    model = fitted("knn", n_features=5)
    assert model._tree is not None
    assert set(unzip(dumped(model, n_features=5))) == {"classifier._fit_X.npy", "classifier._y.npy"}


@pytest.mark.parametrize("name", ["classifier.coef_x.npy", "classifier._tree.npy", "x", "other.coef_.npy"])
def test_an_array_that_the_classifier_does_not_have_is_refused(name: str) -> None:
    model, parts = whole(IDS.index("ridge-alone"), 3)
    with pytest.raises(ModelError, match="holds an array"):
        restored(model, zip_of({**parts, name: as_npy(np.zeros(3))}))


def test_an_array_of_objects_is_not_unpickled(tmp_path) -> None:
    class Boom:
        def __reduce__(self):
            return open, (str(tmp_path / "ran"), "w")

    model, parts = whole(IDS.index("ridge-alone"), 3)
    bad = as_npy(np.array([Boom()], dtype=object))
    with pytest.raises(ModelError, match="cannot be read"):
        restored(model, zip_of(dict.fromkeys(parts, bad)))
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    "header",
    [
        "{'descr': '<f8', 'fortran_order': False, 'shape': (1000000000000,), }",
        "{'descr': '<f8', 'fortran_order': False, 'shape': (-1, 20), }",
        "{'descr': 'V9', 'fortran_order': False, 'shape': (3, 20), }",
        "{'descr': [('a', '<f8')], 'fortran_order': False, 'shape': (3, 20), }",
        "{'shape': " + "(" * 200 + ")" * 200 + "}",
        "__import__('os').abort()",
        "",
    ],
)
def test_an_array_with_a_header_of_another_form_is_refused(header: str) -> None:
    model, parts = whole(IDS.index("ridge-alone"), 3)
    text = header.encode() + b"\n"
    bad = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + bytes(8 * 7)
    with pytest.raises(ModelError, match="cannot be read"):
        restored(model, zip_of({**parts, "classifier.coef_.npy": bad}))


def test_no_file_sets_what_a_step_of_the_recipe_does() -> None:
    """The functions of a pipeline come from elmarc, whatever the arrays are."""
    model = fitted("ridge", standardise="squashed")
    again = restored(model, dumped(model))
    assert isinstance(again[1], FunctionTransformer)
    assert again[1].func is model[1].func


@pytest.mark.parametrize(
    "header", [b"{'descr': name", b"{'descr': ((((", b"{'descr': '<f8', 'shape': (f(),)"]
)
def test_a_header_that_is_no_literal_is_refused_in_a_sentence(header: bytes) -> None:
    model, parts = whole(IDS.index("ridge-alone"), 3)
    good = as_npy(np.zeros(3))
    bad = good[:10] + header.ljust(len(good) - 10 - 24) + good[-24:]
    with pytest.raises(ModelError, match="cannot be read: found a damaged header") as caught:
        restored(model, zip_of(dict.fromkeys(parts, bad)))
    assert "object at" not in str(caught.value)
