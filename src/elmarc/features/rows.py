"""The rows that an extraction computes, kept in one block on their way to the store."""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Mapping

import numpy as np

from elmarc._errors import StoreWarning
from elmarc._types import Definition, FeatureArray
from elmarc.audio.oddities import Oddities
from elmarc.features.store import FeatureStore

SHARD_ROWS = 512
SHARD_S = 20.0  # at most this much work is lost when a run is killed


class Rows(Mapping[str, FeatureArray]):
    """Computed rows by content of the clip, kept in one block: strewn rows keep freed maps in memory.

    Parameters
    ----------
    n_rows : int
        How many rows will be added at most.
    definition : dict
        What they follow from.
    store : FeatureStore or None
        Where they are written, a shard at a time.
    """

    def __init__(self, n_rows: int, *, definition: Definition, store: FeatureStore | None) -> None:
        self.n_rows, self.definition, self.store = n_rows, definition, store
        self._block = np.empty((0, 0), np.float32)
        self._places: dict[str, int] = {}
        self._oddities: dict[str, Oddities] = {}
        self._n_written = 0
        self._since = time.monotonic()

    def __getitem__(self, content: str) -> FeatureArray:
        row: FeatureArray = self._block[self._places[content]]
        return row

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def add(self, content: str, row: FeatureArray, oddities: Oddities | None = None) -> None:
        """Keep a row, and what is odd about its clip; both are written with the next shard."""
        if oddities:
            self._oddities[content] = oddities
        if not self._places:
            self._block = np.empty((self.n_rows, len(row)), row.dtype)
        place = self._places[content] = len(self._places)
        self._block[place] = row

    def write_if_due(self) -> None:
        """Write a shard if it is full, or if too much time would be lost."""
        n_waiting = len(self) - self._n_written
        if n_waiting >= SHARD_ROWS or time.monotonic() - self._since > SHARD_S:
            self.write()

    def write(self) -> None:
        """Write the rows that are not in the store yet; where it cannot be written, go on without it."""
        waiting = list(self)[self._n_written :]
        if self.store and waiting:
            try:
                rows = self._block[self._n_written : len(self)]
                odd = {content: self._oddities[content] for content in waiting if content in self._oddities}
                self.store.append(self.definition, waiting, rows, odd)
            except OSError as problem:
                self._go_on_without(self.store, problem)
        self._n_written = len(self)
        self._since = time.monotonic()

    def _go_on_without(self, store: FeatureStore, problem: OSError) -> None:
        self.store = None
        warnings.warn(
            f"{store.root}: features cannot be stored ({problem.strerror or problem}): the run goes on, and "
            "they will have to be computed again",
            StoreWarning,
            stacklevel=3,
        )
