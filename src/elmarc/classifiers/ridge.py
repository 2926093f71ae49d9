"""Ridge regressions that choose their penalty by leaving out one clip at a time, on few clips or very many.

Method
------
With inputs X and targets Y centred, the hat matrix of penalty a is H = X (X^T X + a)^-1 X^T + 1 / n, and the
error on a clip that is left out is its residual over 1 - H[i, i] (Allen's PRESS). One factorisation serves
all penalties.

- Few clips (`LeaveOneOutRidge.fit`, `left_out`): the smaller of the two Gram matrices is factorised, so that
  thousands of units on few clips cost little.
- From `MANY` clips on (`Streamed`): X is read in blocks of rows, twice, and memory follows from the number of
  columns alone. Sums over blocks are centred as they grow (Chan, Golub & LeVeque, The American Statistician
  37, 1983), so that features far from 0 lose no digits.

scikit-learn's `RidgeCV` chooses the same penalty as `LeaveOneOutRidge` and predicts the same numbers. It is
slower: with version 1.9.1, 10 targets and 21 penalties in one thread, 2.4 times on 400 x 3584, 1.3 times on
2000 x 3584.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self, TypeAlias

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, RegressorMixin, clone
from sklearn.linear_model import RidgeClassifierCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, LabelBinarizer, StandardScaler
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

FloatArray: TypeAlias = NDArray[np.float64]
Rows: TypeAlias = NDArray[np.intp]

MANY = 20_000  # clips from which on no copy of the features is made
BLOCK_CELLS = 2**21  # 16 MiB of float64
BLOCK_ROWS = 8192
PENALTIES = tuple(10.0 ** (k / 2) for k in range(-8, 13))
LEVERAGE = 1e-9  # 1 - H[i, i] of a clip that alone determines a direction is 0 but for rounding


def are_many(n_clips: int, n_columns: int = 0) -> bool:
    """Return whether clips are read in blocks: at least `MANY`, and at least as many as columns."""
    return n_clips >= max(MANY, n_columns)


def block_rows(n_columns: int) -> int:
    """Return the number of rows of a block with so many columns."""
    return max(64, min(BLOCK_ROWS, BLOCK_CELLS // max(1, n_columns)))


class Blocks:
    """Rows of a matrix in float64, a block at a time, passed through steps without a copy of the whole.

    Parameters
    ----------
    X : array, np.memmap, or anything with a `shape` that gives arrays for `X[slice]` and `X[rows]`
        (n_clips, n_features).
    rows : ndarray or None
        The rows to use, in this order; None: all.
    steps : sequence of callables
        Each takes and returns an array of as many rows: fitted scalers, a hidden layer.

    >>> [block.tolist() for _, block in Blocks(np.arange(6).reshape(3, 2), rows=np.array([2, 0])).each(1)]
    [[[4.0, 5.0]], [[0.0, 1.0]]]
    """

    def __init__(
        self, X: Any, rows: Rows | None = None, steps: Sequence[Callable[[FloatArray], Any]] = ()
    ) -> None:
        self.X, self.rows, self.steps = X, rows, tuple(steps)

    def __len__(self) -> int:
        return len(self.X) if self.rows is None else len(self.rows)

    @property
    def n_columns(self) -> int:
        """The width of a block after the steps."""
        return self.at(slice(0, 1)).shape[1] if self.steps else int(self.X.shape[1])

    def then(self, step: Callable[[FloatArray], Any]) -> Blocks:
        """Return the same rows with one more step."""
        return Blocks(self.X, self.rows, (*self.steps, step))

    def each(self, n_rows: int | None = None) -> Iterator[tuple[slice, FloatArray]]:
        """Yield blocks of at most `n_rows` rows, each with its place."""
        n_rows = n_rows or block_rows(self.n_columns)
        for start in range(0, len(self), n_rows):
            place = slice(start, min(start + n_rows, len(self)))
            yield place, self.at(place)

    def at(self, place: slice | Rows) -> FloatArray:
        """Return some of the rows, by their places. Raises ValueError where a number is not finite."""
        block = np.array(self.X[place if self.rows is None else self.rows[place]], dtype=np.float64)
        if not np.isfinite(block).all():
            raise ValueError("Input X contains NaN or infinity")
        for step in self.steps:
            block = np.asarray(step(block), dtype=np.float64)
        return block


class ClassTargets:
    """Targets -1 and +1, one class against the rest, a block at a time; one column for two classes.

    `codes` are class numbers (n_clips,), from 0.
    """

    def __init__(self, codes: Rows, n_classes: int) -> None:
        self.codes = codes
        self._columns = np.arange(n_classes) if n_classes > 2 else np.array([1])
        self.n_columns = len(self._columns)

    def at(self, place: slice | Rows) -> FloatArray:
        """Return the targets of some clips."""
        return np.where(self.codes[place, None] == self._columns, 1.0, -1.0)


class Streamed:
    """Ridge regressions with an intercept from sums over blocks of clips.

    With S = X^T X = V diag(w) V^T and C = X^T Y, the coefficients of penalty a are V (V^T C / (w + a)), and
    the leverage of a clip x is sum((x V)^2 / (w + a)) + 1 / n.

    Parameters
    ----------
    inputs : rows, read once here and once by each method.
    targets : their targets.

    Attributes
    ----------
    level, means : of the inputs (n_columns,) and targets (n_targets,).
    scatter, cross : S (n_columns, n_columns) and C (n_columns, n_targets).
    """

    def __init__(self, inputs: Blocks, targets: ClassTargets) -> None:
        self._inputs, self._targets = inputs, targets
        width, n = inputs.n_columns, 0
        self.level, self.means = np.zeros(width), np.zeros(targets.n_columns)
        self.scatter, self.cross = np.zeros((width, width)), np.zeros((width, targets.n_columns))
        for place, block in inputs.each():
            outputs = targets.at(place)
            centre, middle = block.mean(axis=0), outputs.mean(axis=0)
            block -= centre
            weight = len(block) * n / (n + len(block))
            shift, turn = centre - self.level, middle - self.means
            self.scatter += block.T @ block
            self.cross += block.T @ (outputs - middle)
            if n:
                self.scatter += weight * np.outer(shift, shift)
                self.cross += weight * np.outer(shift, turn)
            n += len(block)
            self.level += shift * (len(block) / n)
            self.means += turn * (len(block) / n)
        # directions below about 1e-16 of the largest energy are noise, which any larger penalty outweighs
        energies, self._axes = scipy.linalg.eigh(self.scatter)
        self._energies = np.maximum(energies, 0.0)[:, None]
        self._projected = self._axes.T @ self.cross

    def solve(self, penalty: float) -> tuple[FloatArray, FloatArray]:
        """Return coefficients (n_columns, n_targets) and intercepts (n_targets,)."""
        coef = self._axes @ (self._projected / (self._energies + penalty))
        return coef, self.means - self.level @ coef

    def best(self, penalties: Sequence[float]) -> tuple[float, float]:
        """Return the penalty with the least sum of squared errors on left-out clips, and that sum."""
        damped = [self._energies + a for a in penalties]
        inverse = np.hstack([1.0 / each for each in damped])
        weights = np.hstack([self._projected / each for each in damped])
        errors = np.zeros(len(damped))
        n_rows = block_rows(max(len(self._axes), weights.shape[1]))
        for place, block in self._inputs.each(n_rows):
            turned = (block - self.level) @ self._axes
            predicted = (turned @ weights).reshape(len(block), len(damped), -1)
            residuals = (self._targets.at(place) - self.means)[:, None, :] - predicted
            errors += np.square(residuals / self._rest(turned, inverse)[:, :, None]).sum(axis=(0, 2))
        return float(penalties[int(np.argmin(errors))]), float(errors.min())

    def left_out(self, *, penalty: float, units: Rows) -> FloatArray:
        """Return what the function `left_out` does; clips of units with several are read once more."""
        inverse = 1.0 / (self._energies + penalty)
        weights = inverse * self._projected
        values = np.empty((len(self._inputs), self._targets.n_columns))
        for place, block in self._inputs.each():
            turned, outputs = (block - self.level) @ self._axes, self._targets.at(place)
            values[place] = outputs - (outputs - self.means - turned @ weights) / self._rest(turned, inverse)
        for rows in _clips_of_units(units):
            if len(rows) > 1:
                turned = (self._inputs.at(rows) - self.level) @ self._axes
                outputs = self._targets.at(rows)
                rest = np.eye(len(rows)) - (turned * inverse.T) @ turned.T - 1.0 / len(self._inputs)
                residuals = outputs - self.means - turned @ weights
                values[rows] = outputs - np.linalg.lstsq(rest, residuals, rcond=LEVERAGE)[0]
        return values

    def _rest(self, turned: FloatArray, inverse: FloatArray) -> FloatArray:
        """Return 1 - leverage of each clip and penalty."""
        return np.maximum(1.0 - 1.0 / len(self._inputs) - np.square(turned) @ inverse, LEVERAGE)


class LeaveOneOutRidge(RegressorMixin, BaseEstimator):
    """Least squares with an intercept and the penalty, of several, whose leave-one-out error is least.

    Parameters
    ----------
    penalties : positive weights of the squared coefficients; one is chosen for all targets together.

    Attributes
    ----------
    penalty_ : the one chosen.
    coef_ : ndarray [shape=(n_features,) or (n_features, n_targets)]
    intercept_ : ndarray [shape=() or (n_targets,)]

    >>> import numpy as np
    >>> x = np.arange(6.0)[:, None]
    >>> LeaveOneOutRidge().fit(x, 2 * x.ravel() + 1).predict([[10.0]]).round(2).tolist()
    [21.0]
    """

    coef_: FloatArray
    intercept_: FloatArray
    penalty_: float

    def __init__(self, penalties: Sequence[float] = PENALTIES) -> None:
        self.penalties = penalties

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit X (n_clips, n_features) to y (n_clips,) or (n_clips, n_targets)."""
        data, targets = validate_data(
            self, X, y, dtype=np.float64, multi_output=True, y_numeric=True, ensure_min_samples=2
        )
        targets = np.asarray(targets, dtype=np.float64)
        level, means = data.mean(axis=0), targets.mean(axis=0)
        inputs, outputs = data - level, (targets - means).reshape(len(data), -1)
        basis, energies = _factors(inputs)
        projected = basis.T @ outputs
        errors = []
        for penalty in self.penalties:
            shrink = energies / (energies + penalty)
            hat = np.square(basis) @ shrink + 1.0 / len(basis)
            residuals = outputs - basis @ (shrink[:, None] * projected)
            errors.append(float(np.square(residuals / np.maximum(1.0 - hat, LEVERAGE)[:, None]).sum()))
        self.penalty_ = float(self.penalties[int(np.argmin(errors))])
        dual = basis @ (projected / (energies + self.penalty_)[:, None])
        dual += (outputs - basis @ projected) / self.penalty_
        self.coef_ = (inputs.T @ dual).reshape(-1, *targets.shape[1:])
        self.intercept_ = np.asarray(means - level @ self.coef_)
        return self

    def fit_blocks(self, inputs: Blocks, targets: ClassTargets) -> Self:
        """Fit as `fit` does, in two passes over blocks of clips: for more clips than features."""
        ridge = Streamed(inputs, targets)
        self.penalty_, _ = ridge.best(self.penalties)
        self.coef_, self.intercept_ = ridge.solve(self.penalty_)
        self.n_features_in_ = len(self.coef_)
        return self

    def predict(self, X: ArrayLike) -> FloatArray:
        """Return the outputs, shaped as y was."""
        check_is_fitted(self)
        data = validate_data(self, X, dtype=np.float64, reset=False)
        return np.asarray(data @ self.coef_ + self.intercept_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


class LeaveOneOutRidgeClassifier(RidgeClassifierCV):
    """Ridge regression on targets one against the rest, its penalty chosen by leaving out single clips.

    This is scikit-learn's `RidgeClassifierCV`. Where features outnumber clips, `fit` computes coefficients
    for the chosen penalty alone: two to three times faster on 320 clips. From 20,000 clips on, where clips
    outnumber features, it reads X in blocks, twice, and makes no copy of it: a memory-mapped array stays on
    the disk. The numbers are the same but for rounding. Sample weights, several labels per clip and options
    other than `alphas`, the positive weights of the squared coefficients, are scikit-learn's at any size.

    Examples
    --------
    >>> x = np.arange(6.0)[:, None]
    >>> LeaveOneOutRidgeClassifier().fit(x, ["low"] * 3 + ["high"] * 3).predict([[0.5], [4.5]]).tolist()
    ['low', 'high']
    """

    def fit(self, X: Any, y: Any, sample_weight: Any = None, **params: Any) -> Self:
        """Fit X (n_clips, n_features) to the labels y (n_clips,)."""
        if sample_weight is None and not params and self.can_fit_blocks() and _are_plain(X, y):
            if are_many(*X.shape):
                data = validate_data(self, X, dtype=None, ensure_all_finite=False)  # checked block by block
                return self.fit_blocks(Blocks(data), y)
            if len(X) <= X.shape[1] and X.dtype.kind == "f":
                return self._fit_wide(X, y)
        super().fit(X, y, sample_weight=sample_weight, **params)
        return self

    def can_fit_blocks(self) -> bool:
        """Return whether `fit_blocks` fits this classifier: all options but `alphas` are the defaults."""
        plain = RidgeClassifierCV(alphas=self.alphas).get_params()
        return all(value is plain[name] for name, value in self.get_params().items())

    def fit_blocks(self, inputs: Blocks, y: ArrayLike) -> Self:
        """Fit the inputs to the labels y (n_clips,), in two passes over blocks of clips."""
        labels = np.asarray(y)
        self._label_binarizer = LabelBinarizer(pos_label=1, neg_label=-1).fit(labels)
        self.classes_, codes = np.unique(labels, return_inverse=True)
        targets = ClassTargets(codes, len(self.classes_))
        ridge = Streamed(inputs, targets)
        self.alpha_, error = ridge.best(np.atleast_1d(self.alphas).tolist())
        self.best_score_ = -error / (len(codes) * targets.n_columns)
        coef, self.intercept_ = ridge.solve(self.alpha_)
        self.coef_ = coef.T.copy()
        self.n_features_in_ = self.coef_.shape[1]
        return self

    def _fit_wide(self, X: NDArray[Any], y: ArrayLike) -> Self:
        """Fit clips that features outnumber, by the eigenvectors Q and eigenvalues w of their Gram matrix.

        With c = Q (Q^T Y / (w + a)) and d the diagonal of Q diag(1 / (w + a)) Q^T, less what the intercept
        takes, the errors on clips left out are c / d, and the coefficients X^T c.
        """
        data = validate_data(self, X, dtype=np.float64)
        self._label_binarizer = LabelBinarizer(pos_label=1, neg_label=-1)
        targets = self._label_binarizer.fit_transform(np.asarray(y)).astype(np.float64)
        self.classes_ = self._label_binarizer.classes_
        level, means = data.mean(axis=0), targets.mean(axis=0)
        inputs, outputs = data - level, targets - means
        energies, basis = np.linalg.eigh(inputs @ inputs.T)
        projected, level_projected, squares = basis.T @ outputs, basis.sum(axis=0), np.square(basis)
        duals, scores, penalties = [], [], np.atleast_1d(self.alphas).tolist()
        for penalty in penalties:
            inverse = 1.0 / (energies + penalty)
            dual = basis @ (inverse[:, None] * projected)
            rest = (inverse * squares).sum(axis=1) - basis @ (inverse * level_projected) / len(data)
            duals.append(dual)
            scores.append(-np.square(dual / rest[:, None]).mean())
        best = int(np.argmax(scores))
        self.alpha_, self.best_score_ = penalties[best], scores[best]
        coef = inputs.T @ duals[best]
        self.intercept_ = (means - level @ coef).astype(X.dtype)
        self.coef_ = coef.T.astype(X.dtype).squeeze(axis=0 if len(means) == 1 else ())
        return self

    def predict(self, X: Any) -> NDArray[Any]:
        """Return the class of the largest output of each clip, (n_clips,)."""
        if not isinstance(X, np.ndarray) or X.ndim != 2 or not are_many(len(X)):
            return np.asarray(super().predict(X))
        n_rows = block_rows(X.shape[1])
        parts = (X[start : start + n_rows] for start in range(0, len(X), n_rows))
        return np.concatenate([RidgeClassifierCV.predict(self, part) for part in parts])


def _are_plain(X: Any, y: Any) -> bool:
    """Return whether X is an array of numbers, and y a label for each row, of two classes or more."""
    return (
        isinstance(X, np.ndarray)
        and X.ndim == 2
        and X.dtype.kind in "fiu"
        and np.shape(y) == (len(X),)
        and np.asarray(y).dtype.kind in "biuUSO"
        and type_of_target(y) in ("binary", "multiclass")
        and len(np.unique(y)) > 1
    )


def left_out(X: FloatArray, y: FloatArray, *, penalty: float, units: Rows) -> FloatArray:
    """Return what ridge regressions fitted without each unit predict for its clips, from one factorisation.

    With the hat matrix H and residuals r of the fit on all clips, clips g that are left out together have the
    errors (I - H[g, g])^-1 r[g]. Exact for a fixed penalty.

    Parameters
    ----------
    X : inputs (n_clips, n_features).
    y : targets (n_clips, n_targets).
    penalty : weight of the squared coefficients, positive; the intercept is free.
    units : a number for each clip (n_clips,); clips with the same number are left out together.
    """
    outputs = y - y.mean(axis=0)
    basis, energies = _factors(X - X.mean(axis=0))
    shrink = energies / (energies + penalty)
    residuals = outputs - basis @ (shrink[:, None] * (basis.T @ outputs))
    errors = np.empty_like(residuals)
    for rows in _clips_of_units(units):
        rest = np.eye(len(rows)) - (basis[rows] * shrink) @ basis[rows].T - 1.0 / len(X)
        errors[rows] = np.linalg.lstsq(rest, residuals[rows], rcond=LEVERAGE)[0]
    return np.asarray(y - errors)


def _factors(inputs: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return Q (n_clips, rank) and w (rank,) with inputs inputs^T = Q diag(w) Q^T."""
    n_clips, n_features = inputs.shape
    if n_clips <= n_features:
        energies, basis = scipy.linalg.eigh(inputs @ inputs.T, overwrite_a=True)
        return basis, np.maximum(energies, 0.0)
    energies, axes = scipy.linalg.eigh(inputs.T @ inputs, overwrite_a=True)
    used = energies > energies[-1] * n_features * np.finfo(np.float64).eps
    return inputs @ (axes[:, used] / np.sqrt(energies[used])), energies[used]


def _clips_of_units(units: Rows) -> list[Rows]:
    """Return the clips of each unit.

    >>> [rows.tolist() for rows in _clips_of_units(np.array([5, 1, 5]))]
    [[1], [0, 2]]
    """
    order = np.argsort(units, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(units[order])) + 1)


def is_for_blocks(estimator: Any, inputs: Blocks, y: NDArray[Any]) -> bool:
    """Return whether clips are many and the estimator can be fitted in blocks.

    It can with `can_fit_blocks()` and `fit_blocks(Blocks, y)`, alone or behind scikit-learn's
    `StandardScaler` and functions of single clips (`squash`).
    """
    *steps, model = _steps(estimator)
    return (
        are_many(len(inputs), inputs.n_columns)
        and hasattr(model, "can_fit_blocks")
        and bool(model.can_fit_blocks())
        and all(type(step) in (StandardScaler, FunctionTransformer) for step in steps)
        and len(np.unique(y)) > 1
    )


def fit_in_blocks(estimator: Any, inputs: Blocks, y: NDArray[Any]) -> Any:
    """Return a copy of an estimator, fitted: see `is_for_blocks`."""
    fitted = clone(estimator)
    *steps, model = _steps(fitted)
    width = inputs.n_columns
    for step in steps:
        if isinstance(step, StandardScaler):
            for _, block in inputs.each(block_rows(width)):
                step.partial_fit(block)
        else:
            step.fit(next(inputs.each(1))[1])
        inputs = inputs.then(step.transform)
    model.fit_blocks(inputs, y)
    return fitted


def predict_in_blocks(fitted: Any, inputs: Blocks) -> NDArray[Any]:
    """Return what a fitted estimator predicts for each row."""
    return np.concatenate([fitted.predict(block) for _, block in inputs.each()])


def _steps(estimator: Any) -> list[Any]:
    """Return the steps of a pipeline, the classifier last."""
    return [step for _, step in estimator.steps] if isinstance(estimator, Pipeline) else [estimator]
