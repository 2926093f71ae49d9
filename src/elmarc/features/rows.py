"""The rows that an extraction computes, kept in one block on their way to the store."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing

import numpy as np

from elmarc._types import Definition, FeatureArray
from elmarc.audio.oddities import Oddities
from elmarc.audio.opening import refuse_if_away
from elmarc.errors import AudioError, StoreWarning
from elmarc.features.outcomes import Outcomes, named
from elmarc.features.store import FeatureStore

SHARD_ROWS = 512
SHARD_S = 20.0  # at most this much work is lost when a run is killed


class RowBlock(Mapping[str, FeatureArray]):
    """Rows by content of the clip, in one block: a million arrays of their own take a gigabyte.

    Parameters
    ----------
    contents : sequence of str
        What each row is of.
    block : np.ndarray [shape=(n_rows, n_features)]
        May have more rows than contents.
    """

    def __init__(self, contents: Sequence[str] = (), block: FeatureArray | None = None) -> None:
        self._block = np.empty((0, 0), np.float32) if block is None else block
        self._places = {content: place for place, content in enumerate(contents)}

    def __getitem__(self, content: str) -> FeatureArray:
        row: FeatureArray = self._block[self._places[content]]
        return row

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def are(self, contents: Sequence[str]) -> bool:
        """Tell whether these are the rows, in their order."""
        return len(contents) == len(self) and all(map(str.__eq__, self, contents))

    @property
    def array(self) -> FeatureArray:
        """All rows, in their order."""
        return self._block[: len(self)]


def gathered(contents: Sequence[str], *blocks: RowBlock) -> FeatureArray:
    """Return the rows of contents [shape=(n_contents, n_features)]; no copy, where one block has just these.

    >>> gathered(["b", "a"], RowBlock(["a"], np.eye(2)[:1]), RowBlock(["b"], np.eye(2)[1:])).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    for block in blocks:
        if block.are(contents):
            return block.array
    width = next(block.array.shape[1] for block in blocks if len(block))
    X = np.empty((len(contents), width), np.float32)
    for place, content in enumerate(contents):
        X[place] = next(block[content] for block in blocks if content in block)
    return X


class Rows(RowBlock):
    """Computed rows, on their way to the store: strewn rows would keep freed maps in memory.

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
        super().__init__()
        self.n_rows, self.definition, self.store = n_rows, definition, store
        self._oddities: dict[str, Oddities] = {}
        self._n_written = 0
        self._since = time.monotonic()

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
        if store.was_refused:
            return
        store.was_refused = True
        warnings.warn(
            f"{store.root}: features cannot be stored ({problem.strerror or problem}): the run goes on, and "
            "they will have to be computed again",
            StoreWarning,
            stacklevel=3,
        )


def collect(
    outcomes: Outcomes,
    rows: Rows,
    oddities: Mapping[str, Oddities],
    *,
    strict: bool,
    progress: Callable[[int], None],
) -> dict[str, str]:
    """Add the rows of outcomes, which go to the store on the way; return why clips have none, by content.

    Parameters
    ----------
    outcomes : generator of ((Clip, str), np.ndarray or AudioError)
        Closed at the end, also where that is an error.
    rows : Rows
    oddities : mapping
        What is odd about clips, by content; may grow as the outcomes come.
    strict : bool
        Whether a clip without features ends the run.
    progress : callable
        Called with the number of clips done.

    Raises
    ------
    AudioError
        With `strict`: the first clip without features.
    TransientError
        A clip cannot be read at the moment.
    """
    reasons: dict[str, str] = {}
    progress(0)
    try:
        with closing(outcomes):
            for (clip, content), outcome in outcomes:
                if isinstance(outcome, AudioError):
                    refuse_if_away(clip.path, outcome)
                    problem = named(outcome, str(clip), str(clip.path))
                    if strict:
                        raise problem
                    reasons[content] = str(problem)
                else:
                    rows.add(content, outcome, oddities.get(content))
                rows.write_if_due()
                progress(len(rows) + len(reasons))
    finally:
        rows.write()
    return reasons
