"""From a damaged store come the features that are computed afresh, or none; nothing waits, nothing ends."""

from __future__ import annotations

import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from tests.corpus import sounds
from tests.corpus.stores import DAMAGES, Damage
from tests.corpus.test_sounds import CONFIG
from tests.corpus.watching import checked
from tests.fuzz.watch import watched

from elmarc.datasets.base import Clip
from elmarc.errors import StoreWarning
from elmarc.features.extractor import Extraction
from elmarc.features.store import FeatureStore
from elmarc.study import build
from elmarc.study.spec import parse_experiment

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="has no pipes")


def extracted(clips: list[Clip], store: Path | None) -> Extraction:
    """Return features, each time by an extractor of its own."""
    held = FeatureStore(store) if store else None
    return build.extractor(parse_experiment(CONFIG), None, store=held)[0].extract(clips)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Clip]:
    folder = tmp_path_factory.mktemp("clips")
    for k in range(9):
        (folder / f"{k}.wav").write_bytes(sounds.written("WAV", y=sounds.noise() * (k + 1) / 10))
    return [Clip(path.name, path, "a") for path in sorted(folder.iterdir())]


@pytest.fixture(scope="module")
def whole(clips: list[Clip], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of three shards, of three clips each."""
    store = tmp_path_factory.mktemp("whole")
    for k in range(0, 9, 3):
        extracted(clips[k : k + 3], store)
    assert len(list(store.rglob("shard-*"))) == 3
    return store


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_store_gives_what_is_computed_afresh(
    tmp_path: Path, clips: list[Clip], whole: Path, name: str
) -> None:
    damage: Damage = DAMAGES[name]
    store = tmp_path / "store"
    shutil.copytree(whole, store)
    damage(min(store.rglob("shard-*")))
    fresh = extracted(clips, None)
    with watched(tmp_path), warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        list(FeatureStore(store).entries())
        found, again = extracted(clips, store), extracted(clips, store)
        list(FeatureStore(store).entries())
        FeatureStore(store).prune()
    for extraction in (found, again):
        assert extraction.matrix.ids == fresh.matrix.ids
        np.testing.assert_array_equal(extraction.matrix.X, fresh.matrix.X)
    assert again.n_computed == (9 if "in the place of" in name else 0)  # where nothing can be written
    for one in said:
        assert issubclass(one.category, StoreWarning), one
        checked(str(one.message))
