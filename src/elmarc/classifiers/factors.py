"""Hidden activations as an orthonormal basis times a triangle, for many layer sizes at once.

The first n units of a layer are those of the layer of n units, so one QR factorisation serves all sizes that
are no larger than the number of clips. A size beyond it has a basis of its own: every clip is a direction.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np
import scipy.linalg

from elmarc.classifiers.activations import FloatArray

# The share of a unit's norm outside the span of earlier units: rounding leaves 1e-16, real features 1e-4.
DEPENDENT, INDEPENDENT = 1e-13, 1e-11


@dataclass(frozen=True)
class Factors:
    """H = basis @ L for the activations H (n_clips, n_units) of one layer size.

    Attributes
    ----------
    basis : orthonormal columns (n_clips, rank).
    half : maps V (rank, n) to a W with W^T W = V^T (L L^T)^-1 V.
    condition : that of L.
    """

    basis: FloatArray
    half: Callable[[FloatArray], FloatArray]
    condition: float


def factorise(hidden: FloatArray, sizes: Sequence[int], pool: Executor) -> dict[int, Factors | None]:
    """Factorise the leading units of each size.

    Parameters
    ----------
    hidden : activations (n_clips, n_units) of the largest layer.
    sizes : numbers of leading units.
    pool : does the sizes beyond the number of clips side by side.

    Returns
    -------
    dict
        By size; None where the rank is a matter of rounding. A size whose units are all silent is left out.
    """
    alive = np.flatnonzero(hidden.any(axis=0))
    n_clips = len(hidden)
    n_alive = {size: int(np.searchsorted(alive, size)) for size in sizes}
    wide = {s: pool.submit(_factors_of_wide, hidden[:, alive[:n]]) for s, n in n_alive.items() if n > n_clips}
    factors: dict[int, Factors | None] = {}
    widest = max((n for n in n_alive.values() if n <= n_clips), default=0)
    if widest:
        tall = _Tall(hidden[:, alive[:widest]])
        factors |= {size: tall.leading(n) for size, n in n_alive.items() if 0 < n <= n_clips}
    return factors | {size: job.result() for size, job in wide.items()}


class _Tall:
    """QR of at most as many units as clips; units that depend on earlier ones stand aside.

    Attributes
    ----------
    new : whether each unit adds a direction to those of earlier units.
    doubtful : whether rounding might have decided that.
    basis, triangle : of the new units.
    dependent : the other units, in the basis.
    """

    def __init__(self, hidden: FloatArray) -> None:
        basis, triangle = qr(hidden)
        share = np.abs(np.diag(triangle)) / np.linalg.norm(hidden, axis=0)
        self.new = share > DEPENDENT
        if not self.new.all():
            basis, triangle = qr(hidden[:, self.new])
        self.basis, self.triangle = basis, triangle
        self.dependent = basis.T @ hidden[:, ~self.new]
        self.doubtful = self.new & (share < INDEPENDENT)

    def leading(self, n: int) -> Factors | None:
        """Return the factors of the first n units."""
        if self.doubtful[:n].any():
            return None
        rank = int(self.new[:n].sum())
        triangle = np.asfortranarray(self.triangle[:rank, :rank])
        half = _half_of_tall(triangle, self.dependent[:rank, : n - rank])
        return Factors(self.basis[:, :rank], half, _condition(triangle))


def _half_of_tall(triangle: FloatArray, dependent: FloatArray) -> Callable[[FloatArray], FloatArray]:
    """Return `Factors.half` of L = [triangle, dependent]: units that repeat a direction damp it."""
    left, gain, _ = np.linalg.svd(solve_triangle(triangle, dependent), full_matrices=False)
    damping = 1.0 / np.sqrt(1.0 + np.square(gain)) - 1.0

    def half(directions: FloatArray) -> FloatArray:
        solved = solve_triangle(triangle, directions)
        return np.asarray(solved + left @ (damping[:, None] * (left.T @ solved)))

    return half


def _factors_of_wide(hidden: FloatArray) -> Factors:
    """Factorise more units than clips: every clip is its own direction."""
    full = scipy.linalg.qr(hidden.T, mode="r", check_finite=False)[0]
    triangle = np.asarray(full, np.float64)[: len(hidden)]
    return Factors(
        np.eye(len(hidden)),
        lambda directions: solve_triangle(triangle, directions, transposed=True),
        _condition(triangle),
    )


def qr(matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return Q (n, k) of orthonormal columns and the triangle R (k, k) of a matrix (n, k)."""
    q, r = scipy.linalg.qr(matrix, mode="economic", check_finite=False)
    return np.asarray(q, dtype=np.float64), np.asarray(r, dtype=np.float64)


def solve_triangle(triangle: FloatArray, right: FloatArray, *, transposed: bool = False) -> FloatArray:
    """Solve triangle @ x = right, or triangle.T @ x = right."""
    found = scipy.linalg.solve_triangular(triangle, right, trans=1 if transposed else 0, check_finite=False)
    return np.asarray(found, dtype=np.float64)


def _condition(triangle: FloatArray) -> float:
    reciprocal, _ = scipy.linalg.lapack.dtrcon(triangle)
    return 1.0 / reciprocal if reciprocal > 0.0 else np.inf
