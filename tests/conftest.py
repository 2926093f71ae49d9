"""What every test may ask for: a seeded generator, and folders of data and fixtures that may be absent."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(20181205)


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
    folder = fixtures_folder()
    if not folder.is_dir():
        pytest.skip(f"no fixtures at {folder}: set ELMARC_FIXTURES to their folder")
    return folder


def fixtures_folder() -> Path:
    return Path(os.environ.get("ELMARC_FIXTURES", SHARED / "reference" / "fixtures"))


def fixture_files(kind: str) -> list[Path]:
    """Every npz of one kind ("arch", "frontend", "elm"), found by listing the folder."""
    return sorted((fixtures_folder() / kind).glob("*.npz"))
