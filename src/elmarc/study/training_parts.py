"""Cells in training: their parts are handed out as workers get free, and put together again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import pandas as pd

from elmarc._io import csv_text, write_atomic
from elmarc.errors import ConfigError, ElmarcError, OutOfBudgetError
from elmarc.evaluation.splits import Folds, Lists, keep_together, make_splits
from elmarc.features.cache import FrontEndCache
from elmarc.features.extractor import FeatureExtractor
from elmarc.reports import figures
from elmarc.results import Result
from elmarc.study import build, record, training_task
from elmarc.study.cells import Cell
from elmarc.study.executors.base import Executor
from elmarc.study.executors.here import Here
from elmarc.study.executors.tasks import check_can_be_sent
from elmarc.study.observer import Observer
from elmarc.study.spec import Experiment
from elmarc.study.training_task import TrainingTask, train_part, training_tasks
from elmarc.training.inputs import Inputs, open_inputs
from elmarc.training.loop import Row, Run
from elmarc.training.protocol import Judged, parts_of, put_together, weights_file
from elmarc.training.recipe import TrainingRecipe


class _DroppedError(ElmarcError):
    """Nobody waits for a training any more."""


@dataclass
class _Training:
    """One network, trained for every held-out part; `judged` are those that came back, by name."""

    cell: Cell
    recipe: TrainingRecipe
    is_open: bool = False
    problem: ElmarcError | None = None
    tasks: list[TrainingTask] = field(default_factory=list)
    judged: dict[str, Judged] = field(default_factory=dict)
    runs: dict[str, int] = field(default_factory=dict)  # epochs done, by run
    heard_s: float = 0.0
    inputs: Inputs = field(init=False)
    _extractor: FeatureExtractor = field(init=False)
    _parts: Folds | Lists = field(init=False)
    _notes: list[str] = field(init=False)

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to wait for."""
        return self.problem is not None or (self.is_open and len(self.judged) == len(self.tasks))

    @property
    def n_epochs(self) -> int:
        """All epochs there may be."""
        return len(self.tasks) * self.recipe.n_runs * self.recipe.epochs

    def open(self, cache: FrontEndCache | None, progress: Callable[[int, int], None]) -> None:
        """Read the clips and say what the parts are."""
        start = time.perf_counter()
        config, data = self.cell.config, self.cell.material.dataset
        self._extractor, self._notes = build.extractor(config, data, cache=cache)
        if self._extractor.network is None:
            raise ConfigError(f"{config.label}: has no network, and cannot be trained")
        contents = self.cell.material.contents
        self.inputs = open_inputs(self._extractor, data.clips, contents, progress=progress)
        folds, groups = self._of_clips("fold"), self._of_clips("group")
        labels = self.inputs.labels
        self._parts = make_splits(
            labels, folds, kind=data.split_kind, groups=groups, n_folds=data.n_folds,
            shuffle=data.shuffle,
        )  # fmt: skip
        together = keep_together(groups, folds, kind=data.split_kind)
        each = parts_of(self._parts, labels, self.recipe, keep_together=together)
        self.tasks = training_tasks(
            config, self.recipe, self.inputs, each, classes=data.classes, weights=self.weights
        )
        self.heard_s, self.is_open = time.perf_counter() - start, True

    def take(self, name: str, judged: Judged) -> None:
        """Take what became of a part, whose weights must be there.

        Raises
        ------
        ElmarcError
            They are not.
        """
        file = weights_file(self.weights, judged.fold)
        if not file.is_file():
            raise ElmarcError(
                f"{file}: a worker has trained and written it, and it is not here: all workers must see the "
                "folder of the results under the same path"
            )
        self.judged[name] = judged

    def result(self, n_at_once: int) -> Result:
        """Write the learning curves, and return the record; `train_s` is the share of so many slots."""
        evaluation, curves = put_together(
            [self.judged[task.part.name] for task in self.tasks], self._parts, self.recipe
        )
        self._write(pd.DataFrame(curves))
        config, data, inputs = self.cell.config, self.cell.material.dataset, self.inputs
        train_s = sum(part.seconds for part in self.judged.values()) / n_at_once
        heard = record.Heard(
            [clip.id for clip in inputs.clips], inputs.labels, self._of_clips("group"),
            len(self._extractor.columns), self._extractor.definition, inputs.skipped,
            {"extract_s": self.heard_s, "train_s": train_s},
        )  # fmt: skip
        said = [*self._notes, *inputs.notes, *config.notes, *data.notes]
        return record.make_result(
            config, data, heard, self._extractor, evaluation, clips_key=self.cell.material.key, notes=said,
            training=self.recipe.definition(),
        )  # fmt: skip

    def let_go(self) -> None:
        """Hold no network and no inputs any longer: a run may have hundreds of cells."""
        del self.inputs, self._extractor
        self.tasks, self.judged = [], {}

    @property
    def weights(self) -> Path:
        """The folder where trainings are kept."""
        return self.cell.folder.absolute() / "weights"

    def _of_clips(self, key: str) -> list[str]:
        return [getattr(clip, key) or "" for clip in self.inputs.clips]

    def _write(self, curves: pd.DataFrame) -> None:
        write_atomic(self.cell.folder / "curves.csv", csv_text(curves))
        figures.save(figures.curves_figure(curves), self.cell.folder / "curves")


class Trainings:
    """The cells of a run: while the parts of one are waited for, those of the next are at work already.

    Parameters
    ----------
    cells : sequence of Cell
        Those that are to be trained, in their order.
    recipe : TrainingRecipe
    where : Executor
        `Here` trains what this process has opened.
    cache : FrontEndCache or None
        In whose folder the inputs lie.
    """

    def __init__(
        self, cells: Sequence[Cell], recipe: TrainingRecipe, where: Executor, cache: FrontEndCache | None
    ) -> None:
        self._all = {cell.config: _Training(cell, recipe) for cell in cells}
        self._at = {training.weights: training for training in self._all.values()}
        self._where, self._cache = where, cache
        self._observer, self._check = Observer(), _nothing
        self._lock = threading.Lock()  # the observer is told by one thread at a time
        self._shown: _Training | None = None
        self._ended: ElmarcError | None = None
        self._stream = self._begun()
        self._n_open = 0  # parts that were handed out and have not come back

    def group(
        self,
        configs: Sequence[Experiment],
        *,
        observer: Observer,
        keep: Callable[[Experiment, Result], None],
        fail: Callable[[Experiment, ElmarcError], None],
        check: Callable[[], None],
        **_unused: object,
    ) -> list[Result]:
        """Train configurations one after the other, as `group.run_group` classifies them."""
        self._observer, self._check = observer, check
        found = []
        for config in configs:
            check()
            training = self._all[config]
            try:
                found.append(self._result(training))
            except ElmarcError as problem:
                if problem is not training.problem:
                    raise
                fail(config, problem)
                continue
            with self._lock:
                keep(config, found[-1])
        return found

    def close(self) -> None:
        """Drop what is at work: a part may take an hour."""
        if self._n_open:
            self._stream.close()
            self._where.drop()

    def _result(self, training: _Training) -> Result:
        config = training.cell.config
        with self._lock:
            self._shown = training
            self._observer.on_features(config.label, len(training.cell.material.dataset.clips))
        while not training.is_over:
            self._wait()
        if training.problem is not None:
            raise training.problem
        result = training.result(self._where.n_slots)
        training.let_go()
        return result

    def _wait(self) -> None:
        """Wait for one part, of whatever cell."""
        try:
            one = next(self._stream, None)
        except ElmarcError as problem:
            self._ended = problem
            raise
        if one is not None:
            self._n_open -= 1
            self._take(*one)
        elif self._ended is not None:  # it gives no more parts, of any cell
            raise self._ended

    def _begun(self) -> Generator[tuple[TrainingTask, Future[Judged]], None, None]:
        """Yield the parts of all cells as they end."""
        is_here = isinstance(self._where, Here)
        do = self._do_here if is_here else training_task.do
        yield from self._where.finished(do, self._tasks(), check=None if is_here else self._check_now)

    def _tasks(self) -> Iterator[TrainingTask]:
        """Open one cell after the other, as parts are asked for."""
        for training in self._all.values():
            try:
                if not isinstance(self._where, Here):
                    check_can_be_sent(training.cell.config)
                training.open(self._cache, partial(self._heard, training))
            except ElmarcError as problem:
                training.problem = problem
            for task in training.tasks:
                if training.problem is None:
                    self._n_open += 1
                    yield task

    def _take(self, task: TrainingTask, future: Future[Judged]) -> None:
        """Take what became of a part; a problem of its cell is raised when that one's turn comes."""
        training = self._at[task.weights]
        problem = future.exception()
        if isinstance(problem, OutOfBudgetError):
            raise problem
        try:
            training.take(task.part.name, future.result())
        except ElmarcError as found:
            training.problem = training.problem or found
            return
        if not isinstance(self._where, Here):
            self._tell_of_part(training, future.result())

    def _do_here(self, task: TrainingTask) -> Judged:
        """Do a task in a thread of this process, and tell of each epoch."""
        training = self._at[task.weights]
        told, check = partial(self._told, training), partial(self._unless_dropped, training)
        return train_part(task, training.inputs, told=told, check=check)

    def _unless_dropped(self, training: _Training) -> None:
        """End a training in a thread of this process that nobody waits for."""
        assert isinstance(self._where, Here)
        if self._where.dropped.is_set() or training.problem is not None:
            raise _DroppedError("the run, or the cell, has ended")

    def _check_now(self) -> None:
        self._check()

    def _heard(self, training: _Training, done: int, total: int) -> None:
        with self._lock:
            if training is self._shown:
                self._observer.on_inputs(done, total)
            self._check()

    def _told(self, training: _Training, run: Run, epoch: int, row: Row) -> None:
        """Say how far a training has come, and end it where the time is up."""
        with self._lock:
            training.runs[f"{run.fold} {run.part} {run.learning_rate}"] = epoch
            said = f"fold {run.fold}, rate {run.learning_rate:g}, loss {row['loss']:.2f}"
            if training is self._shown:
                self._observer.on_epoch(sum(training.runs.values()), training.n_epochs, said)
            self._check()

    def _tell_of_part(self, training: _Training, judged: Judged) -> None:
        done = len(training.judged) * training.recipe.n_runs * training.recipe.epochs
        if training is self._shown:
            said = f"fold {judged.fold.name}: {100 * judged.fold.accuracy:.1f} %"
            self._observer.on_epoch(done, training.n_epochs, said)


def _nothing() -> None:
    """Let the work go on."""
