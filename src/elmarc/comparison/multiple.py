"""Families of contrasts: differences with intervals and p-values that are adjusted for all of a family.

All pairs of systems are one family (Tukey-Kramer), each against the baseline another (Dunnett).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special

from elmarc.comparison.variance import (
    Estimate,
    Floats,
    HitTable,
    Mask,
    Moments,
    Places,
    SeedVariance,
    accuracy,
    difference,
    moderate,
    moments,
    shared_clips,
)

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(64)  # to integrate over a normal number: exact to 1e-6
WEIGHTS /= WEIGHTS.sum()
FAR = 30.0  # standard errors


def all_pairs(z: ArrayLike, n: int) -> Floats:
    """Return the chance that any two of n equal means lie `z` standard errors apart or more.

    The distribution of the studentized range with known variance (Tukey 1953); where variances differ it
    errs on the safe side (Hayter 1984).

    >>> all_pairs([1.96, 3.54], 2).round(3).tolist(), all_pairs(3.545, 20).round(3).tolist()
    ([0.05, 0.0], 0.05)
    """
    q = np.sqrt(2.0) * np.abs(np.asarray(z, dtype=np.float64))[..., None]
    inside = n * (special.ndtr(NODES + q) - special.ndtr(NODES)) ** (n - 1) @ WEIGHTS
    return np.asarray(np.clip(1.0 - inside, 0.0, 1.0))


def many_to_one(z: ArrayLike, shares: ArrayLike) -> Floats:
    """Return the chance that any of the means lies `z` standard errors from the baseline's or more.

    `shares` are those of each contrast's variance that come from the baseline, (n,): the correlation of two
    contrasts is the square root of the product of their shares (Dunnett 1955).
    """
    at = np.abs(np.asarray(z, dtype=np.float64))[..., None, None]
    root = np.sqrt(np.clip(np.asarray(shares, dtype=np.float64), 0.0, 1.0 - 1e-9))[:, None]
    own = np.sqrt(1.0 - root**2)
    each = special.ndtr((root * NODES + at) / own) - special.ndtr((root * NODES - at) / own)
    return np.asarray(np.clip(1.0 - each.prod(axis=-2) @ WEIGHTS, 0.0, 1.0))


def adjust_pairs(p: Floats, n: int) -> Floats:
    """Adjust the p-values of all pairs of n systems; never more than Bonferroni."""
    return np.asarray(np.minimum(all_pairs(_normal(p), n), p * (n * (n - 1) / 2)))


def adjust_many_to_one(p: Floats, shares: Floats) -> Floats:
    """Adjust the p-values of many systems against one baseline; never more than Bonferroni."""
    return np.asarray(np.minimum(many_to_one(_normal(p), shares), p * len(shares)))


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


def letters(different: NDArray[np.bool_]) -> list[str]:
    """Return a compact letter display: two systems share a letter if and only if they are not different.

    `different` is symmetric, its systems sorted best first: then "a" marks those tied with the best.
    Insert-and-absorb algorithm of Piepho (J. Comput. Graph. Stat. 13, 2004).

    >>> letters(np.array([[0, 0, 1], [0, 0, 0], [1, 0, 0]], dtype=bool))
    ['a', 'ab', 'b']
    """
    n = len(different)
    columns = [frozenset(range(n))]
    for i, j in zip(*np.nonzero(np.triu(different)), strict=True):
        split = dict.fromkeys(part for c in columns for part in ([c - {i}, c - {j}] if {i, j} <= c else [c]))
        columns = [c for c in split if not any(c < other for other in split)]
    columns.sort(key=sorted)
    names = [chr(ord("a") + k % 26) + "'" * (k // 26) for k in range(len(columns))]
    return ["".join(name for name, c in zip(names, columns, strict=True) if i in c) for i in range(n)]


@dataclass(frozen=True)
class Contrasts:
    """The contrasts of a family as arrays."""

    a: Places  # of the first system
    b: Places
    estimate: Estimate  # of their differences
    adjust: Callable[[Floats], Floats]  # from p-values to those adjusted for the family

    @property
    def p_value(self) -> Floats:
        """The adjusted p-values."""
        return self.adjust(self.estimate.p_value())

    def half_width(self, confidence: float) -> Floats:
        """Return half the width of simultaneous intervals; infinite where nothing is tested.

        An interval excludes 0 if and only if the adjusted p-value is below 1 - confidence.
        """
        return self.estimate.half_width(1.0 - unadjusted(self.adjust, 1.0 - confidence))


@dataclass(frozen=True)
class Inference:
    """Everything that is inferred about the systems of one classifier; each pair is tested in one family.

    `can_tell`: whether the variance between seeds can be estimated (two or more seeds, or equal predictions
    under all), and the groups of clips suffice, where there are any.
    """

    accuracy: Estimate  # of each system, on all clips that it has predictions for
    pairs: Contrasts  # all pairs of the systems but the baseline
    baseline: Contrasts | None  # every other system against the baseline
    own: Moments
    seeds: SeedVariance
    can_tell: bool


def infer(table: HitTable, baseline: int | None = None) -> Inference:
    """Compare the systems of a table with each other, and with the one at place `baseline` among them."""
    evaluated = table.evaluated
    if (evaluated == evaluated[0]).all():
        return infer_from(_moments(table, evaluated[0], range(len(evaluated))), baseline)
    own = _own_moments(table, evaluated)
    seeds = moderate(own)
    places = _pairs(len(evaluated))
    return _conclude(own, seeds, places, _differences(table, evaluated, own, seeds, places), baseline)


def infer_from(own: Moments, baseline: int | None = None) -> Inference:
    """Compare systems that were evaluated on the same clips, as `infer` does."""
    seeds = moderate(own)
    places = _pairs(len(own.accuracy))
    return _conclude(own, seeds, places, difference(own, seeds, places[0], places[1]), baseline)


@cache
def _pairs(n: int) -> Places:
    return np.array(list(combinations(range(n), 2)), dtype=np.intp).reshape(-1, 2).T


def _conclude(
    own: Moments, seeds: SeedVariance, places: Places, estimate: Estimate, baseline: int | None
) -> Inference:
    """Put each pair into one family; p-values are 1 where nothing can be tested."""
    can_tell = bool(own.seed_df.any() or own.fixed.all()) and not np.isnan(own.units_df)
    each = accuracy(own, seeds)
    n = len(own.accuracy) - (baseline is not None)
    every = Contrasts(places[0], places[1], estimate, partial(adjust_pairs, n=n))
    against = None if baseline is None else _against(baseline, every, each)
    pairs = every if baseline is None else _rows(every, ~(places == baseline).any(axis=0))
    if not can_tell:
        pairs = replace(pairs, adjust=np.ones_like)
        against = against and replace(against, adjust=np.ones_like)
    return Inference(each, pairs, against, own, seeds, can_tell)


def _rows(contrasts: Contrasts, rows: Mask) -> Contrasts:
    """Return some of the contrasts."""
    of = contrasts.estimate
    part = Estimate(of.value[rows], of.standard_error[rows], of.df[rows], of.units_error[rows], of.units_df)
    return replace(contrasts, a=contrasts.a[rows], b=contrasts.b[rows], estimate=part)


def _own_moments(table: HitTable, evaluated: Mask) -> Moments:
    """Return the moments of each system on all clips that it has predictions for."""
    parts: list[tuple[list[int], Moments]] = []
    for mask in np.unique(evaluated, axis=0):
        systems = np.flatnonzero((evaluated == mask).all(axis=1)).tolist()
        parts.append((systems, _moments(table, mask, systems)))
    order = np.argsort([k for systems, _ in parts for k in systems])
    variances = np.concatenate([np.diag(m.covariance) for _, m in parts])[order]
    joined = {
        name: np.concatenate([getattr(m, name) for _, m in parts])[order]
        for name in ("accuracy", "between", "interaction", "n_seeds", "fixed")
    }
    n_clips = min(m.n_clips for _, m in parts)
    units_df = float(np.min([m.units_df for _, m in parts]))  # NaN where any is
    return Moments(covariance=np.diag(variances), n_clips=n_clips, units_df=units_df, **joined)


def _moments(table: HitTable, mask: Mask, systems: Sequence[int]) -> Moments:
    sizes = [len(table.columns[k]) for k in systems]
    hits, weights = table.per_unit(mask, np.concatenate([table.columns[k] for k in systems]))
    return moments(hits, weights, sizes, n_clips=int(mask.sum()))


def _differences(
    table: HitTable, evaluated: Mask, own: Moments, seeds: SeedVariance, places: Places
) -> Estimate:
    """Return the difference of each pair on the clips that both have predictions for."""
    row = {(a, b): k for k, (a, b) in enumerate(places.T.tolist())}
    value, error, df, units_error = np.zeros((4, places.shape[1]))
    for mask, pairs in shared_clips(evaluated):
        systems = sorted({k for pair in pairs for k in pair})
        a, b = np.searchsorted(systems, np.array(pairs)).T
        borrowed = SeedVariance(seeds.value[systems], seeds.df[systems], seeds.total_df)
        part = difference(_moments(table, mask, systems), borrowed, a, b)
        rows = [row[pair] for pair in pairs]
        value[rows], error[rows], df[rows] = part.value, part.standard_error, part.df
        units_error[rows] = part.units_error
    return Estimate(value, error, df, units_error, own.units_df)


def _against(baseline: int, every: Contrasts, accuracy: Estimate) -> Contrasts:
    """Return the contrasts with the baseline, turned so that it comes second."""
    own = _rows(every, (every.a == baseline) | (every.b == baseline))
    first = own.a == baseline
    others = np.where(first, own.b, own.a)
    turned = replace(own.estimate, value=np.where(first, -1.0, 1.0) * own.estimate.value)
    variance = accuracy.standard_error**2
    shares = variance[baseline] / (variance[baseline] + variance[others])
    adjust = partial(adjust_many_to_one, shares=shares)
    return Contrasts(others, np.full(len(others), baseline), turned, adjust)
