"""Least squares of many sizes on many splits from one factorisation: the shortcut behind the ELM's grid.

Conventions
-----------
Let H (clips, units) be the hidden activations of all clips, S the rows held out and R the others. Plain least
squares fits H_R by pseudo-inverse for every size and split. Here H = Q L once for each size, with Q of
orthonormal columns and L of full row rank, and one QR serves all sizes, because the first n units of a layer
are those of the smaller layer. From then on a split costs as little as a matrix of its held-out rows:

- Leaving out S changes the fit by what I - Q_S Q_S^T, inverted, says (Allen's PRESS for blocks of rows).
- Directions V in which Q_R V = 0 are seen by held-out clips alone: units silent in R, or more units than
  clips. The pseudo-inverse gives them the weights of least norm, a projection in the metric (L L^T)^-1.

Both are exact. Rounding grows with cond(L) over the least singular value of Q_R; where the two together leave
fewer than six digits, the split is solved by pseudo-inverse after all.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.linalg
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from elmarc._cores import n_cores
from elmarc.classifiers.activations import FloatArray
from elmarc.classifiers.elm import ELMClassifier, one_vs_rest, output_weights

EPS = float(np.finfo(np.float64).eps)
# The share of a unit's norm outside the span of earlier units: rounding leaves 1e-16, real features 1e-4.
DEPENDENT, INDEPENDENT = 1e-13, 1e-11
SILENT = 1e-13  # eigenvalue of I - Q_S Q_S^T that is 0 but for rounding
TRUSTED = 1e-6

Rows = NDArray[np.intp]


@dataclass(frozen=True)
class _Factors:
    """H = basis @ L; `half` maps V to a W with W^T W = V^T (L L^T)^-1 V; `condition` is that of L."""

    basis: FloatArray
    half: Callable[[FloatArray], FloatArray]
    condition: float


def can_share(model: Any, candidates: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether a grid is one of sizes alone, of a seeded layer of weighted sums, fitted without ridge."""
    return (
        type(model) is ELMClassifier
        and model.hidden_layer is None
        and model.regressor is None
        and model.alpha == 1.0
        and model.ridge == 0.0
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
    n_jobs: int = 1,
) -> list[list[Rows]]:
    """Return the predicted classes for each candidate and split.

    Parameters
    ----------
    hidden : activations (n_clips, n_units) of the largest candidate.
    y : class numbers (n_clips,).
    splits : pairs of rows (train, test) without common rows.
    candidates : each with its `n_hidden`.
    n_jobs : number of threads.
    """
    sizes = [int(params["n_hidden"]) for params in candidates]
    targets = one_vs_rest(y, int(y.max()) + 1)
    columns: list[list[Rows]] = [[] for _ in splits]
    for rows, members in _by_rows(splits).items():
        used = np.frombuffer(rows, dtype=np.intp)
        local = [(np.searchsorted(used, splits[i][0]), np.searchsorted(used, splits[i][1])) for i in members]
        activations = hidden if len(used) == len(hidden) else hidden[used]
        outputs = held_out_outputs(activations, targets[used], local, sizes, n_jobs=n_jobs)
        for k, i in enumerate(members):
            classes = np.unique(y[splits[i][0]])
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
    n_jobs: int = 1,
) -> list[list[FloatArray]]:
    """Return, for each size and split, the outputs (n_test, n_targets) for the held-out clips.

    Parameters
    ----------
    hidden : activations (n_clips, n_units) of the largest layer, float64.
    targets : (n_clips, n_targets).
    splits : pairs of rows (train, test); each pair covers every row once.
    sizes : numbers of leading units to use, each at most n_units.
    n_jobs : number of threads.
    """
    largest_test = max(len(test) for _, test in splits)
    # the shortcut costs len(test)^3, the plain way n_train * size^2
    worthwhile = [size for size in set(sizes) if largest_test <= 2 * size]
    with ThreadPoolExecutor(n_jobs) as pool:
        with threadpool_limits(max(1, n_cores() // n_jobs)):
            factors = _factorise(hidden, worthwhile, pool)
        with threadpool_limits(1):  # a split's matrices are too small to share out
            rows = [
                [
                    pool.submit(_outputs, factors.get(size), hidden[:, :size], targets, split)
                    for split in splits
                ]
                for size in sizes
            ]
            return [[job.result() for job in row] for row in rows]


def _outputs(
    factors: _Factors | None, hidden: FloatArray, targets: FloatArray, split: tuple[Rows, Rows]
) -> FloatArray:
    train, test = split
    found = None if factors is None else _leave_out(factors, targets, split)
    if found is None:
        return hidden[test] @ output_weights(hidden[train], targets[train])
    return found


def _leave_out(factors: _Factors, targets: FloatArray, split: tuple[Rows, Rows]) -> FloatArray | None:
    """Return the outputs for the rows left out, or None where rounding would spoil them."""
    _, test = split
    held = factors.basis[test]
    known = targets.copy()
    known[test] = 0.0
    values, vectors = np.linalg.eigh(np.eye(len(test)) - held @ held.T)
    silent = values < SILENT
    if EPS * factors.condition > TRUSTED * np.sqrt(values[~silent].min(initial=1.0)):
        return None
    only_held = held.T @ vectors[:, silent]
    weights = _without(only_held, factors.basis.T @ known)
    shift = vectors @ ((vectors.T @ (held @ weights)) / np.where(silent, 1.0, values)[:, None])
    if not silent.any():
        return shift
    weights = _without(only_held, weights + held.T @ shift)
    return shift - vectors[:, silent] @ _solve(factors.half(only_held), factors.half(weights))


def _without(directions: FloatArray, weights: FloatArray) -> FloatArray:
    return weights - directions @ (directions.T @ weights)


def _solve(matrix: FloatArray, right: FloatArray) -> FloatArray:
    q, r = _qr(matrix)
    return _triangular(r, q.T @ right)


def _factorise(hidden: FloatArray, sizes: Sequence[int], pool: Executor) -> dict[int, _Factors | None]:
    """Factorise the leading units of each size; None where their rank is a matter of rounding."""
    alive = np.flatnonzero(hidden.any(axis=0))
    n_clips = len(hidden)
    n_alive = {size: int(np.searchsorted(alive, size)) for size in sizes}
    wide = {s: pool.submit(_wide, hidden[:, alive[:n]]) for s, n in n_alive.items() if n > n_clips}
    factors: dict[int, _Factors | None] = {}
    widest = max((n for n in n_alive.values() if n <= n_clips), default=0)
    if widest:
        tall = _Tall(hidden[:, alive[:widest]])
        factors |= {size: tall.leading(n) for size, n in n_alive.items() if 0 < n <= n_clips}
    return factors | {size: job.result() for size, job in wide.items()}


class _Tall:
    """QR of at most as many units as clips; units that depend on earlier ones stand aside."""

    def __init__(self, hidden: FloatArray) -> None:
        q, r = _qr(hidden)
        share = np.abs(np.diag(r)) / np.linalg.norm(hidden, axis=0)
        new = share > DEPENDENT
        if not new.all():
            q, r = _qr(hidden[:, new])
        self.new, self.basis, self.r = new, q, r
        self.dependent = q.T @ hidden[:, ~new]
        self.doubtful = new & (share < INDEPENDENT)

    def leading(self, n: int) -> _Factors | None:
        if self.doubtful[:n].any():
            return None
        rank = int(self.new[:n].sum())
        r = np.asfortranarray(self.r[:rank, :rank])
        dependent = self.dependent[:rank, : n - rank]
        left, gain, _ = np.linalg.svd(_triangular(r, dependent), full_matrices=False)
        damping = 1.0 / np.sqrt(1.0 + np.square(gain)) - 1.0

        def half(v: FloatArray) -> FloatArray:
            w = _triangular(r, v)
            return np.asarray(w + left @ (damping[:, None] * (left.T @ w)))

        return _Factors(self.basis[:, :rank], half, _condition(r))


def _wide(hidden: FloatArray) -> _Factors:
    """Factorise more units than clips: every clip is its own direction."""
    r = np.asarray(scipy.linalg.qr(hidden.T, mode="r", check_finite=False)[0], np.float64)[: len(hidden)]
    return _Factors(np.eye(len(hidden)), lambda v: _triangular(r, v, transposed=True), _condition(r))


def _qr(matrix: FloatArray) -> tuple[FloatArray, FloatArray]:
    q, r = scipy.linalg.qr(matrix, mode="economic", check_finite=False)
    return np.asarray(q, dtype=np.float64), np.asarray(r, dtype=np.float64)


def _triangular(r: FloatArray, right: FloatArray, *, transposed: bool = False) -> FloatArray:
    found = scipy.linalg.solve_triangular(r, right, trans=1 if transposed else 0, check_finite=False)
    return np.asarray(found, dtype=np.float64)


def _condition(r: FloatArray) -> float:
    reciprocal, _ = scipy.linalg.lapack.dtrcon(r)
    return 1.0 / reciprocal if reciprocal > 0.0 else np.inf
