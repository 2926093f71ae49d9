"""Statistics of two rankings of the same architectures: correlations with intervals, and the regret.

Conventions
-----------
An *architecture* is drawn at random from a space. What is estimated is the correlation that other
architectures, seeds and clips would give in the same numbers. A *unit* is a clip, or a group of clips that
belong together.

Intervals are computed on Fisher's z scale. The jackknife variance over architectures (Efron & Stein 1981) is
clipped to 0.5 to 2 times the textbook value (Bonett & Wright 2000; Fieller, Hartley & Pearson 1957): it holds
also where scores scatter more at one end. A second term adds the variance that all architectures share
because they are evaluated on the same clips; it is the difference between two bootstraps.

The *regret* is the trained accuracy that is lost by training only the first of the untrained ranking. True
accuracies count: the best of many measured ones is best by luck, too. They are modelled as scattering about a
line in the untrained score, measured with a known error (Efron & Morris 1973).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from elmarc import _seeds
from elmarc.comparison.variance import moderate, moments

Floats: TypeAlias = NDArray[np.float64]
Statistic: TypeAlias = Callable[[Floats, Floats], Floats]

FEWEST = 4  # architectures that a correlation needs: two degrees of freedom
LEAST = 12  # architectures that an interval needs; of 10, Kendall's had the truth in 89 to 92 %
FIRST = (1, 3)  # how many of the first are trained
N_DRAWS = 1000
CORRELATIONS = np.sin(np.linspace(-np.pi / 2, np.pi / 2, 41))
SHARES = (np.arange(100) + 0.5) / 100


@dataclass(frozen=True)
class Estimate:
    """A correlation of n architectures with its interval.

    The value is NaN where one side is constant; the ends are None where there are too few architectures.
    """

    value: float
    low: float | None
    high: float | None
    n: int

    def __str__(self) -> str:
        """The number with its interval, "" where it does not exist.

        >>> str(Estimate(0.714, 0.45, 0.87, 30)), str(Estimate(-0.5, None, None, 8))
        ('0.71 (0.45 to 0.87)', '-0.50')
        """
        if not math.isfinite(self.value):
            return ""
        ends = "" if self.low is None else f" ({self.low:.2f} to {self.high:.2f})"
        return f"{self.value:.2f}{ends}"


@dataclass(frozen=True)
class Loss:
    """Lost accuracy, in [0, 1], with its interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        """The loss in points.

        >>> str(Loss(0.021, 0.0, 0.0404))
        '2.1 (0.0 to 4.0)'
        """
        return f"{100 * self.value:.1f} ({100 * self.low:.1f} to {100 * self.high:.1f})"


@dataclass(frozen=True)
class Regret:
    """What is lost by training the first k only."""

    expected: Loss  # for as many other architectures of the space: architectures, seeds and clips are drawn
    here: Loss  # for these architectures: seeds and clips are drawn; the interval is the shortest one
    measured: float  # the plain difference of the measured accuracies


@dataclass(frozen=True)
class Side:
    """Right and wrong predictions of n architectures on the same units.

    Parameters
    ----------
    hits, weights : np.ndarray [shape=(n_units, n_columns)]
        As in `comparison.variance`; the columns of one architecture, one per seed, are neighbours.
    seeds : tuple of int
        The number of columns of each architecture.
    n_clips : int or None
        Clips in all units; None where each unit is a clip.
    """

    hits: Floats
    weights: Floats
    seeds: tuple[int, ...]
    n_clips: int | None = None

    @property
    def accuracies(self) -> Floats:
        """Of each column."""
        return np.asarray(self.hits.sum(axis=0) / self.weights.sum(axis=0))

    @property
    def score(self) -> Floats:
        """Of each architecture: the mean over its seeds."""
        return self._means(self.accuracies)

    @property
    def error(self) -> Floats:
        """Covariance [shape=(n, n)] of the scores over seeds and units."""
        m = moments(self.hits, self.weights, self.seeds, n_clips=self.n_clips)
        own = (moderate(m).value - m.interaction) / m.n_seeds  # the units' part contains the interaction
        return np.asarray(m.covariance + np.diag(np.maximum(own, -0.9 * np.diag(m.covariance))))

    @property
    def standard_error(self) -> Floats:
        """Of each score, over seeds and units."""
        return np.asarray(np.sqrt(np.maximum(np.diag(self.error), 0.0)))

    def resampled(self, counts: Floats, *, apart: bool = False) -> Floats:
        """Return scores [shape=(n_draws, n)] for units drawn so often, see `unit_counts`.

        With `apart`, each architecture gets other draws: the rows of `counts`, rotated by its place.
        """
        if not apart:
            return self._means((counts @ self.hits) / (counts @ self.weights))
        scores = []
        for k, (start, stop) in enumerate(pairwise(np.cumsum([0, *self.seeds]))):
            own = np.roll(counts, k, axis=0)
            columns = (own @ self.hits[:, start:stop]) / (own @ self.weights[:, start:stop])
            scores.append(columns.mean(axis=1))
        return np.stack(scores, axis=1)

    def _means(self, accuracies: Floats) -> Floats:
        starts = np.asarray(np.cumsum(self.seeds) - self.seeds, dtype=np.intp)
        return np.asarray(np.add.reduceat(accuracies, starts, axis=-1) / np.asarray(self.seeds))


@dataclass
class Target:
    """The trained side, which scores are compared with; all scores share its resampled units."""

    trained: Side
    dataset: str
    confidence: float = 0.95
    counts: Floats = field(init=False)

    def __post_init__(self) -> None:
        """Resample the units."""
        self.counts = unit_counts(len(self.trained.hits), self._rng("clips"))

    def spearman(self, score: Floats, side: Side | None) -> Estimate:
        """Return the correlation of a score with the trained one; `side` is None where it needs no clips."""
        shared = shared_variance(spearman, score if side is None else side, self.trained, self.counts)
        return spearman_estimate(score, self.trained.score, shared=shared, confidence=self.confidence)

    def regrets(self, name: str, score: Floats) -> dict[int, Regret]:
        """Return the regrets of a score; equal draws for each k, so that three never lose more than one."""
        trained, error = self.trained.score, self.trained.error
        return {
            k: regret(score, trained, error, k=k, rng=self._rng(name), confidence=self.confidence)
            for k in FIRST
        }

    def _rng(self, name: str) -> np.random.Generator:
        return _seeds.generator(0, "agreement", self.dataset, name)


def pearson(x: Floats, y: Floats) -> Floats:
    """Return Pearson's correlation over the last axis; NaN where one side is constant."""
    a, b = (v - v.mean(axis=-1, keepdims=True) for v in (x, y))
    size = np.sqrt((a**2).sum(axis=-1) * (b**2).sum(axis=-1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(size > 1e-9, (a * b).sum(axis=-1) / size, np.nan))


def spearman(x: Floats, y: Floats) -> Floats:
    """Return Spearman's correlation over the last axis, as `scipy.stats.spearmanr`, for many at once."""
    return pearson(stats.rankdata(x, axis=-1), stats.rankdata(y, axis=-1))


def spearman_estimate(x: Floats, y: Floats, *, shared: float = 0.0, confidence: float = 0.95) -> Estimate:
    """Return Spearman's correlation of two scores [shape=(n,)]; `shared` as in `jackknife_estimate`."""
    places = left_out(len(x))
    rest = spearman(x[places], y[places])
    return jackknife_estimate(spearman(x, y), rest, shared=shared, confidence=confidence)


def left_out(n: int) -> NDArray[np.intp]:
    """Return the places of n without each in turn, [shape=(n, n - 1)]."""
    places = np.arange(n - 1)
    return places + (places >= np.arange(n)[:, None])


def jackknife_estimate(
    value: Floats, rest: Floats, *, n_given: int = 0, shared: float = 0.0, confidence: float = 0.95
) -> Estimate:
    """Return the estimate of a correlation from those with one architecture left out each [shape=(n,)].

    `n_given` is the number of covariates of a partial correlation, `shared` the variance of z that all
    architectures share.
    """
    r, n = float(value), len(rest)
    free = n - n_given
    if free < LEAST or not np.isfinite(r):
        return Estimate(r, None, None, n)
    inside = 1.0 - 6.0 / (free * (free**2 - 1))  # half a step below 1
    at = float(np.clip(r, -inside, inside))
    own = spread(np.arctanh(np.clip(rest, -inside, inside)))
    variance = clipped(own, (1.0 + at**2 / 2.0) / (free - 3)) + shared
    return interval(r, at, variance, n, confidence)


def interval(value: float, at: float, variance: float, n: int, confidence: float) -> Estimate:
    """Return the interval on Fisher's z scale about `at`, widened to include `value`."""
    half = float(special.ndtri(0.5 + confidence / 2)) * np.sqrt(variance)
    low, high = np.tanh(np.arctanh(at) + np.array([-half, half]))
    return Estimate(value, float(min(low, value)), float(max(high, value)), n)


def clipped(own: float, textbook: float) -> float:
    """Return a variance within 0.5 to 2 times the textbook value."""
    return float(np.clip(own, textbook / 2.0, textbook * 2.0))


def spread(rest: Floats) -> float:
    """Return the jackknife variance; undefined correlations are left out."""
    known = rest[np.isfinite(rest)]
    return float((len(known) - 1) * known.var()) if len(known) else np.inf


def unit_counts(n_units: int, rng: np.random.Generator, n_draws: int = 200) -> Floats:
    """Return how often each unit is drawn [shape=(n_draws, n_units)], with replacement."""
    return rng.multinomial(n_units, np.full(n_units, 1.0 / n_units), size=n_draws).astype(np.float64)


def shared_variance(statistic: Statistic, x: Side | Floats, y: Side, counts: Floats) -> float:
    """Return the variance of z that all architectures share because they are evaluated on the same clips.

    `x` is an array [shape=(n,)] where it does not depend on the clips.
    """
    variances = []
    for apart in (False, True):
        scores = x.resampled(counts, apart=apart) if isinstance(x, Side) else np.tile(x, (len(counts), 1))
        r = statistic(scores, y.resampled(counts, apart=apart))
        r = r[np.isfinite(r)]
        variances.append(float(np.arctanh(np.clip(r, -0.999, 0.999)).var()) if len(r) > 1 else 0.0)
    return max(0.0, variances[0] - variances[1])


@dataclass(frozen=True)
class Truth:
    """Draws from the posterior, where the measured scores are known."""

    scores: Floats  # [n_draws, n]: true trained accuracies of these architectures, in [0, 1]
    mean: Floats  # [n_draws] of the line, at the mean untrained score
    slope: Floats  # [n_draws] of the line, per standard deviation of untrained scores
    scatter: Floats  # [n_draws]: standard deviation of true accuracies about the line


def first(untrained: Floats, k: int) -> NDArray[np.intp]:
    """Return the places of the k architectures with the highest untrained score."""
    return np.argsort(-untrained, kind="stable")[:k]


def regret(
    untrained: Floats,
    trained: Floats,
    error: Floats,
    *,
    k: int,
    rng: np.random.Generator,
    confidence: float = 0.95,
) -> Regret:
    """Return the regret of training the k architectures that are first untrained, and keeping the best.

    Scores [shape=(n,)] are of at least four architectures; `error` [shape=(n, n)] is the covariance of the
    trained ones, which are accuracies, over seeds and clips.
    """
    picked = first(untrained, k)
    true = draw_truth(untrained, trained, error, rng)
    lost = true.scores.max(axis=1) - true.scores[:, picked].max(axis=1)
    elsewhere = losses_elsewhere(true, len(trained), k)
    low, middle, high = np.quantile(elsewhere, [0.5 - confidence / 2, 0.5, 0.5 + confidence / 2])
    return Regret(
        expected=Loss(float(middle), float(low), float(high)),
        here=Loss(float(lost.mean()), *shortest(lost, confidence)),
        measured=float(trained.max() - trained[picked].max()),
    )


def draw_truth(untrained: Floats, trained: Floats, error: Floats, rng: np.random.Generator) -> Truth:
    """Draw true trained accuracies, and the line that they scatter about; arguments as for `regret`."""
    n = len(trained)
    scale = float(untrained.std())
    line = np.column_stack([np.ones(n), (untrained - untrained.mean()) / (scale if scale > 0 else 1.0)])
    inverse = np.linalg.pinv(line.T @ line)  # a constant score has no slope
    fitted = inverse @ line.T @ trained
    squares = max(float(((trained - line @ fitted) ** 2).sum()), 1e-12)
    total = squares / rng.chisquare(n - 2, size=N_DRAWS)
    noise = float(np.trace(error) - error.sum() / n) / (n - 1)  # what differs between architectures
    prior = np.maximum(total - noise, 1e-3 * total)
    root = np.sqrt(np.diag(inverse))  # the two columns of `line` are orthogonal
    lines = fitted + np.sqrt(total)[:, None] * rng.standard_normal((N_DRAWS, 2)) * root
    expected = lines @ line.T
    values, vectors = np.linalg.eigh(error)  # in the axes of the error, all is diagonal
    values = np.maximum(values, 0.0)
    weight = prior[:, None] / (prior[:, None] + values)
    middle = weight * ((trained - expected) @ vectors)
    around = np.sqrt(weight * values) * rng.standard_normal((N_DRAWS, n))
    wider = np.sqrt(n / rng.chisquare(n - 1, size=N_DRAWS))  # the space's deviation over this sample's
    scores = np.clip(expected + (middle + around) @ vectors.T, 0.0, 1.0)
    return Truth(scores, lines[:, 0], lines[:, 1] * wider, np.sqrt(prior))


def losses_elsewhere(true: Truth, n: int, k: int) -> Floats:
    """Return the expected regret of n other architectures of the space, one for each draw.

    Their accuracies are normal, clipped to [0, 1].
    """
    size = np.hypot(true.slope, true.scatter)
    bests = standard_bests(n, k)
    places = np.interp(true.slope / size, CORRELATIONS, np.arange(len(CORRELATIONS)))
    below = np.minimum(places.astype(np.intp), len(CORRELATIONS) - 2)
    part = (places - below)[:, None]
    between = (1 - part) * bests[:, below] + part * bests[:, below + 1]
    of_all, of_first = np.clip(true.mean[:, None] + size[:, None] * between, 0.0, 1.0).mean(axis=2)
    return np.asarray(of_all - of_first)


@lru_cache(maxsize=32)
def standard_bests(n: int, k: int) -> Floats:
    """Return quantiles of the best of all n and of the best of the first k, for standard normal scores.

    They are at `SHARES`, for each of `CORRELATIONS` [shape=(2, len(CORRELATIONS), len(SHARES))].
    """
    rng = np.random.default_rng(0)
    untrained = -np.sort(-rng.standard_normal((4000, n)), axis=1)
    rest = rng.standard_normal((4000, n))
    quantiles = np.empty((2, len(CORRELATIONS), len(SHARES)))
    for place, r in enumerate(CORRELATIONS):
        trained = r * untrained + np.sqrt(max(1.0 - r**2, 0.0)) * rest
        quantiles[0, place] = np.quantile(trained.max(axis=1), SHARES)
        quantiles[1, place] = np.quantile(trained[:, :k].max(axis=1), SHARES)
    return quantiles


def shortest(draws: Floats, confidence: float) -> tuple[float, float]:
    """Return the shortest interval that contains a share of the draws.

    >>> shortest(np.array([0.0, 0.0, 0.0, 1.0]), 0.75)
    (0.0, 0.0)
    """
    ordered = np.sort(draws)
    n_inside = int(np.ceil(confidence * len(ordered)))
    start = int(np.argmin(ordered[n_inside - 1 :] - ordered[: len(ordered) - n_inside + 1]))
    return float(ordered[start]), float(ordered[start + n_inside - 1])
