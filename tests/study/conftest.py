"""Eight tones in two classes, and experiments on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf

from elmarc.study.load import parse_config
from elmarc.study.spec import Experiment

SR = 12000


def write_tones(folder: Path, rng: np.random.Generator, *, n: int = 8) -> Path:
    """Write half-second tones, low ones and high ones."""
    for i in range(n):
        path = folder / ("low" if i % 2 else "high") / f"{i}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        hz = 300 + 20 * i if i % 2 else 3000 + 20 * i
        y = 0.3 * np.sin(2 * np.pi * hz * np.arange(SR // 2) / SR) + 0.01 * rng.standard_normal(SR // 2)
        sf.write(path, y, SR)
    return folder


@pytest.fixture
def tones(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Return a folder of eight tones."""
    return write_tones(tmp_path / "clips", rng)


def cells(data: Path, **keys: Any) -> list[Experiment]:
    """Return the experiments of a document about a folder; cheap ones where nothing is said."""
    document = {
        "data": str(data), "network": {"kind": "temporal", "n_filters": 4}, "classifier": "knn", **keys,
    }  # fmt: skip
    parsed = parse_config(document)
    return [parsed] if isinstance(parsed, Experiment) else parsed.cells()


@pytest.fixture
def sweep(tones: Path) -> list[Experiment]:
    """Two networks, two classifiers, two seeds on eight tones."""
    return cells(
        tones,
        network={"kind": ["temporal", "timbral"], "n_filters": 4},
        classifier=["knn", "ridge"],
        seed=[0, 1],
    )
