"""Clips of a few milliseconds, laid out as the data sets are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests import sounds

Write = Callable[..., Path]


@pytest.fixture
def write_clip(tmp_path: Path, rng: np.random.Generator) -> Write:
    """Return a function that writes noise to a path below `tmp_path`, each time another."""

    def write(name: str, *, seconds: float = 0.01, sr: int = 8000) -> Path:
        return sounds.write(tmp_path / name, rng.uniform(-0.5, 0.5, int(seconds * sr)), sr)

    return write


@pytest.fixture
def folder(tmp_path: Path, write_clip: Write) -> Path:
    """Two classes of two clips."""
    for name in ("cat/1.wav", "cat/2.wav", "dog/1.wav", "dog/2.wav"):
        write_clip(f"clips/{name}")
    return tmp_path / "clips"
