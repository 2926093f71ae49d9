"""Eight tones in two classes, and experiments on them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.sounds import write_tones

from elmarc.study.load import parse_config
from elmarc.study.spec import Experiment


@pytest.fixture
def tones(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Return a folder of eight tones."""
    return write_tones(tmp_path / "clips", rng, n=8)


def cells(data: Path, **keys: Any) -> list[Experiment]:
    """Return the experiments of a document about a folder; cheap ones where nothing is said."""
    document = {
        "data": str(data), "network": {"kind": "temporal", "n_filters": 4}, "classifier": "knn", **keys,
    }  # fmt: skip
    parsed = parse_config(document)
    return [parsed] if isinstance(parsed, Experiment) else list(parsed.experiments)


@pytest.fixture
def sweep(tones: Path) -> list[Experiment]:
    """Two networks, two classifiers, two seeds on eight tones."""
    return cells(
        tones,
        network={"kind": ["temporal", "7x96"], "n_filters": 4},
        classifier=["knn", "ridge"],
        seed=[0, 1],
    )
