"""Least squares with some clips left out, from the factors of all clips.

Conventions
-----------
Let H = Q L be the hidden activations of all clips, with Q of orthonormal columns, S the clips left out and R
the others. Plain least squares fits H_R by pseudo-inverse. The same follows from small matrices:

- Leaving out S changes the fit by what I - Q_S Q_S^T, inverted, says (Allen's PRESS for blocks of rows).
- Directions V in which Q_R V = 0 are seen by left-out clips alone: units silent in R, or more units than
  clips. The pseudo-inverse gives them the weights of least norm, a projection in the metric (L L^T)^-1.

Both are exact. Rounding grows with cond(L) over the least singular value of Q_R.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from elmarc.classifiers.activations import FloatArray
from elmarc.classifiers.factors import Factors, qr, solve_triangle

EPS = float(np.finfo(np.float64).eps)
SILENT = 1e-13  # eigenvalue of I - Q_S Q_S^T that is 0 but for rounding
TRUSTED = 1e-6  # of the outputs: beyond, six digits are not left


class _Remainder(NamedTuple):
    """The eigenvalues and eigenvectors of I - Q_S Q_S^T: what is left of each direction without S."""

    values: FloatArray
    vectors: FloatArray

    @property
    def silent(self) -> NDArray[np.bool_]:
        """Whether each direction is seen by left-out clips alone."""
        return self.values < SILENT

    def solve(self, right: FloatArray) -> FloatArray:
        """Apply the inverse, but for silent directions, which stay as they are."""
        shares = np.where(self.silent, 1.0, self.values)
        return np.asarray(self.vectors @ ((self.vectors.T @ right) / shares[:, None]))


def left_out_outputs(factors: Factors, targets: FloatArray, test: NDArray[np.intp]) -> FloatArray | None:
    """Return the outputs (n_test, n_targets) for clips left out of the fit.

    Parameters
    ----------
    factors : of the activations of all clips.
    targets : (n_clips, n_targets); those of the clips left out are not looked at.
    test : rows left out.

    Returns
    -------
    ndarray or None
        None where rounding would leave fewer than six digits.
    """
    held = factors.basis[test]
    left = _Remainder(*np.linalg.eigh(np.eye(len(test)) - held @ held.T))
    if EPS * factors.condition > TRUSTED * np.sqrt(left.values[~left.silent].min(initial=1.0)):
        return None
    known = targets.copy()
    known[test] = 0.0
    only_held = held.T @ left.vectors[:, left.silent]
    weights = _without(only_held, factors.basis.T @ known)
    outputs = left.solve(held @ weights)
    if not left.silent.any():
        return outputs
    weights = _without(only_held, weights + held.T @ outputs)
    least = _least_squares(factors.half(only_held), factors.half(weights))
    return np.asarray(outputs - left.vectors[:, left.silent] @ least)


def _without(directions: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the weights less their part in orthonormal directions."""
    return np.asarray(weights - directions @ (directions.T @ weights))


def _least_squares(matrix: FloatArray, right: FloatArray) -> FloatArray:
    q, r = qr(matrix)
    return solve_triangle(r, q.T @ right)
