"""Tones and a damaged clip, and what their cells give in this process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.experiments.conftest import cells, write_tones

from elmarc.config.sections import ExperimentConfig
from elmarc.experiments.cells import make_cells
from elmarc.experiments.runner import run_cells
from elmarc.results import Result

TIMELESS = {"timings": {}, "environment": {}, "created": "", "command": "", "source": {}}


def timeless(results: Sequence[Result]) -> list[str]:
    """Return results without what depends on times and places."""
    return [replace(result, **TIMELESS).to_json() for result in results]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with forty clips, one of them damaged, below `clips`."""
    folder = tmp_path_factory.mktemp("executors")
    write_tones(folder / "clips", np.random.default_rng(0), n=40)
    (folder / "clips" / "low" / "bad.wav").write_bytes(b"rubbish")
    return folder


@pytest.fixture(scope="module")
def configs(root: Path) -> list[ExperimentConfig]:
    """Two networks and the baseline."""
    kinds = ["temporal", "timbral"]
    networks = [c for k in kinds for c in cells(root / "clips", network={"kind": k, "n_filters": 4})]
    return [*networks, *cells(root / "clips", network=None)]


@pytest.fixture(scope="module")
def serial(configs: list[ExperimentConfig], root: Path) -> list[str]:
    """What the cells give in this process."""
    return timeless(run_cells(make_cells(configs, root / "serial")))
