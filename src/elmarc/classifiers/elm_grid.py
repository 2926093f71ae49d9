"""Extreme learning machines of many sizes on many splits, with little more work than one: the ELM's grid.

The hidden layer is drawn and applied once, for the largest size; smaller machines take its first units.

Plain least squares fits the hidden activations of the training clips by pseudo-inverse, for every size and
split. Here the activations of all clips are factorised once (`factors`), and a split costs as little as a
matrix of its held-out rows (`leave_out`). Where rounding would leave fewer than six digits, the split is
solved by pseudo-inverse. A ridge regression (`LeaveOneOutRidge`) is fitted for each size and split.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from elmarc.classifiers.activations import FloatArray
from elmarc.classifiers.elm import ELMClassifier, one_vs_rest, output_weights
from elmarc.classifiers.factors import Factors, factorise
from elmarc.classifiers.leave_out import left_out_outputs
from elmarc.classifiers.ridge import LeaveOneOutRidge

Rows = NDArray[np.intp]


def can_share(model: Any, candidates: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether a grid is one of sizes alone, of a seeded layer of weighted sums.

    It is fitted by plain least squares or by `LeaveOneOutRidge`.
    """
    return (
        type(model) is ELMClassifier
        and model.hidden_layer is None
        and type(model.regressor) in (type(None), LeaveOneOutRidge)
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
    regressor: LeaveOneOutRidge | None = None,
    n_jobs: int = 1,
) -> list[list[Rows]]:
    """Predict the held-out clips with every candidate.

    Parameters
    ----------
    hidden : activations (n_clips, n_units) of the largest candidate.
    y : class numbers (n_clips,).
    splits : pairs of rows (train, test) without common rows.
    candidates : each with its `n_hidden`.
    regressor : the ridge regression, or None for least squares.
    n_jobs : number of threads.

    Returns
    -------
    list of list of ndarray [shape=(n_test,)]
        The predicted class numbers, by candidate and split.
    """
    sizes = [int(params["n_hidden"]) for params in candidates]
    targets = one_vs_rest(y, int(y.max()) + 1)
    columns: list[list[Rows]] = [[] for _ in splits]
    for rows, members in _by_rows(splits).items():
        used = np.frombuffer(rows, dtype=np.intp)
        local = [_numbered(splits[i], used) for i in members]
        activations = hidden if len(used) == len(hidden) else hidden[used]
        if regressor is None:
            outputs = held_out_outputs(activations, targets[used], local, sizes, n_jobs=n_jobs)
        else:
            outputs = _regressed(regressor, activations, targets[used], local, sizes, n_jobs=n_jobs)
        for k, i in enumerate(members):
            known = np.unique(y[splits[i][0]])
            columns[i] = [_largest(row[k], known) for row in outputs]
    return [list(row) for row in zip(*columns, strict=True)]


def _numbered(split: tuple[Rows, Rows], used: Rows) -> tuple[Rows, Rows]:
    """Return the places of a split's rows among the sorted rows in use."""
    train, test = split
    return np.searchsorted(used, train), np.searchsorted(used, test)


def _largest(outputs: FloatArray, classes: Rows) -> Rows:
    """Return the class of the largest output for each clip, of those that the machine learned."""
    return np.asarray(classes[outputs[:, classes].argmax(axis=1)])


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
    """Fit the leading units of each size on each split, and compute the outputs for the held-out clips.

    Parameters
    ----------
    hidden : activations (n_clips, n_units) of the largest layer, float64.
    targets : (n_clips, n_targets).
    splits : pairs of rows (train, test); each pair covers every row once.
    sizes : numbers of leading units to use, each at most n_units.
    n_jobs : number of threads.

    Returns
    -------
    list of list of ndarray [shape=(n_test, n_targets)]
        By size and split.
    """
    largest_test = max(len(test) for _, test in splits)
    # the shortcut costs len(test)^3, the plain way n_train * size^2
    worthwhile = [size for size in dict.fromkeys(sizes) if largest_test <= 2 * size]
    with threadpool_limits(1), ThreadPoolExecutor(n_jobs) as pool:  # sums of several threads round otherwise
        factors = factorise(hidden, worthwhile, pool)
        rows = [
            [pool.submit(_outputs, factors.get(size), hidden[:, :size], targets, split) for split in splits]
            for size in sizes
        ]
        return [[job.result() for job in row] for row in rows]


def _regressed(
    regressor: LeaveOneOutRidge,
    hidden: FloatArray,
    targets: FloatArray,
    splits: Sequence[tuple[Rows, Rows]],
    sizes: Sequence[int],
    *,
    n_jobs: int,
) -> list[list[FloatArray]]:
    """Return what `held_out_outputs` does, by a regression that is fitted to each size and split."""

    def outputs(size: int, split: tuple[Rows, Rows]) -> FloatArray:
        train, test = split
        fitted: LeaveOneOutRidge = clone(regressor).fit(hidden[train, :size], targets[train])
        return fitted.predict(hidden[test, :size])

    with threadpool_limits(1), ThreadPoolExecutor(n_jobs) as pool:
        rows = [[pool.submit(outputs, size, split) for split in splits] for size in sizes]
        return [[job.result() for job in row] for row in rows]


def _outputs(
    factors: Factors | None, hidden: FloatArray, targets: FloatArray, split: tuple[Rows, Rows]
) -> FloatArray:
    train, test = split
    found = None if factors is None else left_out_outputs(factors, targets, test)
    return hidden[test] @ output_weights(hidden[train], targets[train]) if found is None else found
