"""Run cells, keep what is done, take up where a run was broken off.

A cell is one ExperimentConfig. Cells that share features share their extraction, and cells that share clips
share decoding and front-end. Each finished cell is a folder under RUN/cells whose name ends in a hash of what
was asked and of the clips' list: running the same thing again finds it there.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from elmarc._errors import ElmarcError
from elmarc.config.sections import Data, ExperimentConfig
from elmarc.datasets.base import Dataset
from elmarc.evaluation.protocol import evaluate
from elmarc.evaluation.search import SearchWorkspace
from elmarc.evaluation.splits import dataset_splits, keep_together, make_splits
from elmarc.experiments import build, record
from elmarc.features.cache import FrontEndCache
from elmarc.features.extractor import Extraction, FeatureExtractor
from elmarc.features.matrix import FeatureMatrix
from elmarc.features.store import SCHEMA_VERSION, FeatureStore, recipe_key
from elmarc.results import Result, load

EXECUTION_KEYS = ("name", "batch_size", "device", "n_workers", "strict", "store", "results", "notes")


class OutOfBudgetError(ElmarcError):
    """The time given is used up; what is finished stays."""


class Observer:
    """Told what happens; every method may be left as it is."""

    def on_features(self, name: str, n_clips: int) -> None:
        """Extraction of one network's features begins."""

    def on_clips(self, done: int, total: int) -> None:
        """Some clips have their features."""

    def on_classifier(self, name: str) -> None:
        """A classifier's grid begins."""

    def on_result(self, result: Result, *, resumed: bool) -> None:
        """A cell is finished, or was found finished."""

    def on_budget(self, n_done: int, n_cells: int) -> None:
        """The time given is used up."""

    def on_failure(self, config: ExperimentConfig, problem: ElmarcError) -> None:
        """A cell cannot be run; the others go on."""


@dataclass
class Study:
    """Cells to run and where their results go.

    Parameters
    ----------
    configs : sequence of ExperimentConfig
    folder : path
        The run's folder; results go to `folder/cells`.
    store : FeatureStore or None
        Features kept between runs.
    observer : Observer
    budget_s : float or None
        Seconds after which no more work is begun.
    n_jobs : int
        Threads for the classifiers' grids.
    keep_going : bool
        Whether a cell that cannot be run is reported and passed over.
    """

    configs: Sequence[ExperimentConfig]
    folder: Path
    store: FeatureStore | None = None
    observer: Observer = field(default_factory=Observer)
    budget_s: float | None = None
    n_jobs: int = 1
    keep_going: bool = False
    _datasets: dict[str, Dataset] = field(default_factory=dict, init=False)
    _fingerprints: dict[str, str] = field(default_factory=dict, init=False)
    _results: dict[int, Result] = field(default_factory=dict, init=False)
    _deadline: float | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.folder = Path(self.folder)

    def run(self) -> list[Result]:
        """Run what is not done yet; return the results in the order of the cells.

        Raises
        ------
        ElmarcError
            A cell cannot be run (unless `keep_going`), or none gave a result.
        """
        problem: ElmarcError | None = None
        self._deadline = None if self.budget_s is None else time.monotonic() + self.budget_s
        with _study_cache(self.configs, self.store) as cache:
            for members in _by_features(self.configs):
                try:
                    self._run_group(members, cache)
                except OutOfBudgetError:
                    self.observer.on_budget(len(self._results), len(self.configs))
                    break
                except ElmarcError as error:
                    problem = error
                    if not self.keep_going:
                        raise
                    self.observer.on_failure(self.configs[members[0]], problem)
        if not self._results:
            raise problem or OutOfBudgetError(
                f"the budget of {self.budget_s:g} s ended before the first result: features made so far are "
                "stored; give more time, or run again to go on"
            )
        return self.finished()

    def finished(self) -> list[Result]:
        """Return what is done so far, in the order of the cells."""
        return [self._results[i] for i in sorted(self._results)]

    def dataset(self, section: Data) -> Dataset:
        """Open a data set once."""
        key = section.model_dump_json()
        if key not in self._datasets:
            self._datasets[key] = build.dataset(section)
        return self._datasets[key]

    def _fingerprint(self, section: Data) -> str:
        key = section.model_dump_json()
        if key not in self._fingerprints:
            self._fingerprints[key] = _fingerprint(self.dataset(section))
        return self._fingerprints[key]

    def cell_folder(self, config: ExperimentConfig) -> Path:
        """Return where the result of a cell goes."""
        identity = config.model_dump(mode="json", exclude=set(EXECUTION_KEYS))
        identity |= {"clips": self._fingerprint(config.data), "schema": SCHEMA_VERSION}
        digest = hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:8]
        return self.folder / "cells" / f"{_cell_name(config)}-{digest}"

    def _run_group(self, members: Sequence[int], cache: FrontEndCache | None) -> None:
        """Run the cells that share one kind of features."""
        for i in members:
            file = self.cell_folder(self.configs[i]) / "result.json"
            if file.exists():
                self._finish(i, load(file), resumed=True)
        missing = [i for i in members if i not in self._results]
        if missing:
            features = self._features(self.configs[missing[0]], cache)
            for i in missing:
                self._check_budget()
                self._finish(i, self._classify(self.configs[i], features), resumed=False)

    def _finish(self, i: int, result: Result, *, resumed: bool) -> None:
        self._results[i] = result
        self.observer.on_result(result, resumed=resumed)

    def _features(self, config: ExperimentConfig, cache: FrontEndCache | None) -> _Features:
        self._check_budget()
        data = self.dataset(config.data)
        dataset_splits(data, shuffle=config.data.shuffle)  # what cannot be split is said before it is heard
        self.observer.on_features(record.feature_name(config), len(data.clips))
        if config.features_file is not None:
            matrix = FeatureMatrix.load(config.features_file)
            notes = [f"features read from {config.features_file.name}, not extracted"]
            return _Features(data, Extraction(matrix, (), 0, 0.0), None, notes, SearchWorkspace(matrix.X))
        extractor, notes = build.extractor(config, data, store=self.store, cache=cache)
        extraction = extractor.extract(data.clips, progress=self._progress)
        return _Features(data, extraction, extractor, notes, SearchWorkspace(extraction.matrix.X))

    def _classify(self, config: ExperimentConfig, features: _Features) -> Result:
        self.observer.on_classifier(config.classifier.name)
        start = time.perf_counter()
        matrix, data = features.extraction.matrix, features.dataset
        parts = make_splits(
            matrix.labels,
            matrix.folds,
            kind=data.split_kind,
            groups=matrix.groups,
            n_folds=data.n_folds,
            shuffle=config.data.shuffle,
        )
        outcome = evaluate(
            build.classifier(config.classifier, seed=config.seed),
            matrix.X,
            matrix.y,
            parts,
            protocol=config.protocol,
            keep_together=keep_together(matrix.groups, matrix.folds),
            workspace=features.workspace,
            n_jobs=self.n_jobs,
        )
        seconds = time.perf_counter() - start
        result = record.make_result(config, data, features.extraction, features.extractor, outcome, seconds)
        said = [f"{config.classifier.name}: {note}" for note in outcome.notes]
        result = record.with_notes(result, [*features.notes, *config.notes, *data.notes, *said])
        record.write(result, self.cell_folder(config))
        return result

    def _progress(self, done: int, total: int) -> None:
        self.observer.on_clips(done, total)
        self._check_budget()

    def _check_budget(self) -> None:
        if self._deadline is not None and time.monotonic() > self._deadline:
            raise OutOfBudgetError(f"the budget of {self.budget_s:g} s is used up")


@dataclass(frozen=True)
class _Features:
    dataset: Dataset
    extraction: Extraction
    extractor: FeatureExtractor | None
    notes: list[str]
    workspace: SearchWorkspace


def _cell_name(config: ExperimentConfig) -> str:
    net = config.network
    width = "" if net is None else f"-{net.n_filters or net.size}"
    features = f"{record.feature_name(config)}{width}"
    return f"{features}-{config.classifier.name}-seed{config.seed}-{config.protocol}"


def _by_features(configs: Sequence[ExperimentConfig]) -> list[list[int]]:
    """Group cells whose features are the same, in the order of their first member."""
    groups: dict[str, list[int]] = {}
    for i, config in enumerate(configs):
        parts: dict[str, Any] = config.model_dump(
            mode="json", exclude={*EXECUTION_KEYS, "classifier", "protocol"}
        )
        if config.network is None:
            parts.pop("seed")  # the MFCC has no weights to draw
        groups.setdefault(recipe_key(parts), []).append(i)
    return list(groups.values())


def _fingerprint(data: Dataset) -> str:
    rows = [
        (clip.id, clip.label, clip.fold, clip.group, clip.path.stat().st_size if clip.path.exists() else -1)
        for clip in data.clips
    ]
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


@contextmanager
def _study_cache(
    configs: Sequence[ExperimentConfig], store: FeatureStore | None
) -> Iterator[FrontEndCache | None]:
    """Give a folder for decoded clips where several kinds of features share them; remove it at the end."""
    if len(_by_features(configs)) < 2:
        yield None
        return
    root = None if store is None else store.root
    if root is not None:
        root.mkdir(parents=True, exist_ok=True)
    folder = tempfile.mkdtemp(prefix="frontend-", dir=root)
    try:
        yield FrontEndCache(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
