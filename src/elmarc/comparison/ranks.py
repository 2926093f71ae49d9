"""Compare systems over several data sets by their ranks (Demšar, J. Mach. Learn. Res. 7, 2006).

Scores are (data sets, systems); rank 1 is the best; equal scores share the mean of their ranks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from elmarc.comparison.records import Comparison, SystemScore
from elmarc.errors import ConfigError

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class AverageRanks:
    """Average ranks of systems over data sets, and which of them are not significantly different."""

    systems: tuple[str, ...]
    ranks: tuple[float, ...]  # average rank of each system
    n_datasets: int
    critical_difference: float
    alpha: float
    chi2: float  # Friedman's statistic
    f_statistic: float  # Iman and Davenport's, less conservative
    p_value: float  # of f_statistic

    @property
    def cliques(self) -> list[tuple[int, int]]:
        """Maximal runs of systems, as first and last place by rank, whose ranks lie within the difference."""
        ranks = np.sort(self.ranks)
        ends = np.searchsorted(ranks, ranks + self.critical_difference, side="right") - 1
        runs = [(i, int(end)) for i, end in enumerate(ends) if end > i and (i == 0 or end > ends[i - 1])]
        return runs


def average_ranks(scores: ArrayLike) -> Floats:
    """Return the mean rank of each system over data sets.

    >>> average_ranks([[0.9, 0.8, 0.8], [0.7, 0.6, 0.5]]).tolist()
    [1.0, 2.25, 2.75]
    """
    return np.asarray(stats.rankdata(-np.asarray(scores, dtype=np.float64), axis=1).mean(axis=0))


def critical_difference(n_systems: int, n_datasets: int, *, alpha: float = 0.05) -> float:
    """Return the least difference of average ranks that Nemenyi's test calls significant.

    >>> round(critical_difference(4, 14), 2)  # Demšar's example
    1.25
    """
    q = stats.studentized_range.ppf(1.0 - alpha, n_systems, np.inf) / np.sqrt(2.0)
    return float(q * np.sqrt(n_systems * (n_systems + 1) / (6.0 * n_datasets)))


def rank_systems(scores: ArrayLike, systems: tuple[str, ...], *, alpha: float = 0.05) -> AverageRanks:
    """Rank systems over data sets with Friedman's test and Nemenyi's critical difference.

    Raises
    ------
    ConfigError
        Fewer than two data sets or two systems.
    """
    table = np.asarray(scores, dtype=np.float64)
    n, k = table.shape
    if n < 2 or k < 2:
        raise ConfigError(f"ranks over data sets need at least 2 data sets and 2 systems: found {n} and {k}")
    chi2 = friedman(table)
    room = n * (k - 1) - chi2
    f = (n - 1) * chi2 / room if room > 1e-9 else float("inf")
    p = float(stats.f.sf(f, k - 1, (k - 1) * (n - 1)))
    cd = critical_difference(k, n, alpha=alpha)
    return AverageRanks(systems, tuple(average_ranks(table).tolist()), n, cd, alpha, chi2, f, p)


def friedman(table: Floats) -> float:
    """Return Friedman's chi-square, corrected for ties; 0 where all systems tie on every data set.

    For two systems, which scipy does not take, it is the sign test's: (wins - losses)^2 / (wins + losses).
    """
    if table.shape[1] == 2:
        signs = np.sign(table[:, 0] - table[:, 1])
        return float(signs.sum() ** 2 / max(np.abs(signs).sum(), 1.0))
    if (table == table[:, :1]).all():
        return 0.0
    return float(stats.friedmanchisquare(*table.T).statistic)


def rank_across(compared: Sequence[Comparison], *, alpha: float = 0.05) -> AverageRanks | None:
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
    return rank_systems(scores, names, alpha=alpha)


def _across(score: SystemScore) -> tuple[str, ...]:
    s = score.system
    return (score.name, s.classifier, s.size, s.n_filters, s.recipe)
