"""A ranking from Python: the cells, results and answer of `elmarc rank`."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from torch import nn

from elmarc import _defaults
from elmarc._io import temporary_folder
from elmarc.comparison.answer import answer, not_run
from elmarc.comparison.records import Comparison, SystemScore
from elmarc.datasets import Dataset, open_dataset
from elmarc.features.store import FeatureStore
from elmarc.model import SoundClassifier
from elmarc.networks.make import hold_all
from elmarc.reports import figures, tables, terminal, wording
from elmarc.results import Failure, Result
from elmarc.study import build, studies
from elmarc.study.cells import failures, make_cells
from elmarc.study.observer import Lines
from elmarc.study.runner import run_cells, seconds
from elmarc.study.summary import beside, summarise
from elmarc.study.trained_fit import fit_trained
from elmarc.study.winner import sound_classifier, winner

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HOW = ("batch_size", "device", "n_workers")  # keys that say how to compute


@dataclass(frozen=True, repr=False)
class Ranking:
    """What `elmarc.rank` found: systems, each a network with a classifier, the best first.

    Printed, it shows the answer and a table; in a notebook, the same as HTML.

    Parameters
    ----------
    results : list of Result
        One for each network, classifier and seed.
    comparisons : list of Comparison
        One for each data set and protocol: scores, intervals and tests.
    dataset : Dataset
        The clips that were ranked on.
    notes : tuple of str
        What was done to the clips, and what is to be known of the results.
    store : FeatureStore or None
        Where `fit` finds features and keeps them.
    how : mapping or None
        Keys of a configuration that say how `fit` computes: `device`, `n_workers`, `batch_size`.
    modules : tuple of nn.Module
        Copies of those that were ranked as objects, for `fit`.
    failed : tuple of Failure
        The cells that could not be run: their network, classifier, seed and the reason.
    """

    results: list[Result]
    comparisons: list[Comparison]
    dataset: Dataset
    notes: tuple[str, ...]
    store: FeatureStore | None = None
    how: Mapping[str, Any] | None = None
    modules: tuple[nn.Module, ...] = ()
    failed: tuple[Failure, ...] = ()

    @property
    def _comparison(self) -> Comparison:
        return self.comparisons[0]

    @property
    def answer(self) -> str:
        """At most four lines: the best system, what is as good and cheapest, MFCC, chance."""
        return "\n".join(answer(self._comparison))

    @property
    def best(self) -> SystemScore:
        """The first row: name, accuracy, interval."""
        return self._comparison.scores[0]

    def to_frame(self) -> pd.DataFrame:
        """Return one row a system, best first, as `ranking.csv` has it; accuracies lie in [0, 1]."""
        return tables.ranking(self._comparison)

    def plot(self) -> Figure:
        """Return the accuracies as a matplotlib figure: bars, the baseline as a line."""
        return figures.study_figure(self._comparison)

    def fit(self) -> SoundClassifier:
        """Return the best system as a classifier of new clips, fitted on all clips of the ranking.

        A trained network is trained once more, on all of them. Features that were read from a file, and
        modules of your own that were trained, are passed over.

        Raises
        ------
        ConfigError
            All systems are passed over.
        """
        best = winner(self.results)
        config = best.config(trust=True, **(self.how or {}))  # this program has named its networks
        if best.is_trained:
            return fit_trained(best, config, self.dataset, store=self.store).model
        extractor, _ = build.extractor(config, self.dataset, store=self.store)
        unread = {clip.id for clip in best.result.skipped}
        clips = tuple(clip for clip in self.dataset.clips if clip.id not in unread)
        return sound_classifier(config, extractor).fit(replace(self.dataset, clips=clips))

    def __repr__(self) -> str:
        return terminal.short_text(self._comparison).rstrip()

    def _repr_html_(self) -> str:
        """Return the answer and the table, for notebooks."""
        comparison = self._comparison
        rows = [
            {"features": s.name, "classifier": s.system.classifier, **wording.cells(s)}
            for s in comparison.scores
        ]
        if len(comparison.classifiers) > 1:  # letters say nothing of systems of two classifiers
            rows = [{key: text for key, text in row.items() if key != "ties"} for row in rows]
        lines = [wording.heading(comparison), *answer(comparison), *not_run(comparison)]
        text = "<br>".join(map(html.escape, lines))
        return f"<p>{text}</p>{pd.DataFrame(rows).to_html(index=False)}"


def rank(
    data: Any,
    *,
    networks: str | Sequence[Any] = "all",
    classifiers: str | Sequence[str] = _defaults.CLASSIFIER,
    recipe: str = _defaults.RECIPE,
    size: str = _defaults.SIZE,
    seeds: int = _defaults.SEEDS,
    protocol: str = "nested",
    baseline: bool = True,
    standardise: bool | str | None = None,
    features: Sequence[str | Path] | Mapping[str, str | Path] | None = None,
    audio: str | Path | None = None,
    target: str | None = None,
    keep_duplicates_together: bool = False,
    output: str | Path | None = None,
    store: str | Path | None = None,
    budget: float | str | None = None,
    n_jobs: int = 2,
    progress: bool = True,
    **keys: Any,
) -> Ranking:
    """Rank untrained networks on a data set: which suits it, how sure that is, does any beat the MFCC?

    The results are those of `elmarc rank` with the same options.

    Parameters
    ----------
    data : str, Path, mapping or object
        What `elmarc rank` takes (a folder with one sub-folder a class, a CSV file, a name), the data section
        of a configuration, or what `open_dataset` takes: a `Dataset`, a DataFrame, a data set of mirdata,
        soundata or Hugging Face.
    networks : "all" or sequence
        Names of `list_networks()`, factories as "package.module:Name", network sections of a configuration,
        modules, which keep their weights, or classes and functions that make one. "all" is the study's nine.
    classifiers : str or sequence of str
        Names of `elmarc.classifiers.CLASSIFIERS`.
    recipe : {"v2", "2018"}
        See docs/recipe.md.
    size : {"large", "small"}
        Of networks that do not say their own.
    seeds : int
        How many draws of the weights; one cannot tell networks apart.
    protocol : {"nested", "paper"}
        "nested" is honest; "paper" is the 2018 study's.
    baseline : bool
        Whether the MFCC baseline stands beside the networks.
    standardise : bool, "squashed" or None
        Whether classifiers see standardised features; None as `elmarc rank` has it.
    features : sequence of paths, mapping of names to paths, or None
        Files of features made elsewhere, see docs/foreign-features.md.
    audio, target
        As for `open_dataset`, for named data sets and tables.
    keep_duplicates_together : bool
        Whether clips of equal bytes stay in one fold.
    output : str, Path or None
        Folder for results, tables and figures; what is finished there is not run again. None keeps nothing.
    store : str, Path or None
        Folder of features kept between runs.
    budget : float, str or None
        Seconds, or a time as "10m", after which no more work is begun.
    n_jobs : int
        Threads for the classifiers' grids.
    progress : bool
        Whether a line is written to stderr for each result.
    **keys
        Further keys of the configuration: `device`, `input`, `pooling`, `frontend`, `strict`, `n_workers`.

    Raises
    ------
    ElmarcError
        Anything is unknown or does not fit, or no result was found.
    """
    section, held = data_of(data, audio=audio, target=target)
    if keep_duplicates_together:
        section = {**section, "keep_duplicates_together": True}
    networks, modules = hold_all(networks)
    configs = studies.ranking_cells(
        section, networks=networks, classifiers=classifiers, size=size, seeds=seeds, protocol=protocol,
        baseline=baseline, standardise=standardise, features=features or (), recipe=recipe, **keys,
    )  # fmt: skip
    kept = FeatureStore(store) if store else None
    observer = Lines(quiet=not progress)
    with results_folder(output) as folder:
        cells = make_cells(configs, folder, materials=held)
        results = run_cells(
            cells, store=kept, observer=observer, budget_s=seconds(budget), n_jobs=n_jobs,
            keep_going=not keys.get("strict"), command="elmarc.rank",
        )  # fmt: skip
        failed = failures(cells)
        own, compared, notes = summarise(results, folder if output else None, failed)
    if output and (both := beside(own, folder)):
        notes.append(both)
    said = [*notes, *observer.problems, *(note for result in own for note in result.notes)]
    how = {key: keys[key] for key in HOW if key in keys}
    return Ranking(
        own, compared, cells[0].material.dataset, tuple(dict.fromkeys(said)), kept, how, modules, failed
    )


def data_of(
    data: Any, *, audio: str | Path | None, target: str | None
) -> tuple[Mapping[str, Any], dict[str, Dataset]]:
    """Return the data section, and the data sets in memory that it stands for, by name."""
    if isinstance(data, Mapping):
        return data, {}
    if isinstance(data, str | Path):
        return studies.data_section(str(data), audio=Path(audio) if audio else None, target=target), {}
    opened = open_dataset(data, audio=audio, target=target)
    name = opened.name.replace("/", "-").replace("\\", "-")
    return {"kind": "object", "name": name}, {name: opened}


@contextmanager
def results_folder(output: str | Path | None) -> Iterator[Path]:
    """Give the folder of results; where none is named, one that is removed at the end."""
    if output is not None:
        yield Path(output)
        return
    with temporary_folder("elmarc-rank") as folder:
        yield folder
