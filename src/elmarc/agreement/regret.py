"""Regret: the points of trained accuracy that are lost by training what the untrained ranking puts first.

What counts are true trained accuracies, of other seeds and clips: the best of many measured ones is best
by luck, too, so the plain difference overstates the loss. They are taken to scatter about a line in the
untrained score, and to be measured with a known error over seeds and clips (Efron & Morris 1973); the errors
of both sides are taken as independent. Two losses follow: the one among *these* architectures, and the one to
*expect* of as many others drawn from the same space. Among these, there may be no loss at all: the interval
is the shortest that holds 95 % of the draws.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
N_DRAWS = 1000
CORRELATIONS = np.sin(np.linspace(-np.pi / 2, np.pi / 2, 41))
SHARES = (np.arange(100) + 0.5) / 100


@dataclass(frozen=True)
class Loss:
    """Points of accuracy, in [0, 1], with their interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Regret:
    """What is lost by training the first k alone.

    Parameters
    ----------
    expected : Loss
        Of as many other architectures of the space: architectures, seeds and clips are drawn.
    here : Loss
        Of these architectures: seeds and clips are drawn.
    measured : float
        The plain difference of the measured accuracies.
    """

    expected: Loss
    here: Loss
    measured: float


@dataclass(frozen=True)
class Truth:
    """Draws of what measured scores leave open.

    Parameters
    ----------
    scores : np.ndarray [shape=(n_draws, n)]
        True trained accuracies of these architectures, in [0, 1].
    mean : np.ndarray [shape=(n_draws,)]
        Of the line, where the untrained score is that of the mean.
    slope : np.ndarray [shape=(n_draws,)]
        Of the trained accuracy, over the standard deviation of the untrained one.
    scatter : np.ndarray [shape=(n_draws,)]
        Standard deviation of true accuracies about the line.
    """

    scores: Floats
    mean: Floats
    slope: Floats
    scatter: Floats


def first(untrained: Floats, k: int) -> NDArray[np.intp]:
    """Return the places of the k architectures that the untrained score puts first.

    Parameters
    ----------
    untrained : np.ndarray [shape=(n,)]
    k : int
    """
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
    """Return the regret of training the k architectures that come first untrained, and keeping the best.

    Parameters
    ----------
    untrained, trained : np.ndarray [shape=(n,)]
        Scores of the architectures, at least four; trained ones are accuracies, in [0, 1].
    error : np.ndarray [shape=(n, n)]
        Covariance of the trained scores over seeds and clips.
    k : int
        At most n.
    rng : Generator
        For the draws.
    confidence : float
        Of the intervals, in (0, 1).
    """
    picked = first(untrained, k)
    true = draw_truth(untrained, trained, error, rng)
    lost = true.scores.max(axis=1) - true.scores[:, picked].max(axis=1)
    measured = float(trained.max() - trained[picked].max())
    here = Loss(float(lost.mean()), *shortest(lost, confidence))
    return Regret(_expected(losses_elsewhere(true, len(trained), k), confidence), here, measured)


def draw_truth(untrained: Floats, trained: Floats, error: Floats, rng: np.random.Generator) -> Truth:
    """Draw true trained accuracies, and the line that they scatter about, given both measured scores.

    Parameters
    ----------
    untrained, trained : np.ndarray [shape=(n,)]
        Measured scores.
    error : np.ndarray [shape=(n, n)]
        Covariance of `trained` over seeds and clips.
    rng : Generator
        For the draws.
    """
    n = len(trained)
    spread = float(untrained.std())
    line = np.column_stack([np.ones(n), (untrained - untrained.mean()) / (spread if spread > 0 else 1.0)])
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
    """Return the regret to expect of as many other architectures of the space, one for each draw.

    Their accuracies are normal, and those beyond 0 and 1 are taken to be 0 and 1.

    Parameters
    ----------
    true : Truth
    n : int
        Architectures.
    k : int
        How many are trained.
    """
    size = np.hypot(true.slope, true.scatter)
    bests = standard_bests(n, k)
    places = np.interp(true.slope / size, CORRELATIONS, np.arange(len(CORRELATIONS)))
    below = np.minimum(places.astype(np.intp), len(CORRELATIONS) - 2)
    part = (places - below)[:, None]
    of_all, of_first = np.clip(
        true.mean[:, None] + size[:, None] * ((1 - part) * bests[:, below] + part * bests[:, below + 1]),
        0.0,
        1.0,
    ).mean(axis=2)
    lost: Floats = of_all - of_first
    return lost


@lru_cache(maxsize=32)
def standard_bests(n: int, k: int) -> Floats:
    """Return how good the best of all and the best of the first k are, where both scores are standard normal.

    Parameters
    ----------
    n : int
        Architectures.
    k : int
        How many are trained.

    Returns
    -------
    np.ndarray [shape=(2, len(CORRELATIONS), len(SHARES))]
        Quantiles of both at `SHARES`, for each of `CORRELATIONS`.
    """
    rng = np.random.default_rng(0)
    untrained = -np.sort(-rng.standard_normal((4000, n)), axis=1)
    rest = rng.standard_normal((4000, n))
    found = np.empty((2, len(CORRELATIONS), len(SHARES)))
    for place, r in enumerate(CORRELATIONS):
        trained = r * untrained + np.sqrt(max(1.0 - r**2, 0.0)) * rest
        found[0, place] = np.quantile(trained.max(axis=1), SHARES)
        found[1, place] = np.quantile(trained[:, :k].max(axis=1), SHARES)
    return found


def _expected(draws: Floats, confidence: float) -> Loss:
    low, middle, high = np.quantile(draws, [0.5 - confidence / 2, 0.5, 0.5 + confidence / 2])
    return Loss(float(middle), float(low), float(high))


def shortest(draws: Floats, confidence: float) -> tuple[float, float]:
    """Return the shortest interval that holds a share of the draws.

    Parameters
    ----------
    draws : np.ndarray [shape=(n_draws,)]
    confidence : float
        The share, in (0, 1).

    Examples
    --------
    >>> shortest(np.array([0.0, 0.0, 0.0, 1.0]), 0.75)
    (0.0, 0.0)
    """
    ordered = np.sort(draws)
    n_held = int(np.ceil(confidence * len(ordered)))
    widths = ordered[n_held - 1 :] - ordered[: len(ordered) - n_held + 1]
    start = int(np.argmin(widths))
    return float(ordered[start]), float(ordered[start + n_held - 1])
