"""Correlations of rankings with intervals, from arrays alone.

Conventions
-----------
An *architecture* is drawn at random from a space; it has a score untrained and a score trained, each the mean
over seeds on the clips of a data set. What is estimated is the correlation that other architectures, seeds
and clips would give in the same numbers: noise in the scores lowers it, and `ceiling` says how far.

Intervals are made on Fisher's z scale. Their variance has two parts. What architectures, their seeds and
their answers to clips scatter by is taken from the correlations with one architecture left out (the
jackknife, Efron & Stein 1981): unlike the variances of Bonett & Wright (2000) and of Fieller, Hartley &
Pearson (1957), it holds where scores scatter more at one end, as they do where some architectures stay at
chance. Half of theirs is the least that is believed, twice theirs the most. What all architectures share,
since they are judged on the same clips, is not in it: that is the variance over clips drawn anew for all
alike, less that over clips drawn anew for each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

Floats: TypeAlias = NDArray[np.float64]
Statistic: TypeAlias = Callable[[Floats, Floats], Floats]
FEWEST = 4  # architectures that a correlation needs, beside one a covariate: two degrees of freedom
LEAST = (
    12  # architectures that an interval needs, beside one a covariate; of 10, Kendall's held in 89 to 92 %
)


@dataclass(frozen=True)
class Estimate:
    """A number with its interval.

    Parameters
    ----------
    value : float
        NaN where one side is constant, or there are too few architectures for a partial correlation.
    low, high : float or None
        None where there are too few architectures to tell.
    n : int
        Architectures.
    n_given : int
        Covariates that a partial correlation is given, without those that follow from others.
    """

    value: float
    low: float | None
    high: float | None
    n: int
    n_given: int = 0

    @property
    def df(self) -> int:
        """Degrees of freedom of a correlation; with none, it is 1 or -1 whatever the scores."""
        return self.n - self.n_given - 2


def pearson(x: Floats, y: Floats) -> Floats:
    """Return Pearson's correlation over the last axis; NaN where one side is constant."""
    x, y = (v - v.mean(axis=-1, keepdims=True) for v in (x, y))
    return _cosine(x, y)


def spearman(x: Floats, y: Floats) -> Floats:
    """Return Spearman's correlation over the last axis; NaN where one side is constant.

    As `scipy.stats.spearmanr`, for many at once.
    """
    return pearson(stats.rankdata(x, axis=-1), stats.rankdata(y, axis=-1))


def kendall(x: Floats, y: Floats) -> Floats:
    """Return Kendall's tau-b over the last axis; NaN where one side is constant.

    As `scipy.stats.kendalltau`, for many at once.
    """
    first, second = np.triu_indices(x.shape[-1], 1)
    return _cosine(np.sign(x[..., first] - x[..., second]), np.sign(y[..., first] - y[..., second]))


def _cosine(a: Floats, b: Floats) -> Floats:
    size = np.sqrt((a**2).sum(axis=-1) * (b**2).sum(axis=-1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(size > 1e-9, (a * b).sum(axis=-1) / size, np.nan))


def partial_spearman(covariates: Floats) -> Statistic:
    """Return Spearman's correlation given covariates: of what their ranks leave over.

    Parameters
    ----------
    covariates : np.ndarray [shape=(n_covariates, n)]
        One that is constant, or follows from the others, takes nothing away.
    """
    ranks = _centred_ranks(covariates)
    project = np.eye(ranks.shape[-1]) - np.linalg.pinv(ranks, rcond=1e-9) @ ranks

    def statistic(x: Floats, y: Floats) -> Floats:
        return pearson(_centred_ranks(x) @ project, _centred_ranks(y) @ project)

    return statistic


def n_free(covariates: Floats) -> int:
    """Return how many covariates take something away: neither constant, nor following from the others.

    Parameters
    ----------
    covariates : np.ndarray [shape=(n_covariates, n)]
    """
    return int(np.linalg.matrix_rank(_centred_ranks(covariates))) if len(covariates) else 0


def _centred_ranks(x: Floats) -> Floats:
    ranks = stats.rankdata(x, axis=-1)
    return np.asarray(ranks - ranks.mean(axis=-1, keepdims=True))


def spearman_estimate(
    x: Floats, y: Floats, *, given: Floats | None = None, shared: float = 0.0, confidence: float = 0.95
) -> Estimate:
    """Return Spearman's correlation with its interval.

    Parameters
    ----------
    x, y : np.ndarray [shape=(n,)]
        Scores of the same architectures.
    given : np.ndarray [shape=(n_covariates, n)] or None
        Covariates, for a partial correlation.
    shared : float
        Variance of z that all architectures share, see `shared_variance`.
    confidence : float
        Of the interval, in (0, 1).

    Returns
    -------
    Estimate
        A partial correlation is NaN with fewer than `FEWEST` architectures and one more for each covariate.
    """
    if given is None or not len(given):
        return _estimate(spearman(x, y), spearman(_left_out(x), _left_out(y)), 0, shared, confidence)
    n_given = n_free(given)
    if len(x) - n_given < FEWEST:
        return Estimate(np.nan, None, None, len(x), n_given)
    value = partial_spearman(given)(x, y)
    rest = [partial_spearman(c)(a, b) for c, a, b in _each_left_out(given, x, y)]
    return _estimate(value, np.array(rest), n_given, shared, confidence)


def ceiling_estimate(by_seed: Floats, *, confidence: float = 0.95) -> Estimate:
    """Return the mean of Spearman's correlations between any two seeds, with its interval.

    Parameters
    ----------
    by_seed : np.ndarray [shape=(n_seeds, n)]
        Scores of the same architectures under two seeds or more.
    confidence : float
        Of the interval, in (0, 1).
    """
    first, second = np.triu_indices(len(by_seed), 1)
    value = spearman(by_seed[first], by_seed[second]).mean()
    rest = _left_out(by_seed)
    return _estimate(value, spearman(rest[first], rest[second]).mean(axis=0), 0, 0.0, confidence)


def kendall_estimate(x: Floats, y: Floats, *, shared: float = 0.0, confidence: float = 0.95) -> Estimate:
    """Return Kendall's tau-b with its interval.

    Parameters
    ----------
    x, y : np.ndarray [shape=(n,)]
        Scores of the same architectures.
    shared : float
        Variance of z that all architectures share, see `shared_variance`.
    confidence : float
        Of the interval, in (0, 1).
    """
    tau, n = float(kendall(x, y)), len(x)
    if n < LEAST or not np.isfinite(tau):
        return Estimate(tau, None, None, n)
    inside = 1.0 - 2.0 / (n * (n - 1))  # half a step below 1
    at = float(np.clip(tau, -inside, inside))
    own = _spread(kendall(_left_out(x), _left_out(y))) / (1.0 - at**2) ** 2
    return _interval(tau, at, _believed(own, 0.437 / (n - 4)) + shared, n, confidence)


def _estimate(value: Floats, rest: Floats, n_given: int, shared: float, confidence: float) -> Estimate:
    """Return an estimate from a correlation and those with one architecture left out each."""
    r, n = float(value), len(rest)
    free = n - n_given
    if free < LEAST or not np.isfinite(r):
        return Estimate(r, None, None, n, n_given)
    inside = 1.0 - 6.0 / (free * (free**2 - 1))
    at = float(np.clip(r, -inside, inside))
    own = _spread(np.arctanh(np.clip(rest, -inside, inside)))
    found = _interval(r, at, _believed(own, (1.0 + at**2 / 2.0) / (free - 3)) + shared, n, confidence)
    return replace(found, n_given=n_given)


def _interval(value: float, at: float, variance: float, n: int, confidence: float) -> Estimate:
    half = float(special.ndtri(0.5 + confidence / 2)) * np.sqrt(variance)
    low, high = np.tanh(np.arctanh(at) + np.array([-half, half]))
    return Estimate(value, float(min(low, value)), float(max(high, value)), n)


def _believed(own: float, usual: float) -> float:
    return float(np.clip(own, usual / 2.0, usual * 2.0))


def _spread(rest: Floats) -> float:
    """Return the variance that the jackknife gives; architectures without which all are equal count not."""
    known = rest[np.isfinite(rest)]
    return float((len(known) - 1) * known.var()) if len(known) else np.inf


def _left_out(x: Floats) -> Floats:
    """Return [..., n] without each of the last axis in turn, [..., n, n - 1]."""
    n = x.shape[-1]
    return np.asarray(x[..., _others(n)])


def _others(n: int) -> NDArray[np.intp]:
    places = np.arange(n - 1)
    return places + (places >= np.arange(n)[:, None])


def _each_left_out(*arrays: Floats) -> Sequence[list[Floats]]:
    return [[array[..., others] for array in arrays] for others in _others(arrays[0].shape[-1])]


def shared_variance(statistic: Statistic, draws: Sequence[tuple[Floats, Floats]]) -> float:
    """Return the variance of z that all architectures share because they are judged on the same clips.

    Parameters
    ----------
    statistic : callable
    draws : two pairs of arrays [shape=(n_draws, n)]
        Scores of both sides over clips drawn anew: for all architectures alike, and for each on its own.
    """
    alike, apart = (_variance_of_z(statistic(x, y)) for x, y in draws)
    return max(0.0, alike - apart)


def _variance_of_z(r: Floats) -> float:
    r = r[np.isfinite(r)]
    return float(np.arctanh(np.clip(r, -0.999, 0.999)).var()) if len(r) > 1 else 0.0
