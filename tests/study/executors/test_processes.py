"""Worker processes: the bytes of the serial path, also where a worker is killed; none is left."""

from __future__ import annotations

import multiprocessing
import os
from pathlib import Path

import pytest
from tests.study.executors.conftest import timeless

from elmarc.errors import ElmarcError
from elmarc.features.store import FeatureStore
from elmarc.study.cells import make_cells
from elmarc.study.executors import MOST_RESTARTS, Processes
from elmarc.study.observer import Observer
from elmarc.study.run import run_cells
from elmarc.study.spec import Experiment


class Killer(Observer):
    """Kill a worker as soon as a few clips are done."""

    def __init__(self) -> None:
        self.n_killed = 0

    def on_clips(self, done: int, total: int) -> None:
        if 4 <= done < total - 4 and not self.n_killed:
            multiprocessing.active_children()[0].kill()
            self.n_killed += 1


def test_results_are_those_of_the_serial_path_and_a_killed_worker_is_replaced(
    configs: list[Experiment], root: Path, serial: list[str]
) -> None:
    killer = Killer()
    with Processes(2, device="cpu") as pool:
        cells = make_cells(configs, root / "processes")
        found = run_cells(cells, executor=pool, observer=killer, store=FeatureStore(root / "store"))
    assert killer.n_killed == 1
    assert timeless(found) == serial
    assert "bad.wav" in found[0].skipped[0].id
    assert not multiprocessing.active_children()


def test_a_run_that_is_stopped_drops_its_workers(configs: list[Experiment], root: Path) -> None:
    class Stop(Observer):
        def on_clips(self, done: int, total: int) -> None:
            if done:
                raise KeyboardInterrupt

    before = set(multiprocessing.active_children())
    with pytest.raises(KeyboardInterrupt), Processes(1, device="cpu") as one:
        run_cells(make_cells(configs, root / "stopped"), executor=one, observer=Stop())
    assert set(multiprocessing.active_children()) == before


@pytest.mark.data  # it starts three workers, 10 s
def test_workers_that_are_killed_again_and_again_end_the_run() -> None:
    assert MOST_RESTARTS == 2
    with Processes(1, device="cpu") as one, pytest.raises(ElmarcError, match="killed 3 times, and finished"):
        list(one.finished(os._exit, [1]))
