"""Training from Python: the cells, results and sentences of `elmarc train`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from elmarc import _defaults
from elmarc.networks.make import hold_all
from elmarc.study.cells import failures, make_cells
from elmarc.study.observer import Lines
from elmarc.study.ranking import Ranking, data_of, results_folder
from elmarc.study.runner import seconds
from elmarc.study.summary import beside, summarise
from elmarc.study.trained import as_trained, train_cells, training_configs
from elmarc.training.recipe import TrainingRecipe


def train(
    data: Any,
    *,
    networks: str | Sequence[Any] = "all",
    epochs: int = 40,
    learning_rates: Sequence[float] = (0.001, 0.004),
    recipe: str = _defaults.RECIPE,
    size: str = _defaults.SIZE,
    seeds: int = _defaults.SEEDS,
    audio: str | Path | None = None,
    target: str | None = None,
    keep_duplicates_together: bool = False,
    output: str | Path | None = None,
    budget: float | str | None = None,
    progress: bool = True,
    **keys: Any,
) -> Ranking:
    """Train networks end to end: what does each reach, and is that more than chance?

    The results are those of `elmarc train` with the same options; docs/training.md has the recipe.

    Parameters
    ----------
    data, networks, recipe, size, audio, target
        As for `rank`. Modules are copied, and stay as they are.
    epochs : int
        At most so many times through the clips.
    learning_rates : sequence of float
        Those that an inner fold chooses from, with the number of epochs. With one, nothing is chosen.
    seeds : int
        How many draws of the first weights.
    keep_duplicates_together : bool
        Whether clips of equal bytes stay in one fold.
    output : str, Path or None
        Folder for results, weights and learning curves; what is there goes on. None keeps nothing.
    budget : float, str or None
        Seconds, or a time as "10m", after which training stops.
    progress : bool
        Whether a line is written to stderr for each result.
    **keys
        Further keys of the configuration: `device`, `input`, `pooling`, `frontend`, `strict`, `n_workers`.

    Returns
    -------
    Ranking
        Systems whose classifier is "trained"; its `fit` trains the best on all clips.

    Raises
    ------
    ElmarcError
        Anything is unknown or does not fit, or no result was found.
    """
    how = TrainingRecipe(epochs=epochs, learning_rates=tuple(learning_rates))
    section, held = data_of(data, audio=audio, target=target)
    if keep_duplicates_together:
        section = {**section, "keep_duplicates_together": True}
    networks, modules = hold_all(networks)
    configs = training_configs(section, networks=networks, size=size, seeds=seeds, recipe=recipe, **keys)
    observer = Lines(quiet=not progress)
    with results_folder(output) as folder:
        cells = as_trained(make_cells(configs, folder, materials=held), how)
        results = train_cells(
            cells, how, observer=observer, budget_s=seconds(budget), keep_going=not keys.get("strict"),
            command="elmarc.train",
        )  # fmt: skip
        failed = failures(cells)
        own, compared, notes = summarise(results, folder if output else None, failed)
    if output and (both := beside(own, folder)):
        notes.append(both)
    said = [*notes, *observer.problems, *(note for result in own for note in result.notes)]
    notes = list(dict.fromkeys(said))
    return Ranking(own, compared, cells[0].material.dataset, tuple(notes), modules=modules, failed=failed)
