"""Differences of accuracy with their standard errors, intervals and adjusted p-values, from arrays alone.

The variance of a difference has two parts. The units' part comes from each unit's difference, averaged over
seeds; what single seeds add to it (the interaction) is taken out, since the second part, the variance between
seeds over the number of seeds, holds it already. As in the analysis of multi-reader studies (Obuchowski and
Rockette 1995; Hillis 2007), degrees of freedom follow Satterthwaite (1946).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from elmarc.comparison import multiplicity
from elmarc.comparison.variance import LEAST, Moments, SeedVariance

Floats = NDArray[np.float64]
Places = NDArray[np.intp]
FAR = 30.0  # standard errors


@dataclass(frozen=True)
class Estimate:
    """Estimates with their uncertainty, all of one shape.

    Parameters
    ----------
    value : np.ndarray
    standard_error, df : np.ndarray
        Over units and seeds, and the degrees of freedom behind it.
    units_error : np.ndarray
        Over units alone, the seeds being as drawn.
    units_df : float
        NaN where nothing can be inferred, see `Moments`.
    """

    value: Floats
    standard_error: Floats
    df: Floats
    units_error: Floats
    units_df: float

    def p_value(self) -> Floats:
        """Return the two-sided p-value of each estimate being 0, no smaller than over units alone.

        1 where nothing can be inferred.
        """
        size = np.abs(self.value)
        both = special.stdtr(self.df, -size / self.standard_error)
        p = 2.0 * np.maximum(both, special.stdtr(self.units_df, -size / self.units_error))
        return np.where(np.isnan(p), 1.0, p)

    def half_width(self, confidence: float) -> Floats:
        """Return half the width of each t-interval, no smaller than over units alone.

        Infinite where nothing can be inferred.
        """
        tail = 0.5 + confidence / 2.0
        both = special.stdtrit(self.df, tail) * self.standard_error
        half = np.maximum(both, special.stdtrit(self.units_df, tail) * self.units_error)
        return np.where(np.isnan(half), np.inf, half)


def difference(found: Moments, seeds: SeedVariance, a: Places, b: Places) -> Estimate:
    """Return accuracy of the systems `a` minus that of the systems `b`."""
    c = found.covariance
    units = c[a, a] + c[b, b] - c[a, b] - c[b, a]
    return _estimate(found.accuracy[a] - found.accuracy[b], units, found, seeds, np.stack([a, b]))


def accuracy(found: Moments, seeds: SeedVariance) -> Estimate:
    """Return the accuracy of every system."""
    places = np.arange(len(found.accuracy))
    return _estimate(found.accuracy, np.diag(found.covariance), found, seeds, places[None])


def _estimate(value: Floats, units: Floats, found: Moments, seeds: SeedVariance, systems: Places) -> Estimate:
    """Add up the variance of each row of `systems`, (1 or 2, n), and its degrees of freedom."""
    n, units_df = found.n_clips, found.units_df
    units = np.maximum(
        units, 1.0 / (n**2 * found.n_seeds[systems[0]])
    )  # as if one clip had come out otherwise
    known = seeds.df > 0
    mean_of_seeds = np.where(known, seeds.value / found.n_seeds, 0.0)
    in_both = np.where(known, found.interaction / found.n_seeds, 0.0)[systems].sum(axis=0)
    between = mean_of_seeds[systems].sum(axis=0)
    variance = np.maximum(np.maximum(units - in_both, 0.0) + between, LEAST)
    doubt = mean_of_seeds**2 / np.where(known, seeds.df, 1.0)
    doubt_between = np.maximum(doubt[systems].sum(axis=0), between**2 / max(seeds.total_df, 1.0))
    df = variance**2 / (units**2 / units_df + doubt_between)
    fewest = np.where(known, seeds.df, np.inf)[systems].min(axis=0)
    df = np.maximum(df, np.minimum(fewest, units_df))  # no sum has less than the least known of its parts
    return Estimate(value, np.sqrt(variance), df, np.sqrt(units), units_df)


def adjust_pairs(p: Floats, n: int) -> Floats:
    """Adjust the p-values of all pairs of n systems."""
    return np.asarray(np.minimum(multiplicity.all_pairs(_normal(p), n), p * (n * (n - 1) / 2)))


def adjust_many_to_one(p: Floats, shares: Floats) -> Floats:
    """Adjust the p-values of many systems against one baseline."""
    return np.asarray(np.minimum(multiplicity.many_to_one(_normal(p), shares), p * len(shares)))


def unadjusted(adjust: Callable[[Floats], Floats], alpha: float) -> float:
    """Return the p-value that is adjusted to `alpha`: the level of each test of the family; 0 for none.

    >>> round(unadjusted(lambda p: 10 * p, 0.05), 6)
    0.005
    """

    def excess(z: float) -> float:
        return float(np.max(adjust(_two_sided(z)), initial=0.0)) - alpha

    if not excess(FAR) < 0.0 < excess(0.0):
        return 0.0
    return float(_two_sided(optimize.brentq(excess, 0.0, FAR))[0])


def _two_sided(z: float) -> Floats:
    return np.array([2.0 * special.ndtr(-z)])


def _normal(p: Floats) -> Floats:
    return np.asarray(-special.ndtri(np.clip(p, 1e-300, 1.0) / 2.0))


def accuracy_interval(found: Estimate, confidence: float, *, widening: float = 1.0) -> tuple[Floats, Floats]:
    """Return Wilson's interval (1927) of each accuracy, of the width that the estimate has.

    Its ends stay within 0 and 1, and are NaN where nothing can be inferred. An accuracy of 0 or 1 is taken
    for that of independent units. `widening` is a factor of all standard errors.
    """
    spread = found.value * (1.0 - found.value)
    certain = spread <= 0.0
    binomial = special.ndtri(0.5 + confidence / 2.0) ** 2 / (found.units_df + 1.0)
    half_width = found.half_width(confidence)
    half_width = np.where(np.isinf(half_width), np.nan, half_width)
    ratio = widening**2 * np.where(certain, binomial, half_width**2 / np.where(certain, 1.0, spread))
    centre = (found.value + ratio / 2.0) / (1.0 + ratio)
    half = np.sqrt(ratio * np.maximum(spread, 0.0) + ratio**2 / 4.0) / (1.0 + ratio)
    return np.clip(centre - half, 0.0, 1.0), np.clip(centre + half, 0.0, 1.0)
