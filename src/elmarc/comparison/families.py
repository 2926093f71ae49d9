"""Families of contrasts: from a table of right and wrong to differences, intervals and adjusted p-values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from elmarc.comparison import contrasts
from elmarc.comparison.contrasts import Estimate
from elmarc.comparison.hits import HitTable, shared_clips
from elmarc.comparison.variance import Moments, SeedVariance, moderate, moments

Floats = NDArray[np.float64]
Places = NDArray[np.intp]


@dataclass(frozen=True)
class Tested:
    """The contrasts of a family as arrays: places of the two systems, the estimate, its adjusted p-value."""

    a: Places
    b: Places
    estimate: Estimate
    p_value: Floats


@dataclass(frozen=True)
class Inference:
    """Everything that is said of the systems of one classifier.

    Parameters
    ----------
    accuracy : Estimate
        Of each system, on the clips that it has judged itself.
    pairs : Tested
        All pairs of the systems.
    baseline : Tested or None
        Every other system against the baseline, where there is one.
    seeds : SeedVariance
        The variance between seeds of each system.
    can_tell : bool
        Whether there is a second seed, or no seed matters: else nothing can be said of other weights.
    """

    accuracy: Estimate
    pairs: Tested
    baseline: Tested | None
    own: Moments
    seeds: SeedVariance
    can_tell: bool


def infer(table: HitTable, baseline: int | None = None) -> Inference:
    """Compare the systems of a table with each other, and with one of them.

    Parameters
    ----------
    baseline : int or None
        The place of the system that the others are compared with.
    """
    own = _own_moments(table)
    seeds = moderate(own)
    can_tell = bool(own.seed_df.any() or own.fixed.all())
    places = np.array(list(combinations(range(len(table.columns)), 2)), dtype=np.intp).reshape(-1, 2)
    estimate = _differences(table, seeds, places)
    p = estimate.p_value() if can_tell else np.ones(len(places))
    adjusted = contrasts.adjust_pairs(p, len(table.columns))
    pairs = Tested(places[:, 0], places[:, 1], estimate, adjusted)
    accuracy = contrasts.accuracy(own, seeds)
    against = None if baseline is None else _against(baseline, pairs, p, accuracy)
    return Inference(accuracy, pairs, against, own, seeds, can_tell)


def _own_moments(table: HitTable) -> Moments:
    """Return the moments of each system on the clips that it has judged itself (covariances stay 0)."""
    judged = table.judged
    parts: list[tuple[list[int], Moments]] = []
    for mask in np.unique(judged, axis=0):
        systems = [k for k, own in enumerate(judged) if (own == mask).all()]
        parts.append((systems, _moments(table, mask, systems)))
    if len(parts) == 1:
        return parts[0][1]
    order = np.argsort([k for systems, _ in parts for k in systems])
    covariance = np.diag(np.concatenate([np.diag(m.covariance) for _, m in parts])[order])
    joined = {
        name: np.concatenate([getattr(m, name) for _, m in parts])[order]
        for name in ("accuracy", "between", "interaction", "n_seeds", "fixed")
    }
    return Moments(covariance=covariance, n_units=min(m.n_units for _, m in parts), **joined)


def _moments(table: HitTable, mask: NDArray[np.bool_], systems: Sequence[int]) -> Moments:
    hits, weights = table.per_unit(mask)
    wanted = np.concatenate([table.columns[k] for k in systems])
    ends = np.cumsum([len(table.columns[k]) for k in systems])
    columns = [np.arange(end - len(table.columns[k]), end) for end, k in zip(ends, systems, strict=True)]
    return moments(hits[:, wanted], weights[:, wanted], columns)


def _differences(table: HitTable, seeds: SeedVariance, places: Places) -> Estimate:
    """Return the difference of each pair on the clips that both have judged."""
    row = {(a, b): k for k, (a, b) in enumerate(places.tolist())}
    value, error, df = np.zeros((3, len(places)))
    for mask, pairs in shared_clips(table.judged):
        systems = sorted({k for pair in pairs for k in pair})
        place = {k: i for i, k in enumerate(systems)}
        found = _moments(table, mask, systems)
        borrowed = SeedVariance(seeds.value[systems], seeds.df[systems])
        a, b = np.array([(place[i], place[j]) for i, j in pairs], dtype=np.intp).T
        part = contrasts.difference(found, borrowed, a, b)
        rows = [row[pair] for pair in pairs]
        value[rows], error[rows], df[rows] = part.value, part.standard_error, part.df
    return Estimate(value, error, df)


def _against(baseline: int, pairs: Tested, p: Floats, accuracy: Estimate) -> Tested:
    """Pick the contrasts with the baseline and turn them so that it comes second."""
    rows = (pairs.a == baseline) | (pairs.b == baseline)
    first = pairs.a[rows] == baseline
    others = np.where(first, pairs.b[rows], pairs.a[rows])
    picked = pairs.estimate
    value = np.where(first, -1.0, 1.0) * picked.value[rows]
    estimate = Estimate(value, picked.standard_error[rows], picked.df[rows])
    own = accuracy.standard_error**2
    shares = own[baseline] / (own[baseline] + own[others])
    adjusted = contrasts.adjust_many_to_one(p[rows], shares)
    return Tested(others, np.full(len(others), baseline), estimate, adjusted)
