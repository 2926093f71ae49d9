"""Right or wrong, clip by clip: the table that intervals and tests are computed from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from elmarc._errors import ConfigError
from elmarc._seeds import uniform
from elmarc.comparison import paired
from elmarc.results import Result

Floats = NDArray[np.float64]
DIGITS = 9  # of what is reported: sums in another order differ past it
PRIOR_SD = 0.02  # accuracies of one network spread by 0.2 to 3.5 points between draws of its weights
PRIOR_DF = 2.0  # how much that counts: as much as three seeds of one system


@dataclass(frozen=True)
class Outcomes:
    """Right or wrong, a column for each (system, seed); `weights` of a column sum to 1, each fold alike."""

    hits: Floats  # (clips, columns): weights where right, 0 elsewhere
    weights: Floats  # (clips, columns): 0 where the clip was not judged
    units: NDArray[np.intp]  # (clips,): the unit of each clip
    columns: tuple[NDArray[np.intp], ...]  # those of each system
    seeds: tuple[tuple[int, ...], ...]
    classifiers: tuple[str, ...]

    @property
    def judged(self) -> NDArray[np.bool_]:
        """Return the clips that each system has judged under every seed, (systems, clips)."""
        return np.array([(self.weights[:, c] > 0).all(axis=1) for c in self.columns])


def outcomes_of(cells: Sequence[Sequence[Result]], groups: Mapping[str, str]) -> Outcomes:
    """Lay the predictions of every system and seed side by side, a row a clip."""
    flat = [result for results in cells for result in results]
    labels: dict[str, str] = {}
    for result in flat:
        for p in result.predictions:
            if labels.setdefault(p.id, p.label) != p.label:
                raise ConfigError(
                    f"{p.id} is {labels[p.id]!r} in one result and {p.label!r} in another: results of "
                    "different labels need different data set names"
                )
    row = {clip: i for i, clip in enumerate(sorted(labels))}
    hits, weights = np.zeros((2, len(row), len(flat)))
    for column, result in enumerate(flat):
        per_fold = Counter(p.fold for p in result.predictions)
        rows = [row[p.id] for p in result.predictions]
        weights[rows, column] = [1.0 / (len(per_fold) * per_fold[p.fold]) for p in result.predictions]
        hits[rows, column] = weights[rows, column] * [p.label == p.predicted for p in result.predictions]
    units = np.unique([groups.get(clip, f"\0{clip}") for clip in row], return_inverse=True)[1]
    ends = np.cumsum([len(results) for results in cells])
    columns = tuple(np.arange(end - len(c), end) for end, c in zip(ends, cells, strict=True))
    seeds = tuple(tuple(result.seed for result in results) for results in cells)
    classifiers = tuple(results[0].classifier for results in cells)
    return Outcomes(hits, weights, units, columns, seeds, classifiers)


def _masks(outcomes: Outcomes) -> dict[bytes, tuple[NDArray[np.bool_], list[tuple[int, int]]]]:
    """Gather the pairs (a system with itself too) that share the same set of clips judged by both."""
    judged = outcomes.judged
    found: dict[bytes, tuple[NDArray[np.bool_], list[tuple[int, int]]]] = {}
    for a in range(len(judged)):
        for b in range(a, len(judged)):
            common = judged[a] & judged[b]
            if not common.any():
                raise ConfigError("two systems have no clip in common: they cannot be compared")
            found.setdefault(common.tobytes(), (common, []))[1].append((a, b))
    return found


def _per_unit(values: Floats, mask: NDArray[np.bool_], units: NDArray[np.intp]) -> Floats:
    """Sum the rows of each unit among the clips of `mask`, (units, columns)."""
    index = np.unique(units[mask], return_inverse=True)[1]
    if len(index) == index.max() + 1:
        return np.asarray(values[mask][np.argsort(index)])
    sums = np.zeros((index.max() + 1, values.shape[1]))
    np.add.at(sums, index, values[mask])
    return sums


def intervals(outcomes: Outcomes, confidence: float, n_resamples: int, seed: int) -> tuple[Floats, Floats]:
    """Bootstrap over clips and seeds: of each accuracy on the diagonal, of each difference beside it."""
    n = len(outcomes.columns)
    low, high = np.zeros((2, n, n))
    for mask, pairs in _masks(outcomes).values():
        hits, weights = (_per_unit(v, mask, outcomes.units) for v in (outcomes.hits, outcomes.weights))
        blocks = paired.bootstrap_counts(len(hits), n_resamples, seed=seed)
        with np.errstate(invalid="ignore"):  # a sample may miss every clip of a system: 0/0, left out below
            columns = np.concatenate([(counts @ hits) / (counts @ weights) for counts in blocks])
        drawn = _over_seeds(columns, outcomes, seed)
        for a, b in pairs:
            values = drawn[a] if a == b else drawn[a] - drawn[b]
            lower, upper = paired.interval(values, confidence=confidence)
            low[a, b], high[a, b] = lower.round(DIGITS), upper.round(DIGITS)
            if a != b:
                low[b, a], high[b, a] = -high[a, b], -low[a, b]
    return low, high


def _over_seeds(columns: Floats, outcomes: Outcomes, seed: int) -> list[Floats]:
    """Average each system's columns over seeds drawn with replacement; equal seeds are drawn together.

    A mean of S draws varies less than a mean of S seeds, by (S - 1) / S; that is made up for.
    """
    draws: dict[tuple[int, ...], NDArray[np.intp]] = {}
    means = []
    for own, seeds in zip(outcomes.columns, outcomes.seeds, strict=True):
        if seeds not in draws:
            u = uniform(seed, "bootstrap", "seeds", repr(seeds), size=len(columns) * len(seeds))
            draws[seeds] = (u * len(seeds)).astype(np.intp).reshape(len(columns), len(seeds))
        drawn = np.take_along_axis(columns[:, own], draws[seeds], axis=1).mean(axis=1)
        mean = columns[:, own].mean(axis=1)
        means.append(mean + np.sqrt(len(seeds) / max(len(seeds) - 1, 1)) * (drawn - mean))
    return means


def paired_tests(
    outcomes: Outcomes, pairs: NDArray[np.intp], n_resamples: int, seed: int
) -> tuple[Floats, Floats]:
    """Return the differences of accuracy, (systems, systems), and a p-value for each of `pairs`."""
    n = len(outcomes.columns)
    difference, p = np.zeros((n, n)), np.ones((n, n))
    noise = _seed_noise(outcomes)
    draws = max(5 * n_resamples - 1, 40 * len(pairs))
    for mask, same in _masks(outcomes).values():
        values = _shares(outcomes, mask)
        tested = np.array([pair for pair in same if pair[0] != pair[1]], dtype=np.intp).reshape(-1, 2)
        if not len(tested):
            continue
        a, b = tested.T
        difference[a, b] = (values.sum(axis=0)[a] - values.sum(axis=0)[b]).round(DIGITS)
        difference[b, a] = -difference[a, b]
        if noise is None and _plain(outcomes, mask):
            right = values > 0
            p[a, b] = [paired.mcnemar(*_discordant(right[:, i], right[:, j])) for i, j in tested]
        else:
            p[a, b] = paired.sign_flip_test(values, tested, n_resamples=draws, seed=seed, noise=noise)
    return difference, p[pairs[:, 0], pairs[:, 1]]


def _shares(outcomes: Outcomes, mask: NDArray[np.bool_]) -> Floats:
    """Return what each unit adds to each system's accuracy over the clips of `mask`, (units, systems)."""
    hits = _per_unit(outcomes.hits, mask, outcomes.units)
    totals = outcomes.weights[mask].sum(axis=0)
    shares = np.divide(hits, totals, out=np.zeros_like(hits), where=totals > 0)
    return np.stack([shares[:, own].mean(axis=1) for own in outcomes.columns], axis=1)


def _plain(outcomes: Outcomes, mask: NDArray[np.bool_]) -> bool:
    """Tell whether McNemar's test holds: one seed a system, clips on their own, all of the same weight."""
    weights = outcomes.weights[mask]
    alone = len(np.unique(outcomes.units[mask])) == mask.sum()
    alike = float(np.ptp(weights, axis=0).max()) < 1e-12
    return alone and alike and all(len(seeds) == 1 for seeds in outcomes.seeds)


def _discordant(a: NDArray[np.bool_], b: NDArray[np.bool_]) -> tuple[int, int]:
    return int(np.sum(a & ~b)), int(np.sum(b & ~a))


def _seed_noise(outcomes: Outcomes) -> paired.Noise | None:
    """Return the standard error of each system's mean over seeds, or None where no seed changes anything.

    Systems of one classifier share an estimate of the variance: three seeds say little about one network.
    What single clips' chance adds to it is taken out, as the sign flips hold it already; the degrees of
    freedom shrink with it (Satterthwaite 1946). The rest is moderated by what draws of weights usually do
    (Smyth 2004): from two systems of two seeds alone, a difference of 60 points could pass for chance.
    Systems that no seed changes (MFCC + SVM) have none.
    """
    hits = _per_unit(outcomes.hits, outcomes.weights.sum(axis=1) > 0, outcomes.units)
    shares = [hits[:, own] / outcomes.weights[:, own].sum(axis=0) for own in outcomes.columns]
    fixed = np.array([s.shape[1] > 1 and np.ptp(s.sum(axis=0)) <= paired.TOLERANCE for s in shares])
    squares = np.array([_squares(share) for share in shares]) * ~fixed[:, None]
    freedom = np.array([len(own) - 1 for own in outcomes.columns]) * ~fixed
    pool = np.unique(outcomes.classifiers, return_inverse=True)[1]
    between, chance, df = (np.bincount(pool, weights=column) for column in (*squares.T, freedom))
    if not df.any():
        return None
    kept = np.maximum(1.0 - chance / np.where(between > 0, between, 1.0), 0.0)
    freedom_left = df * kept**2
    variance = kept * between / np.maximum(df, 1.0)
    variance = (PRIOR_DF * PRIOR_SD**2 + freedom_left * variance) / (PRIOR_DF + freedom_left)
    n_seeds = np.array([len(own) for own in outcomes.columns])
    errors = np.where(fixed, 0.0, np.sqrt(variance[pool] / n_seeds))
    return paired.Noise(errors, pool, PRIOR_DF + freedom_left)


def _squares(share: Floats) -> tuple[float, float]:
    """Return the accuracies' sum of squares over seeds, and the part that single clips' chance explains.

    `share` is (units, seeds); the second is the interaction of a two-way analysis of variance.
    """
    n = len(share)
    accuracy = share.sum(axis=0)
    deviation = accuracy - accuracy.mean()
    rest = share - share.mean(axis=1, keepdims=True) - deviation / n
    return float(np.sum(deviation**2)), float(np.sum(rest**2) * n / max(n - 1, 1))
