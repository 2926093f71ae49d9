from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from elmarc.errors import StoreWarning
from elmarc.features import rows as module
from elmarc.features.rows import RowBlock, Rows, gathered
from elmarc.features.store import FeatureStore

RECIPE = {"kind": "test"}


def test_rows_are_written_once_and_come_in_the_order_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    monkeypatch.setattr(module, "SHARD_ROWS", 2)
    store = FeatureStore(tmp_path)
    X = rng.standard_normal((6, 3)).astype(np.float32)
    store.append(RECIPE, ["f"], X[5:])
    rows = Rows(5, definition=RECIPE, store=store)
    for content, row in zip("abcde", X, strict=False):
        rows.add(content, row)
        rows.write_if_due()
    assert sorted(store.index(RECIPE)) == ["a", "b", "c", "d", "f"]
    rows.write()
    rows.write()
    assert len(list(store.folder(RECIPE).glob("*.safetensors"))) == 4
    found, kept = store.read(RECIPE, list("abcdef"))
    assert found == list("abcdef")
    assert np.array_equal(kept, X)
    assert all(np.array_equal(rows[content], row) for content, row in zip("abcde", X, strict=False))


@pytest.mark.parametrize("order", ["abcd", "dbca", "aab", "d", "bd"])
def test_rows_of_two_blocks_are_gathered_in_order(rng: np.random.Generator, order: str) -> None:
    X = rng.standard_normal((6, 3)).astype(np.float32)
    stored, computed = RowBlock("abc", X[:3]), RowBlock("d", X[3:])
    assert np.array_equal(gathered(order, stored, computed), X[["abcd".index(name) for name in order]])
    assert np.array_equal(gathered(order, computed, stored), X[["abcd".index(name) for name in order]])


def test_rows_that_are_there_in_order_are_not_copied(rng: np.random.Generator) -> None:
    X = rng.standard_normal((3, 2)).astype(np.float32)
    assert np.shares_memory(gathered("abc", RowBlock(), RowBlock("abc", X)), X)
    assert not np.shares_memory(gathered("acb", RowBlock(), RowBlock("abc", X)), X)


def test_rows_without_a_store_are_kept(rng: np.random.Generator) -> None:
    rows = Rows(2, definition=RECIPE, store=None)
    row = rng.standard_normal(3).astype(np.float32)
    rows.add("a", row)
    rows.write()
    assert np.array_equal(rows["a"], row)


def test_a_store_that_cannot_be_written_is_gone_without_and_said_once(
    tmp_path: Path, rng: np.random.Generator
) -> None:
    (tmp_path / "file").write_text("a file where a folder is needed")
    rows = Rows(2, definition=RECIPE, store=FeatureStore(tmp_path / "file"))
    rows.add("a", rng.standard_normal(3).astype(np.float32))
    with pytest.warns(StoreWarning, match=r"file: features cannot be stored"):
        rows.write()
    rows.add("b", rng.standard_normal(3).astype(np.float32))
    rows.write()
    assert list(rows) == ["a", "b"]
