"""Cells whose networks are trained: split by split, as workers get free, and put together again."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from elmarc._io import csv_text, write_atomic
from elmarc.errors import ConfigError, ElmarcError
from elmarc.evaluation.splits import keep_together
from elmarc.features.cache import FrontEndCache
from elmarc.reports import figures
from elmarc.results import Result
from elmarc.study import build, record
from elmarc.study.cells import Cell
from elmarc.study.executors import Pool, Threads
from elmarc.study.observer import Observer
from elmarc.study.tasks import Training, check_can_be_sent, run_task
from elmarc.training.inputs import open_inputs
from elmarc.training.loop import Row, Run
from elmarc.training.nested import (
    Rung,
    SplitScore,
    checkpoint_file,
    parts_of,
    put_together,
    race_part,
    weights_file,
)

WEIGHTS, RACED = "weights", "race"  # folders of a cell: of its trainings, and of those that were raced


class _StoppedError(ElmarcError):
    """The result of a training is not needed any more."""


class Trainings:
    """The trained cells of a run: while splits of one are waited for, those of the next are at work already.

    Parameters
    ----------
    cells : sequence of Cell
    pool : Pool
        Where they are trained; `Threads` train on the inputs of this process, and report each epoch.
    cache : FrontEndCache or None
        In whose folder the inputs lie.
    observer : Observer
        Gets the progress of the first unfinished cell.
    check : callable
        Called now and then; what it raises ends all trainings.
    until : int or None
        Train the part by which a race chooses, `nested.race_part`, and that for so many epochs alone: cells
        have a `Rung` then, and no result.
    """

    def __init__(
        self,
        cells: Sequence[Cell],
        pool: Pool,
        cache: FrontEndCache | None,
        observer: Observer,
        check: Callable[[], None],
        *,
        until: int | None = None,
    ) -> None:
        self._cells, self._pool, self._cache, self._until = cells, pool, cache, until
        self._observer, self._check = observer, check
        self._is_here = isinstance(pool, Threads)
        self._open: dict[Path, _Training] = {}  # by folder of weights
        self._shown: _Training | None = None
        self._lock = threading.Lock()  # the observer is called by one thread at a time

    def run(
        self,
        *,
        keep: Callable[[Cell, Any], None],
        fail: Callable[[Sequence[Cell], ElmarcError], None],
    ) -> None:
        """Train; hand on the `Result` of each cell, or its `Rung`, or what is wrong with it."""
        do: Callable[[Training], SplitScore | Rung] = self._do_here if self._is_here else run_task
        try:
            with closing(self._pool.finished(do, self._tasks(fail), check=self._check)) as finished:
                for task, future in finished:
                    if (training := self._open.get(task.weights)) is None:
                        continue  # another split of it has failed
                    try:
                        self._take(training, task, future.result())
                        result = training.result(self._pool.n_slots) if training.is_over else None
                    except ElmarcError as problem:
                        with self._lock:
                            del self._open[task.weights]
                            fail([training.cell], problem)
                    else:
                        if result is None:
                            continue
                        with self._lock:
                            self._show(training)
                            del self._open[task.weights]  # its inputs too: a run may have hundreds of cells
                            keep(training.cell, result)
                    with self._lock:
                        self._show(next(iter(self._open.values()), None))
        finally:
            self._open.clear()  # which stops threads

    def _tasks(self, fail: Callable[[Sequence[Cell], ElmarcError], None]) -> Iterator[Training]:
        """Open one cell after the other, as tasks are taken."""
        for cell in self._cells:
            training = _Training(cell, self._until)
            if not self._open:
                with self._lock:
                    self._show(training)
            try:
                if not self._is_here:
                    check_can_be_sent(cell.config)
                training.open(self._cache, partial(self._on_inputs, training))
            except ElmarcError as problem:
                with self._lock:
                    fail([cell], problem)
                continue
            self._open[training.weights] = training
            for task in training.tasks:
                if training.weights in self._open:
                    yield task

    def _take(self, training: _Training, task: Training, score: SplitScore | Rung) -> None:
        training.take(task, score)
        if not self._is_here and training is self._shown:
            done = training.most_epochs * len(training.scores) // len(training.tasks)
            accuracy = score.accuracy if isinstance(score, Rung) else score.fold.accuracy
            text = f"fold {task.part.name}: {100 * accuracy:.1f} %"
            self._observer.on_epoch(done, training.most_epochs, text)

    def _do_here(self, task: Training) -> SplitScore | Rung:
        """Do a task in a thread of this process."""

        def check() -> None:
            if task.weights not in self._open:
                raise _StoppedError("the run, or another split of the cell, has ended")

        check()
        training = self._open[task.weights]
        return task.run_on(training.inputs, on_epoch=partial(self._on_epoch, training), check=check)

    def _show(self, training: _Training | None) -> None:
        if training is not None and training is not self._shown:
            self._shown, cell = training, training.cell
            self._observer.on_features(cell.config.label, len(cell.material.dataset.clips))

    def _on_inputs(self, training: _Training, done: int, total: int) -> None:
        self._check()
        with self._lock:
            if training is self._shown:
                self._observer.on_inputs(done, total)

    def _on_epoch(self, training: _Training, run: Run, epoch: int, row: Row) -> None:
        with self._lock:
            training.epochs[f"{run.fold} {run.part} {run.learning_rate}"] = epoch
            if training is self._shown:
                text = f"fold {run.fold}, rate {run.learning_rate:g}, loss {row['loss']:.2f}"
                self._observer.on_epoch(sum(training.epochs.values()), training.most_epochs, text)


class _Training:
    """A cell whose network is trained for every split; `scores` are those of finished splits, by name."""

    def __init__(self, cell: Cell, until: int | None = None) -> None:
        assert cell.config.training is not None
        self.cell, self.recipe, self.until = cell, cell.config.training, until
        self.weights = cell.folder.absolute() / (WEIGHTS if until is None else RACED)
        self.scores: dict[str, SplitScore | Rung] = {}
        self.epochs: dict[str, int] = {}  # done, by run

    def open(self, cache: FrontEndCache | None, progress: Callable[[int, int], None]) -> None:
        """Read the clips and split them."""
        start = time.perf_counter()
        cell, config, data = self.cell, self.cell.config, self.cell.material.dataset
        self._extractor, self._notes = build.extractor(config, data, cache=cache)
        if self._extractor.network is None:
            raise ConfigError(f"{config.label}: has no network, and cannot be trained")
        self.inputs = open_inputs(self._extractor, data.clips, cell.material.contents, progress=progress)
        labels = self.inputs.labels
        folds, self._groups = (
            [getattr(clip, key) or "" for clip in self.inputs.clips] for key in ("fold", "group")
        )
        self._splits = cell.material.splits(labels, folds, self._groups)
        together = keep_together(self._groups, folds, kind=data.split_kind)
        if self.until is None:
            parts = parts_of(self._splits, labels, self.recipe, keep_together=together)
        else:
            parts = [race_part(self._splits, labels, keep_together=together)]
        self.tasks = Training.of_splits(
            config, self.recipe, self.inputs, parts, classes=data.classes, weights=self.weights,
            until=self.until,
        )  # fmt: skip
        self.most_epochs = self.until or len(parts) * self.recipe.n_runs * self.recipe.epochs
        self._read_s = time.perf_counter() - start

    @property
    def is_over(self) -> bool:
        """Whether all splits are finished."""
        return len(self.scores) == len(self.tasks)

    def take(self, task: Training, score: SplitScore | Rung) -> None:
        """Take the score of a split, whose weights must be there.

        Raises
        ------
        ElmarcError
            They are not.
        """
        if isinstance(score, Rung):
            file = checkpoint_file(self.weights, task.part, self.recipe)
        else:
            file = weights_file(self.weights, score.fold)
        if not file.is_file():
            raise ElmarcError(
                f"{file}: a worker has trained and written it, and it is not here: all workers must see the "
                "folder of the results under the same path"
            )
        self.scores[task.part.name] = score

    def result(self, n_at_once: int) -> Result | Rung:
        """Write the learning curves, and return the record; `train_s` is the share of so many slots."""
        found = [self.scores[task.part.name] for task in self.tasks]
        if isinstance(found[0], Rung):
            return found[0]
        scores = [score for score in found if isinstance(score, SplitScore)]
        evaluation, curves = put_together(scores, self._splits, self.recipe)
        write_curves(pd.DataFrame(curves), self.cell.folder)
        inputs, config = self.inputs, self.cell.config
        clips = record.UsedClips(
            [clip.id for clip in inputs.clips], inputs.labels, self._groups, len(self._extractor.columns),
            self._extractor.definition, inputs.skipped,
            {"extract_s": self._read_s, "train_s": sum(score.seconds for score in scores) / n_at_once},
        )  # fmt: skip
        notes = [*self._notes, *inputs.notes, *config.notes, *self.cell.material.dataset.notes]
        return record.make_result(config, self.cell.material, clips, self._extractor, evaluation, notes=notes)


def write_curves(curves: pd.DataFrame, folder: Path) -> None:
    """Write learning curves as a table and as a figure."""
    write_atomic(folder / "curves.csv", csv_text(curves))
    figures.save(figures.curves_figure(curves), folder / "curves")
