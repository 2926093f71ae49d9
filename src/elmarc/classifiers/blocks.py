"""A matrix read a block of rows at a time, and the sums over blocks that a ridge regression follows from.

Conventions
-----------
Blocks are float64. Sums are centred as they grow: a block joins with its own mean, and the distance of the
two means adds a matrix of rank one (Chan, Golub & LeVeque, The American Statistician 37, 1983). So features
far from 0 lose no digits, and memory follows from the number of columns alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float64]
Step: TypeAlias = Callable[[FloatArray], Any]

MANY = 20_000  # clips from which on nothing is held that grows with clips x features
BLOCK_CELLS = 2**21  # 16 MiB of float64
BLOCK_ROWS = 8192


class Blocks:
    """Rows of a matrix, passed through steps, without a copy of the whole.

    Parameters
    ----------
    X : array, np.memmap, or what gives arrays for `X[slice]` and `X[rows]` and has a `shape`
        (n_clips, n_features).
    rows : ndarray or None
        The rows in use, in their order; None: all.
    steps : sequence of callables
        Each takes and returns an array of as many rows: fitted scalers, a hidden layer.

    >>> [block.tolist() for _, block in Blocks(np.arange(6).reshape(3, 2), rows=np.array([2, 0])).each(1)]
    [[[4.0, 5.0]], [[0.0, 1.0]]]
    """

    def __init__(self, X: Any, rows: NDArray[np.intp] | None = None, steps: Sequence[Step] = ()) -> None:
        self.X, self.rows, self.steps = X, rows, tuple(steps)

    def __len__(self) -> int:
        return len(self.X) if self.rows is None else len(self.rows)

    @property
    def n_columns(self) -> int:
        """The width of a block behind the steps."""
        return self.at(slice(0, 1)).shape[1] if self.steps else int(self.X.shape[1])

    def then(self, step: Step) -> Blocks:
        """Return the same rows behind one more step."""
        return Blocks(self.X, self.rows, (*self.steps, step))

    def each(self, n_rows: int) -> Iterator[tuple[slice, FloatArray]]:
        """Yield blocks of at most `n_rows` rows, each with its place.

        Raises
        ------
        ValueError
            A number is not finite, as scikit-learn says it.
        """
        for start in range(0, len(self), n_rows):
            place = slice(start, min(start + n_rows, len(self)))
            yield place, self.at(place)

    def at(self, place: slice | NDArray[np.intp]) -> FloatArray:
        """Return some of the rows, by their places. Raises ValueError where a number is not finite."""
        block = np.array(self.X[place if self.rows is None else self.rows[place]], dtype=np.float64)
        if not np.isfinite(block).all():
            raise ValueError("Input X contains NaN or infinity")
        for step in self.steps:
            block = np.asarray(step(block), dtype=np.float64)
        return block


class ClassTargets:
    """Targets one against the rest, -1 and +1, a block at a time; one column for two classes.

    Parameters
    ----------
    codes : class numbers (n_clips,), from 0.
    n_classes : int
    """

    def __init__(self, codes: NDArray[np.intp], n_classes: int) -> None:
        self.codes = codes
        self._columns = np.arange(n_classes) if n_classes > 2 else np.array([1])

    @property
    def n_columns(self) -> int:
        """How many targets a clip has."""
        return len(self._columns)

    def at(self, place: slice | NDArray[np.intp]) -> FloatArray:
        """Return the targets of a block of clips, or of some."""
        return np.where(self.codes[place, None] == self._columns, 1.0, -1.0)


class ArrayTargets:
    """Targets that are numbers, held whole: (n_clips, n_targets)."""

    def __init__(self, values: FloatArray) -> None:
        self._values = values

    @property
    def n_columns(self) -> int:
        """How many targets a clip has."""
        return int(self._values.shape[1])

    def at(self, place: slice | NDArray[np.intp]) -> FloatArray:
        """Return the targets of a block of clips, or of some."""
        return self._values[place]


Targets: TypeAlias = ClassTargets | ArrayTargets


@dataclass(frozen=True)
class Moments:
    """Means, and sums of products of what is left of each clip without them.

    Attributes
    ----------
    level, means : of the inputs (n_columns,) and targets (n_targets,).
    scatter : (n_columns, n_columns)
    cross : (n_columns, n_targets)
    """

    n_clips: int
    level: FloatArray
    means: FloatArray
    scatter: FloatArray
    cross: FloatArray


def block_rows(n_columns: int) -> int:
    """Return how many rows of so many columns make a block."""
    return max(64, min(BLOCK_ROWS, BLOCK_CELLS // max(1, n_columns)))


def moments(inputs: Blocks, targets: Targets) -> Moments:
    """Sum up all clips in one pass. Raises ValueError where a number is not finite."""
    width, n = inputs.n_columns, 0
    level, means = np.zeros(width), np.zeros(targets.n_columns)
    scatter, cross = np.zeros((width, width)), np.zeros((width, targets.n_columns))
    for place, block in inputs.each(block_rows(width)):
        wanted = targets.at(place)
        centre, middle = block.mean(axis=0), wanted.mean(axis=0)
        block -= centre
        weight = len(block) * n / (n + len(block))
        shift, turn = centre - level, middle - means
        scatter += block.T @ block
        cross += block.T @ (wanted - middle)
        if n:
            scatter += weight * np.outer(shift, shift)
            cross += weight * np.outer(shift, turn)
        n += len(block)
        level += shift * (len(block) / n)
        means += turn * (len(block) / n)
    return Moments(n, level, means, scatter, cross)
