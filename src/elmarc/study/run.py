"""The loop of a study: run the cells that are not finished, whichever head they have, and keep each result.

Cells that share features share their extraction, and then take one classifier after the other. Cells whose
networks are trained are cut into splits, which are trained as workers get free. A finished cell is a folder
under RUN/cells (`cells.Cell`): running the same thing again takes it from there.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path

from elmarc._io import write_atomic
from elmarc.errors import ConfigError, ElmarcError, OutOfBudgetError, TransientError
from elmarc.evaluation.protocol import evaluate
from elmarc.evaluation.search import SearchWorkspace
from elmarc.evaluation.splits import keep_together
from elmarc.features.cache import FrontEndCache, front_ends
from elmarc.features.extractor import Extraction, FeatureExtractor
from elmarc.features.store import FeatureStore
from elmarc.results import FAILED, Result
from elmarc.study import build, record
from elmarc.study.cells import Cell, by_features, features_key
from elmarc.study.executors import Pool, Threads, n_threads_for
from elmarc.study.features_in import read_features
from elmarc.study.observer import Observer
from elmarc.study.tasks import computing
from elmarc.study.trainings import Trainings

TIMES = ("seconds", "frontend_s", "network_s")  # of an Extraction


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
    executor: Pool | None = None,
    keep_going: bool = False,
    command: str = "",
) -> list[Result]:
    """Run what is not done yet; return the results in the order of the cells.

    Parameters
    ----------
    cells : sequence of Cell
        From `cells.make_cells`.
    store : FeatureStore or None
        Features of earlier runs; decoded clips lie in its folder while they are needed.
    observer : Observer or None
        Gets what happens.
    budget_s : float or None
        Seconds after which no more work is begun.
    n_jobs : int
        Threads for the classifiers' grids.
    executor : Pool or None
        Where features are computed and networks are trained; None: in this process.
    keep_going : bool
        Whether a cell that cannot be run is reported and passed over; `Cell.failure` says why.
    command : str
        The command line that started this, for the readers of the results.

    Raises
    ------
    ElmarcError
        A cell cannot be run (unless `keep_going`), or none gave a result; a clip cannot be read at the moment
        (TransientError, always).
    """
    run = _Run(store, observer or Observer(), n_jobs, executor, keep_going, command, _budget(budget_s))
    run.take_over(cells)
    todo = [cell for cell in cells if cell.folder not in run.done]
    run.observer.on_start([cell.config for cell in todo], len(run.done))
    classified = by_features([cell for cell in todo if cell.config.training is None])
    trained = [cell for cell in todo if cell.config.training is not None]
    is_shared = bool(trained) or (executor is None and len(classified) > 1)
    over_budget: OutOfBudgetError | None = None
    with front_ends(store) if is_shared else nullcontext() as cache:
        try:
            for group in classified:
                run.classify(group, cache if executor is None else None)
            if trained:
                run.train(trained, cache)
        except OutOfBudgetError as over:
            over_budget = over
            run.observer.on_budget(len(run.done), len(cells))
    problem = run.problems[-1] if run.problems else over_budget
    if problem is not None and not run.done:
        raise problem
    return [run.done[cell.folder] for cell in cells if cell.folder in run.done]


@dataclass
class _Run:
    """What the cells of one run have in common, and the results so far, by folder."""

    store: FeatureStore | None
    observer: Observer
    n_jobs: int
    executor: Pool | None
    keep_going: bool
    command: str
    check: Callable[[], None]  # raises OutOfBudgetError
    done: dict[Path, Result] = field(default_factory=dict)
    problems: list[ElmarcError] = field(default_factory=list)

    def take_over(self, cells: Sequence[Cell]) -> None:
        """Take the results of cells that are finished: before this run, or by another process meanwhile."""
        for cell in cells:
            if cell.folder not in self.done and (result := cell.finished()) is not None:
                self._done(cell, result, resumed=True)

    def keep(self, cell: Cell, result: Result) -> None:
        """Write the result of a cell."""
        result = cell.identified(replace(result, command=self.command))
        record.write(result, cell.folder)
        self._done(cell, result, resumed=False)

    def fail(self, cells: Sequence[Cell], problem: ElmarcError) -> None:
        """Keep why cells cannot be run; raise it unless the run keeps going, or always if it may pass."""
        if isinstance(problem, OutOfBudgetError | TransientError):
            raise problem
        self.problems.append(problem)
        failures = [cell.fail(problem) for cell in cells]
        if not self.keep_going:
            raise problem
        self.observer.on_failure(failures)

    def _done(self, cell: Cell, result: Result, *, resumed: bool) -> None:
        self.done[cell.folder] = result
        (cell.folder / FAILED).unlink(missing_ok=True)
        self.observer.on_result(result, resumed=resumed)

    def classify(self, cells: Sequence[Cell], cache: FrontEndCache | None) -> None:
        """Run cells that share features: extract them once, then evaluate one classifier after the other."""
        self.take_over(cells)
        missing = list({cell.folder: cell for cell in cells if cell.folder not in self.done}.values())
        if not missing:
            return
        try:
            extraction, extractor, notes = self._features(missing[0], cache)
        except ElmarcError as problem:
            self.fail(missing, problem)
            return
        matrix, workspace = extraction.matrix, SearchWorkspace(extraction.matrix.X)
        for cell in missing:
            self.check()
            config, data = cell.config, cell.material.dataset
            self.observer.on_classifier(config.head_name)
            start, first = time.perf_counter(), build.fitted_features(config)
            try:
                evaluation = evaluate(
                    build.classifier(config, first),
                    matrix.X,
                    matrix.y,
                    cell.material.splits(matrix.labels, matrix.folds, matrix.groups),
                    protocol=config.protocol,
                    keep_together=keep_together(matrix.groups, matrix.folds, kind=data.split_kind),
                    workspace=workspace,
                    n_jobs=self.n_jobs,
                )
                classify_s = time.perf_counter() - start
                clips = record.UsedClips.of(extraction, classify_s=classify_s, fitted=first)
                of_classifier = [f"{config.head_name}: {note}" for note in evaluation.notes]
                all_notes = [*notes, *config.notes, *data.notes, *of_classifier]
                result = record.make_result(
                    config, cell.material, clips, extractor, evaluation, notes=all_notes
                )
            except ElmarcError as problem:
                self.fail([cell], problem)
            else:
                self.keep(cell, result)

    def _features(
        self, cell: Cell, cache: FrontEndCache | None
    ) -> tuple[Extraction, FeatureExtractor | None, list[str]]:
        """Return the features of a cell, what computes them, and notes on them."""

        def progress(done: int, total: int) -> None:
            self.observer.on_clips(done, total)
            self.check()

        self.check()
        config, data = cell.config, cell.material.dataset
        self.observer.on_features(config.label, len(data.clips))
        extractor: FeatureExtractor | None = None
        notes: list[str] = []
        if config.network is not None or config.features_file is None:
            extractor, notes = build.extractor(config, data, store=self.store, cache=cache)
        if config.features_file is not None:
            definition = None if extractor is None else extractor.definition
            matrix, notes = read_features(config.features_file, data, definition)
            return Extraction(matrix, (), 0, 0.0), None, notes
        assert extractor is not None
        extraction = extractor.extract(
            data.clips,
            contents=cell.material.contents,
            progress=progress,
            compute=computing(config, extractor, self.executor),
        )
        return _with_times(extraction, cell), extractor, [*notes, *extraction.notes]

    def train(self, cells: Sequence[Cell], cache: FrontEndCache | None) -> None:
        """Train the networks of cells, in threads of this process where there is no executor."""
        cells, config = list({cell.folder: cell for cell in cells}.values()), cells[0].config
        threads = None if self.executor else Threads(n_threads_for(config.device, config.n_workers))
        with nullcontext(self.executor) if threads is None else threads as pool:
            assert pool is not None
            trainings = Trainings(cells, pool, cache, self.observer, self.check)
            trainings.run(keep=self.keep, fail=self.fail)


def _with_times(extraction: Extraction, cell: Cell) -> Extraction:
    """Note in times.json what features took; take it from there where an interrupted run made them."""
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
