"""Right or wrong, clip by clip: the table that every number of a comparison is computed from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from elmarc.datasets.groups import units
from elmarc.errors import ConfigError
from elmarc.results import Prediction

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class HitTable:
    """Right or wrong: a row for each clip, a column for each seed of each system.

    Parameters
    ----------
    hits : np.ndarray [shape=(n_clips, n_columns)]
        The clip's weight where the prediction was right, 0 elsewhere.
    weights : np.ndarray [shape=(n_clips, n_columns)]
        What the clip counts, so that folds count alike and a column sums to 1; 0 where it was not judged.
    units : np.ndarray [shape=(n_clips,)]
        The unit of each clip: the clip itself, or its group.
    columns : tuple of np.ndarray
        The columns of each system, one a seed.
    """

    hits: Floats
    weights: Floats
    units: NDArray[np.intp]
    columns: tuple[NDArray[np.intp], ...]

    @property
    def judged(self) -> Mask:
        """Which clips each system has judged under every seed, (n_systems, n_clips)."""
        return np.array([(self.weights[:, own] > 0).all(axis=1) for own in self.columns])

    def per_unit(self, mask: Mask, columns: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """Return hits and weights of the clips in `mask` summed within units, (n_units, len(columns))."""
        hits, weights = (values[np.ix_(mask, columns)] for values in (self.hits, self.weights))
        order = np.argsort(self.units[mask], kind="stable")
        units = self.units[mask][order]
        starts = np.flatnonzero(np.diff(units, prepend=-1))
        if len(starts) == len(units):  # each clip is a unit, whatever their order
            return hits, weights
        return np.add.reduceat(hits[order], starts), np.add.reduceat(weights[order], starts)

    def of(self, systems: Sequence[int]) -> HitTable:
        """Return the table of some of the systems, with the clips that any of them has judged."""
        columns = np.concatenate([self.columns[k] for k in systems])
        ends = np.cumsum([len(self.columns[k]) for k in systems])
        own = tuple(np.arange(end - len(self.columns[k]), end) for end, k in zip(ends, systems, strict=True))
        rows = (self.weights[:, columns] > 0).any(axis=1)
        return HitTable(self.hits[rows][:, columns], self.weights[rows][:, columns], self.units[rows], own)


def hit_table(systems: Sequence[Sequence[Sequence[Prediction]]]) -> HitTable:
    """Lay the predictions of every system and seed side by side, a row for each clip.

    Raises
    ------
    ConfigError
        Two of them give a clip different labels or groups.
    """
    flat = [predictions for seeds in systems for predictions in seeds]
    everything = [p for predictions in flat for p in predictions]
    _agreed({}, ((p.id, p.label) for p in everything), "labels")
    groups = _agreed({}, ((p.id, p.group) for p in everything), "groups")
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
    """Return what each clip counts: every fold counts alike, and all sum to 1."""
    sizes = Counter(p.fold for p in predictions)
    return np.array([1.0 / (len(sizes) * sizes[p.fold]) for p in predictions])


def _agreed(known: dict[str, str], pairs: Iterable[tuple[str, str]], what: str) -> dict[str, str]:
    for clip, value in pairs:
        if known.setdefault(clip, value) != value:
            raise ConfigError(
                f"{clip} is {known[clip]!r} in one result and {value!r} in another: results of different "
                f"{what} need different data set names"
            )
    return known


def shared_clips(judged: Mask) -> Iterator[tuple[Mask, list[tuple[int, int]]]]:
    """Yield each set of clips that pairs of systems have in common, with those pairs.

    Raises
    ------
    ConfigError
        Two systems have no clip in common.
    """
    found: dict[bytes, tuple[Mask, list[tuple[int, int]]]] = {}
    for a, b in combinations(range(len(judged)), 2):
        common = judged[a] & judged[b]
        if not common.any():
            raise ConfigError("two systems have no clip in common: they cannot be compared")
        found.setdefault(common.tobytes(), (common, []))[1].append((a, b))
    yield from found.values()
