"""Where the chance in an accuracy comes from: the clips that were drawn, and the weights that were drawn.

Conventions
-----------
A *unit* is what was drawn at random among the clips: a clip, or a group of clips that belong together.
`hits[i, c]` and `weights[i, c]` are what unit i adds to column c, a column being one seed of one system; so
`hits[:, c].sum() / weights[:, c].sum()` is an accuracy. All variances are of accuracies.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]
LEAST = 1e-12  # the square of what counts as no difference: sums in another order differ by as much
LEAST_GROUPS = 5  # of like size, so 4 degrees of freedom: with fewer, t is no good guide (Tipton 2015)


@dataclass(frozen=True)
class Moments:
    """Means and variances of the accuracies of K systems that were judged on the same units.

    Parameters
    ----------
    accuracy : np.ndarray [shape=(K,)]
        Mean over seeds.
    covariance : np.ndarray [shape=(K, K)]
        Of the accuracies, from the units alone: seeds as drawn.
    between : np.ndarray [shape=(K,)]
        Variance of the accuracies of single seeds about their mean; 0 for one seed.
    interaction : np.ndarray [shape=(K,)]
        The part of `between` that single units' chance explains.
    n_seeds : np.ndarray [shape=(K,)]
        Seeds; 1 where no seed changes any prediction.
    fixed : np.ndarray [shape=(K,)]
        Whether several seeds gave equal predictions, so that no seed matters.
    n_clips : int
        In all units together.
    units_df : float
        Degrees of freedom over units; NaN where the clips' groups are too few, or too unequal, for any
        inference.
    """

    accuracy: Floats
    covariance: Floats
    between: Floats
    interaction: Floats
    n_seeds: NDArray[np.intp]
    fixed: NDArray[np.bool_]
    n_clips: int
    units_df: float

    @property
    def seed_df(self) -> NDArray[np.intp]:
        """Degrees of freedom between seeds, (K,)."""
        return self.n_seeds - 1


def moments(hits: Floats, weights: Floats, seeds: Sequence[int], *, n_clips: int | None = None) -> Moments:
    """Take the accuracies apart: units, seeds, and units by seeds (a two-way analysis of variance).

    A group that holds much of the clips draws the accuracy to itself, so its deviation is too small by
    1 - its share; variances over groups are corrected for that (CR2; Bell and McCaffrey 2002).

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
    """Return how many groups of like size would tell as much as these (Kish 1965), rounded.

    Parameters
    ----------
    shares : np.ndarray [shape=(n_groups,)]
        The part of the clips that each group holds.

    Examples
    --------
    >>> n_alike(np.full(6, 1 / 6)), n_alike(np.array([0.5, 0.1, 0.1, 0.1, 0.1, 0.1]))
    (6, 3)
    """
    return round(1.0 / float(shares @ shares))


def cluster_df(shares: Floats) -> float:
    """Return the degrees of freedom of the CR2 variance of a mean (Bell and McCaffrey 2002).

    Satterthwaite's, where clips are independent and have one variance: n - 1 for n groups of like size, less
    for unequal ones.

    Parameters
    ----------
    shares : np.ndarray [shape=(n_groups,)]
        The part of the clips that each group holds.

    Examples
    --------
    >>> round(cluster_df(np.array([0.5, 0.1, 0.1, 0.1, 0.1, 0.1])), 1)
    2.8
    """
    own = shares**2 / np.maximum(1.0 - shares, LEAST)
    return float(1.0 / (shares @ shares + own @ (own.sum() - own)))


@dataclass(frozen=True)
class SeedVariance:
    """What one seed's accuracy varies by, for each of K systems.

    Parameters
    ----------
    value : np.ndarray [shape=(K,)]
        Variance between seeds; 0 where no seed matters or nothing is known.
    df : np.ndarray [shape=(K,)]
        Degrees of freedom behind it; 0 where no seed matters or nothing is known.
    total_df : float
        Degrees of freedom of all systems together: no sum of variances can have more.
    """

    value: Floats
    df: Floats
    total_df: float


# How alike the variances of networks are is estimated from the table itself. Before any seed is seen, 6
# degrees of freedom are likely, and 2.3 or 15 half as likely: two or three seeds say little about it.
PRIOR_DF = np.array([1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 48.0, 96.0])
LIKELY_DF, LOG_SD = 6.0, 0.8
SCALES = np.exp(np.linspace(-3.0, 3.0, 25))
TINY = 1e-3  # of the mean: a smaller variance is a matter of rounding (two seeds with equally many hits)


def moderate(found: Moments) -> SeedVariance:
    """Let each system's variance between seeds borrow from the others' (Smyth 2004).

    The variances are taken for draws from a scaled inverse chi-square distribution about their mean; the more
    alike they are, the more degrees of freedom it has, and the more each system borrows.
    """
    own = found.seed_df
    total = float(own.sum())
    if not total:
        return SeedVariance(np.zeros(len(own)), np.zeros(len(own)), 0.0)
    mean = float(found.between @ own) / total
    borrowed = prior_df(found.between[own > 0], own[own > 0], mean)
    value = (borrowed * mean + own * found.between) / (borrowed + own)
    df = np.minimum(borrowed + own, total)
    return SeedVariance(np.where(found.fixed, 0.0, value), np.where(found.fixed, 0.0, df), total)


def prior_df(between: Floats, df: NDArray[np.intp], mean: float) -> float:
    """Return how many degrees of freedom the other systems' variances are worth to each one.

    The likeliest value: a variance over the prior's scale follows an F distribution with `df` and the prior's
    degrees of freedom (Smyth 2004, section 6).
    """
    if mean <= 0.0:
        return LIKELY_DF
    d0 = PRIOR_DF[:, None, None]
    ratio = np.maximum(between / mean, TINY) * df / (d0 * SCALES[:, None])
    like = 0.5 * df * np.log(ratio) - 0.5 * (df + d0) * np.log1p(ratio) - special.betaln(df / 2.0, d0 / 2.0)
    prior = -0.5 * (np.log(PRIOR_DF / LIKELY_DF) / LOG_SD) ** 2
    return float(PRIOR_DF[np.argmax(like.sum(axis=-1).max(axis=1) + prior)])
