"""Which system is better, and how sure can one be: from results to scores, intervals, tests and letters.

A *system* is everything but the seed: a network of one size and definition, with one classifier. Systems are
compared on one data set under one protocol, within each classifier, on the clips that both of a pair have
judged. Each pair is tested once, and every output shows that verdict. docs/statistics.md says what is claimed
and why.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from elmarc.comparison import contrasts, multiplicity, ranks
from elmarc.comparison.design import design_of
from elmarc.comparison.families import Inference, Tested, infer
from elmarc.comparison.hits import hit_table
from elmarc.comparison.records import Comparison, Contrast, Family, NotRun, SystemScore
from elmarc.comparison.single import guessing
from elmarc.comparison.systems import System, by_system, system_names
from elmarc.results import Failure, Result

DIGITS = 9  # of what is reported: sums in another order differ past it


def compare(results: Sequence[Result], *, confidence: float = 0.95) -> Comparison:
    """Compare the systems of one data set and protocol.

    Parameters
    ----------
    results : sequence of Result
        Any number of seeds for each system.
    confidence : float
        Of intervals, in (0, 1); two systems differ where the interval of their difference leaves out 0.

    Raises
    ------
    ConfigError
        The results are of several data sets or protocols, contradict each other, or share no clip.
    """
    cells = by_system(results)
    systems = sorted(
        cells, key=lambda s: (-_mean(cells[s], "accuracy"), s.features, s.classifier, s.definition)
    )
    names = system_names(systems)
    scores = [_score(system, name, cells[system]) for system, name in zip(systems, names, strict=True)]
    table = hit_table([[cell.predictions for cell in cells[system]] for system in systems])
    found = []
    families: list[Family] = []
    for classifier in dict.fromkeys(s.classifier for s in systems):
        members = tuple(k for k, s in enumerate(systems) if s.classifier == classifier)
        baseline = next((i for i, k in enumerate(members) if scores[k].is_baseline), None)
        inference = infer(table.of(members), baseline)
        found.append(inference)
        who = "networks and files" if any(scores[k].is_foreign for k in members) else "networks"
        own = _families(classifier, members, inference, confidence, who)
        _fill(scores, members, inference, own, confidence)
        families += own
    about = results[0].dataset, results[0].protocol, results[0].protocol_note
    return Comparison(
        *about,
        tuple(scores),
        tuple(families),
        design_of(table, found, confidence),
        confidence,
        *_guessing(results),
        notes=tuple(dict.fromkeys(note for result in results for note in result.notes)),
    )


def comparisons(
    results: Iterable[Result], *, failed: Sequence[Failure] = (), **options: Any
) -> list[Comparison]:
    """Compare within each data set and protocol; data sets by name, `nested` before `paper`.

    Each comparison names those of the `failed` cells that belong to it.
    """
    parts: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in results:
        parts[result.dataset, result.protocol].append(result)
    found = [compare(parts[key], **options) for key in sorted(parts)]
    return [replace(each, failed=_not_run(each, failed)) for each in found]


def _not_run(comparison: Comparison, failed: Sequence[Failure]) -> tuple[NotRun, ...]:
    """Return the failed cells of a comparison by system, sizes named where there are several."""
    own = [f for f in failed if (f.dataset, f.protocol) == (comparison.dataset, comparison.protocol)]
    sizes = {(s.system.features, s.system.size) for s in comparison.scores}
    sizes |= {(f.features, f.size) for f in own}
    seeds: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for f in own:
        alone = [size for features, size in sizes if features == f.features] == [f.size]
        seeds[f.features if alone else f"{f.features} ({f.size})", f.classifier, f.reason].append(f.seed)
    return tuple(
        NotRun(name, classifier, tuple(sorted(numbers)), reason)
        for (name, classifier, reason), numbers in seeds.items()
    )


def rank_across(compared: Sequence[Comparison], *, alpha: float = 0.05) -> ranks.Ranking | None:
    """Rank the systems that every data set has, by their accuracies (Demšar 2006).

    Systems are matched by features, size and classifier: a definition may follow the data set's clip length.
    None where there are fewer than two data sets, or fewer than two systems that all of them have.
    """
    tables = [{_across(s): s.accuracy for s in c.scores} for c in compared]
    common = [key for key in tables[0] if all(key in table for table in tables)] if tables else []
    if len(tables) < 2 or len(common) < 2:
        return None
    scores = [[table[key] for key in common] for table in tables]
    names = tuple(f"{features} + {classifier}" for features, classifier, *_ in common)
    return ranks.rank_systems(scores, names, alpha=alpha)


def _across(score: SystemScore) -> tuple[str, ...]:
    s = score.system
    return (score.name, s.classifier, s.size, s.n_filters, s.recipe)


def _mean(cells: Sequence[Result], name: str) -> float:
    return round(float(np.mean([getattr(cell, name) for cell in cells])), DIGITS)


def _score(system: System, name: str, cells: Sequence[Result]) -> SystemScore:
    """Return a system's row without what only a comparison knows: its interval and letters."""
    by_seed = tuple(cell.accuracy for cell in cells)
    deviation = round(float(np.std(by_seed, ddof=1)), DIGITS) if len(cells) > 1 else None
    classes = [c for c in cells[0].classes if all(c in cell.recalls for cell in cells)]
    recalls = {c: round(float(np.mean([cell.recalls[c] for cell in cells])), DIGITS) for c in classes}
    return SystemScore(
        system=system, name=name, accuracy=_mean(cells, "accuracy"), by_seed=by_seed, deviation=deviation,
        low=0.0, high=1.0, macro_f1=_mean(cells, "macro_f1"), recalls=recalls,
        seeds=tuple(cell.seed for cell in cells), n_clips=min(len(cell.predictions) for cell in cells),
        ties="", cost=_cost(cells),
    )  # fmt: skip


def _cost(cells: Sequence[Result]) -> dict[str, float]:
    cost = dict(cells[0].cost or {})
    seconds = [cell.timings["s_per_clip"] for cell in cells if cell.timings.get("s_per_clip")]
    return cost | ({"s_per_clip": float(np.median(seconds))} if seconds else {})


def _fill(
    scores: list[SystemScore], members: Sequence[int], found: Inference, own: Sequence[Family],
    confidence: float,
) -> None:  # fmt: skip
    """Put intervals and letters into the rows of one classifier's systems."""
    low, high = contrasts.accuracy_interval(found.accuracy, confidence)
    different = np.zeros((len(members), len(members)), dtype=bool)
    for contrast in (c for family in own for c in family.contrasts):
        a, b = members.index(contrast.a), members.index(contrast.b)
        different[a, b] = different[b, a] = contrast.differs
    ties = multiplicity.letters(different) if found.can_tell else [""] * len(members)
    for k, place in enumerate(members):
        lower, upper = (None if np.isnan(end[k]) else round(float(end[k]), DIGITS) for end in (low, high))
        scores[place] = replace(scores[place], low=lower, high=upper, ties=ties[k])


def _families(
    classifier: str, members: tuple[int, ...], found: Inference, confidence: float, who: str
) -> list[Family]:
    """Return the families of one classifier that have any pair."""
    families = []
    if pairs := _contrasts(found.pairs, members, confidence):
        over = f"all pairs of {who} by the studentized range (Tukey-Kramer)"
        rest = tuple(k for k in members if any(k in (c.a, c.b) for c in pairs))
        families.append(Family(f"{who} with {classifier}", "pairs", classifier, rest, pairs, over))
    if found.baseline and (pairs := _contrasts(found.baseline, members, confidence)):
        over = f"all {who} against the baseline (Dunnett)"
        name = f"{who} against mfcc, with {classifier}"
        families.append(Family(name, "baseline", classifier, members, pairs, over))
    return families


def _contrasts(tested: Tested, members: Sequence[int], confidence: float) -> tuple[Contrast, ...]:
    estimate = tested.estimate
    half = tested.half_width(confidence)
    ends = estimate.value - half, estimate.value + half
    columns = estimate.value, *ends, estimate.standard_error, estimate.df, tested.p_value
    rows = np.stack(columns, axis=1).round(DIGITS).tolist()
    rows = [[number if np.isfinite(number) else None for number in row] for row in rows]
    return tuple(
        Contrast(
            members[a], members[b], value, low, high, error, df, p,
            differs=low is not None and not low <= 0.0 <= high,
        )
        for a, b, (value, low, high, error, df, p) in zip(tested.a, tested.b, rows, strict=True)
    )  # fmt: skip


def _guessing(results: Sequence[Result]) -> tuple[float, float]:
    """Return the accuracy of guessing every class alike, and that of always saying the largest class."""
    largest = max(results, key=lambda r: (len(r.predictions), r.seed))
    return guessing(largest.predictions, len(largest.classes))
