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
    n_units : int
    """

    accuracy: Floats
    covariance: Floats
    between: Floats
    interaction: Floats
    n_seeds: NDArray[np.intp]
    fixed: NDArray[np.bool_]
    n_units: int

    @property
    def seed_df(self) -> NDArray[np.intp]:
        """Degrees of freedom between seeds, (K,)."""
        return self.n_seeds - 1


def moments(hits: Floats, weights: Floats, columns: Sequence[NDArray[np.intp]]) -> Moments:
    """Take the accuracies apart: units, seeds, and units by seeds (a two-way analysis of variance).

    Parameters
    ----------
    hits, weights : np.ndarray [shape=(n_units, n_columns)]
    columns : the columns of each system
    """
    n = len(hits)
    totals = weights.sum(axis=0)
    accuracies = hits.sum(axis=0) / totals
    scores = (hits - accuracies * weights) / totals  # each column sums to 0
    starts = np.array([own[0] for own in columns])
    n_seeds = np.array([len(own) for own in columns])
    mean = np.add.reduceat(scores, starts, axis=1) / n_seeds
    squares = np.add.reduceat(np.einsum("ic,ic->c", scores, scores), starts)
    rest = np.maximum(squares - n_seeds * np.einsum("ik,ik->k", mean, mean), 0.0)
    accuracy = np.add.reduceat(accuracies, starts) / n_seeds
    spread = np.add.reduceat(accuracies**2, starts) - n_seeds * accuracy**2
    fixed = (n_seeds > 1) & (rest < LEAST)
    n_seeds = np.where(fixed, 1, n_seeds)
    df = np.maximum(n_seeds - 1, 1)
    covariance = mean.T @ mean * (n / max(n - 1, 1))
    between = np.where(fixed, 0.0, np.maximum(spread, 0.0) / df)
    interaction = np.where(fixed, 0.0, rest * n / (max(n - 1, 1) * df))
    return Moments(accuracy, covariance, between, interaction, n_seeds, fixed, n)


@dataclass(frozen=True)
class SeedVariance:
    """Variance of a single seed's accuracy for each system, and the degrees of freedom behind it, (K,)."""

    value: Floats
    df: Floats


PRIOR_DF = np.array([1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 48.0, 96.0])
STEPS = np.exp(np.linspace(-3.0, 3.0, 49))


def moderate(found: Moments) -> SeedVariance:
    """Let every system's variance between seeds borrow from the others' (Smyth 2004)."""
    between, df = found.between, found.seed_df
    own = df > 0
    total = int(df.sum())
    if not total:
        return SeedVariance(np.zeros(len(df)), np.zeros(len(df)))
    pooled = float(between @ df) / total
    if pooled <= 0:
        return SeedVariance(np.zeros(len(df)), np.where(found.fixed, 0.0, float(total)))
    scale, prior = _prior(between[own], df[own], pooled)
    value = (prior * scale + df * between) / (prior + df)
    borrowed = np.minimum(prior + df, total)
    return SeedVariance(np.where(found.fixed, 0.0, value), np.where(found.fixed, 0.0, borrowed))


def _prior(between: Floats, df: NDArray[np.intp], pooled: float) -> tuple[float, float]:
    """Return scale and degrees of freedom of the prior that makes the table most likely."""
    d0, scale = PRIOR_DF[:, None, None], (pooled * STEPS)[None, :, None]
    ratio = np.maximum(between, 1e-3 * pooled) * df / (d0 * scale)
    like = (0.5 * df) * np.log(ratio) - 0.5 * (df + d0) * np.log1p(ratio) - special.betaln(df / 2, d0 / 2)
    total = like.sum(axis=-1) - 0.5 * (np.log(d0[..., 0] / 6.0) / 0.8) ** 2
    best = np.unravel_index(int(np.argmax(total)), total.shape)
    return float(pooled * STEPS[best[1]]), float(PRIOR_DF[best[0]])
