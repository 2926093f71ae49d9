"""Families of contrasts: from a table of right and wrong to differences, intervals and adjusted p-values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from elmarc.comparison import contrasts
from elmarc.comparison.contrasts import Estimate
from elmarc.comparison.hits import HitTable, Mask, shared_clips
from elmarc.comparison.variance import Moments, SeedVariance, moderate, moments

Floats = NDArray[np.float64]
Places = NDArray[np.intp]


@dataclass(frozen=True)
class Tested:
    """The contrasts of a family as arrays.

    Parameters
    ----------
    a, b : np.ndarray
        Places of the two systems.
    estimate : Estimate
        Their differences.
    adjust : callable
        From p-values to those adjusted for the family.
    """

    a: Places
    b: Places
    estimate: Estimate
    adjust: Callable[[Floats], Floats]

    @property
    def p_value(self) -> Floats:
        """The adjusted p-values."""
        return self.adjust(self.estimate.p_value())

    def half_width(self, confidence: float) -> Floats:
        """Return half the width of the intervals that hold all together; infinite where nothing is tested.

        An interval leaves out 0 if and only if the adjusted p-value is below 1 - confidence.
        """
        return self.estimate.half_width(1.0 - contrasts.unadjusted(self.adjust, 1.0 - confidence))


@dataclass(frozen=True)
class Inference:
    """Everything that is inferred about the systems of one classifier; each pair is tested in one family.

    Parameters
    ----------
    accuracy : Estimate
        Of each system, on the clips that it has judged itself.
    pairs : Tested
        All pairs of the systems, the baseline apart.
    baseline : Tested or None
        Every other system against the baseline, where there is one.
    seeds : SeedVariance
        The variance between seeds of each system.
    can_tell : bool
        Whether there is a second seed, or no seed matters (else other weights are unknown), and the groups of
        clips suffice, where there are any.
    """

    accuracy: Estimate
    pairs: Tested
    baseline: Tested | None
    own: Moments
    seeds: SeedVariance
    can_tell: bool


def infer(table: HitTable, baseline: int | None = None) -> Inference:
    """Compare the systems of a table with each other, and with a baseline among them.

    Parameters
    ----------
    baseline : int or None
        The place of the system that the others are compared with, in a family of its own.
    """
    judged = table.judged
    if (judged == judged[0]).all():
        return infer_from(_moments(table, judged[0], range(len(judged))), baseline)
    own = _own_moments(table, judged)
    seeds = moderate(own)
    places = _pairs(len(judged))
    return _conclude(own, seeds, places, _differences(table, judged, own, seeds, places), baseline)


def infer_from(own: Moments, baseline: int | None = None) -> Inference:
    """Compare systems that have all judged the same clips, as `infer` does."""
    seeds = moderate(own)
    places = _pairs(len(own.accuracy))
    return _conclude(own, seeds, places, contrasts.difference(own, seeds, places[0], places[1]), baseline)


@cache
def _pairs(n: int) -> Places:
    return np.array(list(combinations(range(n), 2)), dtype=np.intp).reshape(-1, 2).T


def _conclude(
    own: Moments, seeds: SeedVariance, places: Places, estimate: Estimate, baseline: int | None
) -> Inference:
    """Put each pair into one family; p-values are 1 with one seed, or groups that are too few."""
    can_tell = bool(own.seed_df.any() or own.fixed.all()) and not np.isnan(own.units_df)
    accuracy = contrasts.accuracy(own, seeds)
    n = len(own.accuracy) - (baseline is not None)
    every = Tested(places[0], places[1], estimate, partial(contrasts.adjust_pairs, n=n))
    against = None if baseline is None else _against(baseline, every, accuracy)
    pairs = every if baseline is None else _rows(every, ~(places == baseline).any(axis=0))
    if not can_tell:
        pairs = replace(pairs, adjust=np.ones_like)
        against = against and replace(against, adjust=np.ones_like)
    return Inference(accuracy, pairs, against, own, seeds, can_tell)


def _rows(tested: Tested, rows: Mask) -> Tested:
    """Return some of the contrasts."""
    of = tested.estimate
    part = Estimate(of.value[rows], of.standard_error[rows], of.df[rows], of.units_error[rows], of.units_df)
    return replace(tested, a=tested.a[rows], b=tested.b[rows], estimate=part)


def _own_moments(table: HitTable, judged: Mask) -> Moments:
    """Return the moments of each system on the clips that it has judged itself."""
    parts: list[tuple[list[int], Moments]] = []
    for mask in np.unique(judged, axis=0):
        systems = np.flatnonzero((judged == mask).all(axis=1)).tolist()
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
    table: HitTable, judged: Mask, own: Moments, seeds: SeedVariance, places: Places
) -> Estimate:
    """Return the difference of each pair on the clips that both have judged."""
    row = {(a, b): k for k, (a, b) in enumerate(places.T.tolist())}
    value, error, df, units_error = np.zeros((4, places.shape[1]))
    for mask, pairs in shared_clips(judged):
        systems = sorted({k for pair in pairs for k in pair})
        a, b = np.searchsorted(systems, np.array(pairs)).T
        borrowed = SeedVariance(seeds.value[systems], seeds.df[systems], seeds.total_df)
        part = contrasts.difference(_moments(table, mask, systems), borrowed, a, b)
        rows = [row[pair] for pair in pairs]
        value[rows], error[rows], df[rows] = part.value, part.standard_error, part.df
        units_error[rows] = part.units_error
    return Estimate(value, error, df, units_error, own.units_df)


def _against(baseline: int, every: Tested, accuracy: Estimate) -> Tested:
    """Pick the contrasts with the baseline and turn them so that it comes second."""
    own = _rows(every, (every.a == baseline) | (every.b == baseline))
    first = own.a == baseline
    others = np.where(first, own.b, own.a)
    turned = replace(own.estimate, value=np.where(first, -1.0, 1.0) * own.estimate.value)
    variance = accuracy.standard_error**2
    shares = variance[baseline] / (variance[baseline] + variance[others])
    adjust = partial(contrasts.adjust_many_to_one, shares=shares)
    return Tested(others, np.full(len(others), baseline), turned, adjust)
