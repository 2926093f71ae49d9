"""Every SVM of a grid from one Gram matrix: the shortcut behind the SVM's grid.

The Gram matrix X X^T is computed once. A radial kernel follows by exp(-gamma (|x|^2 + |y|^2 - 2 x.y)), in the
order in which libsvm computes it; every C and fold takes its rows and columns. libsvm then meets the same
numbers as on raw features, and gives the same machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.svm import SVC

from elmarc._resources import memory_bytes
from elmarc.classifiers.ridge import FloatArray, Rows
from elmarc.errors import ConfigError

Kernel = tuple[str, float]
GIB = 2.0**30


def can_share(model: Any, candidates: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a grid is one of C, gamma and kernel alone, linear or radial, with fixed gamma."""
    if type(model) is not SVC or any(params.keys() - {"C", "gamma", "kernel"} for params in candidates):
        return False
    full = [{"kernel": model.kernel, "gamma": model.gamma, **params} for params in candidates]
    return all(p["kernel"] == "linear" or (p["kernel"] == "rbf" and p["gamma"] != "scale") for p in full)


def check_memory(n_clips: int, *, n_jobs: int, memory_gib: float | None = None) -> None:
    """Raise ConfigError where the grid of so many clips needs more than `memory_gib`.

    None: half of what this process may use.
    """
    # the Gram matrix, one kernel, and its training part for each job
    needed = (2 + n_jobs) * 8 * n_clips**2 / GIB
    limit = memory_bytes() / GIB / 2 if memory_gib is None else memory_gib
    if needed > limit:
        raise ConfigError(
            f"the svm grid on {n_clips} clips needs {needed:.1f} GiB for its Gram matrices, over the limit "
            f"of {limit:.1f} GiB: use the ridge or linear_svm classifier, which need none, or fewer clips"
        )


def gram_matrix(X: NDArray[Any]) -> FloatArray:
    """Return X X^T (n_clips, n_clips) in float64, as libsvm sums."""
    double = np.asarray(X, dtype=np.float64)
    return double @ double.T


def predict_grid(
    gram: FloatArray,
    y: Rows,
    splits: Sequence[tuple[Rows, Rows]],
    model: SVC,
    candidates: Sequence[Mapping[str, Any]],
    *,
    n_features: int,
    n_jobs: int = 1,
) -> list[list[Rows]]:
    """Return the class numbers predicted for held-out clips (n_test,), by candidate and split.

    Parameters
    ----------
    gram : from `gram_matrix`.
    y : class numbers (n_clips,).
    splits : pairs of rows (train, test).
    model : the SVC whose other settings hold for every candidate.
    candidates : each with some of `C`, `gamma`, `kernel`.
    n_features : of X, for gamma "auto".
    n_jobs : number of threads; libsvm releases the interpreter lock.
    """
    machines = [clone(model).set_params(**params) for params in candidates]
    by_kernel: dict[Kernel, list[int]] = {}
    for i, machine in enumerate(machines):
        by_kernel.setdefault(_kernel_of(machine, n_features), []).append(i)
    predicted: list[list[Rows]] = [[] for _ in candidates]
    with ThreadPoolExecutor(n_jobs) as pool:
        for kernel, members in by_kernel.items():
            matrix = _kernel_matrix(gram, kernel)
            peers = [machines[i].set_params(kernel="precomputed") for i in members]
            columns = pool.map(lambda split, m=matrix, p=peers: _fit_and_predict(p, m, y, split), splits)
            for i, row in zip(members, zip(*columns, strict=True), strict=True):
                predicted[i] = list(row)
    return predicted


def _kernel_of(machine: SVC, n_features: int) -> Kernel:
    if machine.kernel == "linear":
        return "linear", 0.0
    return "rbf", 1.0 / n_features if machine.gamma == "auto" else float(machine.gamma)


def _kernel_matrix(gram: FloatArray, kernel: Kernel) -> FloatArray:
    name, gamma = kernel
    if name == "linear":
        return gram
    squares = np.diag(gram)
    matrix = gram * -2.0
    matrix += np.add.outer(squares, squares)
    matrix *= -gamma
    return np.exp(matrix, out=matrix)


def _fit_and_predict(
    machines: Sequence[SVC], kernel: FloatArray, y: Rows, split: tuple[Rows, Rows]
) -> list[Rows]:
    """Fit and predict with every machine of one kernel.

    Where no multiplier reaches C, the machine's margin is hard, and every larger C gives the same machine.
    """
    train, test = split
    inner, outer = kernel[np.ix_(train, train)], kernel[np.ix_(test, train)]
    predicted: dict[int, Rows] = {}
    hard: Rows | None = None
    for i in sorted(range(len(machines)), key=lambda i: float(machines[i].C)):
        if hard is None:
            machine = clone(machines[i]).fit(inner, y[train])
            predicted[i] = np.asarray(machine.predict(outer))
            if np.abs(machine.dual_coef_).max() < machine.C:
                hard = predicted[i]
        else:
            predicted[i] = hard
    return [predicted[i] for i in range(len(machines))]
