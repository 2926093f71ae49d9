"""How long a run will take, found by doing a little of it as all of it will be done.

Features: a few of the clips that are missing go through each network's own extractor, in its worker threads
(their rows are kept in the store). Classifiers: one fold is searched on noise of the run's size, or of a
smaller size from which the time is extrapolated. Cells that are finished and features that are stored cost
nothing.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from elmarc._errors import ElmarcError
from elmarc.config.sections import ExperimentConfig
from elmarc.datasets.base import Clip, Dataset
from elmarc.evaluation.protocol import evaluate
from elmarc.evaluation.splits import Folds
from elmarc.experiments import build, record
from elmarc.experiments.cells import Cell, by_features
from elmarc.features.contents import Contents
from elmarc.features.extractor import FeatureExtractor
from elmarc.features.store import FeatureStore, recipe_key

WAVE_S = 0.5  # clips that are done sooner are followed by more: the first ones pay for set-up
FOLD_S = 1.0  # the longest fold that is timed; larger ones are extrapolated
START_CLIPS = 100
PER_CLASS = 10  # clips of a class, so that inner folds hold each class

Pace: TypeAlias = Callable[[FeatureExtractor, Sequence[Clip], Contents], tuple[float, float]]
FoldTime: TypeAlias = Callable[[ExperimentConfig, int, int, int, int], float]


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


@dataclass(frozen=True)
class _Work:
    """Cells that share features and are to be run, and the clips that have none yet."""

    cells: Sequence[Cell]
    extractor: FeatureExtractor
    missing: Sequence[Clip]

    @property
    def name(self) -> str:
        return record.feature_name(self.cells[0].config)


def forecast(
    cells: Sequence[Cell], *, store: FeatureStore | None = None, n_jobs: int = 1, pace: Pace | None = None,
    fold_time: FoldTime | None = None,
) -> Forecast:  # fmt: skip
    """Return how long the cells will take.

    Parameters
    ----------
    cells : sequence of Cell
        Finished ones cost nothing.
    store : FeatureStore or None
        Where features lie already, and where those made here are put.
    n_jobs : int
        Threads for the classifiers' grids.
    pace : callable or None
        Gives, for an extractor and clips, the seconds a clip of front-end and of network; default: measured.
    fold_time : callable or None
        Gives the seconds of one fold of a configuration, for so many clips, features, classes and threads;
        default: measured.
    """
    works = [_work(group, store) for group in by_features(cells)]
    to_do = [work for work in works if work is not None]
    return Forecast(
        _features(to_do, pace or measured_pace),
        _classifiers(to_do, n_jobs, fold_time or measured_fold),
        n_done=sum(cell.finished() is not None for cell in cells),
        n_cells=len(cells),
    )


def _work(group: Sequence[Cell], store: FeatureStore | None) -> _Work | None:
    """Return what a group still needs; None where that is nothing, or where it cannot be run."""
    cells = [cell for cell in group if cell.finished() is None]
    if not cells:
        return None
    config, material = cells[0].config, cells[0].material
    try:
        extractor, _ = build.extractor(config, material.dataset, store=store)
    except ElmarcError:
        return None  # the run will say why
    stored = store.index(extractor.recipe) if store else {}
    first = {content: clip for clip in material.dataset.clips if (content := material.contents.of(clip))}
    missing = [clip for content, clip in first.items() if content not in stored]
    return _Work(cells, extractor, [] if config.features_file else missing)


def _features(works: Sequence[_Work], pace: Pace) -> dict[str, float]:
    """Sum the seconds of each kind of features; a front-end is paid once, by the first who needs it."""
    known: dict[str, tuple[float, float]] = {}
    paid: Counter[str] = Counter()
    seconds: dict[str, float] = {}
    for work in works:
        if work.missing and work.name not in known:
            try:
                known[work.name] = pace(work.extractor, work.missing, work.cells[0].material.contents)
            except ElmarcError:
                continue  # no clip of these can be used: the run will say so
        front, network = known.get(work.name, (0.0, 0.0))
        key = recipe_key(work.extractor.frontend.recipe()) + work.cells[0].material.key
        n_new = max(0, len(work.missing) - paid[key])
        paid[key] += n_new
        seconds[work.name] = seconds.get(work.name, 0.0) + n_new * front + len(work.missing) * network
    return seconds


def _classifiers(works: Sequence[_Work], n_jobs: int, fold_time: FoldTime) -> dict[str, float]:
    """Sum the seconds of each classifier; features of about one width are timed once."""
    known: dict[tuple[object, ...], float] = {}
    seconds: dict[str, float] = {}
    for work in works:
        n_features = 2 ** round(math.log2(max(1, len(work.extractor.columns))))
        for cell in work.cells:
            config, data = cell.config, cell.material.dataset
            key = (config.classifier, config.protocol, n_features, cell.material.key)
            if key not in known:
                one = fold_time(config, len(data.clips), n_features, len(data.classes), n_jobs)
                known[key] = one * _n_folds(data)
            name = config.classifier.name
            seconds[name] = seconds.get(name, 0.0) + known[key]
    return seconds


def _n_folds(data: Dataset) -> int:
    if data.split_kind == "lists":
        return 1
    return len({clip.fold for clip in data.clips}) if data.split_kind == "folds" else data.n_folds


def measured_pace(
    extractor: FeatureExtractor, clips: Sequence[Clip], contents: Contents
) -> tuple[float, float]:
    """Extract a few clips; return the wall-clock seconds a clip of front-end and network, all workers busy.

    Raises
    ------
    ElmarcError
        None of these clips can be used.
    """
    n_at_once = min(extractor.n_workers, extractor.batch_size)
    found = extractor.extract(clips[:n_at_once], contents=contents)
    rest = clips[n_at_once : 4 * n_at_once]
    if found.seconds < WAVE_S and rest:
        found = extractor.extract(rest, contents=contents)
    front, network = found.frontend_s or 0.0, found.network_s or 0.0
    a_clip = found.seconds / max(1, found.n_computed)
    share = front / (front + network) if front + network else 1.0
    return a_clip * share, a_clip * (1.0 - share)


def measured_fold(
    config: ExperimentConfig, n_clips: int, n_features: int, n_classes: int, n_jobs: int
) -> float:
    """Return the seconds of one fold of a classifier, its grid searched on noise."""
    n = min(n_clips, max(START_CLIPS, PER_CLASS * n_classes))
    _fold_s(config, n, n_features, n_classes, n_jobs)  # its first call sets up threads and imports
    seconds, exponent = _fold_s(config, n, n_features, n_classes, n_jobs), 2.0
    while n < n_clips and 4.0 * seconds < FOLD_S:
        larger = n_clips if seconds * (n_clips / n) ** 2 < FOLD_S else 2 * n
        before, seconds = seconds, _fold_s(config, larger, n_features, n_classes, n_jobs)
        exponent = min(3.0, max(1.0, math.log(seconds / before) / math.log(larger / n)))
        n = larger
    return seconds * float((n_clips / n) ** exponent)


def _fold_s(config: ExperimentConfig, n_clips: int, n_features: int, n_classes: int, n_jobs: int) -> float:
    """Time one held-out fifth of clips whose classes lie a little apart in noise."""
    rng = np.random.default_rng(0)
    n = max(n_clips, PER_CLASS * n_classes)
    number = np.arange(n) % n_classes
    X = rng.standard_normal((n, n_features)) + 0.3 * rng.standard_normal((n_classes, n_features))[number]
    y = np.array([f"{label}" for label in number])
    rows = np.arange(n)
    one = Folds(("1",), ((rows[n // 5 :], rows[: n // 5]),))
    spec = build.classifier(config.classifier, seed=config.seed)
    start = time.perf_counter()
    evaluate(spec, X.astype(np.float32), y, one, protocol=config.protocol, n_jobs=n_jobs)
    return time.perf_counter() - start
