"""Differences of accuracy with their standard errors, intervals and adjusted p-values, from arrays alone.

The variance of a difference has two parts. The units' part comes from each unit's difference, averaged over
seeds; what single seeds add to it (the interaction) is taken out, since the second part, the variance between
seeds over the number of seeds, holds it already. As in the analysis of multi-reader studies (Obuchowski and
Rockette 1995; Hillis 2007), degrees of freedom follow Satterthwaite (1946).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from elmarc.comparison import multiplicity
from elmarc.comparison.variance import Moments, SeedVariance

Floats = NDArray[np.float64]
Places = NDArray[np.intp]


@dataclass(frozen=True)
class Estimate:
    """Estimates with standard errors and degrees of freedom, all of one shape."""

    value: Floats
    standard_error: Floats
    df: Floats

    def p_value(self) -> Floats:
        """Return the two-sided p-value of each estimate being 0."""
        return np.asarray(2.0 * stats.t.sf(np.abs(self.value) / self.standard_error, self.df))

    def half_width(self, confidence: float) -> Floats:
        """Return half the width of each t-interval."""
        return np.asarray(stats.t.ppf(0.5 + confidence / 2.0, self.df) * self.standard_error)


def difference(found: Moments, seeds: SeedVariance, a: Places, b: Places) -> Estimate:
    """Return accuracy of the systems `a` minus that of the systems `b`."""
    c = found.covariance
    units = c[a, a] + c[b, b] - c[a, b] - c[b, a]
    return _estimate(found.accuracy[a] - found.accuracy[b], units, found, seeds, [a, b])


def accuracy(found: Moments, seeds: SeedVariance) -> Estimate:
    """Return the accuracy of every system."""
    places = np.arange(len(found.accuracy))
    return _estimate(found.accuracy, np.diag(found.covariance), found, seeds, [places])


def _estimate(
    value: Floats, units: Floats, found: Moments, seeds: SeedVariance, systems: Sequence[Places]
) -> Estimate:
    n, drawn = found.n_units, found.n_seeds
    least = 1.0 / (n**2 * drawn[systems[0]])  # as if one unit had come out otherwise under one seed
    units = np.maximum(units, least)
    knows = seeds.df > 0
    between = sum(np.where(knows[k], seeds.value[k] / drawn[k], 0.0) for k in systems)
    chance = sum(np.where(knows[k], found.interaction[k] / drawn[k], 0.0) for k in systems)
    variance = np.maximum(units - chance, 0.0) + between
    variance = np.maximum(variance, units)
    doubt = units**2 / max(n - 1, 1) + sum(
        np.where(knows[k], (seeds.value[k] / drawn[k]) ** 2 / np.maximum(seeds.df[k], 1.0), 0.0)
        for k in systems
    )
    return Estimate(value, np.sqrt(variance), variance**2 / doubt)


def adjust_pairs(p: Floats, n: int) -> Floats:
    """Adjust the p-values of all pairs of n systems."""
    return np.asarray(np.minimum(multiplicity.all_pairs(_normal(p), n), p * (n * (n - 1) / 2)))


def adjust_many_to_one(p: Floats, shares: Floats) -> Floats:
    """Adjust the p-values of many systems against one baseline."""
    return np.asarray(np.minimum(multiplicity.many_to_one(_normal(p), shares), p * len(p)))


def _normal(p: Floats) -> Floats:
    return np.asarray(stats.norm.isf(np.clip(p, 1e-300, 1.0) / 2.0))


def accuracy_interval(found: Estimate, n_units: int, confidence: float) -> tuple[Floats, Floats]:
    """Return Wilson's interval (1927) of each accuracy, for as many units as its variance is worth.

    A variance other than a binomial one is taken for another number of units (Franco et al. 2019): the ends
    stay within 0 and 1, and an accuracy of 1 has an interval too.
    """
    spread = np.maximum(found.value * (1.0 - found.value), 0.0)
    worth = np.where(spread > 0, spread / found.standard_error**2, float(n_units))
    t2 = stats.t.ppf(0.5 + confidence / 2.0, found.df) ** 2 / worth
    centre = (found.value + t2 / 2.0) / (1.0 + t2)
    half = np.sqrt(t2 * spread + t2**2 / 4.0) / (1.0 + t2)
    return np.clip(centre - half, 0.0, 1.0), np.clip(centre + half, 0.0, 1.0)
