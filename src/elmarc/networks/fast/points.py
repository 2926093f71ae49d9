"""The algebra of Toom-Cook filters: which points, and the three matrices that follow.

Take the values of two polynomials at n points, multiply them there, and find the product's coefficients
again. Points at infinity and on the real axis cost one multiplication; a complex one stands for its conjugate
too and costs three. Many real points magnify rounding; those on the unit circle do not, as in an FFT. Along
two axes the factors multiply.

Source: Lavin & Gray 2016, "Fast algorithms for convolutional neural networks", arXiv 1509.09308; Winograd,
"Arithmetic complexity of computations", SIAM 1980, for the transposition that turns products into filters.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

INFINITY = complex("inf")
REAL_4 = (0, INFINITY, 1, -1)
REAL_6 = (*REAL_4, 2, -0.5)
REAL_8 = (*REAL_4, 2, -2, 0.5, -0.5)
MIXED_16 = (*REAL_8, *(np.exp(2j * np.pi * k / 10) for k in range(1, 5)))
# (bands, frames) of a filter -> points along both. More points save little time and cost accuracy
POINTS: dict[tuple[int, int], tuple[tuple[complex, ...], tuple[complex, ...]]] = {
    (1, 3): ((0,), REAL_8),
    (1, 7): ((0,), MIXED_16),
    (3, 3): (REAL_6, REAL_6),
}


class Algorithm(NamedTuple):
    """Outputs = gather @ ((expand @ taps) * (spread @ inputs)), for inputs in a row."""

    gather: NDArray[np.float64]  # outputs x products
    expand: NDArray[np.float64]  # products x taps
    spread: NDArray[np.float64]  # products x inputs


class _Products(NamedTuple):
    """The products at one point: a column of `gather`, a row of `expand` and one of `spread` for each."""

    gather: list[NDArray[np.float64]]
    expand: list[NDArray[np.float64]]
    spread: list[NDArray[np.float64]]


@functools.cache
def algorithm(n_taps: int, points: tuple[complex, ...]) -> Algorithm:
    """Return the bilinear algorithm of a filter of `n_taps` that takes its products at these points.

    >>> gather, expand, spread = algorithm(3, REAL_8)
    >>> x, taps = np.arange(8.0), np.array([1.0, -2.0, 4.0])
    >>> bool(np.allclose(gather @ ((expand @ taps) * (spread @ x)), np.convolve(x, taps[::-1], "valid")))
    True
    """
    both = [q for p in points for q in ((p, p.conjugate()) if _is_complex(p) else (p,))]
    n_inputs = len(both)
    outputs, taps = _values(points, n_inputs - n_taps + 1), _values(points, n_taps)
    interpolation = np.linalg.inv(_values(both, n_inputs)).T  # transposed: from inputs to points
    first = [both.index(point) for point in points]
    found = [_products(*rows) for rows in zip(points, outputs, taps, interpolation[first], strict=True)]
    gather, expand, spread = ([row for at in found for row in at[part]] for part in range(3))
    return Algorithm(np.stack(gather, axis=1), np.stack(expand), np.stack(spread))


def _products(
    point: complex, e: NDArray[np.complex128], g: NDArray[np.complex128], b: NDArray[np.complex128]
) -> _Products:
    """Return e g b at a real point, and 2 Re(e g b), in three real products, at a complex one."""
    if not _is_complex(point):
        return _Products([e.real], [g.real], [b.real])
    return _Products(
        gather=[2 * (e.real - e.imag), -2 * e.imag, -2 * e.real],
        expand=[g.real, g.imag - g.real, g.real + g.imag],
        spread=[b.real + b.imag, b.real, b.imag],
    )


def _is_complex(point: complex) -> bool:
    return point.imag != 0


def _values(points: Sequence[complex], n: int) -> NDArray[np.complex128]:
    """Return a row a point: what each of n coefficients adds to a polynomial's value there."""
    rows = [np.eye(n)[-1] if p == INFINITY else np.power(complex(p), np.arange(n)) for p in points]
    return np.stack(rows).astype(np.complex128)


class Grid(NamedTuple):
    """The algorithm along bands and frames at once, for filters, inputs and outputs in row-major order."""

    algorithm: Algorithm
    inputs: tuple[int, int]  # bands, frames
    outputs: tuple[int, int]

    @property
    def at_one(self) -> int:
        """The product that every output takes as it is: the one at the point 1."""
        return int(np.flatnonzero((self.algorithm.gather == 1).all(axis=0))[0])


@functools.cache
def grid(taps: tuple[int, int]) -> Grid:
    """Return the algorithm of filters that span (bands, frames)."""
    bands, frames = (algorithm(n, points) for n, points in zip(taps, POINTS[taps], strict=True))
    gather, expand, spread = (np.kron(a, b).astype(np.float64) for a, b in zip(bands, frames, strict=True))
    return Grid(
        Algorithm(gather, expand, spread),
        inputs=(bands.spread.shape[1], frames.spread.shape[1]),
        outputs=(len(bands.gather), len(frames.gather)),
    )
