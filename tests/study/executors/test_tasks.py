"""Tasks say all that a process needs, and nothing is computed that was not asked for."""

from __future__ import annotations

import pickle
import sys
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.sounds import write_tones
from tests.study.conftest import cells
from torch import nn

from elmarc import _resources
from elmarc.errors import ConfigError, ElmarcError
from elmarc.networks.make import register_all
from elmarc.study import build
from elmarc.study.cells import make_cells
from elmarc.study.clips import open_material
from elmarc.study.executors import Threads, opened
from elmarc.study.request import Run
from elmarc.study.run import run_cells
from elmarc.study.spec import Experiment
from elmarc.study.tasks import MOST_CLIPS, Extraction, TaskSizes, of_parts, run_task


@pytest.fixture
def tones(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Four tones."""
    return write_tones(tmp_path / "clips", rng, n=4)


def task_of(config: Experiment, n: int | None = None) -> Extraction:
    return tasks_of(config, n)[0]


def tasks_of(config: Experiment, n: int | None = None) -> list[Extraction]:
    """Return a task for each part of the features."""
    material = open_material(config)
    extractor, _ = build.extractor(config, material.dataset)
    pairs = [(clip, material.contents.of(clip)) for clip in material.dataset.clips]
    good = [pair for pair in pairs if pair[1]][:n]
    parts = zip(of_parts(config, extractor), extractor.parts, strict=True)
    return [Extraction.of(of_part, part, good, material.contents) for of_part, part in parts]


def test_a_task_that_was_sent_gives_the_bytes_of_this_process(configs: list[Experiment], tones: Path) -> None:
    (tones / "low" / "bad.wav").write_bytes(b"rubbish")
    stretched = [{"kind": "vgg", "n_filters": 1}, {"kind": "sample_level", "n_filters": 1}]
    for config in [*configs, *(c for network in stretched for c in cells(tones, network=network))]:
        material = open_material(config)
        extractor, _ = build.extractor(config, material.dataset)
        found = extractor.extract(material.dataset.clips, contents=material.contents)
        tasks = tasks_of(config)
        rows = [run_task(pickle.loads(pickle.dumps(task))) for task in tasks]
        for task, done in zip(tasks, rows, strict=True):
            good = {clip.id: content for clip, content in task.pairs if content not in done.problems}
            assert [good[name] for name in found.matrix.ids] == list(done.contents)
            assert len(done.problems) == 1
        np.testing.assert_array_equal(found.matrix.X, np.hstack([done.rows for done in rows]))


def test_a_task_is_small_and_holds_paths_from_the_root(
    configs: list[Experiment], root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root)
    (config,) = cells(Path("clips"), network={"kind": "temporal", "n_filters": 64})
    task = task_of(config)
    assert all(clip.path.is_absolute() for clip, _ in task.pairs)
    assert len(pickle.dumps(task)) < 20_000
    monkeypatch.chdir("/")
    assert run_task(task).contents


def test_the_key_is_of_what_is_computed(configs: list[Experiment]) -> None:
    task = task_of(configs[0], 3)
    assert task.key == task_of(configs[0], 3).key
    others = [task_of(configs[0], 2), task_of(configs[1], 3)]
    others.append(task_of(configs[0].model_copy(update={"seed": 5}), 3))
    assert len({task.key, *(other.key for other in others)}) == 4
    renamed = configs[0].model_copy(update={"name": "other", "batch_size": 2})
    assert task_of(renamed, 3).key == task.key


def test_other_features_than_were_asked_for_are_refused(configs: list[Experiment]) -> None:
    task = replace(task_of(configs[0], 2), definition="0" * 64)
    with pytest.raises(ConfigError, match="makes other features than were asked for"):
        run_task(task)


class Blind(Threads):
    """A worker on a machine that has no clips."""

    def submit(self, do: Callable[[Any], Any], task: Any) -> Future[Any]:
        pairs = tuple((replace(clip, path=Path("/absent") / clip.path.name), h) for clip, h in task.pairs)
        return super().submit(do, replace(task, pairs=pairs))


def test_a_worker_that_does_not_see_the_clips_ends_the_run(configs: list[Experiment], tmp_path: Path) -> None:
    with (
        Blind(1) as blind,
        pytest.raises(ElmarcError, match=r"can be read .*, and not by the worker .* see the clips"),
    ):
        run_cells(make_cells(configs[:1], tmp_path), executor=blind)


def test_a_module_in_memory_is_refused(root: Path) -> None:
    (section,), kept = register_all(nn.Linear(96, 4))
    (config,) = cells(root / "clips", network={**section, "output": "time channels"})
    with pytest.raises(ConfigError, match="cannot be sent to other processes: name a factory"):
        task_of(config, 1)
    assert kept


def test_sizes_follow_the_work_and_shrink_at_the_end() -> None:
    sizes = TaskSizes()
    sizes.learn(4, 0.004)
    assert sizes.next(10**6, 2) == 32
    sizes.learn(10**6, 1.0)
    assert sizes.next(10**6, 2) == MOST_CLIPS
    sizes.learn(1, 10_000.0)
    assert sizes.next(10**6, 2) == 1
    left, seen = 1000, []
    sizes.learn(512, 1.0)
    while left:
        seen.append(sizes.next(left, 4))
        left -= seen[-1]
    assert seen == sorted(seen, reverse=True)
    assert seen[0] == 125
    assert seen[-1] == 1


def test_a_share_of_the_cores_is_all_that_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_resources, "_share", [])
    _resources.take_share(1)
    assert _resources.n_cores() == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"executor": "slurm"}, "unknown executor 'slurm'"),
        ({"workers": 2}, "--workers 2: serial starts none"),
        ({"scheduler": "tcp://h:1"}, "--scheduler: only --executor dask"),
        (
            {"executor": "dask", "scheduler": "tcp://h:1", "workers": 2},
            "a scheduler has workers of its own",
        ),
        ({"executor": "dask", "scheduler": "tcp://h:1", "scheduler_file": Path("f")}, "found both"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError, match=said), opened(Run(**options)):  # type: ignore[arg-type]
        pass


def test_dask_that_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with (
        pytest.raises(ConfigError, match=r"pip install 'elmarc\[dask\]'"),
        opened(Run(executor="dask", workers=2)),
    ):
        pass


def test_a_scheduler_that_is_not_there_is_said(tmp_path: Path) -> None:
    pytest.importorskip("distributed")
    absent = Run(executor="dask", scheduler_file=tmp_path / "absent.json")
    with (
        pytest.raises(ConfigError, match=r"absent\.json: no such file: start `dask scheduler"),
        opened(absent),
    ):
        pass
