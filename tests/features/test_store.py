from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from elmarc._errors import StoreError
from elmarc.features.store import FeatureStore, definition_key

RECIPE = {"network": {"name": "vgg", "seed": 0}, "frontend": {"n_mels": 96}}


def rows(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.standard_normal((n, 5)).astype(np.float32)


def test_what_is_read_is_what_was_written(tmp_path: Path, rng: np.random.Generator) -> None:
    store, X = FeatureStore(tmp_path), rows(rng, 6)
    store.append(RECIPE, list("abc"), X[:3])
    store.append(RECIPE, list("def"), X[3:])
    index = store.index(RECIPE)
    assert np.array_equal(store.read(index, list("fbad")), X[[5, 1, 0, 3]])


def test_a_changed_recipe_misses(tmp_path: Path, rng: np.random.Generator) -> None:
    store = FeatureStore(tmp_path)
    store.append(RECIPE, ["a"], rows(rng, 1))
    assert store.index({**RECIPE, "frontend": {"n_mels": 128}}) == {}


def test_the_order_of_keys_does_not_matter() -> None:
    assert definition_key(RECIPE) == definition_key(dict(reversed(RECIPE.items())))


def test_a_shard_whose_manifest_was_never_written_is_not_read(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    store = FeatureStore(tmp_path)
    store.append(RECIPE, ["a"], rows(rng, 1))
    next(tmp_path.rglob("shard-*.json")).unlink()
    assert store.index(RECIPE) == {}


def test_a_damaged_manifest_is_named(tmp_path: Path, rng: np.random.Generator) -> None:
    store = FeatureStore(tmp_path)
    store.append(RECIPE, ["a"], rows(rng, 1))
    next(tmp_path.rglob("shard-*.json")).write_text("{")
    with pytest.raises(StoreError, match=r"shard-.*json: damaged manifest"):
        store.index(RECIPE)


def test_a_damaged_shard_is_named(tmp_path: Path, rng: np.random.Generator) -> None:
    store = FeatureStore(tmp_path)
    store.append(RECIPE, ["a"], rows(rng, 1))
    next(tmp_path.rglob("*.safetensors")).write_bytes(b"rubbish")
    with pytest.raises(StoreError, match=r"damaged shard"):
        store.read(store.index(RECIPE), ["a"])


def test_two_writers_do_not_disturb_each_other(tmp_path: Path, rng: np.random.Generator) -> None:
    first, second, X = FeatureStore(tmp_path), FeatureStore(tmp_path), rows(rng, 2)
    first.append(RECIPE, ["a"], X[:1])
    second.append(RECIPE, ["b"], X[1:])
    assert np.array_equal(first.read(first.index(RECIPE), ["a", "b"]), X)
