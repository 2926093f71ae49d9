from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from elmarc.features import rows as module
from elmarc.features.rows import Rows
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
    index = store.index(RECIPE)
    assert np.array_equal(rows.in_order("fbea", index), X[[5, 1, 4, 0]])
    assert np.array_equal(store.read(index, list("abcdef")), X)


def test_rows_without_a_store_are_kept(rng: np.random.Generator) -> None:
    rows = Rows(2, definition=RECIPE, store=None)
    row = rng.standard_normal(3).astype(np.float32)
    rows.add("a", row)
    rows.write()
    assert np.array_equal(rows.in_order("a", {}), row[None])
