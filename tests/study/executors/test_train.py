"""Training gives the same bytes in this process, in processes and by Dask, whoever is killed meanwhile."""

from __future__ import annotations

import json
import multiprocessing
import os
import pickle
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.study.executors.conftest import PATIENCE_S, timeless, until
from torch import nn

from elmarc.errors import ConfigError, ElmarcError
from elmarc.networks.make import register_all
from elmarc.results import Failure, collect
from elmarc.study import executors, run
from elmarc.study.cells import Cell, failures, make_cells
from elmarc.study.executors import Pool, Processes, Threads, n_threads_for, opened
from elmarc.study.forecast import n_at_once
from elmarc.study.observer import Observer
from elmarc.study.request import Run, Train
from elmarc.study.run import run_cells
from elmarc.study.tasks import Training, run_task
from elmarc.study.trainings import Trainings, _Training
from elmarc.training.nested import SplitScore
from elmarc.training.recipe import TrainingRecipe

N_PARTS = 4
RECIPE = TrainingRecipe(epochs=2, learning_rates=(0.003, 0.01))
NETWORK = {"kind": "temporal", "n_filters": 4}
TRAIN = (
    "--networks", "temporal", "--seeds", "2", "--quiet", "--device", "cpu", "--set", "network.n_filters=4",
    "--set", "network.size=null", "--set", f"data.n_folds={N_PARTS}", "--epochs", "2", "--learning-rates",
    "0.003,0.01",
)  # fmt: skip


def cells_of(root: Path, output: Path, *, networks: Any = (NETWORK,), seeds: int = 2) -> list[Cell]:
    data = {"source": str(root / "clips"), "n_folds": N_PARTS}
    study = Train(
        data=data, networks=networks, recipe="2018", seeds=seeds, device="cpu", epochs=RECIPE.epochs,
        learning_rates=RECIPE.learning_rates,
    )  # fmt: skip
    return make_cells(study.experiments(), output)


@dataclass(frozen=True)
class Found:
    """Results without times, and the bytes of all weights, inner folds and curves."""

    results: list[str]
    files: dict[str, bytes]


def found_in(folder: Path) -> Found:
    kept = [*folder.rglob("weights/*"), *folder.rglob("curves.csv")]
    files = {str(path.relative_to(folder)): path.read_bytes() for path in kept}
    return Found(timeless(collect(folder)), files)


@pytest.fixture(scope="module")
def trained(root: Path) -> Found:
    """What two cells give in this process, one part at a time."""
    with Threads(1) as one:
        run_cells(cells_of(root, root / "one"), executor=one)
    found = found_in(root / "one")
    assert len(found.results) == 2
    assert len(found.files) == 2 * (2 * N_PARTS + 1)
    assert "bad.wav" in found.results[0]
    return found


class Killer(Observer):
    """Kill a worker as soon as it or another one has finished a part."""

    def __init__(self, kill: Callable[[], None]) -> None:
        self.kill, self.n_killed = kill, 0

    def on_epoch(self, done: int, total: int, said: str) -> None:
        assert done <= total == N_PARTS * RECIPE.n_runs * RECIPE.epochs
        if not self.n_killed:
            self.kill()
            self.n_killed += 1


def test_threads_give_the_bytes_of_one_part_at_a_time(root: Path, trained: Found) -> None:
    before = torch.get_num_threads(), torch.get_rng_state().tolist(), random.getstate()
    with Threads(3) as threads:
        run_cells(cells_of(root, root / "threads"), executor=threads)
    assert found_in(root / "threads") == trained
    assert (torch.get_num_threads(), torch.get_rng_state().tolist(), random.getstate()) == before


def test_so_do_processes_and_one_that_is_killed_is_replaced(root: Path, trained: Found) -> None:
    killer = Killer(lambda: multiprocessing.active_children()[0].kill())
    with Processes(1, device="cpu") as pool:  # a start costs 5 s, and Dask has two
        run_cells(cells_of(root, root / "processes"), executor=pool, observer=killer)
    assert killer.n_killed == 1
    assert found_in(root / "processes") == trained
    assert not multiprocessing.active_children()


def test_so_does_dask_and_who_asked_may_be_killed(
    workers: list[subprocess.Popen[bytes]], root: Path, trained: Found
) -> None:
    def start() -> subprocess.Popen[bytes]:
        asked = (
            "--recipe",
            "2018",
            "--executor",
            "dask",
            "--scheduler-file",
            "s.json",
            "--store",
            "st",
            "-o",
            "out",
        )
        command = [sys.executable, "-m", "elmarc", "train", str(root / "clips"), *TRAIN, *asked]
        return subprocess.Popen(command, cwd=root, env={**os.environ, "ELMARC_CACHE": str(root / "cache")})

    killed = start()
    until(lambda: killed.poll() is not None or list((root / "out").rglob("*-inner.json")))
    killed.kill()
    assert killed.wait() == -signal.SIGKILL
    assert start().wait(PATIENCE_S) == 0
    assert found_in(root / "out") == trained
    killer = Killer(workers[0].kill)
    with opened(Run(executor="dask", scheduler_file=root / "s.json")) as executor:
        assert executor is not None
        run_cells(cells_of(root, root / "dask"), executor=executor, observer=killer)
    assert workers[0].wait() == -signal.SIGKILL
    assert found_in(root / "dask") == trained


def tasks_of(cell: Cell) -> list[Training]:
    training = _Training(cell)
    training.open(None, lambda done, total: None)
    return training.tasks


def test_a_task_is_small_holds_no_arrays_and_its_key_is_of_what_it_computes(
    root: Path, tmp_path: Path
) -> None:
    first, second = (tasks_of(cell) for cell in cells_of(root, tmp_path))
    assert len({task.key for task in [*first, *second]}) == 2 * N_PARTS
    text = pickle.dumps(first[0])
    assert len(text) < 20_000
    assert b"numpy" not in text
    assert b"torch" not in text
    assert pickle.loads(text).key == first[0].key
    other = replace(first[0], definition="0" * 64)
    with pytest.raises(ConfigError, match="makes other features than were asked for"):
        run_task(other)
    away = replace(first[0], pairs=tuple((replace(c, path=Path("/absent/a.wav")), h) for c, h in other.pairs))
    with pytest.raises(ElmarcError, match=r"absent.*and not by the worker on .* in the same folder"):
        run_task(replace(away, cache=None))


class Elsewhere(Pool):
    """A worker that writes weights to a folder of its own machine."""

    n_slots = 1

    def start(self) -> Executor:
        return ThreadPoolExecutor(1)

    def submit(self, do: Callable[[Any], Any], task: Any) -> Future[Any]:
        return super().submit(do, replace(task, weights=task.weights.with_name("elsewhere")))


def test_weights_that_do_not_come_are_missed(root: Path, tmp_path: Path) -> None:
    trainings = cells_of(root, tmp_path, seeds=1)
    with Elsewhere() as away, pytest.raises(ElmarcError, match="must see the folder of the results"):
        run_cells(trainings, executor=away)


def test_when_the_time_is_up_what_is_at_work_is_dropped(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Endless(Elsewhere):
        n_submitted = n_dropped = 0

        def submit(self, do: Callable[[Any], Any], task: Any) -> Future[Any]:
            self.n_submitted += 1
            return Future()

        def drop(self) -> None:
            self.n_dropped += 1

    def up_once_a_task_is_at_work(seconds: float) -> Callable[[], None]:
        time_is_up = budget(0.0)
        return lambda: time_is_up() if where.n_submitted else None

    budget, where = run._budget, Endless()
    monkeypatch.setattr(run, "_budget", up_once_a_task_is_at_work)
    with pytest.raises(ElmarcError, match="the budget of 0 s ended"):
        run_cells(cells_of(root, tmp_path, seeds=1), executor=where, budget_s=9.0)
    assert where.n_dropped == 1


def test_as_many_parts_are_trained_here_as_fit(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (cell,) = cells_of(root, tmp_path, seeds=1)
    monkeypatch.setattr(executors, "n_cores", lambda: 6)
    monkeypatch.setattr(executors, "memory_bytes", lambda: 4 * executors.WORKER_BYTES)
    assert n_threads_for("cpu", None) == 4
    assert n_threads_for("cpu", 3) == 3
    assert n_threads_for("cpu", 9) == 4
    assert n_at_once(cell, None) == 4
    assert n_at_once(cell, Threads(10**6)) == 10**6


class Drawing(nn.Module):
    """Draws from the global random states while it learns."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.drop = nn.Conv1d(96, 4, 3), nn.Dropout(0.2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        maps = torch.relu(self.conv(x.transpose(1, 2)))
        noise: float = np.random.rand() if self.training else 0.0  # noqa: NPY002
        return self.drop(maps) + noise


def test_modules_that_draw_do_not_disturb_each_other_and_are_not_sent(root: Path, tmp_path: Path) -> None:
    (section,), kept = register_all(Drawing())
    section = {**section, "unit": "frames", "key": "drawing"}
    found = []
    for n in (1, 3):
        with Threads(n) as threads:
            run_cells(cells_of(root, tmp_path / str(n), networks=[section]), executor=threads)
        found.append(found_in(tmp_path / str(n)))
    assert found[0] == found[1]
    with Processes(1) as pool, pytest.raises(ConfigError, match="cannot be sent to other processes"):
        run_cells(cells_of(root, tmp_path / "sent", networks=[section]), executor=pool)
    assert kept


def test_a_cell_that_cannot_be_trained_costs_no_other(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = Trainings._take

    def failing(self: Trainings, training: _Training, task: Training, score: SplitScore) -> None:
        if training.cell.config.seed == 0 and score.fold.name == "2":
            raise ConfigError("no luck")
        take(self, training, task, score)

    monkeypatch.setattr(Trainings, "_take", failing)
    failed: list[str] = []

    class Notes(Observer):
        def on_failure(self, these: Sequence[Failure]) -> None:
            failed.extend(f"{one.classifier} {one.seed} {one.reason}" for one in these)

    cells = cells_of(root, tmp_path)
    (result,) = run_cells(cells, keep_going=True, observer=Notes())
    assert result.seed == 1
    assert failed == ["trained 0 no luck"]
    assert [(f.classifier, f.seed) for f in failures(cells)] == [("trained", 0)]
    assert isinstance(json.loads((cells[1].folder / "result.json").read_text()), dict)
