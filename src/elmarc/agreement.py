"""How well one ranking predicts another: rank correlations with intervals, and the regret.

Conventions
-----------
An *architecture* is drawn at random from a space; it has an untrained and a trained score, each the mean over
seeds on the clips of a data set. What is estimated is the correlation that other architectures, seeds and
clips would give in the same numbers. A *unit* is a clip, or a group of clips that belong together.

Intervals are computed on Fisher's z scale. The jackknife variance over architectures (Efron & Stein 1981) is
clipped to 0.5 to 2 times the textbook value (Bonett & Wright 2000; Fieller, Hartley & Pearson 1957): it holds
also where scores scatter more at one end. A second term adds the variance that all architectures share
because they are evaluated on the same clips; it is the difference between two bootstraps.

The *regret* is the trained accuracy that is lost by training only the first of the untrained ranking. True
accuracies count: the best of many measured ones is best by luck, too. They are modelled as scattering about a
line in the untrained score, measured with a known error (Efron & Morris 1973).
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import special, stats

from elmarc import _seeds
from elmarc._io import csv_text
from elmarc.comparison.records import System, by_system
from elmarc.comparison.variance import hit_table, moderate, moments
from elmarc.errors import ConfigError
from elmarc.results import Result

Floats: TypeAlias = NDArray[np.float64]
Statistic: TypeAlias = Callable[[Floats, Floats], Floats]
Architecture: TypeAlias = tuple[str, str, str]  # features, size, filters
Scored: TypeAlias = dict[Architecture, list[Result]]

FEWEST = 4  # architectures that a correlation needs: two degrees of freedom
LEAST = 12  # architectures that an interval needs; of 10, Kendall's held in 89 to 92 %
FIRST = (1, 3)  # how many of the first are trained
BASELINE = "mfcc"
VERSION = 2  # of agreement.json


@dataclass(frozen=True)
class Estimate:
    """A correlation with its interval.

    Parameters
    ----------
    value : float
        NaN where one side is constant, or there are too few architectures for a partial correlation.
    low, high : float or None
        None where there are too few architectures.
    n : int
        Architectures.
    n_given : int
        Independent covariates of a partial correlation.
    """

    value: float
    low: float | None
    high: float | None
    n: int
    n_given: int = 0

    @property
    def df(self) -> int:
        """Degrees of freedom; with none, the correlation is 1 or -1 whatever the scores."""
        return self.n - self.n_given - 2

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
    """What is lost by training the first k only.

    Parameters
    ----------
    expected : Loss
        For as many other architectures of the space: architectures, seeds and clips are drawn.
    here : Loss
        For these architectures: seeds and clips are drawn. It may be 0, so the interval is the shortest one.
    measured : float
        The plain difference of the measured accuracies.
    """

    expected: Loss
    here: Loss
    measured: float


@dataclass(frozen=True)
class Predictor:
    """A score of each architecture, and how well it predicts the trained accuracy.

    Parameters
    ----------
    name : str
        Classifier and recipe, as in "svm, 2018".
    scores, errors : tuple of float
        Of each architecture, in the order of `Agreement.architectures`; standard errors over seeds and clips.
    spearman : Estimate
        Rank correlation with the trained accuracy.
    regrets : dict of int to Regret
        By how many of the first are trained.
    """

    name: str
    scores: tuple[float, ...]
    errors: tuple[float, ...]
    spearman: Estimate
    regrets: dict[int, Regret]


@dataclass(frozen=True)
class Agreement:
    """How well untrained scores predict trained accuracies on one data set.

    Parameters
    ----------
    trained_name : str
        Classifier and recipe of the trained side.
    architectures : tuple of str
        Those that both sides have.
    trained, trained_errors : tuple of float
        Their trained accuracies, means over folds and seeds, with standard errors over seeds and clips.
    predictors : tuple of Predictor
        The untrained scores, the highest correlation first.
    n_seeds : tuple of int
        The fewest seeds, untrained and trained.
    n_units : int
        Clips, or groups of clips where `grouped`.
    notes : tuple of str
        What was left out, and why.
    """

    dataset: str
    trained_name: str
    architectures: tuple[str, ...]
    trained: tuple[float, ...]
    trained_errors: tuple[float, ...]
    predictors: tuple[Predictor, ...]
    n_seeds: tuple[int, int]
    n_units: int
    grouped: bool
    confidence: float
    notes: tuple[str, ...]

    @property
    def best(self) -> Predictor:
        """The untrained score that correlates most with the trained accuracy."""
        return self.predictors[0]


def agreements(
    untrained: Sequence[Result], trained: Sequence[Result], *, confidence: float = 0.95
) -> list[Agreement]:
    """Return for each data set how well untrained scores predict trained accuracies.

    Equal results give equal numbers: random draws depend only on the data set's name.

    Parameters
    ----------
    untrained, trained : sequence of Result
        Of the same architectures; `untrained` with any number of classifiers and recipes, `trained` with one.
    confidence : float
        Of the intervals, in (0, 1).

    Raises
    ------
    ConfigError
        The sides share no data set, no four architectures or no clip, or contradict each other.
    """
    return [_agree(each, confidence) for each in matched(untrained, trained)]


@dataclass(frozen=True)
class Matched:
    """The results of one data set that belong together; each way has the same architectures, in order."""

    dataset: str
    trained_name: str
    untrained: dict[str, Scored]
    trained: Scored
    others: dict[str, Scored]
    notes: tuple[str, ...]

    @property
    def ways(self) -> dict[str, Scored]:
        """All of them by name; the trained side is "trained"."""
        return {**self.untrained, "trained": self.trained, **self.others}

    @property
    def names(self) -> tuple[str, ...]:
        """The architectures by name."""
        return tuple(names_of(list(self.trained)))


def matched(
    untrained: Sequence[Result], trained: Sequence[Result], **others: Sequence[Result]
) -> list[Matched]:
    """Match the results of each data set by architecture; `others` are further trained sides by name.

    The MFCC baseline and features from files have no trained counterpart: they are left out.
    """
    sides = {name: by_way(side) for name, side in {"trained": trained, **others}.items() if side}
    ranked = by_way(untrained)
    common = sorted(ranked.keys() & sides.get("trained", {}).keys())
    if not common:
        named = (", ".join(sorted(side)) or "none" for side in (ranked, sides.get("trained", {})))
        raise ConfigError("no data set has both untrained and trained results: found {}; {}".format(*named))
    return [
        _matched(name, ranked[name], {key: ways[name] for key, ways in sides.items() if name in ways})
        for name in common
    ]


def _matched(dataset: str, ranked: dict[str, Scored], sides: dict[str, dict[str, Scored]]) -> Matched:
    for side, ways in sides.items():
        if len(ways) != 1:
            raise ConfigError(
                f"{dataset}: the {side} results are of several kinds ({'; '.join(sorted(ways))}), "
                "expected one: give a folder that has one of them"
            )
    (trained_name,) = sides["trained"]
    every = {**ranked, **{side: next(iter(ways.values())) for side, ways in sides.items()}}
    architectures, notes = _in_common(every)
    if len(architectures) < FEWEST:
        raise ConfigError(
            f"{dataset}: both sides have {len(architectures)} architectures in common, expected at least "
            f"{FEWEST}: rank and train the same networks, of the same size"
        )
    every = {name: {a: scored[a] for a in architectures} for name, scored in every.items()}
    trained = every.pop("trained")
    for name, scored in every.items():
        _check_clips(dataset, scored, trained)
        notes += _other_sizes(name, scored, trained)
    untrained = {name: every[name] for name in ranked}
    others = {name: every[name] for name in sides if name != "trained"}
    return Matched(dataset, trained_name, untrained, trained, others, tuple(notes))


def by_way(results: Sequence[Result]) -> dict[str, dict[str, Scored]]:
    """Return the results of each data set and way of scoring ("svm, v2"), by architecture."""
    parts: dict[tuple[str, str], list[Result]] = defaultdict(list)
    for result in results:
        parts[result.dataset, result.protocol].append(result)
    ways: dict[str, dict[str, Scored]] = defaultdict(dict)
    for (dataset, protocol), own in sorted(parts.items()):
        for system, cells in by_system(own).items():
            if system.is_foreign or system.features == BASELINE:
                continue
            words = [system.classifier, system.recipe, *([protocol] if protocol != "nested" else [])]
            scored = ways[dataset].setdefault(", ".join(words), {})
            if _architecture(system) in scored:
                raise ConfigError(
                    f"{dataset}: {system.features} + {', '.join(words)} has results of two definitions: give "
                    "each run a folder of its own, and name one of them"
                )
            scored[_architecture(system)] = cells
    return dict(ways)


def _architecture(system: System) -> Architecture:
    return system.features, system.size, system.n_filters


def names_of(architectures: Sequence[Architecture]) -> list[str]:
    """Name architectures by their features; size and filters are added where two would have the same name.

    >>> names_of([("vgg", "small", ""), ("vgg", "large", ""), ("temporal", "small", "")])
    ['vgg (small)', 'vgg (large)', 'temporal']
    """
    names = [features for features, _, _ in architectures]
    for place in (1, 2):
        names = [
            f"{name} ({architecture[place]})" if names.count(name) > 1 and architecture[place] else name
            for name, architecture in zip(names, architectures, strict=True)
        ]
    return names


def _in_common(ways: Mapping[str, Scored]) -> tuple[list[Architecture], list[str]]:
    """Return the architectures that all ways have, and notes on the others."""
    every = set().union(*ways.values())
    notes = [
        f"{name} lacks {len(lacking)} architectures that others have, such as {lacking[0][0]}: they are left "
        "out"
        for name, scored in ways.items()
        if (lacking := sorted(every - scored.keys()))
    ]
    return sorted(set.intersection(*(set(scored) for scored in ways.values()))), notes


def _check_clips(dataset: str, *sides: Scored) -> None:
    """Refuse sides that were evaluated on other clips under one name."""
    keys = [{r.clips_key for cells in side.values() for r in cells if r.clips_key} for side in sides]
    if all(keys) and keys[0] != keys[1]:
        raise ConfigError(
            f"{dataset}: both sides are of different clips, labels or folds: rank and train on the same"
        )


def _other_sizes(way: str, scored: Scored, trained: Scored) -> list[str]:
    """Return a note where a name stands for networks of another size on both sides."""
    sizes = [
        [(cells[0].cost or {}).get("n_parameters") for cells in side.values()] for side in (scored, trained)
    ]
    other = [a for a, *both in zip(scored, *sizes, strict=True) if None not in both and both[0] != both[1]]
    if not other:
        return []
    return [
        f"{len(other)} architectures, such as {other[0][0]}, have other numbers of parameters under {way} "
        "than trained: are they the same networks?"
    ]


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
        """Return scores [shape=(n_draws, n)] for resampled units.

        Parameters
        ----------
        counts : np.ndarray [shape=(n_draws, n_units)]
            How often each unit is drawn.
        apart : bool
            Whether each architecture gets other draws: the rows of `counts`, rotated by its place.
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


def sides_of(match: Matched) -> tuple[dict[str, Side], int, int]:
    """Return every way's hits on the units that all have predictions for, clips used, and clips left out."""
    cells = [own for scored in match.ways.values() for own in scored.values()]
    table = hit_table([[cell.predictions for cell in own] for own in cells])
    mask = np.asarray(table.evaluated.all(axis=0))
    if not mask.any():
        raise ConfigError(f"{match.dataset}: no clip has predictions of all architectures of both sides")
    columns = iter(table.columns)
    n_clips, sides = int(mask.sum()), {}
    for name, scored in match.ways.items():
        own = [next(columns) for _ in scored]
        units = table.per_unit(mask, np.concatenate(own))
        sides[name] = Side(*units, tuple(len(c) for c in own), n_clips)
    return sides, n_clips, len(mask) - n_clips


@dataclass
class Target:
    """The trained side, which scores are compared with; all scores share its resampled units."""

    trained: Side
    dataset: str
    confidence: float = 0.95
    counts: Floats = field(init=False)
    resampled: tuple[Floats, Floats] = field(init=False)

    def __post_init__(self) -> None:
        """Resample the units."""
        self.counts = unit_counts(len(self.trained.hits), self._rng("clips"))
        self.resampled = tuple(self.trained.resampled(self.counts, apart=a) for a in (False, True))  # type: ignore[assignment]

    def spearman(self, score: Floats, side: Side | None) -> Estimate:
        """Return the correlation of a score with the trained one; `side` is None where it needs no clips."""
        shared = self.shared_variance(spearman, score, side)
        return spearman_estimate(score, self.trained.score, shared=shared, confidence=self.confidence)

    def shared_variance(self, statistic: Statistic, score: Floats, side: Side | None) -> float:
        """Return the variance of z that architectures share because they are evaluated on the same clips."""
        own = [np.broadcast_to(score, (len(self.counts), len(score)))] * 2
        if side is not None:
            own = [side.resampled(self.counts, apart=apart) for apart in (False, True)]
        return shared_variance(statistic, list(zip(own, self.resampled, strict=True)))

    def regrets(self, name: str, score: Floats) -> dict[int, Regret]:
        """Return the regrets of a score; equal draws for each k, so that three never lose more than one."""
        trained, error = self.trained.score, self.trained.error
        return {
            k: regret(score, trained, error, k=k, rng=self._rng(name), confidence=self.confidence)
            for k in FIRST
        }

    def _rng(self, *names: str) -> np.random.Generator:
        return _seeds.generator(0, "agreement", self.dataset, *names)


def _agree(match: Matched, confidence: float) -> Agreement:
    sides, n_clips, n_left_out = sides_of(match)
    trained = sides["trained"]
    target = Target(trained, match.dataset, confidence)
    predictors = [
        Predictor(
            name,
            _tuple(sides[name].score),
            _tuple(sides[name].standard_error),
            target.spearman(sides[name].score, sides[name]),
            target.regrets(name, sides[name].score),
        )
        for name in match.untrained
    ]
    left_out = f"{n_left_out} clips are left out: not all architectures have predictions for them"
    return Agreement(
        dataset=match.dataset,
        trained_name=match.trained_name,
        architectures=match.names,
        trained=_tuple(trained.score),
        trained_errors=_tuple(trained.standard_error),
        predictors=tuple(sorted(predictors, key=lambda p: -np.nan_to_num(p.spearman.value, nan=-2.0))),
        n_seeds=(min(min(sides[name].seeds) for name in match.untrained), min(trained.seeds)),
        n_units=len(trained.hits),
        grouped=len(trained.hits) < n_clips,
        confidence=confidence,
        notes=(*match.notes, *([left_out] if n_left_out else [])),
    )


def _tuple(values: Floats) -> tuple[float, ...]:
    return tuple(values.tolist())


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
    """Return Spearman's correlation with its interval.

    Parameters
    ----------
    x, y : np.ndarray [shape=(n,)]
        Scores of the same architectures.
    shared : float
        Variance of z that all architectures share, see `shared_variance`.
    confidence : float
        Of the interval, in (0, 1).
    """
    places = left_out(len(x))
    return jackknife_estimate(
        spearman(x, y), spearman(x[places], y[places]), shared=shared, confidence=confidence
    )


def left_out(n: int) -> NDArray[np.intp]:
    """Return the places of n without each in turn, [shape=(n, n - 1)]."""
    places = np.arange(n - 1)
    return places + (places >= np.arange(n)[:, None])


def jackknife_estimate(
    value: Floats, rest: Floats, *, n_given: int = 0, shared: float = 0.0, confidence: float = 0.95
) -> Estimate:
    """Return the estimate of a correlation from those with one architecture left out each.

    Parameters
    ----------
    value : np.ndarray [shape=()]
    rest : np.ndarray [shape=(n,)]
    n_given : int
        Covariates of a partial correlation.
    shared : float
        Variance of z that all architectures share.
    confidence : float
        Of the interval, in (0, 1).
    """
    r, n = float(value), len(rest)
    free = n - n_given
    if free < LEAST or not np.isfinite(r):
        return Estimate(r, None, None, n, n_given)
    inside = 1.0 - 6.0 / (free * (free**2 - 1))  # half a step below 1
    at = float(np.clip(r, -inside, inside))
    own = spread(np.arctanh(np.clip(rest, -inside, inside)))
    variance = clipped(own, (1.0 + at**2 / 2.0) / (free - 3)) + shared
    return replace(interval(r, at, variance, n, confidence), n_given=n_given)


def interval(value: float, at: float, variance: float, n: int, confidence: float) -> Estimate:
    """Return the interval on Fisher's z scale about `at`, widened to hold `value`."""
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


def shared_variance(statistic: Statistic, draws: Sequence[tuple[Floats, Floats]]) -> float:
    """Return the variance of z that all architectures share because they are evaluated on the same clips.

    Parameters
    ----------
    statistic : callable
    draws : two pairs of arrays [shape=(n_draws, n)]
        Scores of both sides over resampled clips: the same for all architectures, and others for each.
    """
    same, apart = (_variance_of_z(statistic(x, y)) for x, y in draws)
    return max(0.0, same - apart)


def _variance_of_z(r: Floats) -> float:
    r = r[np.isfinite(r)]
    return float(np.arctanh(np.clip(r, -0.999, 0.999)).var()) if len(r) > 1 else 0.0


N_DRAWS = 1000
CORRELATIONS = np.sin(np.linspace(-np.pi / 2, np.pi / 2, 41))
SHARES = (np.arange(100) + 0.5) / 100


@dataclass(frozen=True)
class Truth:
    """Posterior draws given the measured scores.

    Parameters
    ----------
    scores : np.ndarray [shape=(n_draws, n)]
        True trained accuracies of these architectures, in [0, 1].
    mean, slope : np.ndarray [shape=(n_draws,)]
        Of the line: at the mean untrained score, and over the standard deviation of untrained scores.
    scatter : np.ndarray [shape=(n_draws,)]
        Standard deviation of true accuracies about the line.
    """

    scores: Floats
    mean: Floats
    slope: Floats
    scatter: Floats


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

    Returns
    -------
    np.ndarray [shape=(2, len(CORRELATIONS), len(SHARES))]
        At `SHARES`, for each of `CORRELATIONS` between both scores.
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
    """Return the shortest interval that holds a share of the draws.

    >>> shortest(np.array([0.0, 0.0, 0.0, 1.0]), 0.75)
    (0.0, 0.0)
    """
    ordered = np.sort(draws)
    n_inside = int(np.ceil(confidence * len(ordered)))
    start = int(np.argmin(ordered[n_inside - 1 :] - ordered[: len(ordered) - n_inside + 1]))
    return float(ordered[start]), float(ordered[start + n_inside - 1])


def answer(agreement: Agreement) -> tuple[str, ...]:
    """Return whether the untrained ranking predicts the trained one, the regret, and notes."""
    best, n = agreement.best, len(agreement.architectures)
    rho, share = best.spearman, f"{100 * agreement.confidence:.0f} % CI"
    text = f"{best.name}: Spearman {rho.value:.2f} with the trained accuracy, over {n} architectures"
    if not math.isfinite(rho.value):
        text = f"{best.name}: no correlation: all untrained scores, or all trained ones, are equal"
    elif rho.low is None or rho.high is None:
        text += f" (no interval: it takes {LEAST})"
    else:
        verdict = "significant" if rho.low > 0 or rho.high < 0 else "not significant"
        text += f" ({share} {rho.low:.2f} to {rho.high:.2f}, {verdict})"
    one, three = (best.regrets[k].expected for k in FIRST)
    n_ways = len(agreement.predictors)
    chosen = (
        [f"It is the best of {n_ways} scores, which the interval does not account for"] if n_ways > 1 else []
    )
    return (
        text,
        *chosen,
        f"Points lost by training only the first: {one}; the best of the first three: {three}",
        *agreement.notes,
    )


def to_text(compared: Iterable[Agreement]) -> str:
    """Return the answer and a table of all scores, for each data set."""
    return "\n\n".join(map(_section, compared)) + "\n"


def _section(agreement: Agreement) -> str:
    units = "groups of clips" if agreement.grouped else "clips"
    heading = (
        f"{agreement.dataset}: untrained against trained ({agreement.trained_name}), {agreement.n_units} "
        f"{units}, "
        "at least {} untrained and {} trained seeds".format(*agreement.n_seeds)
    )
    rows = [["ranked by", "Spearman", "first 1 loses", "first 3 lose"]]
    rows += [
        [p.name, str(p.spearman), *(str(p.regrets[k].expected) for k in FIRST)] for p in agreement.predictors
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    table = ("  ".join(f"{cell:<{n}}" for cell, n in zip(row, widths, strict=True)).rstrip() for row in rows)
    legend = (
        f"{100 * agreement.confidence:.0f} % intervals over architectures, seeds and clips; losses in "
        "points, for as many other architectures of the space."
    )
    return "\n".join([heading, "", *answer(agreement), "", *table, "", legend])


def to_frame(compared: Iterable[Agreement]) -> pd.DataFrame:
    """Return one row per data set and score; correlations lie in [-1, 1], losses in [0, 1].

    `..._low` and `..._high` are the ends of an interval. `lost_1`, `lost_3`: expected for as many other
    architectures; `lost_1_here`: for these; `lost_1_measured`: the plain difference. What does not exist is
    NaN.
    """
    return pd.DataFrame([_row(agreement, p) for agreement in compared for p in agreement.predictors])


def _row(agreement: Agreement, predictor: Predictor) -> dict[str, Any]:
    row = {
        "dataset": agreement.dataset,
        "trained": agreement.trained_name,
        "predictor": predictor.name,
        "n_architectures": len(agreement.architectures),
    } | with_ends("spearman", predictor.spearman)
    for k, own in predictor.regrets.items():
        row |= with_ends(f"lost_{k}", own.expected) | with_ends(f"lost_{k}_here", own.here)
        row[f"lost_{k}_measured"] = own.measured
    return row


def with_ends(key: str, number: Estimate | Loss | None) -> dict[str, float | None]:
    """Return a number and the ends of its interval, under three keys."""
    ends = {"": "value", "_low": "low", "_high": "high"}
    return {f"{key}{end}": getattr(number, name, None) for end, name in ends.items()}


def to_csv(compared: Iterable[Agreement]) -> str:
    """Return `to_frame` as CSV text."""
    return csv_text(to_frame(compared))


def document(compared: Iterable[Agreement]) -> dict[str, Any]:
    """Return everything as dicts, lists, numbers and text; `null` stands for what does not exist."""
    return {"version": VERSION, "agreements": [{"answer": answer(each), **asdict(each)} for each in compared]}


def to_json(compared: Iterable[Agreement]) -> str:
    """Return `document` as JSON text; equal agreements give equal bytes."""
    text = json.dumps(finite(document(compared)), indent=1, ensure_ascii=False, allow_nan=False)
    return text + "\n"


def finite(value: Any) -> Any:
    """Return a document with None for NaN and infinity."""
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


FORMS: dict[str, Callable[[Iterable[Agreement]], str]] = {"txt": to_text, "csv": to_csv, "json": to_json}
"""Ending -> form: the files `agreement.*`."""
