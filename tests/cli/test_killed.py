"""Runs that are ended from outside: what is done is kept, nothing is left behind, the end is the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.sounds import tone, write, write_tones

from elmarc.results import collect

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")
QUICK = ("--set", "network.n_filters=4", "--set", "network.size=null", "--quiet")
RANK = ("rank", "clips", "--networks", "temporal,7x96", "--classifiers", "ridge", *QUICK)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty clips of half a second, in two class folders."""
    folder, rng = tmp_path_factory.mktemp("killed"), np.random.default_rng(0)
    return write_tones(folder / "clips", rng, n=40).parent


def start(folder: Path, *words: str, name: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "ELMARC_CACHE": str(folder / "cache")}
    command = [sys.executable, "-m", "elmarc", *words, "--store", f"store-{name}", "-o", f"out-{name}"]
    return subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)


def finish(folder: Path, name: str) -> list[str]:
    """Run to the end; return the results, without what depends on times and places."""
    process = start(folder, *RANK, name=name)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    timeless = {"timings": {}, "environment": {}, "created": "", "command": "", "source": {}}
    return [replace(result, **timeless).to_json() for result in collect(folder / f"out-{name}")]


@pytest.fixture(scope="module")
def whole(clips: Path) -> list[str]:
    """The results of a run that was left alone."""
    return finish(clips, "whole")


def left_behind(folder: Path, name: str) -> list[Path]:
    found = [*(folder / f"store-{name}").glob("frontend-*")]
    for root in (f"store-{name}", f"out-{name}"):
        found += (folder / root).rglob(".*.part")
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_a_run_that_is_ended_goes_on_to_the_same_end(
    clips: Path, whole: list[str], number: signal.Signals
) -> None:
    name = f"ended-{number}"
    process = start(clips, *RANK, name=name)
    deadline = time.monotonic() + 300
    while not list(clips.glob(f"store-{name}/frontend-*/*/*.npy")) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(number)
    _, said = process.communicate(timeout=300)
    if process.returncode != 0:  # it was not faster than we
        assert process.returncode == (-9 if number == signal.SIGKILL else 130)
    if number != signal.SIGKILL:
        assert left_behind(clips, name) == []
        assert "Traceback" not in said
    assert finish(clips, name) == whole
    assert left_behind(clips, name) == []


def extract(folder: Path, name: str) -> subprocess.Popen[str]:
    environment = {**os.environ, "ELMARC_CACHE": str(folder / "cache")}
    words = ("extract", "clips", "--network", "7x96", "--n-filters", "4", "--quiet")
    command = [sys.executable, "-m", "elmarc", *words, "--store", f"store-{name}", "-o", f"{name}.npz"]
    return subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """More clips than a shard holds, and `whole.npz`: their features, from a process that was left alone."""
    folder, rng = tmp_path_factory.mktemp("extracted"), np.random.default_rng(0)
    for i in range(530):
        write(folder / "clips" / f"{i:03d}.wav", tone(300 + i, rng, 0.1))
    process = extract(folder, "whole")
    _, error = process.communicate(timeout=300)
    assert process.returncode == 0, error
    return folder


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_extraction_that_is_ended_goes_on_to_the_same_file(many: Path, number: signal.Signals) -> None:
    name = f"ended-{number}"
    process, deadline = extract(many, name), time.monotonic() + 300
    while not list(many.glob(f"store-{name}/*/*.safetensors")) and process.poll() is None:
        assert time.monotonic() < deadline
        time.sleep(0.001)
    process.send_signal(number)
    process.communicate(timeout=300)
    if process.returncode != 0:  # it was not faster than we
        assert process.returncode == (-9 if number == signal.SIGKILL else 130)
    process = extract(many, name)
    _, error = process.communicate(timeout=300)
    assert process.returncode == 0, error
    assert (many / f"{name}.npz").read_bytes() == (many / "whole.npz").read_bytes()
    assert not list(many.rglob(".*.part"))
