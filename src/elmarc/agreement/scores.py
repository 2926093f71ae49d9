"""Scores of the same architectures on both sides, and what they would be on clips drawn anew.

A *side* is untrained or trained: accuracies of n architectures, a column for each seed of each. Units are
what was drawn at random among the clips, see `comparison.variance`.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from elmarc.comparison.variance import moderate, moments

Floats: TypeAlias = NDArray[np.float64]
N_DRAWS = 200


@dataclass(frozen=True)
class Side:
    """Right or wrong of n architectures on the same units.

    Parameters
    ----------
    hits, weights : np.ndarray [shape=(n_units, n_columns)]
        As in `comparison.variance`; the columns of one architecture stand side by side.
    seeds : tuple of int
        How many columns each architecture has.
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
        return np.asarray(self._means(self.accuracies))

    @property
    def by_seed(self) -> Floats:
        """Accuracies [shape=(fewest seeds, n)]: the first seeds of each."""
        starts = np.cumsum(self.seeds) - self.seeds
        return np.asarray(self.accuracies[np.arange(min(self.seeds))[:, None] + starts])

    @property
    def deviation(self) -> Floats:
        """Over seeds, of each architecture; NaN for one seed."""
        parts = np.split(self.accuracies, np.cumsum(self.seeds)[:-1])
        return np.array([part.std(ddof=1) if len(part) > 1 else np.nan for part in parts])

    @property
    def error(self) -> Floats:
        """Covariance [shape=(n, n)] of the scores over seeds and units."""
        found = moments(self.hits, self.weights, self.seeds, n_clips=self.n_clips)
        seeds = moderate(found)
        own = (seeds.value - found.interaction) / found.n_seeds  # units' part holds the interaction
        return np.asarray(found.covariance + np.diag(np.maximum(own, -0.9 * np.diag(found.covariance))))

    @property
    def standard_error(self) -> Floats:
        """Of each score, over seeds and units."""
        return np.asarray(np.sqrt(np.maximum(np.diag(self.error), 0.0)))

    def drawn(self, counts: Floats, *, apart: bool = False) -> Floats:
        """Return scores [shape=(n_draws, n)] with units counted so often.

        Parameters
        ----------
        counts : np.ndarray [shape=(n_draws, n_units)]
            How often each unit is drawn.
        apart : bool
            Whether each architecture gets draws of its own: the rows of `counts`, moved on by one place for
            each architecture.
        """
        if not apart:
            return self._means((counts @ self.hits) / (counts @ self.weights))
        columns = np.cumsum([0, *self.seeds])
        found = []
        for k, (start, stop) in enumerate(pairwise(columns)):
            own = np.roll(counts, k, axis=0)
            found.append(
                ((own @ self.hits[:, start:stop]) / (own @ self.weights[:, start:stop])).mean(axis=1)
            )
        return np.stack(found, axis=1)

    def _means(self, accuracies: Floats) -> Floats:
        starts = np.asarray(np.cumsum(self.seeds) - self.seeds, dtype=np.intp)
        return np.asarray(np.add.reduceat(accuracies, starts, axis=-1) / np.asarray(self.seeds))


def unit_counts(n_units: int, rng: np.random.Generator, n_draws: int = N_DRAWS) -> Floats:
    """Return how often each unit is drawn [shape=(n_draws, n_units)], with replacement."""
    return rng.multinomial(n_units, np.full(n_units, 1.0 / n_units), size=n_draws).astype(np.float64)
