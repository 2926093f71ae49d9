"""Extreme learning machines of many sizes on many splits, with little more work than one: the ELM's grid.

The hidden layer is drawn and applied once, for the largest size; smaller machines take its first units.

Method
------
Plain least squares fits the hidden activations of the training clips by pseudo-inverse, for every size and
split. Here the activations of all clips are factorised once, H = Q L with Q of orthonormal columns, and
splits follow from small matrices. The first n units of a layer are those of the layer of n units, so one QR
factorisation serves all sizes up to the number of clips; a larger size has a basis of its own, where every
clip is a direction. Let S be the clips left out and R the others:

- Leaving out S changes the fit by what I - Q_S Q_S^T, inverted, says (Allen's PRESS for blocks of rows).
- Directions V in which Q_R V = 0 are seen by left-out clips alone: units silent in R, or more units than
  clips. The pseudo-inverse gives them the weights of least norm, a projection in the metric (L L^T)^-1.

Both are exact. Rounding grows with cond(L) over the least singular value of Q_R; where it would leave fewer
than six digits, the split is solved by pseudo-inverse. A ridge (`LeaveOneOutRidge`) is fitted for each size
and split.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import scipy.linalg
from sklearn.base import clone
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from elmarc.classifiers.elm import ELMClassifier, one_vs_rest, output_weights
from elmarc.classifiers.ridge import FloatArray, LeaveOneOutRidge, Rows

# The share of a unit's norm outside the span of earlier units: rounding leaves 1e-16, real features 1e-4.
DEPENDENT, INDEPENDENT = 1e-13, 1e-11
EPS = float(np.finfo(np.float64).eps)
SILENT = 1e-13  # eigenvalue of I - Q_S Q_S^T that is 0 but for rounding
TRUSTED = 1e-6  # of the outputs: beyond, six digits are not left


def can_share(model: Any, candidates: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a grid is one of sizes alone, of a seeded layer of weighted sums.

    It is fitted by plain least squares or by `LeaveOneOutRidge`.
    """
    return (
        type(model) is ELMClassifier
        and type(model.regressor) in (type(None), LeaveOneOutRidge)
        and isinstance(model.activation, str)
        and isinstance(model.random_state, int)
        and all(params.keys() == {"n_hidden"} for params in candidates)
    )


def predict_grid(
    hidden: FloatArray,
    y: Rows,
    splits: Sequence[tuple[Rows, Rows]],
    candidates: Sequence[Mapping[str, Any]],
    *,
    regressor: LeaveOneOutRidge | None = None,
    n_jobs: int = 1,
) -> list[list[Rows]]:
    """Return the class numbers predicted for held-out clips (n_test,), by candidate and split.

    Parameters
    ----------
    hidden : activations (n_clips, n_units) of the largest candidate.
    y : class numbers (n_clips,).
    splits : pairs of rows (train, test) without common rows.
    candidates : each with its `n_hidden`.
    regressor : the ridge regression, or None for least squares.
    n_jobs : number of threads.
    """
    sizes = [int(params["n_hidden"]) for params in candidates]
    targets = one_vs_rest(y, int(y.max()) + 1)
    columns: list[list[Rows]] = [[] for _ in splits]
    for rows, members in _by_rows(splits).items():
        used = np.frombuffer(rows, dtype=np.intp)
        local = [
            (np.searchsorted(used, train), np.searchsorted(used, test))
            for train, test in (splits[i] for i in members)
        ]
        activations = hidden if len(used) == len(hidden) else hidden[used]
        outputs = held_out_outputs(
            activations, targets[used], local, sizes, regressor=regressor, n_jobs=n_jobs
        )
        for k, i in enumerate(members):
            classes = np.unique(y[splits[i][0]])  # those that the machine learned
            columns[i] = [classes[row[k][:, classes].argmax(axis=1)] for row in outputs]
    return [list(row) for row in zip(*columns, strict=True)]


def _by_rows(splits: Sequence[tuple[Rows, Rows]]) -> dict[bytes, list[int]]:
    """Group splits by the rows they use: folds of the same clips share their factorisation."""
    groups: dict[bytes, list[int]] = {}
    for i, split in enumerate(splits):
        groups.setdefault(np.sort(np.concatenate(split).astype(np.intp)).tobytes(), []).append(i)
    return groups


def held_out_outputs(
    hidden: FloatArray,
    targets: FloatArray,
    splits: Sequence[tuple[Rows, Rows]],
    sizes: Sequence[int],
    *,
    regressor: LeaveOneOutRidge | None = None,
    n_jobs: int = 1,
) -> list[list[FloatArray]]:
    """Return the outputs (n_test, n_targets) for held-out clips, by size and split.

    Parameters
    ----------
    hidden : activations (n_clips, n_units) of the largest layer, float64.
    targets : (n_clips, n_targets).
    splits : pairs of rows (train, test); each pair covers every row once.
    sizes : numbers of leading units to use, each at most n_units.
    regressor : fitted to each size and split; None for least squares.
    n_jobs : number of threads.
    """
    largest_test = max(len(test) for _, test in splits)
    # the shortcut costs len(test)^3, the plain way n_train * size^2
    worthwhile = [size for size in dict.fromkeys(sizes) if largest_test <= 2 * size]

    def outputs(size: int, split: tuple[Rows, Rows]) -> FloatArray:
        train, test = split
        if regressor is not None:
            fitted: LeaveOneOutRidge = clone(regressor).fit(hidden[train, :size], targets[train])
            return fitted.predict(hidden[test, :size])
        factors = factors_of.get(size)
        exact = None if factors is None else left_out_outputs(factors, targets, test)
        units = hidden[:, :size]
        return units[test] @ output_weights(units[train], targets[train]) if exact is None else exact

    with threadpool_limits(1), ThreadPoolExecutor(n_jobs) as pool:  # sums of several threads round otherwise
        factors_of = factorise(hidden, worthwhile, pool) if regressor is None else {}
        rows = [[pool.submit(outputs, size, split) for split in splits] for size in sizes]
        return [[job.result() for job in row] for row in rows]


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
    """Factorise the leading units of each size, those beyond the number of clips side by side in `pool`.

    None where the rank is a matter of rounding. A size whose units are all silent is left out.
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
        basis, triangle = _qr(hidden)
        share = np.abs(np.diag(triangle)) / np.linalg.norm(hidden, axis=0)
        self.new = share > DEPENDENT
        if not self.new.all():
            basis, triangle = _qr(hidden[:, self.new])
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
    left, gain, _ = np.linalg.svd(_solve_triangle(triangle, dependent), full_matrices=False)
    damping = 1.0 / np.sqrt(1.0 + np.square(gain)) - 1.0

    def half(directions: FloatArray) -> FloatArray:
        solved = _solve_triangle(triangle, directions)
        return np.asarray(solved + left @ (damping[:, None] * (left.T @ solved)))

    return half


def _factors_of_wide(hidden: FloatArray) -> Factors:
    """Factorise more units than clips: every clip is its own direction."""
    full = scipy.linalg.qr(hidden.T, mode="r", check_finite=False)[0]
    triangle = np.asarray(full, np.float64)[: len(hidden)]
    return Factors(
        np.eye(len(hidden)),
        lambda directions: _solve_triangle(triangle, directions, transposed=True),
        _condition(triangle),
    )


def _qr(matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return Q (n, k) of orthonormal columns and the triangle R (k, k) of a matrix (n, k)."""
    q, r = scipy.linalg.qr(matrix, mode="economic", check_finite=False)
    return np.asarray(q, dtype=np.float64), np.asarray(r, dtype=np.float64)


def _solve_triangle(triangle: FloatArray, right: FloatArray, *, transposed: bool = False) -> FloatArray:
    """Solve triangle @ x = right, or triangle.T @ x = right."""
    solved = scipy.linalg.solve_triangular(triangle, right, trans=1 if transposed else 0, check_finite=False)
    return np.asarray(solved, dtype=np.float64)


def _condition(triangle: FloatArray) -> float:
    reciprocal, _ = scipy.linalg.lapack.dtrcon(triangle)
    return 1.0 / reciprocal if reciprocal > 0.0 else np.inf


class _Remainder(NamedTuple):
    """The eigenvalues and eigenvectors of I - Q_S Q_S^T: what is left of each direction without S."""

    values: FloatArray
    vectors: FloatArray

    @property
    def silent(self) -> np.ndarray:
        """Whether each direction is seen by left-out clips alone."""
        return self.values < SILENT

    def solve(self, right: FloatArray) -> FloatArray:
        """Apply the inverse, but for silent directions, which stay as they are."""
        shares = np.where(self.silent, 1.0, self.values)
        return np.asarray(self.vectors @ ((self.vectors.T @ right) / shares[:, None]))


def left_out_outputs(factors: Factors, targets: FloatArray, test: Rows) -> FloatArray | None:
    """Return the outputs (n_test, n_targets) for clips left out of the fit.

    Targets of the clips left out are not looked at. None where rounding would leave fewer than six digits.
    """
    rows = factors.basis[test]
    left = _Remainder(*np.linalg.eigh(np.eye(len(test)) - rows @ rows.T))
    if EPS * factors.condition > TRUSTED * np.sqrt(left.values[~left.silent].min(initial=1.0)):
        return None
    others = targets.copy()
    others[test] = 0.0
    only_test = rows.T @ left.vectors[:, left.silent]
    weights = _without(only_test, factors.basis.T @ others)
    outputs = left.solve(rows @ weights)
    if not left.silent.any():
        return outputs
    weights = _without(only_test, weights + rows.T @ outputs)
    q, r = _qr(factors.half(only_test))
    least = _solve_triangle(r, q.T @ factors.half(weights))
    return np.asarray(outputs - left.vectors[:, left.silent] @ least)


def _without(directions: FloatArray, weights: FloatArray) -> FloatArray:
    """Return the weights less their part in orthonormal directions."""
    return np.asarray(weights - directions @ (directions.T @ weights))
