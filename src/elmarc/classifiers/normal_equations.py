"""Ridge regressions from sums over blocks of clips: two passes, in memory that no number of clips changes.

The first pass sums S = X^T X and C = X^T Y, centred (`blocks.py`). With S = V diag(w) V^T, the weights of
penalty a are V (V^T C / (w + a)), and the leverage of a clip x is sum((x V)^2 / (w + a)) + 1 / n. The second
pass divides each residual by 1 - leverage: the exact error on that clip, left out. Directions are as exact as
S is: those with less than about 1e-16 of the largest energy are noise, which any penalty above it outweighs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from elmarc.classifiers.blocks import Blocks, FloatArray, Moments, Targets, block_rows, moments

LEVERAGE = 1e-9  # 1 - hat of a clip that alone fixes a direction is 0 but for rounding


@dataclass(frozen=True)
class RidgeFit:
    """A ridge regression and how its penalty was chosen.

    Attributes
    ----------
    penalty : the chosen one.
    errors : for each penalty, the sum of squared errors on clips left out one by one.
    coef : (n_features, n_targets)
    intercept : (n_targets,)
    """

    penalty: float
    errors: FloatArray
    coef: FloatArray
    intercept: FloatArray


def fit(inputs: Blocks, targets: Targets, penalties: Sequence[float]) -> RidgeFit:
    """Fit ridge regressions with an intercept, and choose the penalty of least leave-one-out error.

    Parameters
    ----------
    inputs : rows, read twice.
    targets : their targets.
    penalties : positive.

    Raises
    ------
    ValueError
        A number is not finite.
    """
    sums = moments(inputs, targets)
    energies, axes = scipy.linalg.eigh(sums.scatter)
    energies = np.maximum(energies, 0.0)
    damped = [energies[:, None] + a for a in penalties]
    projected = axes.T @ sums.cross
    errors = _left_out_errors(inputs, targets, sums, axes, damped, projected)
    best = int(np.argmin(errors))
    coef = axes @ (projected / damped[best])
    return RidgeFit(float(penalties[best]), errors, coef, sums.means - sums.level @ coef)


def _left_out_errors(
    inputs: Blocks,
    targets: Targets,
    sums: Moments,
    axes: FloatArray,
    damped: Sequence[FloatArray],
    projected: FloatArray,
) -> FloatArray:
    """Return for each penalty the sum of squared errors on clips left out one by one."""
    inverse = np.hstack([1.0 / each for each in damped])
    weights = np.hstack([projected / each for each in damped])
    errors = np.zeros(len(damped))
    for place, block in inputs.each(block_rows(max(len(axes), weights.shape[1]))):
        turned = (block - sums.level) @ axes
        predicted = (turned @ weights).reshape(len(block), len(damped), -1)
        rest = np.maximum(1.0 - 1.0 / sums.n_clips - np.square(turned) @ inverse, LEVERAGE)
        residuals = (targets.at(place) - sums.means)[:, None, :] - predicted
        errors += np.square(residuals / rest[:, :, None]).sum(axis=(0, 2))
    return errors


def left_out(inputs: Blocks, targets: Targets, *, penalty: float, units: NDArray[np.intp]) -> FloatArray:
    """Return what `ridge.left_out` does, (n_clips, n_targets), in passes over blocks of clips.

    Parameters
    ----------
    inputs : rows, read twice; those of units of several clips three times.
    targets : their targets.
    penalty : weight of the squared coefficients, positive.
    units : a number for each clip (n_clips,); clips with the same number are left out together.
    """
    sums = moments(inputs, targets)
    energies, axes = scipy.linalg.eigh(sums.scatter)
    inverse = 1.0 / (np.maximum(energies, 0.0)[:, None] + penalty)
    weights = inverse * (axes.T @ sums.cross)
    said = np.empty((len(inputs), targets.n_columns))
    for place, block in inputs.each(block_rows(len(axes))):
        turned, wanted = (block - sums.level) @ axes, targets.at(place)
        rest = np.maximum(1.0 - 1.0 / sums.n_clips - np.square(turned) @ inverse, LEVERAGE)
        said[place] = wanted - (wanted - sums.means - turned @ weights) / rest
    for own in clips_of_units(units):
        if len(own) > 1:
            turned, wanted = (inputs.at(own) - sums.level) @ axes, targets.at(own)
            rest = np.eye(len(own)) - (turned * inverse.T) @ turned.T - 1.0 / sums.n_clips
            errors = np.linalg.lstsq(rest, wanted - sums.means - turned @ weights, rcond=LEVERAGE)[0]
            said[own] = wanted - errors
    return said


def clips_of_units(units: NDArray[np.intp]) -> list[NDArray[np.intp]]:
    """Return the clips of each unit.

    >>> [own.tolist() for own in clips_of_units(np.array([5, 1, 5]))]
    [[1], [0, 2]]
    """
    order = np.argsort(units, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(units[order])) + 1)


def plain_weights(inputs: Blocks, targets: Targets, ridge: float) -> FloatArray:
    """Return the weights (n_columns, n_targets) of a ridge regression without intercept, in one pass."""
    width = inputs.n_columns
    normal, right = np.zeros((width, width)), np.zeros((width, targets.n_columns))
    for place, block in inputs.each(block_rows(width)):
        normal += block.T @ block
        right += block.T @ targets.at(place)
    normal.flat[:: width + 1] += ridge
    return np.asarray(scipy.linalg.solve(normal, right, assume_a="pos"))
