"""What every test may ask for: a seeded generator, and folders of data and fixtures that may be absent."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from elmarc import _defaults

_defaults.SIZE, _defaults.SEEDS = "small", 2  # type: ignore[assignment]  # quick, before all else is imported

SHARED = Path(__file__).resolve().parents[2] / "shared"
os.environ.setdefault("ELMARC_HASH_MEMO", "off")  # none in the user's cache; its own tests switch it on
SMALL_FIXTURES = Path(__file__).parent / "parity" / "data"
SLOW = (  # what `make test` leaves out: corpora, fuzzing, kills, clusters, whole runs in other processes
    "adapters/test_conformance.py",
    "cli/test_broken_runs.py",
    "cli/test_full_disk.py",
    "cli/test_hash_seeds.py",
    "cli/test_killed.py",
    "corpus/",
    "executors/",
    "fuzz/",
    "model/test_by_name.py",
    "studies/",
    "test_docs.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.relative_to(Path(__file__).parent).as_posix().startswith(SLOW):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session", autouse=True)
def _cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Give the tests a cache of their own: features are stored there, and the user's stay as they are."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ELMARC_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20181205)


@pytest.fixture(params=["fast", "not x86", "plain"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run a test as on this processor, as on one that is not x86, and by torch's public calls alone."""
    from elmarc.networks.fast import onednn, plain

    if request.param == "fast":
        yield "fast"
        return
    monkeypatch.setattr(onednn, "OPS", None)  # any use of a private operator fails
    if request.param == "plain":
        with plain():
            yield "plain"
        return
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    yield "not x86"


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder with `esc10/` and `fsdd/`."""
    folder = Path(os.environ.get("ELMARC_DATA", SHARED / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real clips at {folder}: set ELMARC_DATA to a folder with esc10/ and fsdd/")
    return folder


@pytest.fixture(scope="session")
def fixtures_dir() -> Path:
    """The outputs of the 2018 program, for fixed weights and inputs."""
    return fixtures_folder()


def fixtures_folder() -> Path:
    """The whole fixtures where they are at hand, else the small part in this repository."""
    whole = SHARED / "reference" / "fixtures"
    return Path(os.environ.get("ELMARC_FIXTURES", whole if whole.is_dir() else SMALL_FIXTURES))


def fixture_files(kind: str) -> list[Path]:
    """Every npz of one kind ("arch", "frontend", "elm"), found by listing the folder."""
    return sorted((fixtures_folder() / kind).glob("*.npz"))
