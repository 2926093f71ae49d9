"""A real scheduler and two workers on this machine; a worker is killed, and then who asked them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.study.executors.conftest import PATIENCE_S, timeless, until

from elmarc.errors import ConfigError
from elmarc.results import collect
from elmarc.study.cells import make_cells
from elmarc.study.executors import Dask, opened
from elmarc.study.observer import Observer
from elmarc.study.request import Run
from elmarc.study.run import run_cells
from elmarc.study.spec import Experiment

distributed = pytest.importorskip("distributed")
RANK = (
    "rank", "clips", "--networks", "temporal,7x96", "--classifiers", "knn", "--seeds", "1", "--quiet",
    "--set", "network.n_filters=4", "--set", "network.size=null",
)  # fmt: skip


def test_results_are_those_of_the_serial_path_and_a_killed_worker_costs_nothing(
    workers: list[subprocess.Popen[bytes]], configs: list[Experiment], root: Path, serial: list[str]
) -> None:
    class Killer(Observer):
        def on_clips(self, done: int, total: int) -> None:
            if 4 <= done < total - 4 and workers[0].poll() is None:
                workers[0].kill()

    with opened(Run(executor="dask", scheduler_file=root / "s.json")) as executor:
        assert executor is not None
        until(lambda: executor.n_slots == 2)
        found = run_cells(make_cells(configs, root / "dask"), executor=executor, observer=Killer())
    assert workers[0].wait() == -signal.SIGKILL
    assert timeless(found) == serial


def test_a_cluster_of_ones_own_that_does_not_answer_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Own:
        closed = False

        def close(self) -> None:
            self.closed = True

    def start(local_directory: str, **_: object) -> Own:
        (Path(local_directory) / "dask-scratch-space").mkdir()
        return own

    def refuse(*_: object, **__: object) -> None:
        raise OSError("no answer")

    own = Own()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(distributed, "LocalCluster", start)
    monkeypatch.setattr(distributed, "Client", refuse)
    with pytest.raises(ConfigError, match="no answer"):
        Dask(n_workers=1)
    assert own.closed
    assert not list(tmp_path.iterdir())


def test_nobody_else_can_connect_to_a_cluster_that_elmarc_starts(tmp_path: Path) -> None:
    """Whoever connects to a scheduler or a worker can run code in it."""
    from distributed.security import Security

    def strangers(address: str) -> Iterator[dict[str, object]]:
        plain = address.replace("tls://", "tcp://")
        yield {"address": plain}
        yield {"address": address}
        yield {"address": plain.replace("tcp://", "ws://")}
        yield {"address": address, "security": Security.temporary()}

    with Dask(n_workers=1) as cluster:
        assert cluster.submit(len, [1, 2, 3]).result(PATIENCE_S) == 3
        known = cluster._client.scheduler_info()
        scheduler, workers = known["address"], known["workers"]
        addresses = [scheduler, *workers, *(worker["nanny"] for worker in workers.values())]
        assert len(addresses) == 3
        assert all(address.startswith("tls://127.0.0.1:") for address in addresses)
        for arguments in strangers(scheduler):
            with pytest.raises((OSError, TypeError, ValueError)):
                distributed.Client(timeout=5, set_as_default=False, **arguments)


def test_without_what_makes_keys_no_cluster_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise ImportError("no cryptography")

    monkeypatch.setattr("distributed.security.Security.temporary", missing)
    with pytest.raises(ConfigError, match=r"cryptography.*not installed: pip install 'elmarc\[dask\]'"):
        Dask(n_workers=1)


@pytest.mark.data  # it starts elmarc three times, 10 s
def test_who_asked_is_killed_and_asks_again(workers: list[subprocess.Popen[bytes]], root: Path) -> None:
    def start(name: str, *words: str) -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            "-m",
            "elmarc",
            *RANK,
            "--store",
            f"st-{name}",
            "-o",
            f"out-{name}",
            *words,
        ]
        return subprocess.Popen(command, cwd=root, env={**os.environ, "ELMARC_CACHE": str(root / "cache")})

    asked = ("--executor", "dask", "--scheduler-file", "s.json")
    killed = start("killed", *asked)
    until(lambda: killed.poll() is not None or list((root / "st-killed").glob("*/*.safetensors")))
    killed.kill()
    assert killed.wait() == -signal.SIGKILL
    again, whole = start("killed", *asked), start("whole")
    assert again.wait(PATIENCE_S) == whole.wait(PATIENCE_S) == 0
    results = [collect(root / f"out-{name}") for name in ("killed", "whole")]
    assert timeless(results[0]) == timeless(results[1])
    assert len(results[0]) == 3
    assert not list(root.rglob(".*.part"))
    assert json.loads((root / "s.json").read_text())["address"]  # the scheduler is the user's, and goes on
