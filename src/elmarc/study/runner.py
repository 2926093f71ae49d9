"""Run cells, keep what is done, take up where a run was broken off.

Cells that share features share their extraction (`group.run_group`); groups that share clips share decoding
and front-end. A finished cell is a folder under RUN/cells (`cells.Cell`): running the same thing again finds
it there.
"""

from __future__ import annotations

import json
import math
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from elmarc import _io
from elmarc._io import write_atomic
from elmarc.errors import ConfigError, ElmarcError, OutOfBudgetError, TransientError
from elmarc.features.cache import FrontEndCache
from elmarc.features.extractor import Extraction
from elmarc.features.store import FeatureStore
from elmarc.results import FAILED, Result
from elmarc.study import record
from elmarc.study.cells import Cell, by_features, features_key
from elmarc.study.executors.base import Executor
from elmarc.study.group import run_group
from elmarc.study.observer import Observer
from elmarc.study.spec import Experiment

TIMES = ("seconds", "frontend_s", "network_s")  # of an Extraction
GroupWork = Callable[..., list[Result]]


def seconds(time: float | str | None) -> float | None:
    """Read a duration: 120, "120s", "10m" or "2h".

    Raises
    ------
    ConfigError
        It is none.

    >>> seconds("2m")
    120.0
    """
    if time is None or isinstance(time, int | float):
        return time
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([smh]?)", time.strip())
    if match is None:
        raise ConfigError(f"budget {time}: expected a time as 120s, 10m or 2h")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]]


def run_cells(
    cells: Sequence[Cell],
    *,
    store: FeatureStore | None = None,
    observer: Observer | None = None,
    budget_s: float | None = None,
    n_jobs: int = 1,
    executor: Executor | None = None,
    keep_going: bool = False,
    command: str = "",
    work: GroupWork = run_group,
) -> list[Result]:
    """Run what is not done yet; return the results in the order of the cells.

    Parameters
    ----------
    cells : sequence of Cell
        From `cells.make_cells`, which says in which folder their results lie.
    store : FeatureStore or None
        Features kept between runs.
    observer : Observer or None
        Told what happens.
    budget_s : float or None
        Seconds after which no more work is begun.
    n_jobs : int
        Threads for the classifiers' grids.
    executor : Executor or None
        Where features are computed; None: in this process, where networks share the decoded clips.
    keep_going : bool
        Whether a cell that cannot be run is reported and passed over; `Cell.failure` says which were.
    command : str
        What was typed to start this, for the readers of the results.
    work : callable
        Makes the results of cells that share features; called as `group.run_group`.

    Raises
    ------
    ElmarcError
        A cell cannot be run (unless `keep_going`), or none gave a result; a clip cannot be read at the moment
        (TransientError, always).
    """
    over_budget: OutOfBudgetError | None = None
    shared_here = cells if executor is None and work is run_group else ()
    with _shared_front_ends(shared_here, store) as cache:
        make = work if executor is None else partial(work, executor=executor)
        run = _Run(store, cache, observer or Observer(), n_jobs, command, _budget(budget_s), make, keep_going)
        run.take_over(cells)
        todo = [cell.config for cell in cells if cell.folder not in run.done]
        run.observer.on_start(todo, len(run.done))
        for group in by_features(cells):
            try:
                run.group(group)
            except OutOfBudgetError as over:
                over_budget = over
                run.observer.on_budget(len(run.done), len(cells))
                break
    problem = run.problems[-1] if run.problems else over_budget
    if problem is not None and not run.done:
        raise problem
    return [run.done[cell.folder] for cell in cells if cell.folder in run.done]


@dataclass(frozen=True)
class _Run:
    """What the groups of one run have in common, and the results so far, by folder."""

    store: FeatureStore | None
    cache: FrontEndCache | None
    observer: Observer
    n_jobs: int
    command: str
    check: Callable[[], None]
    work: GroupWork
    keep_going: bool
    done: dict[Path, Result] = field(default_factory=dict)
    problems: list[ElmarcError] = field(default_factory=list)

    def take_over(self, cells: Sequence[Cell]) -> None:
        """Take the results of cells that are finished."""
        for cell in cells:
            if cell.folder not in self.done and (result := cell.finished()) is not None:
                self._done(cell, result, resumed=True)

    def group(self, cells: Sequence[Cell]) -> None:
        """Run the cells of a group that are not finished, here or by another process meanwhile.

        What stops one cell, or the features of all, is kept as their failure; it is raised where the run
        does not keep going.
        """
        self.take_over(cells)
        missing = {cell.config: cell for cell in cells if cell.folder not in self.done}
        left = dict(missing)

        def keep(config: Experiment, result: Result) -> None:
            told = missing[config].identified(replace(result, command=self.command))
            record.write(told, missing[config].folder)
            self._done(left.pop(config), told, resumed=False)

        def fail(config: Experiment, problem: ElmarcError) -> None:
            if isinstance(problem, (OutOfBudgetError, TransientError)):
                raise problem
            self._failed([left.pop(config)], problem)

        try:
            if missing:
                self.work(
                    list(missing), material=cells[0].material, store=self.store, cache=self.cache,
                    n_jobs=self.n_jobs, observer=self.observer, keep=keep, fail=fail, check=self.check,
                    timed=partial(_timed, cells[0]),
                )  # fmt: skip
        except (OutOfBudgetError, TransientError):
            raise
        except ElmarcError as problem:
            if problem in self.problems or not left:
                raise
            self._failed(list(left.values()), problem)

    def _failed(self, cells: Sequence[Cell], problem: ElmarcError) -> None:
        self.problems.append(problem)
        failed = [cell.fail(problem) for cell in cells]
        if not self.keep_going:
            raise problem
        self.observer.on_failure(failed)

    def _done(self, cell: Cell, result: Result, *, resumed: bool) -> None:
        self.done[cell.folder] = result
        (cell.folder / FAILED).unlink(missing_ok=True)
        self.observer.on_result(result, resumed=resumed)


def _timed(cell: Cell, extraction: Extraction) -> Extraction:
    """Note in times.json what features took; take it from there where a run that was broken off made them."""
    file, key = cell.folder.parents[1] / "times.json", f"{features_key(cell.config)}-{cell.material.key}"
    try:
        times = dict(json.loads(file.read_text(encoding="utf-8")))
        noted = {name: float(times[key][name]) for name in TIMES} if key in times else {}
        if not all(map(math.isfinite, noted.values())):
            raise ValueError("no time")
    except (OSError, ValueError, TypeError, LookupError, RecursionError):  # damaged: times are made anew
        times, noted = {}, {}
    if extraction.frontend_s is None:
        return replace(extraction, **noted)  # type: ignore[arg-type]
    times[key] = {name: getattr(extraction, name) for name in TIMES}
    write_atomic(file, json.dumps(times, indent=1) + "\n")
    return extraction


def _budget(seconds: float | None) -> Callable[[], None]:
    """Return a check that raises OutOfBudgetError once so many seconds have gone by."""
    deadline = None if seconds is None else time.monotonic() + seconds

    def check() -> None:
        if deadline is not None and time.monotonic() > deadline:
            raise OutOfBudgetError(
                f"the budget of {seconds:g} s ended before the first result: features made so far are "
                "stored; give more time, or run again to go on"
            )

    return check


@contextmanager
def _shared_front_ends(cells: Sequence[Cell], store: FeatureStore | None) -> Iterator[FrontEndCache | None]:
    """Give a folder for decoded clips where several groups share them; remove it at the end."""
    if len(by_features(cells)) < 2:
        yield None
        return
    with front_ends(store) as cache:
        yield cache


@contextmanager
def front_ends(store: FeatureStore | None) -> Iterator[FrontEndCache | None]:
    """Give a folder of the store for decoded clips; remove it at the end. None where none can be made."""
    root = Path(tempfile.gettempdir()) if store is None else store.root
    _io.clear(root, "frontend-*")
    folder = root / f"frontend-{_io.mark()}"
    if not _made(folder):
        yield None
        return
    try:
        yield FrontEndCache(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _made(folder: Path) -> bool:
    """Make a folder; False where that is not possible: the run is slower without it."""
    try:
        folder.mkdir(parents=True, mode=0o700)
    except OSError:
        return False
    return True
