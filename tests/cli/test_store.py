"""`elmarc store`: what it says of a store, and what it does to a damaged one."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from tests.cli.conftest import Run, rank

from elmarc.results import collect


@pytest.fixture
def store(elmarc: Run, folder: Path) -> Path:
    assert rank(elmarc, folder, "--quiet", "--store", "store")[0] == 0
    return Path("store")


def said_of_clips(folder: str) -> list[object]:
    return [(result.features, result.classifier, result.predictions) for result in collect(folder)]


def damage(store: Path) -> Path:
    shard = sorted(store.rglob("shard-*.safetensors"))[0]
    data = bytearray(shard.read_bytes())
    data[-3] ^= 1
    shard.write_bytes(data)
    return shard


def test_info_counts_rows_and_names_networks(elmarc: Run, store: Path) -> None:
    code, out, _ = elmarc("store", "--store", store, "--json")
    found = json.loads(out)["definitions"]
    assert code == 0
    assert sorted((row["features"], row["n_rows"], row["n_damaged"]) for row in found) == [
        ("mfcc", 12, 0),
        ("timbral_temporal", 12, 0),
    ]
    assert "24 rows of 2 definitions" in elmarc("store", "--store", store)[1]


def test_a_run_on_a_damaged_store_says_so_and_gives_the_same(elmarc: Run, folder: Path, store: Path) -> None:
    before = said_of_clips("out")
    shard = damage(store)
    code, _, err = rank(elmarc, folder, "--quiet", "--store", "store", "-o", "again")
    assert code == 0
    assert f"note: {shard.absolute()}" in err or f"note: {shard}" in err
    assert said_of_clips("again") == before


def test_prune_removes_what_is_damaged_dead_or_old(elmarc: Run, store: Path) -> None:
    shard = damage(store)
    aside = shard.rename(shard.with_name(shard.name + ".damaged"))
    assert "1 to be removed" in elmarc("store", "--prune", "--store", store, "--dry-run")[1]
    assert aside.exists()
    assert "1 removed" in elmarc("store", "--prune", "--store", store)[1]
    assert not aside.exists()
    old = shard.parent
    for path in [*old.iterdir(), old]:
        os.utime(path, (time.time() - 40 * 86400,) * 2)
    assert elmarc("store", "--prune", "--store", store, "--older-than", "30")[0] == 0
    assert not old.exists()
    assert len([path for path in store.iterdir() if path.is_dir()]) == 1


def test_prune_removes_nothing_that_no_store_wrote(elmarc: Run, store: Path) -> None:
    kept = {
        store / ("a" * 64) / "thesis.txt": "mine",
        store / ("0123456789abcdef" * 4) / "thesis.txt": "a name as a store gives it",
        store / ("b" * 64) / "definition.json": "{}",
        store / ("b" * 64) / "thesis.txt": "beside a file of a store's name",
        sorted(path for path in store.iterdir() if path.is_dir())[0] / "thesis.txt": "among stored features",
    }
    for file, text in kept.items():
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    for path in [*store.rglob("*")]:
        os.utime(path, (time.time() - 40 * 86400,) * 2)
    assert elmarc("store", "--prune", "--store", store, "--older-than", "30")[0] == 0
    assert {file: file.read_text() for file in kept} == kept
    assert not list(store.rglob("shard-*"))
    left = [path for path in store.iterdir() if path.is_dir()]
    assert sorted(left) == sorted({file.parent for file in kept})


def test_an_empty_store_is_no_mistake(elmarc: Run) -> None:
    for words in ([], ["--prune"]):
        assert elmarc("store", *words, "--store", "nowhere")[0] == 0


def test_nothing_is_removed_without_prune(elmarc: Run) -> None:
    code, _, err = elmarc("store", "--dry-run")
    assert code == 2
    assert "--dry-run: nothing is removed without --prune" in err


def test_a_full_store_is_gone_without(
    elmarc: Run, folder: Path, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = said_of_clips("out")

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("elmarc.features.store.write_shard", full)
    code, _, err = rank(elmarc, folder, "--quiet", "--store", "other", "-o", "again")
    assert code == 0
    assert "features cannot be stored (No space left on device): the run goes on" in err
    assert said_of_clips("again") == before
