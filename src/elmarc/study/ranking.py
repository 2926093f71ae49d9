"""A ranking from Python: the cells, results and answer of `elmarc rank`."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from inspect import Parameter, Signature, cleandoc, signature
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from torch import nn

from elmarc._io import temporary_folder
from elmarc.comparison.answer import answer, not_run
from elmarc.comparison.records import Comparison, SystemScore
from elmarc.datasets import Dataset, open_dataset
from elmarc.features.store import FeatureStore
from elmarc.model import SoundClassifier
from elmarc.networks.make import register_all
from elmarc.reports import figures, tables, terminal, wording
from elmarc.results import Failure, Result
from elmarc.study import build
from elmarc.study.cells import failures, make_cells
from elmarc.study.fit import fit_trained, winner
from elmarc.study.observer import Lines
from elmarc.study.race import run_race
from elmarc.study.record import config_of
from elmarc.study.request import Rank, Run, Study, Train
from elmarc.study.run import run_cells, seconds
from elmarc.study.summary import beside, summarise

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
        best = winner(self.results).result
        config = config_of(best, trust=True, **(self.how or {}))  # this program has named its networks
        if config.training:
            return fit_trained(best, config, self.dataset, store=self.store).model
        extractor, _ = build.extractor(config, self.dataset, store=self.store)
        unread = {clip.id for clip in best.skipped}
        clips = tuple(clip for clip in self.dataset.clips if clip.id not in unread)
        return build.sound_classifier(config, extractor).fit(replace(self.dataset, clips=clips))

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
    output: str | Path | None = None,
    store: str | Path | None = None,
    budget: float | str | None = None,
    n_jobs: int = 2,
    progress: bool = True,
    **options: Any,
) -> Ranking:
    """Rank untrained networks on a data set: which suits it, how sure that is, does any beat the MFCC?

    The results are those of `elmarc rank` with the same options.

    Parameters
    ----------
    data : str, Path, mapping or object
        What `elmarc rank` takes (a folder with one sub-folder a class, a CSV file, a name), the data section
        of a configuration, or what `open_dataset` takes: a `Dataset`, a DataFrame, a data set of mirdata,
        soundata or Hugging Face.
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
    **options
        The options of `elmarc rank`: `networks` (names, "all", factories, network sections, modules, which
        keep their weights, or classes and functions that make one), `classifiers`, `recipe`, `size`,
        `seeds`, `protocol`, `baseline`, `standardise`, `features` (files made elsewhere), `audio`, `target`,
        `keep_duplicates_together`, `device`, `strict`, ...; and further keys of the configuration: `input`,
        `pooling`, `frontend`.

    Raises
    ------
    ElmarcError
        Anything is unknown or does not fit, or no result was found.
    """
    work = Run(budget=budget, n_jobs=n_jobs)
    return _ranked(Rank, data, options, work, output=output, store=store, progress=progress)


def train(
    data: Any,
    *,
    output: str | Path | None = None,
    budget: float | str | None = None,
    progress: bool = True,
    **options: Any,
) -> Ranking:
    """Train networks end to end: what does each reach, and is that more than chance?

    The results are those of `elmarc train` with the same options; docs/training.md has the recipe.

    Parameters
    ----------
    data, output, progress
        As for `rank`.
    budget : float, str or None
        Seconds, or a time as "30m": networks race for about so long, and the first `notes` have the answer.
        None trains all.
    **options
        The options of `elmarc train`: `networks`, `epochs`, `learning_rates`, `recipe`, `size`, `seeds`, ...;
        and further keys of the configuration. Modules are copied, and stay as they are.

    Returns
    -------
    Ranking
        Systems whose classifier is "trained"; its `fit` trains the best on all clips.

    Raises
    ------
    ElmarcError
        Anything is unknown or does not fit, or no result was found.
    """
    return _ranked(Train, data, options, Run(budget=budget), output=output, store=None, progress=progress)


LISTED = {"networks": "`list_networks()`", "classifiers": "`elmarc.classifiers.CLASSIFIERS`"}


def _with_options(function: Callable[..., Ranking], study: type[Study]) -> None:
    """Show the options of a study in a function's signature and docstring."""
    own = [each for each in signature(function).parameters.values() if each.name != "options"]
    options = [each for each in fields(study) if each.name not in ("data", "overrides", "keys")]
    more = [Parameter(each.name, Parameter.KEYWORD_ONLY, default=each.default) for each in options]
    keys = Parameter("keys", Parameter.VAR_KEYWORD)
    function.__signature__ = Signature([own[0], *more, *own[1:], keys])  # type: ignore[attr-defined]
    lines = [f"{each.name}\n    {each.metadata['help'].format_map(LISTED)}" for each in options]
    doc = cleandoc(function.__doc__ or "")
    function.__doc__ = doc.replace("**options\n", "\n".join([*lines, "**keys\n"]), 1)


_with_options(rank, Rank)
_with_options(train, Train)


def _ranked(
    study: type[Study],
    data: Any,
    options: Mapping[str, Any],
    work: Run,
    *,
    output: str | Path | None,
    store: str | Path | None,
    progress: bool,
) -> Ranking:
    """Run a study and return how its systems compare."""
    options = {key: value for key, value in options.items() if value is not None}
    opened: dict[str, Dataset] = {}
    if not isinstance(data, Mapping | str | Path):
        dataset = open_dataset(
            data, **{key: options.pop(key) for key in ("audio", "target") if key in options}
        )
        name = dataset.name.replace("/", "-").replace("\\", "-")
        data, opened = {"kind": "object", "name": name}, {name: dataset}
    networks, modules = register_all(options.pop("networks", study.networks))
    names = {each.name for each in fields(study)}
    known = {key: options.pop(key) for key in list(options) if key in names}
    request = study(data=data, networks=networks, **known, keys=options)
    kept = FeatureStore(store) if store else None
    observer = Lines(quiet=not progress)
    with results_folder(output) as folder:
        budget_s, said = seconds(work.budget), list[str]()
        how: Any = {
            "store": kept, "observer": observer, "n_jobs": work.n_jobs, "keep_going": not request.strict,
            "command": f"elmarc.{study.kind}",
        }  # fmt: skip
        if isinstance(request, Train) and budget_s is not None:
            cells = make_cells(request.race(), folder, materials=opened)
            found = run_race(cells, budget_s=budget_s, **how)
            results, said = list(found.results), found.answer()
        else:
            cells = make_cells(request.experiments(), folder, materials=opened)
            results = run_cells(cells, budget_s=budget_s, **how)
        failed = failures(cells)
        own, compared, notes = summarise(results, folder if output else None, failed)
    if output and (both := beside(own, folder)):
        notes.append(both)
    notes = [*said, *notes, *observer.problems, *(note for result in own for note in result.notes)]
    how = {key: known[key] for key in HOW if key in known}
    return Ranking(
        own, compared, cells[0].material.dataset, tuple(dict.fromkeys(notes)), kept, how, modules, failed
    )


@contextmanager
def results_folder(output: str | Path | None) -> Iterator[Path]:
    """Give the folder of results; where none is named, one that is removed at the end."""
    if output is not None:
        yield Path(output)
        return
    with temporary_folder("elmarc-rank") as folder:
        yield folder
