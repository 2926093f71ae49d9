from __future__ import annotations

import hashlib
import json
import shutil
import struct
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from elmarc.errors import StoreWarning
from elmarc.features import store as module
from elmarc.features.store import FeatureStore, RowWriter, definition_key

RECIPE = {"network": {"name": "vgg", "seed": 0}, "frontend": {"n_mels": 96}}
OTHER = {"network": {"name": "vgg", "seed": 1}, "frontend": {"n_mels": 96}}
NAMES = [hashlib.sha256(bytes([i])).hexdigest() for i in range(4)]


def rows(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.standard_normal((n, 5)).astype(np.float32)


def shard_of(store: FeatureStore) -> Path:
    return next(store.root.rglob("shard-*.safetensors"))


def test_what_is_read_is_what_was_written(tmp_path: Path, rng: np.random.Generator) -> None:
    store, X = FeatureStore(tmp_path), rows(rng, 6)
    store.append(RECIPE, list("abc"), X[:3])
    store.append(RECIPE, list("def"), X[3:])
    found, kept = store.read(RECIPE, list("fxbad"))
    assert found == list("fbad")
    assert np.array_equal(kept, X[[5, 1, 0, 3]])
    assert sorted(store.index(RECIPE)) == list("abcdef")


def test_a_changed_recipe_misses(tmp_path: Path, rng: np.random.Generator) -> None:
    store = FeatureStore(tmp_path)
    store.append(RECIPE, ["a"], rows(rng, 1))
    assert store.index({**RECIPE, "frontend": {"n_mels": 128}}) == {}


def test_the_order_of_keys_does_not_matter() -> None:
    assert definition_key(RECIPE) == definition_key(dict(reversed(RECIPE.items())))


def test_two_writers_do_not_disturb_each_other(tmp_path: Path, rng: np.random.Generator) -> None:
    first, second, X = FeatureStore(tmp_path), FeatureStore(tmp_path), rows(rng, 2)
    first.append(RECIPE, ["a"], X[:1])
    second.append(RECIPE, ["b"], X[1:])
    assert np.array_equal(first.read(RECIPE, ["a", "b"])[1], X)


def test_a_shard_of_another_width_is_set_aside(tmp_path: Path, rng: np.random.Generator) -> None:
    store, X = FeatureStore(tmp_path), rows(rng, 2)
    store.append(RECIPE, ["a", "b"], X)
    with pytest.warns(StoreWarning, match="found 5 features per clip, expected 7"):
        assert store.read(RECIPE, ["a"], n_features=7)[0] == []


def test_a_bit_flipped_anywhere_never_gives_another_row(tmp_path: Path, rng: np.random.Generator) -> None:
    whole, X = FeatureStore(tmp_path / "whole"), rows(rng, 4)
    whole.append(RECIPE, NAMES, X)
    data, name = shard_of(whole).read_bytes(), shard_of(whole).relative_to(whole.root)
    refused = 0
    for bit in rng.choice(len(data) * 8, 300, replace=False):
        damaged = bytearray(data)
        damaged[bit // 8] ^= 1 << (bit % 8)
        found, kept, said = read_from(tmp_path / "flipped", name, bytes(damaged))
        assert all(np.array_equal(row, X[NAMES.index(clip)]) for clip, row in zip(found, kept, strict=True))
        assert len(found) in (0, 4)
        refused += not found
        assert found or said
    assert refused > 250  # the others flip padding, or a letter in the name of a key that nothing reads


def test_a_file_cut_anywhere_is_set_aside(tmp_path: Path, rng: np.random.Generator) -> None:
    whole = FeatureStore(tmp_path / "whole")
    whole.append(RECIPE, NAMES, rows(rng, 4))
    data, name = shard_of(whole).read_bytes(), shard_of(whole).relative_to(whole.root)
    for length in range(0, len(data), 29):
        found, _, said = read_from(tmp_path / "cut", name, data[:length])
        assert found == []
        assert said


def read_from(root: Path, name: Path, data: bytes) -> tuple[list[str], np.ndarray, bool]:
    """Return what a store with one file gives, and whether it warned."""
    shutil.rmtree(root, ignore_errors=True)
    (root / name).parent.mkdir(parents=True)
    (root / name).write_bytes(data)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        found, kept = FeatureStore(root).read(RECIPE, NAMES, n_features=5)
    assert all(issubclass(one.category, StoreWarning) for one in said)
    return found, kept, bool(said)


def zeroed_page(shard: Path) -> None:
    data = bytearray(shard.read_bytes())
    data[-40:] = bytes(40)
    shard.write_bytes(data)


def rewritten(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], None]:
    """Change the rows and keep the header's words, as a program that knows safetensors would."""

    def do(shard: Path) -> None:
        size = struct.unpack("<Q", shard.read_bytes()[:8])[0]
        metadata = json.loads(shard.read_bytes()[8 : 8 + size])["__metadata__"]
        save_file({"X": change(load_file(shard)["X"])}, shard, metadata)

    return do


def named(change: Callable[[list[str]], object]) -> Callable[[Path], None]:
    """Change the names of the clips and nothing else."""

    def do(shard: Path) -> None:
        size = struct.unpack("<Q", shard.read_bytes()[:8])[0]
        metadata = json.loads(shard.read_bytes()[8 : 8 + size])["__metadata__"]
        metadata["clips"] = json.dumps(change(json.loads(metadata["clips"])))
        save_file({"X": load_file(shard)["X"]}, shard, metadata)

    return do


def moved(shard: Path) -> None:
    other = shard.parent.parent / definition_key(OTHER)
    other.mkdir()
    shard.rename(other / shard.name)
    (shard.parent / shard.name).write_bytes((other / shard.name).read_bytes())
    wrong = FeatureStore(shard.parent.parent)
    with pytest.warns(StoreWarning, match="its checksum is another"):
        assert wrong.read(OTHER, NAMES)[0] == []
    shard.write_bytes(b"")


DAMAGE: dict[str, Callable[[Path], object]] = {
    "empty": lambda shard: shard.write_bytes(b""),
    "rubbish": lambda shard: shard.write_bytes(b"rubbish" * 99),
    "huge header": lambda shard: shard.write_bytes(b"\xff" * 8 + shard.read_bytes()[8:]),
    "a folder": lambda shard: (shard.unlink(), shard.mkdir()),
    "zeroed page": zeroed_page,
    "NaN": rewritten(lambda X: np.where(np.arange(5) == 2, np.nan, X).astype(np.float32)),
    "infinite": rewritten(lambda X: np.where(np.arange(5) == 2, np.inf, X).astype(np.float32)),
    "float64": rewritten(lambda X: X.astype(np.float64)),
    "float16": rewritten(lambda X: X.astype(np.float16)),
    "integers": rewritten(lambda X: X.astype(np.int32)),
    "same bytes, integers": rewritten(lambda X: X.view(np.int32)),
    "other shape": rewritten(lambda X: X.reshape(5, 4)),
    "flat": rewritten(lambda X: X.reshape(-1)),
    "a row more": rewritten(lambda X: np.concatenate([X, X[:1]])),
    "a row less": rewritten(lambda X: X[:-1]),
    "rows swapped": rewritten(lambda X: X[[1, 0, 2, 3]]),
    "names swapped": named(lambda names: names[::-1]),
    "a name more": named(lambda names: [*names, "f" * 64]),
    "a name less": named(lambda names: names[:-1]),
    "a name twice": named(lambda names: [names[0], *names[:-1]]),
    "names no list": named(lambda names: {name: i for i, name in enumerate(names)}),
    "names no text": named(lambda names: list(range(len(names)))),
    "no names": named(lambda _: None),
    "of another definition": moved,
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_shard_is_set_aside_and_named(
    tmp_path: Path, rng: np.random.Generator, damage: str
) -> None:
    store, X = FeatureStore(tmp_path), rows(rng, 5)
    store.append(RECIPE, NAMES, X[:4])
    shard = shard_of(store)
    DAMAGE[damage](shard)
    store.append(RECIPE, ["good"], X[4:])
    with pytest.warns(StoreWarning, match=r"shard-\w+.safetensors: damaged shard: .* computed again"):
        found, kept = store.read(RECIPE, [*NAMES, "good"], n_features=5)
    assert found == ["good"]
    assert np.array_equal(kept, X[4:])
    assert store.read(RECIPE, NAMES)[0] == []  # it is looked at no more


@pytest.mark.parametrize(
    "text", ["3", "[]", "null", "{", '{"definition": 3}', '{"recipe": {"frontend": []}}']
)
def test_a_definition_that_says_nothing_is_unknown(
    tmp_path: Path, rng: np.random.Generator, text: str
) -> None:
    store = FeatureStore(tmp_path)
    store.append(RECIPE, ["a"], rows(rng, 1))
    (store.folder(RECIPE) / "definition.json").write_text(text)
    assert [entry.name for entry in store.entries()] == ["unknown"]


def test_computed_rows_are_written_once_a_shard_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    monkeypatch.setattr(module, "SHARD_ROWS", 2)
    store, X = FeatureStore(tmp_path), rows(rng, 5)
    writer = RowWriter(store, RECIPE, {"b": {"loud": "peak 9"}, "z": {"silent": "all"}})
    for content, row in zip("abcde", X, strict=True):
        writer.add(content, row)
    assert sorted(store.index(RECIPE)) == list("abcd")
    writer.flush()
    writer.flush()
    assert len(list(store.folder(RECIPE).glob("*.safetensors"))) == 3
    stored, kept = store.read(RECIPE, list("abcde"))
    assert stored == list("abcde")
    assert np.array_equal(kept, X)
    assert store.issues(RECIPE) == {"b": {"loud": "peak 9"}}


def test_a_store_that_cannot_be_written_is_done_without_after_one_warning(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    (tmp_path / "file").write_text("a file where a folder is needed")
    store = FeatureStore(tmp_path / "file")
    writer = RowWriter(store, RECIPE, {})
    writer.add("a", rows(rng, 1)[0])
    with pytest.warns(StoreWarning, match=r"file: features cannot be stored"):
        writer.flush()
    for other in (writer, RowWriter(store, RECIPE, {}), RowWriter(None, RECIPE, {})):
        other.add("b", rows(rng, 1)[0])
        other.flush()  # without another warning
