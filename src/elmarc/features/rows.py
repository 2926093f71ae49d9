"""The rows that an extraction computes: on their way to the store, and into one array."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from elmarc._types import Definition, FeatureArray
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
        self._n_written = 0
        self._since = time.monotonic()

    def __getitem__(self, content: str) -> FeatureArray:
        row: FeatureArray = self._block[self._places[content]]
        return row

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def add(self, content: str, row: FeatureArray) -> None:
        """Keep a row; it is written with the next shard."""
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
        """Write the rows that are not in the store yet."""
        waiting = list(self)[self._n_written :]
        if self.store and waiting:
            self.store.append(self.definition, waiting, self._block[self._n_written : len(self)])
        self._n_written = len(self)
        self._since = time.monotonic()

    def in_order(self, contents: Sequence[str], index: Mapping[str, tuple[Path, int]]) -> FeatureArray:
        """Return the rows of clips that were computed or are in the store [shape=(n_clips, n_features)]."""
        fresh = [i for i, content in enumerate(contents) if content in self]
        stored = [i for i, content in enumerate(contents) if content not in self]
        kept = self.store.read(index, [contents[i] for i in stored]) if self.store and stored else None
        width = self._block.shape[1] if kept is None else kept.shape[1]
        X = np.empty((len(contents), width), np.float32)
        if kept is not None:
            X[stored] = kept
        for i in fresh:
            X[i] = self[contents[i]]
        return X
