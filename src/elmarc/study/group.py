"""Cells that share features: extracted once, then one classifier after the other.

`run_group` keeps nothing between calls and its arguments can be pickled, so a worker process can call it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from elmarc.errors import ElmarcError
from elmarc.evaluation.protocol import Evaluation, evaluate
from elmarc.evaluation.search import SearchWorkspace
from elmarc.evaluation.splits import keep_together, make_splits
from elmarc.features.cache import FrontEndCache
from elmarc.features.extractor import Extraction, FeatureExtractor
from elmarc.features.matrix import FeatureMatrix
from elmarc.features.store import FeatureStore
from elmarc.results import Result
from elmarc.study import build, record
from elmarc.study.cells import Material, open_material
from elmarc.study.executors.base import Executor
from elmarc.study.features_file import read_features
from elmarc.study.foreign import read_foreign
from elmarc.study.observer import Observer
from elmarc.study.spec import Experiment


def run_group(
    configs: Sequence[Experiment],
    *,
    material: Material | None = None,
    store: FeatureStore | None = None,
    cache: FrontEndCache | None = None,
    executor: Executor | None = None,
    n_jobs: int = 1,
    observer: Observer | None = None,
    keep: Callable[[Experiment, Result], None] | None = None,
    fail: Callable[[Experiment, ElmarcError], None] | None = None,
    check: Callable[[], None] | None = None,
    timed: Callable[[Extraction], Extraction] | None = None,
) -> list[Result]:
    """Return the results of configurations that ask for the same features, in their order.

    Parameters
    ----------
    configs : sequence of Experiment
        They differ in classifier and protocol alone; see `cells.by_features`.
    material : Material or None
        Their data set, where it is open already.
    store, cache : FeatureStore, FrontEndCache or None
        Features kept between runs, and front-end outputs shared with other groups.
    executor : Executor or None
        Where the features are computed; None: in this process.
    n_jobs : int
        Threads for the classifiers' grids.
    observer : Observer or None
        Told how far the work has come.
    keep : callable or None
        Given each result as soon as it is there.
    fail : callable or None
        Given what one of the classifiers cannot do; the others go on. None: it is raised.
    check : callable or None
        Called between pieces of work; what it raises ends the group.
    timed : callable or None
        Given the extraction, returns it with the times that count.

    Raises
    ------
    ElmarcError
        The features cannot be computed, or the clips cannot be split.
    """
    watcher = observer or Observer()
    going_on = check or _nothing
    features = _features(
        configs[0], material or open_material(configs[0]), store, cache, executor, watcher, going_on
    )
    if timed is not None:
        features = replace(features, extraction=timed(features.extraction))
    workspace = SearchWorkspace(features.extraction.matrix.X)
    found = []
    for config in configs:
        going_on()
        watcher.on_classifier(config.head_name)
        try:
            found.append(_scored(config, features, workspace, n_jobs))
        except ElmarcError as problem:
            if fail is None:
                raise
            fail(config, problem)
            continue
        if keep is not None:
            keep(config, found[-1])
    return found


@dataclass(frozen=True)
class _Features:
    material: Material
    extraction: Extraction
    extractor: FeatureExtractor | None
    notes: list[str]


def _features(
    config: Experiment,
    material: Material,
    store: FeatureStore | None,
    cache: FrontEndCache | None,
    executor: Executor | None,
    observer: Observer,
    check: Callable[[], None],
) -> _Features:
    def progress(done: int, total: int) -> None:
        observer.on_clips(done, total)
        check()

    check()
    data = material.dataset
    observer.on_features(config.label, len(data.clips))
    file = config.features_file
    if file is not None and config.network is None:
        return _read(material, *read_foreign(file, data))
    extractor, notes = build.extractor(config, data, store=store, cache=cache)
    if file is not None:
        return _read(material, *read_features(file, data, extractor.definition))
    extraction = extractor.extract(
        data.clips, contents=material.contents, progress=progress,
        compute=None if executor is None else executor.computing(config),
    )  # fmt: skip
    return _Features(material, extraction, extractor, [*notes, *extraction.notes])


def _read(material: Material, matrix: FeatureMatrix, notes: list[str]) -> _Features:
    return _Features(material, Extraction(matrix, (), 0, 0.0), None, notes)


def _scored(config: Experiment, features: _Features, workspace: SearchWorkspace, n_jobs: int) -> Result:
    start = time.perf_counter()
    evaluation = _evaluation(config, features, workspace, n_jobs)
    seconds = time.perf_counter() - start
    said = [f"{config.head_name}: {note}" for note in evaluation.notes]
    notes = [*features.notes, *config.notes, *features.material.dataset.notes, *said]
    heard = record.Heard.of(features.extraction, classify_s=seconds)
    return record.make_result(
        config, features.material.dataset, heard, features.extractor, evaluation,
        clips_key=features.material.key, notes=notes,
    )  # fmt: skip


def _evaluation(
    config: Experiment, features: _Features, workspace: SearchWorkspace, n_jobs: int
) -> Evaluation:
    matrix, data = features.extraction.matrix, features.material.dataset
    parts = make_splits(
        matrix.labels,
        matrix.folds,
        kind=data.split_kind,
        groups=matrix.groups,
        n_folds=data.n_folds,
        shuffle=data.shuffle,
    )
    return evaluate(
        build.classifier(config),
        matrix.X,
        matrix.y,
        parts,
        protocol=config.protocol,
        keep_together=keep_together(matrix.groups, matrix.folds, kind=data.split_kind),
        workspace=workspace,
        n_jobs=n_jobs,
    )


def _nothing() -> None:
    """Let the work go on."""
