"""Estimate the run time of a study from a small timed sample.

Features: a few of the clips that are missing go through each network's own extractor, in its worker threads
(their rows are stored). Classifiers: one fold is searched on noise of the run's size, or of a
smaller size from which the time is extrapolated. Trainings: each network is trained on a few clips. Cells
that are finished and features that are stored cost nothing.
"""

from __future__ import annotations

import math
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

import numpy as np

from elmarc._io import temporary_folder
from elmarc.datasets.base import Clip, Dataset
from elmarc.errors import ElmarcError
from elmarc.evaluation.protocol import evaluate
from elmarc.evaluation.splits import Folds
from elmarc.features.cache import FrontEndCache
from elmarc.features.contents import Contents
from elmarc.features.extractor import FeatureExtractor
from elmarc.features.store import FeatureStore, definition_key
from elmarc.networks.section import EXTERNAL
from elmarc.study import build
from elmarc.study.cells import Cell, by_features
from elmarc.study.executors import Pool, n_threads_for
from elmarc.study.spec import Experiment
from elmarc.training.inputs import open_inputs
from elmarc.training.loop import Run, Trainer
from elmarc.training.nested import INNER_FOLDS

WAVE_S = 0.5  # clips that are done sooner are followed by more: the first ones pay for set-up
FOLD_S = 0.5  # where a fold takes longer, larger ones are extrapolated
START_CLIPS = 100
N_EPOCHS = 2  # of a training that is timed: the first one pays for set-up
PER_CLASS = 10  # clips of a class, so that inner folds hold each class

Pace: TypeAlias = Callable[[FeatureExtractor, Sequence[Clip], Contents], tuple[float, float]]
FoldTime: TypeAlias = Callable[[Experiment, int, int, int, int], float]


@dataclass(frozen=True)
class Forecast:
    """Seconds that a run will take: for each kind of features, and for each classifier."""

    features: Mapping[str, float]
    classifiers: Mapping[str, float]
    n_done: int
    n_cells: int

    @property
    def seconds(self) -> float:
        """Of the whole run."""
        return sum(self.features.values()) + sum(self.classifiers.values())


def forecast(
    cells: Sequence[Cell],
    *,
    store: FeatureStore | None = None,
    n_jobs: int = 1,
    executor: Pool | None = None,
    pace: Pace | None = None,
    fold_time: FoldTime | None = None,
) -> Forecast:
    """Return how long the cells will take; trainings at most: they stop early where an inner fold says so.

    Parameters
    ----------
    cells : sequence of Cell
        Finished ones cost nothing; trainings that were broken off count as whole ones.
    store : FeatureStore or None
        Where features lie already, and where those made here are put.
    n_jobs : int
        Threads for the classifiers' grids.
    executor : Pool or None
        Where networks are trained, as many at a time as it has slots now; None: in this process.
    pace : callable or None
        Gives, for an extractor and clips, the seconds per clip of front-end and network; default: measured.
    fold_time : callable or None
        Gives the seconds of one fold of a configuration, for so many clips, features, classes and threads;
        default: measured.
    """
    left = [cell for cell in cells if cell.finished() is None]
    total = _Sum(pace or measured_pace, fold_time or measured_fold, n_jobs)
    for group in by_features([cell for cell in left if cell.config.training is None]):
        config, material = group[0].config, group[0].material
        try:
            extractor, _ = build.extractor(config, material.dataset, store=store)
        except ElmarcError:
            continue  # the run will say why
        stored = store.index(extractor.definition) if store else {}
        first = {} if config.features_file else material.contents.to_read(material.dataset.clips)
        total.add_features(group[0], extractor, [clip for key, clip in first.items() if key not in stored])
        total.add_classifiers(group, group[0].n_read or len(extractor.columns))
    total.add_trainings([cell for cell in left if cell.config.training is not None], executor)
    return Forecast(total.features, total.classifiers, n_done=len(cells) - len(left), n_cells=len(cells))


@dataclass
class _Sum:
    """Seconds so far, and what was measured for them."""

    pace: Pace
    fold_time: FoldTime
    n_jobs: int
    features: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    classifiers: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    _paces: dict[str, tuple[float, float]] = field(default_factory=dict)
    _n_read: Counter[str] = field(default_factory=Counter)  # clips whose front-end is paid
    _folds: dict[tuple[object, ...], float] = field(default_factory=dict)

    def add_features(self, cell: Cell, extractor: FeatureExtractor, missing: Sequence[Clip]) -> None:
        """Add one kind of features; a front-end is paid once, by the first who needs it."""
        name, material = cell.config.label, cell.material
        if missing and name not in self._paces:
            try:
                self._paces[name] = self.pace(extractor, missing, material.contents)
            except ElmarcError:
                return  # no clip of these can be used: the run will say so
        front, network = self._paces.get(name, (0.0, 0.0))
        key = definition_key(extractor.frontend.definition()) + material.key
        n_new = max(0, len(missing) - self._n_read[key])
        self._n_read[key] += n_new
        self.features[name] += n_new * front + len(missing) * network

    def add_classifiers(self, cells: Sequence[Cell], width: int) -> None:
        """Add a cell for each classifier; features of about one width are timed once."""
        for cell in cells:
            config, data = cell.config, cell.material.dataset
            fitted = build.fitted_features(config)
            n_features = width if fitted else 2 ** round(math.log2(max(1, width)))
            key = (config.classifier, config.protocol, n_features, type(fitted), cell.material.key)
            if key not in self._folds:
                one = self.fold_time(config, len(data.clips), n_features, len(data.classes), self.n_jobs)
                self._folds[key] = one * n_parts(data)
            self.classifiers[config.head_name] += self._folds[key]

    def add_trainings(self, cells: Sequence[Cell], executor: Pool | None) -> None:
        """Add cells that are trained; each network is timed once."""
        paces: dict[Any, float] = {}
        n_splits = sum(n_parts(cell.material.dataset) for cell in cells)
        for cell in cells:
            network = cell.config.network
            if network not in paces:
                try:
                    paces[network] = training_pace(cell)
                except ElmarcError:
                    continue  # the run will say why
            seconds = paces[network] * _n_seen(cell) / min(n_splits, n_at_once(cell, executor))
            self.features[cell.config.label] += seconds


def n_parts(data: Dataset) -> int:
    """Return into how many parts a data set is split for testing."""
    if data.split_kind == "lists":
        return 1
    return len({clip.fold for clip in data.clips}) if data.split_kind == "folds" else data.folds_to_make


def measured_pace(
    extractor: FeatureExtractor, clips: Sequence[Clip], contents: Contents
) -> tuple[float, float]:
    """Extract a few clips; return the wall-clock seconds per clip of front-end and network, all workers busy.

    Raises
    ------
    ElmarcError
        None of these clips can be used.
    """
    n_at_once = min(extractor.n_workers, extractor.batch_size)
    extraction = extractor.extract(clips[:n_at_once], contents=contents)
    rest = clips[n_at_once : 4 * n_at_once]
    if extraction.seconds < WAVE_S and rest:
        extraction = extractor.extract(rest, contents=contents)
    front, network = extraction.frontend_s or 0.0, extraction.network_s or 0.0
    per_clip = extraction.seconds / max(1, extraction.n_computed)
    share = front / (front + network) if front + network else 1.0
    return per_clip * share, per_clip * (1.0 - share)


def measured_fold(config: Experiment, n_clips: int, n_features: int, n_classes: int, n_jobs: int) -> float:
    """Return the seconds of one fold of a classifier, its grid searched on noise.

    Features that are fitted beside it are timed once: their time is proportional to the clips, at most.
    """
    n = min(n_clips, max(START_CLIPS, PER_CLASS * n_classes))
    if build.fitted_features(config):
        return _fold_s(config, n, n_features, n_classes, n_jobs) * n_clips / n
    _fold_s(config, n, n_features, n_classes, n_jobs)  # its first call sets up threads and imports
    seconds, exponent = _fold_s(config, n, n_features, n_classes, n_jobs), None
    while n < n_clips and (exponent is None or seconds < FOLD_S):
        larger = min(n_clips, 4 * n)
        before, seconds = seconds, _fold_s(config, larger, n_features, n_classes, n_jobs)
        exponent = math.log(seconds / before) / math.log(larger / n)
        n = larger
    return seconds * float((n_clips / n) ** min(3.0, max(1.0, exponent or 0.0)))


def _fold_s(config: Experiment, n_clips: int, n_features: int, n_classes: int, n_jobs: int) -> float:
    """Time one held-out fifth of clips whose classes lie a little apart in noise."""
    rng = np.random.default_rng(0)
    n = max(n_clips, PER_CLASS * n_classes)
    number = np.arange(n) % n_classes
    X = rng.standard_normal((n, n_features)) + 0.3 * rng.standard_normal((n_classes, n_features))[number]
    y = np.array([f"{label}" for label in number])
    rows = np.arange(n)
    one = Folds(("1",), ((rows[n // 5 :], rows[: n // 5]),))
    spec = build.classifier(config, build.fitted_features(config))
    start = time.perf_counter()
    evaluate(spec, X.astype(np.float32), y, one, protocol=config.protocol, n_jobs=n_jobs)
    return time.perf_counter() - start


def n_at_once(cell: Cell, executor: Pool | None) -> int:
    """Return how many splits of a cell can be trained at once."""
    if executor is not None:
        return executor.n_slots
    if cell.config.network is not None and cell.config.network.kind == EXTERNAL:
        return 1  # modules that may use the global random states wait for each other
    return n_threads_for(cell.config.device, cell.config.n_workers)


def _n_seen(cell: Cell) -> float:
    """Return how often a clip is learned from, in all trainings of a cell."""
    assert cell.config.training is not None
    data, recipe = cell.material.dataset, cell.config.training
    parts = n_parts(data)
    n_train = len(data.clips) * (1 - 1 / parts if parts > 1 else 0.8)
    inner = (recipe.n_runs - 1) * (1 - 1 / INNER_FOLDS)
    return parts * recipe.epochs * n_train * (inner + 1)


def training_pace(cell: Cell) -> float:
    """Return the seconds of an epoch over the number of its clips, evaluation on an inner fold included.

    Raises
    ------
    ElmarcError
        The network cannot be trained on these clips.
    """
    assert cell.config.training is not None
    data, recipe = cell.material.dataset, replace(cell.config.training, epochs=N_EPOCHS)
    with temporary_folder("elmarc-train") as folder:
        extractor, _ = build.extractor(cell.config, data, cache=FrontEndCache(folder))
        clips = data.clips[:: max(1, len(data.clips) // recipe.batch_size)][: recipe.batch_size]
        inputs = open_inputs(extractor, clips, cell.material.contents)
        assert extractor.network is not None
        trainer = Trainer(
            extractor.network, inputs, data.classes, recipe=recipe, statistics=cell.config.pooling
        )
        rows = np.arange(len(inputs.clips))
        laps = [time.perf_counter()]
        trainer.on_epoch = lambda *_: laps.append(time.perf_counter())
        inner = rows[: len(rows) // INNER_FOLDS + 1]
        trainer.train(Run("forecast", recipe.learning_rates[0], N_EPOCHS, rows, inner))
    return (laps[-1] - laps[-2]) / len(rows)
