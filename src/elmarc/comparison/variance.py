"""Variance of accuracies, and of their differences, over clips and over seeds.

Conventions
-----------
A *unit* is what was drawn at random among the clips: a clip, or a group of clips that belong together.
`hits[i, c]` and `weights[i, c]` are what unit i adds to column c, a column being one seed of one system; so
`hits[:, c].sum() / weights[:, c].sum()` is an accuracy. All variances are of accuracies.

The variance of a difference has two parts. The units' part comes from each unit's difference, averaged over
seeds; the interaction of units and seeds is taken out of it, since the second part, the variance between
seeds over the number of seeds, contains it already. As in the analysis of multi-reader studies (Obuchowski
and Rockette 1995; Hillis 2007), degrees of freedom follow Satterthwaite (1946).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy import special

from elmarc.datasets.base import units
from elmarc.errors import ConfigError
from elmarc.results import Prediction

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Places = NDArray[np.intp]
LEAST = 1e-12  # the square of what counts as no difference: sums in another order differ by as much
LEAST_GROUPS = 5  # of like size, so 4 degrees of freedom: with fewer, t is no good guide (Tipton 2015)


@dataclass(frozen=True)
class HitTable:
    """Right or wrong: a row for each clip, a column for each seed of each system.

    Every fold weighs the same and a column of weights sums to 1.
    """

    hits: Floats  # (n_clips, n_columns), the clip's weight where the prediction was right, else 0
    weights: Floats  # (n_clips, n_columns), 0 for clips without a prediction
    units: Places  # (n_clips,), the unit of each clip: the clip itself, or its group
    columns: tuple[Places, ...]  # of each system, one per seed

    @property
    def evaluated(self) -> Mask:
        """Which clips have a prediction of each system under every seed, (n_systems, n_clips)."""
        return np.array([(self.weights[:, own] > 0).all(axis=1) for own in self.columns])

    def per_unit(self, mask: Mask, columns: Places) -> tuple[Floats, Floats]:
        """Return hits and weights of the clips in `mask` summed within units, (n_units, len(columns))."""
        hits, weights = (values[np.ix_(mask, columns)] for values in (self.hits, self.weights))
        order = np.argsort(self.units[mask], kind="stable")
        units = self.units[mask][order]
        starts = np.flatnonzero(np.diff(units, prepend=-1))
        if len(starts) == len(units):  # each clip is a unit, whatever their order
            return hits, weights
        return np.add.reduceat(hits[order], starts), np.add.reduceat(weights[order], starts)

    def of(self, systems: Sequence[int]) -> HitTable:
        """Return the table of some of the systems, with the clips that any of them has a prediction for."""
        columns = np.concatenate([self.columns[k] for k in systems])
        ends = np.cumsum([len(self.columns[k]) for k in systems])
        own = tuple(np.arange(end - len(self.columns[k]), end) for end, k in zip(ends, systems, strict=True))
        rows = (self.weights[:, columns] > 0).any(axis=1)
        return HitTable(self.hits[rows][:, columns], self.weights[rows][:, columns], self.units[rows], own)


def hit_table(systems: Sequence[Sequence[Sequence[Prediction]]]) -> HitTable:
    """Return the table of the predictions of every system and seed.

    Raises
    ------
    ConfigError
        Two of them give a clip different labels or groups.
    """
    flat = [predictions for seeds in systems for predictions in seeds]
    everything = [p for predictions in flat for p in predictions]
    _unique(((p.id, p.label) for p in everything), "labels")
    groups = _unique(((p.id, p.group) for p in everything), "groups")
    clips = sorted(groups)
    row = {clip: i for i, clip in enumerate(clips)}
    hits, weights = np.zeros((2, len(clips), len(flat)))
    for column, predictions in enumerate(flat):
        rows = [row[p.id] for p in predictions]
        weights[rows, column] = fold_weights(predictions)
        hits[rows, column] = weights[rows, column] * [p.label == p.predicted for p in predictions]
    ends = np.cumsum([len(seeds) for seeds in systems])
    columns = tuple(np.arange(end - len(s), end) for end, s in zip(ends, systems, strict=True))
    return HitTable(hits, weights, units([groups[clip] for clip in clips]), columns)


def fold_weights(predictions: Sequence[Prediction]) -> Floats:
    """Return the weight of each clip: every fold weighs the same, and all sum to 1."""
    sizes = Counter(p.fold for p in predictions)
    return np.array([1.0 / (len(sizes) * sizes[p.fold]) for p in predictions])


def _unique(pairs: Iterable[tuple[str, str]], noun: str) -> dict[str, str]:
    """Return the label or group of each clip. Raises ConfigError where results contradict each other."""
    by_clip: dict[str, str] = {}
    for clip, value in pairs:
        if by_clip.setdefault(clip, value) != value:
            raise ConfigError(
                f"{clip} is {by_clip[clip]!r} in one result and {value!r} in another: results of different "
                f"{noun} need different data set names"
            )
    return by_clip


def shared_clips(evaluated: Mask) -> list[tuple[Mask, list[tuple[int, int]]]]:
    """Return each set of clips that pairs of systems have in common, with those pairs.

    Raises ConfigError where two systems have no clip in common.
    """
    shared: dict[bytes, tuple[Mask, list[tuple[int, int]]]] = {}
    for a, b in combinations(range(len(evaluated)), 2):
        common = evaluated[a] & evaluated[b]
        if not common.any():
            raise ConfigError("two systems have no clip in common: they cannot be compared")
        shared.setdefault(common.tobytes(), (common, []))[1].append((a, b))
    return list(shared.values())


@dataclass(frozen=True)
class Moments:
    """Means and variances of the accuracies of K systems that were evaluated on the same units."""

    accuracy: Floats  # (K,), mean over seeds
    covariance: Floats  # (K, K), of the accuracies, from the units alone: seeds as drawn
    between: Floats  # (K,), variance of the accuracies of single seeds about their mean; 0 for one seed
    interaction: Floats  # (K,), the part of `between` from the interaction of units and seeds
    n_seeds: Places  # (K,), 1 where no seed changes any prediction
    fixed: Mask  # (K,), whether several seeds gave equal predictions
    n_clips: int  # in all units
    units_df: float  # degrees of freedom over units; NaN where groups are too few or unequal for inference

    @property
    def seed_df(self) -> Places:
        """Degrees of freedom between seeds, (K,)."""
        return self.n_seeds - 1


def moments(hits: Floats, weights: Floats, seeds: Sequence[int], *, n_clips: int | None = None) -> Moments:
    """Split the variance of accuracies into units, seeds and their interaction (two-way ANOVA).

    A large group pulls the accuracy towards its own, so its deviation is too small by a factor of 1 - its
    share of the clips; variances over groups are corrected for that (CR2; Bell and McCaffrey 2002).

    Parameters
    ----------
    hits, weights : np.ndarray [shape=(n_units, n_columns)]
        The columns of one system stand side by side.
    seeds : sequence of int
        How many columns each system has.
    n_clips : int or None
        Clips in all units; None where each unit is a clip.
    """
    n = len(hits)
    totals = weights.sum(axis=0)
    accuracies = hits.sum(axis=0) / totals
    scores = (hits - accuracies * weights) / totals  # each column sums to 0
    up, down, units_df = n, max(n - 1, 1), float(max(n - 1, 1))
    if n_clips is not None and n_clips > n:
        shares = (weights / totals).mean(axis=1)
        scores /= np.sqrt(np.maximum(1.0 - shares, LEAST))[:, None]
        up, down = 1, 1
        units_df = cluster_df(shares) if n_alike(shares) >= LEAST_GROUPS else np.nan
    n_seeds = np.asarray(seeds)
    starts = np.cumsum(n_seeds) - n_seeds
    mean = np.add.reduceat(scores, starts, axis=1) / n_seeds
    squares = np.add.reduceat(np.einsum("ic,ic->c", scores, scores), starts)
    rest = np.maximum(squares - n_seeds * np.einsum("ik,ik->k", mean, mean), 0.0)
    accuracy = np.add.reduceat(accuracies, starts) / n_seeds
    spread = np.add.reduceat(accuracies**2, starts) - n_seeds * accuracy**2
    fixed = (n_seeds > 1) & (rest < LEAST)
    n_seeds = np.where(fixed, 1, n_seeds)
    df = np.maximum(n_seeds - 1, 1)
    covariance = mean.T @ mean * (up / down)
    between = np.where(fixed, 0.0, np.maximum(spread, 0.0) / df)
    interaction = np.where(fixed, 0.0, rest * up / (down * df))
    return Moments(accuracy, covariance, between, interaction, n_seeds, fixed, n_clips or n, units_df)


def n_alike(shares: Floats) -> int:
    """Return the effective number of groups: as many of equal size have as much information (Kish 1965).

    `shares` are those of the clips in each group, (n_groups,).

    >>> n_alike(np.full(6, 1 / 6)), n_alike(np.array([0.5, 0.1, 0.1, 0.1, 0.1, 0.1]))
    (6, 3)
    """
    return round(1.0 / float(shares @ shares))


def cluster_df(shares: Floats) -> float:
    """Return the degrees of freedom of the CR2 variance of a mean (Bell and McCaffrey 2002).

    Satterthwaite's, for independent clips of equal variance: n - 1 for n groups of equal size, less for
    unequal ones. `shares` are those of the clips in each group, (n_groups,).

    >>> round(cluster_df(np.array([0.5, 0.1, 0.1, 0.1, 0.1, 0.1])), 1)
    2.8
    """
    own = shares**2 / np.maximum(1.0 - shares, LEAST)
    return float(1.0 / (shares @ shares + own @ (own.sum() - own)))


@dataclass(frozen=True)
class SeedVariance:
    """Variance of the accuracy between seeds, for each of K systems."""

    value: Floats  # (K,), 0 where seeds give equal predictions or there is one seed
    df: Floats  # (K,), its degrees of freedom; 0 as for `value`
    total_df: float  # of all systems together: an upper bound for sums of variances


# Prior of the degrees of freedom that the other systems' variances are worth: log-normal about 6 (2.3 and 15
# are half as likely), since two or three seeds do not determine it.
PRIOR_DF = np.array([1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 48.0, 96.0])
LIKELY_DF, LOG_SD = 6.0, 0.8
SCALES = np.exp(np.linspace(-3.0, 3.0, 25))
TINY = 1e-3  # of the mean: smaller variances come from rounding (two seeds with equally many hits)


def moderate(m: Moments) -> SeedVariance:
    """Shrink each system's variance between seeds towards the mean of all (Smyth 2004).

    The variances are modelled as draws from a scaled inverse chi-square distribution about their mean; the
    more similar they are, the more degrees of freedom it has, and the stronger they shrink.
    """
    own = m.seed_df
    total = float(own.sum())
    if not total:
        return SeedVariance(np.zeros(len(own)), np.zeros(len(own)), 0.0)
    mean = float(m.between @ own) / total
    borrowed = prior_df(m.between[own > 0], own[own > 0], mean)
    value = (borrowed * mean + own * m.between) / (borrowed + own)
    df = np.minimum(borrowed + own, total)
    return SeedVariance(np.where(m.fixed, 0.0, value), np.where(m.fixed, 0.0, df), total)


def prior_df(between: Floats, df: NDArray[np.intp], mean: float) -> float:
    """Return how many degrees of freedom the other systems' variances are worth to each one.

    The most likely value: a variance over the prior's scale follows an F distribution with `df` and the
    prior's degrees of freedom (Smyth 2004, section 6).
    """
    if mean <= 0.0:
        return LIKELY_DF
    d0 = PRIOR_DF[:, None, None]
    ratio = np.maximum(between / mean, TINY) * df / (d0 * SCALES[:, None])
    like = 0.5 * df * np.log(ratio) - 0.5 * (df + d0) * np.log1p(ratio) - special.betaln(df / 2.0, d0 / 2.0)
    prior = -0.5 * (np.log(PRIOR_DF / LIKELY_DF) / LOG_SD) ** 2
    return float(PRIOR_DF[np.argmax(like.sum(axis=-1).max(axis=1) + prior)])


@dataclass(frozen=True)
class Estimate:
    """Estimates with their uncertainty, all of one shape."""

    value: Floats
    standard_error: Floats  # over units and seeds
    df: Floats  # its degrees of freedom
    units_error: Floats  # standard error over units alone, for the seeds as drawn
    units_df: float  # NaN where nothing can be inferred, see `Moments`

    def p_value(self) -> Floats:
        """Return two-sided p-values, no smaller than over units alone; 1 where nothing can be inferred."""
        size = np.abs(self.value)
        both = special.stdtr(self.df, -size / self.standard_error)
        p = 2.0 * np.maximum(both, special.stdtr(self.units_df, -size / self.units_error))
        return np.where(np.isnan(p), 1.0, p)

    def half_width(self, confidence: float) -> Floats:
        """Return half the width of t-intervals, no smaller than over units alone; infinite without any."""
        tail = 0.5 + confidence / 2.0
        both = special.stdtrit(self.df, tail) * self.standard_error
        half = np.maximum(both, special.stdtrit(self.units_df, tail) * self.units_error)
        return np.where(np.isnan(half), np.inf, half)


def difference(m: Moments, seeds: SeedVariance, a: Places, b: Places) -> Estimate:
    """Return accuracy of the systems `a` minus that of the systems `b`."""
    c = m.covariance
    units = c[a, a] + c[b, b] - c[a, b] - c[b, a]
    return _estimate(m.accuracy[a] - m.accuracy[b], units, m, seeds, np.stack([a, b]))


def accuracy(m: Moments, seeds: SeedVariance) -> Estimate:
    """Return the accuracy of every system."""
    places = np.arange(len(m.accuracy))
    return _estimate(m.accuracy, np.diag(m.covariance), m, seeds, places[None])


def _estimate(value: Floats, units: Floats, m: Moments, seeds: SeedVariance, systems: Places) -> Estimate:
    """Return the estimates whose variances are sums over `systems`, (1 or 2, n)."""
    n, units_df = m.n_clips, m.units_df
    units = np.maximum(units, 1.0 / (n**2 * m.n_seeds[systems[0]]))  # as if one more clip differed
    known = seeds.df > 0
    mean_of_seeds = np.where(known, seeds.value / m.n_seeds, 0.0)
    in_both = np.where(known, m.interaction / m.n_seeds, 0.0)[systems].sum(axis=0)
    between = mean_of_seeds[systems].sum(axis=0)
    variance = np.maximum(np.maximum(units - in_both, 0.0) + between, LEAST)
    doubt = mean_of_seeds**2 / np.where(known, seeds.df, 1.0)
    doubt_between = np.maximum(doubt[systems].sum(axis=0), between**2 / max(seeds.total_df, 1.0))
    df = variance**2 / (units**2 / units_df + doubt_between)
    fewest = np.where(known, seeds.df, np.inf)[systems].min(axis=0)
    df = np.maximum(df, np.minimum(fewest, units_df))  # lower bound of Satterthwaite's degrees of freedom
    return Estimate(value, np.sqrt(variance), df, np.sqrt(units), units_df)


def accuracy_interval(
    estimate: Estimate, confidence: float, *, widening: float = 1.0
) -> tuple[Floats, Floats]:
    """Return Wilson's interval (1927) of each accuracy, of the width that the estimate has.

    Its ends stay within 0 and 1, and are NaN where nothing can be inferred. For an accuracy of 0 or 1, units
    count as independent. `widening` is a factor of all standard errors.
    """
    spread = estimate.value * (1.0 - estimate.value)
    certain = spread <= 0.0
    binomial = special.ndtri(0.5 + confidence / 2.0) ** 2 / (estimate.units_df + 1.0)
    half_width = estimate.half_width(confidence)
    half_width = np.where(np.isinf(half_width), np.nan, half_width)
    ratio = widening**2 * np.where(certain, binomial, half_width**2 / np.where(certain, 1.0, spread))
    centre = (estimate.value + ratio / 2.0) / (1.0 + ratio)
    half = np.sqrt(ratio * np.maximum(spread, 0.0) + ratio**2 / 4.0) / (1.0 + ratio)
    return np.clip(centre - half, 0.0, 1.0), np.clip(centre + half, 0.0, 1.0)
