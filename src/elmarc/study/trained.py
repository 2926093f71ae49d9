"""Training in a study: cells whose networks are trained end to end, in the form of all results."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing, nullcontext
from dataclasses import replace
from hashlib import sha256

from elmarc.features.store import FeatureStore, definition_key
from elmarc.results import Result
from elmarc.study.cells import Cell, by_features
from elmarc.study.executors.base import Executor
from elmarc.study.executors.here import Here, n_here
from elmarc.study.observer import Observer
from elmarc.study.runner import front_ends, run_cells
from elmarc.study.spec import TRAINED
from elmarc.study.training_parts import Trainings
from elmarc.training.recipe import TrainingRecipe


def as_trained(cells: Sequence[Cell], recipe: TrainingRecipe) -> list[Cell]:
    """Return cells with folders of their own: what is trained by another recipe is another cell.

    Parameters
    ----------
    cells : sequence of Cell
        From `cells.make_cells`.
    recipe : TrainingRecipe
    """
    key = definition_key(recipe.definition())
    return [replace(cell, folder=cell.folder.with_name(_name(cell, key)), is_trained=True) for cell in cells]


def _name(cell: Cell, key: str) -> str:
    """Name a cell by its network and seed, and a hash of all that its weights follow from."""
    first = cell.folder.name.split(f"-{cell.config.head_name}-seed")[0]
    digest = sha256(f"{cell.folder.name} {key}".encode()).hexdigest()[:8]
    return f"{first}-{TRAINED}-seed{cell.config.seed}-{digest}"


def train_cells(
    cells: Sequence[Cell],
    recipe: TrainingRecipe,
    *,
    store: FeatureStore | None = None,
    observer: Observer | None = None,
    budget_s: float | None = None,
    executor: Executor | None = None,
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
    executor : Executor or None
        Where the parts are trained; None: in threads of this process, with the same bytes.
    observer, budget_s, keep_going, command
        As for `runner.run_cells`.

    Raises
    ------
    ElmarcError
        A network cannot be trained (unless `keep_going`), or none gave a result.
    """
    missing = [cell for group in by_features(cells) for cell in group if cell.finished() is None]
    with (
        front_ends(store) as cache,
        nullcontext(executor) if executor or not missing else Here(n_here(missing[0].config)) as where,
        closing(Trainings(missing, recipe, where or Here(1), cache)) as trainings,
    ):
        return run_cells(
            cells, observer=observer, budget_s=budget_s, keep_going=keep_going, command=command,
            work=trainings.group,
        )  # fmt: skip
