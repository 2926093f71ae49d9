"""Which system is better, and how sure can one be: from results to scores, intervals, tests and tie groups.

A *system* is everything but the seed: a network of one size and recipe, with one classifier. Systems are
compared on one data set under one protocol, on the clips that both of a pair have judged:

- the accuracy is the mean over folds and seeds; the deviation is the one over seeds;
- intervals resample clips (or groups of clips) and seeds, independently of each other (Owen, Ann. Appl. Stat.
  1, 2007: on the wide side);
- a pair is tested by flipping the signs of the clips' differences, widened by the spread over seeds that the
  systems of its classifiers show; for one seed that is McNemar's exact test. Holm's correction covers all.

docs/statistics.md says why these and not others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from elmarc.comparison import paired, ranks
from elmarc.comparison.outcomes import DIGITS, Floats, intervals, outcomes_of, paired_tests
from elmarc.comparison.systems import System, by_system, system_names
from elmarc.results import Result


@dataclass(frozen=True)
class SystemScore:
    """One row of the ranking; accuracies lie in [0, 1]."""

    system: System
    name: str  # the features, with as much as tells them from the others
    accuracy: float
    deviation: float | None  # standard deviation over seeds; None for one seed
    low: float
    high: float
    macro_f1: float
    recalls: dict[str, float]
    seeds: tuple[int, ...]
    n_clips: int
    ties: str  # compact letters: systems that share one are not told apart
    cost: dict[str, float]  # n_parameters, multiply_adds_per_clip, s_per_clip: those known

    @property
    def label(self) -> str:
        """Name the features and the classifier."""
        return f"{self.name} + {self.system.classifier}"


@dataclass(frozen=True)
class Comparison:
    """Systems on one data set under one protocol, best first.

    Matrices are (systems, systems) and hold row minus column, in accuracy.
    """

    dataset: str
    protocol: str
    note: str
    scores: tuple[SystemScore, ...]
    difference: Floats
    low: Floats
    high: Floats
    p_value: Floats  # Holm-adjusted over all pairs
    confidence: float


def compare(
    results: Sequence[Result], *, groups: Mapping[str, str] | None = None, confidence: float = 0.95,
    n_resamples: int = 2000, seed: int = 0,
) -> Comparison:  # fmt: skip
    """Compare the systems of one data set and protocol.

    Parameters
    ----------
    results : any number of seeds a system
    groups : clip id -> group; clips of a group are resampled together. Clips not named stand alone.
    confidence : of intervals, in (0, 1); a pair differs where its adjusted p-value is at most 1 - confidence
    n_resamples : bootstrap samples; the tests draw five times as many, or more where there are many pairs

    Raises
    ------
    ConfigError
        The results are of several data sets or protocols, contradict each other, or share no clip.
    """
    cells = by_system(results)
    systems = sorted(cells, key=lambda s: (-_accuracy(cells[s]), s.features, s.classifier, s.recipe))
    cells = {system: cells[system] for system in systems}
    outcomes = outcomes_of(list(cells.values()), groups or {})
    pairs = np.array(list(combinations(range(len(systems)), 2)), dtype=np.intp).reshape(-1, 2)
    low, high = intervals(outcomes, confidence, n_resamples, seed)
    difference, raw = paired_tests(outcomes, pairs, n_resamples, seed)
    p_value = np.ones_like(difference)
    p_value[pairs[:, 0], pairs[:, 1]] = p_value[pairs[:, 1], pairs[:, 0]] = paired.holm(raw)
    ties = paired.letters(p_value <= 1.0 - confidence)
    names = system_names(systems)
    scores = tuple(
        _score(system, names[k], cells[system], low[k, k], high[k, k], ties[k])
        for k, system in enumerate(systems)
    )
    np.fill_diagonal(low, 0.0)
    np.fill_diagonal(high, 0.0)
    about = results[0].dataset, results[0].protocol, results[0].protocol_note
    return Comparison(*about, scores, difference, low, high, p_value.round(DIGITS), confidence)


def comparisons(results: Iterable[Result], **options: Any) -> list[Comparison]:
    """Compare within each data set and protocol; data sets by name, `nested` before `paper`."""
    parts: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in results:
        parts[result.dataset, result.protocol].append(result)
    return [compare(parts[key], **options) for key in sorted(parts)]


def rank_across(compared: Sequence[Comparison], *, alpha: float = 0.05) -> ranks.Ranking:
    """Rank the systems that every data set has, by their accuracies (Demšar 2006).

    Systems are matched by features, size and classifier: a recipe may follow the data set's clip length.
    """
    tables = [{_across(s): s.accuracy for s in c.scores} for c in compared]
    common = [key for key in tables[0] if all(key in table for table in tables)] if tables else []
    scores = [[table[key] for key in common] for table in tables]
    names = tuple(f"{features} + {classifier}" for features, classifier, *_ in common)
    return ranks.rank_systems(np.reshape(scores, (len(tables), len(common))), names, alpha=alpha)


def _across(score: SystemScore) -> tuple[str, ...]:
    s = score.system
    return (score.name, s.classifier, s.size, s.n_filters, s.recipe_name)


def _accuracy(cells: Sequence[Result]) -> float:
    return round(float(np.mean([cell.accuracy for cell in cells])), DIGITS)


def _score(
    system: System, name: str, cells: Sequence[Result], low: float, high: float, ties: str
) -> SystemScore:
    accuracies = [cell.accuracy for cell in cells]
    deviation = round(float(np.std(accuracies, ddof=1)), DIGITS) if len(cells) > 1 else None
    classes = [c for c in cells[0].classes if all(c in cell.recalls for cell in cells)]
    recalls = {c: round(float(np.mean([cell.recalls[c] for cell in cells])), DIGITS) for c in classes}
    macro_f1 = round(float(np.mean([cell.macro_f1 for cell in cells])), DIGITS)
    seeds = tuple(cell.seed for cell in cells)
    n_clips = min(len(cell.predictions) for cell in cells)
    return SystemScore(
        system, name, _accuracy(cells), deviation, float(low), float(high), macro_f1, recalls, seeds, n_clips,
        ties, _cost(cells),
    )  # fmt: skip


def _cost(cells: Sequence[Result]) -> dict[str, float]:
    cost = dict(cells[0].cost or {})
    seconds = [cell.timings["s_per_clip"] for cell in cells if cell.timings.get("s_per_clip")]
    return cost | ({"s_per_clip": float(np.median(seconds))} if seconds else {})
