from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
import skops.io
from sklearn.cluster import KMeans
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from elmarc._errors import ModelError
from elmarc.classifiers import CLASSIFIERS, make_classifier
from elmarc.model import estimators
from elmarc.model.container import unzip, zip_of

N_FEATURES = 20  # knn keeps a tree, which counts its use, up to 15


def fitted(name: str, n_features: int = N_FEATURES, **options):
    rng = np.random.default_rng(0)
    estimator = make_classifier(name, **options).estimator
    if name == "knn":
        prefix = "classifier__" if options else ""
        estimator.set_params(**{f"{prefix}n_neighbors": 3})
    return estimator.fit(rng.normal(size=(30, n_features)), np.arange(30) % 3)


def as_found() -> dict[str, bytes]:
    return unzip(estimators.dump(fitted("ridge")), source="")


@pytest.mark.parametrize("name", CLASSIFIERS)
@pytest.mark.parametrize("options", [{}, {"standardise": True}, {"standardise": "squashed"}])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_every_classifier_comes_back_as_it_was(rng, name: str, options) -> None:
    model = fitted(name, **options)
    data = estimators.dump(model)
    again = estimators.restore(data, source="")
    X = rng.normal(size=(20, N_FEATURES))
    method = "decision_function" if hasattr(model, "decision_function") else "predict_proba"
    assert np.array_equal(getattr(again, method)(X), getattr(model, method)(X))
    assert estimators.dump(model) == data == estimators.dump(again)
    assert again.get_params().keys() == model.get_params().keys()


def test_a_tree_of_neighbours_comes_back(rng) -> None:
    model = fitted("knn", n_features=5)
    X = rng.normal(size=(20, 5))
    again = estimators.restore(estimators.dump(model), source="")
    assert np.array_equal(again.predict_proba(X), model.predict_proba(X))


def test_the_ridge_of_an_elm_comes_back(rng) -> None:
    model = fitted("elm", standardise="squashed", ridge=True)
    X = rng.normal(size=(20, N_FEATURES))
    again = estimators.restore(estimators.dump(model), source="")
    assert np.array_equal(again.decision_function(X), model.decision_function(X))


def test_the_list_of_types_is_elmarcs_scikit_learns_and_plain_data() -> None:
    roots = {name.partition(".")[0] for name in estimators.TRUSTED}
    assert roots == {"builtins", "numpy", "elmarc", "sklearn"}
    assert not {name for name in estimators.PLAIN if "eval" in name or "exec" in name or "type" in name}
    for name in (*estimators.OF_ELMARC, *estimators.OF_SKLEARN):
        module, _, attribute = name.rpartition(".")
        assert hasattr(__import__(module, fromlist=[attribute]), attribute), name


class Mine(StandardScaler):
    """An estimator of a user's."""


def shout(X):
    return X


@pytest.mark.parametrize(
    "step", [Mine(), FunctionTransformer(shout), FunctionTransformer(os.system), KMeans(1)]
)
def test_types_that_are_not_listed_are_neither_written_nor_read(step) -> None:
    pipeline = Pipeline([("step", step), ("classifier", make_classifier("ridge").estimator)])
    with pytest.raises(ModelError, match="none of the types that elmarc writes"):
        estimators.dump(pipeline)
    with pytest.raises(ModelError, match=r"m\.elmarc: holds .* nothing was loaded"):
        estimators.restore(skops.io.dumps(pipeline), source="m.elmarc")


@pytest.mark.parametrize(
    "node",
    [
        {"__class__": "system", "__module__": "os", "__loader__": "FunctionNode"},
        {"__class__": "Evil", "__module__": "evil_module", "__loader__": "ObjectNode"},
        {"__class__": "Evil", "__module__": "evil_module", "__loader__": "TypeNode"},
        {"__class__": "dict", "__module__": "builtins", "__loader__": "OperatorFuncNode"},
        {"__class__": "eval", "__module__": "builtins", "__loader__": "FunctionNode"},
        {"__class__": "partial", "__module__": "functools", "__loader__": "PartialNode"},
        {"__class__": ["a", "list"] * 10_000, "__module__": "builtins", "__loader__": "TypeNode"},
    ],
)
def test_what_a_file_names_is_never_imported(node, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "evil_module.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Evil: pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    parts = as_found()
    schema = json.loads(parts["schema.json"])
    schema["content"]["content"]["planted"] = node | {"content": "", "attrs": "", "args": []}
    with pytest.raises(ModelError, match="none of the types") as refused:
        estimators.restore(zip_of({**parts, "schema.json": json.dumps(schema).encode()}), source="")
    assert len(str(refused.value)) < 600
    assert "evil_module" not in sys.modules
    assert not (tmp_path / "ran").exists()


def test_an_array_of_objects_is_not_unpickled(tmp_path: Path) -> None:
    """NumPy's own file may hold a pickle: it is not read."""
    import io

    class Boom:
        def __reduce__(self):
            return open, (str(tmp_path / "ran"), "w")

    buffer = io.BytesIO()
    np.save(buffer, np.array([Boom()], dtype=object), allow_pickle=True)
    parts = {name: data if name == "schema.json" else buffer.getvalue() for name, data in as_found().items()}
    with pytest.raises(ModelError, match="cannot be read"):
        estimators.restore(zip_of(parts), source="")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("schema", [b"", b"[]", b"{}", b"{" * 9, b'{"protocol": 99}', b"[" * 100_000])
def test_a_damaged_schema_is_refused(schema: bytes) -> None:
    with pytest.raises(ModelError, match=r"cannot be read|none of the types"):
        estimators.restore(zip_of({"schema.json": schema}), source="")
