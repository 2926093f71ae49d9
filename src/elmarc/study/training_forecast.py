"""How long a training will take, found by training each network on a few clips."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from elmarc._io import temporary_folder
from elmarc.errors import ElmarcError
from elmarc.features.cache import FrontEndCache
from elmarc.networks.section import EXTERNAL
from elmarc.study import build
from elmarc.study.cells import Cell
from elmarc.study.executors.base import Executor
from elmarc.study.executors.here import n_here
from elmarc.study.forecast import Forecast, n_parts
from elmarc.training.inputs import open_inputs
from elmarc.training.loop import Run, Trainer
from elmarc.training.protocol import INNER_FOLDS
from elmarc.training.recipe import TrainingRecipe

N_EPOCHS = 2  # the first one pays for set-up


def training_forecast(
    cells: Sequence[Cell], *, recipe: TrainingRecipe, executor: Executor | None = None
) -> Forecast:
    """Return how long the cells will take, at most: training stops early where an inner fold says so.

    Parameters
    ----------
    cells : sequence of Cell
        From `trained.as_trained`; finished ones cost nothing, those that are half done as much as whole ones.
    recipe : TrainingRecipe
    executor : Executor or None
        Where parts are trained, as many at a time as it has slots now; None: in this process.
    """
    seconds: dict[str, float] = {}
    paces: dict[Any, float] = {}
    n_done = 0
    for cell in cells:
        if cell.finished() is not None:
            n_done += 1
            continue
        network = cell.config.network
        if network not in paces:
            try:
                paces[network] = _pace(cell, recipe)
            except ElmarcError:
                continue  # the run will say why
        name = cell.config.label
        work = paces[network] * _n_seen(cell, recipe) / _n_at_once(cells, cell, executor)
        seconds[name] = seconds.get(name, 0.0) + work
    return Forecast(seconds, {}, n_done=n_done, n_cells=len(cells))


def _n_at_once(cells: Sequence[Cell], cell: Cell, executor: Executor | None) -> int:
    """Return how many parts are at work while a cell is trained."""
    n_slots = n_here(cell.config) if executor is None else executor.n_slots
    if executor is None and cell.config.network is not None and cell.config.network.kind == EXTERNAL:
        return 1  # modules that may use the global random states wait for each other
    return min(n_slots, sum(n_parts(each.material.dataset) for each in cells))


def _n_seen(cell: Cell, recipe: TrainingRecipe) -> float:
    """Return how often a clip is learned from, in all trainings of a cell."""
    data = cell.material.dataset
    parts = n_parts(data)
    n_train = len(data.clips) * (1 - 1 / parts if parts > 1 else 0.8)
    inner = (recipe.n_runs - 1) * (1 - 1 / INNER_FOLDS)
    return parts * recipe.epochs * n_train * (inner + 1)


def _pace(cell: Cell, recipe: TrainingRecipe) -> float:
    """Return the seconds of an epoch over the number of its clips, judging on an inner fold included."""
    with temporary_folder("elmarc-train") as folder:
        return _pace_with(FrontEndCache(folder), cell, recipe)


def _pace_with(cache: FrontEndCache, cell: Cell, recipe: TrainingRecipe) -> float:
    data = cell.material.dataset
    extractor, _ = build.extractor(cell.config, data, cache=cache)
    clips = data.clips[:: max(1, len(data.clips) // recipe.batch_size)][: recipe.batch_size]
    inputs = open_inputs(extractor, clips, cell.material.contents)
    assert extractor.network is not None
    brief = replace(recipe, epochs=N_EPOCHS)
    trainer = Trainer(extractor.network, inputs, data.classes, recipe=brief, statistics=cell.config.pooling)
    rows = np.arange(len(inputs.clips))
    laps = [time.perf_counter()]
    trainer.told = lambda *_: laps.append(time.perf_counter())
    trainer.train(
        Run("forecast", recipe.learning_rates[0], N_EPOCHS, rows, rows[: len(rows) // INNER_FOLDS + 1])
    )
    return (laps[-1] - laps[-2]) / len(rows)
