"""Training in a study: cells whose networks are trained end to end, in the form of all results."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from hashlib import sha256
from pathlib import Path

import pandas as pd

from elmarc._atomic import write_atomic
from elmarc._csv import csv_text
from elmarc._errors import ConfigError
from elmarc.config.sections import ExperimentConfig
from elmarc.evaluation.splits import Folds, keep_together, make_splits
from elmarc.experiments import build, record, studies
from elmarc.experiments.cells import Cell, Material
from elmarc.experiments.observer import Observer
from elmarc.experiments.runner import run_cells
from elmarc.features.cache import FrontEndCache
from elmarc.features.extractor import FeatureExtractor
from elmarc.features.store import FeatureStore, definition_key
from elmarc.reports import plots, plots_curves
from elmarc.results import Result
from elmarc.training.inputs import Inputs, open_inputs
from elmarc.training.loop import Row, Run, Trainer
from elmarc.training.protocol import evaluate
from elmarc.training.recipe import TrainingRecipe


def training_configs(data: Mapping[str, object], **options: object) -> list[ExperimentConfig]:
    """Return the configurations of a training: those of a ranking, one for each network and seed.

    Parameters
    ----------
    data : mapping
        The data section.
    **options : Any
        As for `studies.ranking_cells`: networks, size, seeds, recipe, overrides and further keys.

    Raises
    ------
    ConfigError
        Anything is unknown or does not fit together.
    """
    configs = studies.ranking_cells(
        data,
        classifiers=["ridge"],
        baseline=False,
        standardise=None,
        **options,  # type: ignore[arg-type]
    )
    return [config.model_copy(update={"name": "train"}) for config in configs]


def as_trained(cells: Sequence[Cell], recipe: TrainingRecipe) -> list[Cell]:
    """Return cells with folders of their own: what is trained by another recipe is another cell.

    Parameters
    ----------
    cells : sequence of Cell
        From `cells.make_cells`.
    recipe : TrainingRecipe
    """
    key = definition_key(recipe.definition())
    return [replace(cell, folder=cell.folder.with_name(_name(cell, key))) for cell in cells]


def _name(cell: Cell, key: str) -> str:
    """Name a cell by its network and seed, and a hash of all that its weights follow from."""
    first = cell.folder.name.split(f"-{cell.config.classifier.name}-seed")[0]
    digest = sha256(f"{cell.folder.name} {key}".encode()).hexdigest()[:8]
    return f"{first}-{record.TRAINED}-seed{cell.config.seed}-{digest}"


def train_cells(
    cells: Sequence[Cell],
    recipe: TrainingRecipe,
    *,
    store: FeatureStore | None = None,
    observer: Observer | None = None,
    budget_s: float | None = None,
    keep_going: bool = False,
    command: str = "",
) -> list[Result]:
    """Train what is not trained yet; return the results in the order of the cells.

    Parameters
    ----------
    cells : sequence of Cell
        From `as_trained`.
    recipe : TrainingRecipe
    store : FeatureStore or None
        In whose folder the inputs lie while they are needed.
    observer, budget_s, keep_going, command
        As for `runner.run_cells`.

    Raises
    ------
    ElmarcError
        A network cannot be trained (unless `keep_going`), or none gave a result.
    """
    folders = {cell.config: cell.folder for cell in cells}
    work = partial(_train_group, recipe=recipe, folders=folders)
    return run_cells(
        cells, store=store, observer=observer, budget_s=budget_s, keep_going=keep_going, command=command,
        work=work,
    )  # fmt: skip


def _train_group(
    configs: Sequence[ExperimentConfig],
    *,
    recipe: TrainingRecipe,
    folders: Mapping[ExperimentConfig, Path],
    material: Material,
    cache: FrontEndCache | None,
    observer: Observer,
    keep: Callable[[ExperimentConfig, Result], None],
    check: Callable[[], None],
    **_unused: object,
) -> list[Result]:
    """Train configurations one after the other, as `group.run_group` classifies them."""
    found = []
    for config in configs:
        check()
        found.append(_Training(config, recipe, folders[config], material, cache, observer, check).result())
        keep(config, found[-1])
    return found


@dataclass
class _Training:
    """One network, trained for every held-out part."""

    config: ExperimentConfig
    recipe: TrainingRecipe
    folder: Path
    material: Material
    cache: FrontEndCache | None
    observer: Observer
    check: Callable[[], None]
    n_folds: int = 1
    runs: dict[str, int] = field(default_factory=dict)  # epochs done, by run

    def result(self) -> Result:
        """Train, write the learning curves, and return the record."""
        start = time.perf_counter()
        data = self.material.dataset
        extractor, notes = build.extractor(self.config, data, cache=self.cache)
        definition = extractor.definition  # of the weights that were drawn
        inputs = self._inputs(extractor)
        trainer = self._trainer(extractor, inputs)
        folds, groups = ([getattr(clip, key) or "" for clip in inputs.clips] for key in ("fold", "group"))
        parts = make_splits(
            inputs.labels, folds, kind=data.split_kind, groups=groups, n_folds=data.n_folds,
            shuffle=self.config.data.shuffle,
        )  # fmt: skip
        self.n_folds = len(parts.names) if isinstance(parts, Folds) else 1
        heard_s, began = time.perf_counter() - start, time.perf_counter()
        evaluation, curves = evaluate(
            trainer, parts, keep_together=keep_together(groups, folds), folder=self.folder / "weights"
        )
        self._write(pd.DataFrame(curves))
        timings = {"extract_s": heard_s, "train_s": time.perf_counter() - began}
        heard = record.Heard(
            [clip.id for clip in inputs.clips], inputs.labels, groups, len(extractor.columns), definition,
            inputs.skipped, timings,
        )  # fmt: skip
        said = [*notes, *inputs.notes, *self.config.notes, *data.notes]
        return record.make_result(
            self.config, data, heard, extractor, evaluation, clips_key=self.material.key, notes=said,
            training=self.recipe.definition(),
        )  # fmt: skip

    def _write(self, curves: pd.DataFrame) -> None:
        write_atomic(self.folder / "curves.csv", csv_text(curves))
        plots.save(plots_curves.curves_figure(curves), self.folder / "curves")

    def _inputs(self, extractor: FeatureExtractor) -> Inputs:
        def progress(done: int, total: int) -> None:
            self.observer.on_clips(done, total)
            self.check()

        data = self.material.dataset
        self.observer.on_features(record.feature_name(self.config), len(data.clips))
        return open_inputs(extractor, data.clips, self.material.contents, progress=progress)

    def _trainer(self, extractor: FeatureExtractor, inputs: Inputs) -> Trainer:
        if extractor.network is None:
            raise ConfigError(f"{record.feature_name(self.config)}: has no network, and cannot be trained")
        return Trainer(
            extractor.network, inputs, self.material.dataset.classes, recipe=self.recipe,
            statistics=self.config.pooling, seed=self.config.seed, told=self._told,
        )  # fmt: skip

    def _told(self, run: Run, epoch: int, row: Row) -> None:
        """Say how far the training has come, and end it where the time is up."""
        self.runs[f"{run.fold} {run.part} {run.learning_rate}"] = epoch
        total = self.n_folds * self.recipe.n_runs * self.recipe.epochs
        said = f"fold {run.fold}, learning rate {run.learning_rate:g}, loss {row['loss']:.2f}"
        self.observer.on_epoch(sum(self.runs.values()), total, said)
        self.check()
