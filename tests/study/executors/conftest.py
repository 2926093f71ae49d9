"""Tones and a damaged clip, what their cells give in this process, and a scheduler with two workers."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.sounds import write_tones
from tests.study.conftest import cells

from elmarc.results import Result
from elmarc.study.cells import make_cells
from elmarc.study.run import run_cells
from elmarc.study.spec import Experiment

PATIENCE_S = 240
TIMELESS = {"timings": {}, "environment": {}, "created": "", "command": "", "source": {}}


def timeless(results: Sequence[Result]) -> list[str]:
    """Return results without what depends on times and places."""
    return [replace(result, **TIMELESS).to_json() for result in results]


def until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@contextmanager
def daemon(folder: Path, module: str, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a daemon of Dask as `dask scheduler` and `dask worker` do."""
    command = [sys.executable, "-m", f"distributed.cli.dask_{module}", "--scheduler-file", "s.json", *words]
    env = {**os.environ, "DASK_TEMPORARY_DIRECTORY": str(folder / "scratch")}  # or it stays where all see it
    with (folder / f"{module}.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, env=env)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def workers(root: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Two workers of a scheduler; its file is `s.json`."""
    pytest.importorskip("distributed")
    one = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(root / "scratch"))
    with daemon(root, "scheduler", "--port", "0", "--host", "127.0.0.1", "--no-dashboard", "--no-show"):
        until((root / "s.json").exists)
        with daemon(root, "worker", *one) as first, daemon(root, "worker", *one) as second:
            yield [first, second]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with 24 clips, one of them damaged, below `clips`."""
    folder = tmp_path_factory.mktemp("executors")
    write_tones(folder / "clips", np.random.default_rng(0), n=24)
    (folder / "clips" / "low" / "bad.wav").write_bytes(b"rubbish")
    return folder


@pytest.fixture(scope="module")
def configs(root: Path) -> list[Experiment]:
    """Two networks, the baseline, and joined features."""
    kinds = ["temporal", "7x96"]
    networks = [c for k in kinds for c in cells(root / "clips", network={"kind": k, "n_filters": 4})]
    joined = {"kind": "joined", "parts": [{"kind": "mfcc"}, {"kind": "7x96", "n_filters": 8}]}
    return [*networks, *(c for network in (None, joined) for c in cells(root / "clips", network=network))]


@pytest.fixture(scope="module")
def serial(configs: list[Experiment], root: Path) -> list[str]:
    """What the cells give in this process."""
    return timeless(run_cells(make_cells(configs, root / "serial")))
