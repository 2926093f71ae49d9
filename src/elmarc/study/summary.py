"""What a run leaves behind beside its cells: tables and figures of the results that belong together."""

from __future__ import annotations

import glob
import json
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from elmarc._io import write_atomic
from elmarc.comparison.answer import best_of_both
from elmarc.comparison.compare import comparisons
from elmarc.comparison.ranks import rank_across
from elmarc.comparison.records import Comparison, system_of
from elmarc.errors import ElmarcError, StoreError
from elmarc.reports import cost_figure, figures, tables
from elmarc.results import FAILED, Failure, Result, collect, load, load_failure
from elmarc.study.spec import TRAINED

Shown = TypeVar("Shown")
MULTIPLY_ADDS = "multiply_adds_per_clip"
FIGURES = ("figure", "differences", "cost")  # of one data set and protocol


def comparable(results: Sequence[Result]) -> tuple[list[Result], list[str]]:
    """Return the results that can be compared, and notes on what was done.

    Clips of one place may have changed between runs: the newest state of them counts. Different data sets of
    one name get names of their own. Of several results for one seed of a system, the newest counts.
    """
    newest: dict[tuple[str, str], Result] = {}
    for result in sorted(results, key=lambda result: result.created):
        newest[result.dataset, _place(result)] = result
    is_old = [_clips(r) != _clips(newest[r.dataset, _place(r)]) for r in results]
    n_old = Counter(result.dataset for result, old in zip(results, is_old, strict=True) if old)
    notes = [
        f"{n} older results for {name} are left out: its clips have changed since"
        for name, n in n_old.items()
    ]
    current, renamed = _renamed([r for r, old in zip(results, is_old, strict=True) if not old])
    by_date = sorted(current, key=lambda result: result.created)
    latest = {(r.dataset, r.protocol, system_of(r), r.seed): r for r in by_date}
    if len(latest) < len(current):
        notes.append(f"{len(current) - len(latest)} older results of other settings are left out")
    chosen = {id(result) for result in latest.values()}
    return [result for result in current if id(result) in chosen], notes + renamed


def _place(result: Result) -> str:
    return json.dumps(result.source, sort_keys=True)


def _clips(result: Result) -> str:
    return result.clips_key or _place(result)


def _renamed(results: Sequence[Result]) -> tuple[list[Result], list[str]]:
    """Give data sets of one name, but other clips, names of their own: sounds, sounds-2."""
    known = {r.dataset for r in results}
    names: dict[tuple[str, str], str] = {}
    notes = []
    for result in sorted(results, key=lambda r: (r.dataset, _place(r))):
        identity = (result.dataset, _clips(result))
        if identity in names:
            continue
        name, number = result.dataset, 1
        while name in names.values() or (number > 1 and name in known):
            number += 1
            name = f"{result.dataset}-{number}"
        names[identity] = name
        if number > 1:
            where = result.source.get("source") or result.source.get("audio") or _place(result)
            notes.append(f"several data sets are called {result.dataset}: {name} is the one of {where}")
    return [replace(r, dataset=names[r.dataset, _clips(r)]) for r in results], notes


def read_failures(folder: Path) -> list[Failure]:
    """Read below a folder why cells could not be run."""
    each = (load_failure(path.parent) for path in sorted(Path(folder).rglob(FAILED)))
    return [failure for failure in each if failure is not None]


def still_failed(failed: Sequence[Failure], results: Sequence[Result]) -> list[Failure]:
    """Return the failures that no newer result has made good, of the clips that `comparable` gave."""
    names = {r.clips_key: r.dataset for r in results}
    dates = {_asked(r): r.created for r in results}
    current = [f for f in failed if f.clips_key in names or f.dataset not in names.values()]
    named = [replace(f, dataset=names.get(f.clips_key, f.dataset)) for f in current]
    return [f for f in named if dates.get(_asked(f), "") < f.created]


def without_results(failed: Sequence[Failure], compared: Sequence[Comparison]) -> list[str]:
    """Return a note for each data set and protocol of which no cell could be run."""
    shown = {(each.dataset, each.protocol) for each in compared}
    reasons = {(f.dataset, f.protocol): f.reason for f in failed if (f.dataset, f.protocol) not in shown}
    return [f"{data}, {protocol}: no cell could be run: {why}" for (data, protocol), why in reasons.items()]


def _asked(one: Result | Failure) -> tuple[str, str, str, str, str, int]:
    return one.dataset, one.protocol, one.features, one.size or "", one.classifier, one.seed


def summarise(
    results: Sequence[Result], folder: Path | None, failed: Sequence[Failure] = ()
) -> tuple[list[Result], list[Comparison], list[str]]:
    """Compare results, and write tables and figures where a folder is given.

    Returns the results that can be compared, how they compare, and notes; the comparisons name the cells that
    `failed`.
    """
    own, notes = comparable(results)
    failed = still_failed(failed, own)
    compared = comparisons(own, failed=failed)
    notes += without_results(failed, compared)
    return own, compared, notes + (write_summary(compared, folder) if folder else [])


def beside(results: Sequence[Result], folder: Path) -> str:
    """Name the best system without training and the best trained one, where a folder beside has the other.

    Parameters
    ----------
    results : sequence of Result
        Of a ranking, or of trained networks, in `folder`.
    folder : Path
        Such as runs/trained: runs/rank counts where its clips are the same.

    Returns
    -------
    str
        A sentence; "" where there is nothing to compare with.
    """
    keys, kinds = {r.clips_key for r in results}, {r.classifier == TRAINED for r in results}
    if len(keys) != 1 or len(kinds) != 1 or "" in keys:
        return ""
    here, others = Path(folder).resolve(), list[Result]()
    for other in sorted(path for path in here.parent.iterdir() if path != here and path.is_dir()):
        for first in sorted(other.glob("cells/*/result.json"))[:1]:
            with suppress(StoreError):
                result = load(first)
                if result.clips_key in keys and (result.classifier == TRAINED) not in kinds:
                    others += collect(first.parents[2], notes=[])
    if not others:
        return ""
    both = [r for r in (*results, *others) if r.clips_key in keys and r.protocol == results[0].protocol]
    own, _ = comparable([replace(r, dataset=results[0].dataset) for r in both])
    return best_of_both(score for comparison in comparisons(own) for score in comparison.scores)


def names_of(kinds: Collection[tuple[str, str]]) -> list[str]:
    """Return patterns of the tables and figures that a run may write.

    Parameters
    ----------
    kinds : collection of (str, str)
        Data sets and protocols.
    """
    parts = [glob.escape(f"{dataset}-{protocol}/") for dataset, protocol in kinds] if len(kinds) > 1 else []
    names = [f"ranking.{ending}" for ending in tables.FORMS] + figures.names(*FIGURES)
    return [f"{part}{name}" for part in ("", *parts) for name in names] + figures.names("ranks-*")


class Unwritten(str):
    """A note on what the system refused to write: the disk is full, say."""

    __slots__ = ()


def write_summary(compared: Sequence[Comparison], folder: Path) -> list[str]:
    """Write the ranking in every form and figures of each data set and protocol, and ranks over data sets.

    Returns notes on what could not be written, `Unwritten` where the system refused it; the rest is.
    """
    notes: list[str] = []
    for comparison in compared:
        where = folder if len(compared) == 1 else folder / f"{comparison.dataset}-{comparison.protocol}"
        notes += _tried(_write, comparison, where)
    for protocol in dict.fromkeys(comparison.protocol for comparison in compared):
        of_sets = [comparison for comparison in compared if comparison.protocol == protocol]
        if len(of_sets) < 2:
            continue
        if (ranking := rank_across(of_sets)) is None:
            notes.append(f"no ranks over data sets ({protocol}): they have fewer than two systems in common")
        else:
            stem = folder / f"ranks-{protocol}"
            notes += _tried(lambda shown, path: figures.save(figures.rank_figure(shown), path), ranking, stem)
    return notes


def _write(comparison: Comparison, folder: Path) -> None:
    for ending, form in tables.FORMS.items():
        write_atomic(folder / f"ranking.{ending}", form(comparison))
    figures.save(figures.study_figure(comparison), folder / "figure")
    if figures.with_pairs(comparison):
        figures.save(figures.difference_figure(comparison), folder / "differences")
    if len(cost_figure.with_cost(comparison, MULTIPLY_ADDS)) > 1:
        figures.save(cost_figure.cost_figure(comparison, MULTIPLY_ADDS), folder / "cost")


def _tried(work: Callable[[Shown, Path], object], shown: Shown, path: Path) -> list[str]:
    try:
        work(shown, path)
    except ElmarcError as problem:
        return [f"{path} was not written: {problem}"]
    except OSError as problem:
        return [Unwritten(f"{path} was not written: {problem}")]
    return []


def write_run(folder: Path, *, forecast_s: float, taken_s: float) -> None:
    """Write run.json: how long the last run took, beside what was expected."""
    text = json.dumps({"forecast_s": forecast_s, "taken_s": taken_s}, indent=1)
    write_atomic(folder / "run.json", text + "\n")
