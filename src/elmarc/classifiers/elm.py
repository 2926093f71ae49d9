"""Extreme learning machines: a drawn hidden layer, then one linear least-squares fit in float64.

The study's machine is ReLU units with standard normal weights and biases, targets one-vs-rest in {-1, +1},
output weights by pseudo-inverse, on unscaled features (arXiv 1805.00237, section 2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from elmarc.classifiers import blocks
from elmarc.classifiers.activations import Activation, FloatArray
from elmarc.classifiers.blocks import Blocks, ClassTargets, Targets, block_rows
from elmarc.classifiers.normal_equations import plain_weights
from elmarc.classifiers.random_layer import RandomLayer, RandomState
from elmarc.classifiers.ridge import LeaveOneOutRidge
from elmarc.errors import ConfigError

NUMBERS = [np.float64, np.float32]  # kept as they come; blocks of them are float64


def output_weights(hidden: FloatArray, targets: FloatArray, *, ridge: float = 0.0) -> FloatArray:
    """Solve hidden @ weights = targets by least squares.

    Without ridge, by pseudo-inverse as in 2018: singular values under max(shape) * eps of the largest are
    cut, and the answer is the one of least norm. With it, ridge * ||weights||^2 joins the squared error, and
    the smaller of the two normal equations is solved.

    Parameters
    ----------
    hidden : activations (n_clips, n_hidden).
    targets : (n_clips, n_targets).
    ridge : 0 or a positive number.

    Returns
    -------
    ndarray [shape=(n_hidden, n_targets)]
    """
    if ridge == 0.0:
        return scipy.linalg.pinv(hidden, check_finite=False) @ targets
    n_clips, n_hidden = hidden.shape
    if n_hidden <= n_clips:
        normal = hidden.T @ hidden
        normal.flat[:: n_hidden + 1] += ridge
        return scipy.linalg.solve(normal, hidden.T @ targets, assume_a="pos")
    normal = hidden @ hidden.T
    normal.flat[:: n_clips + 1] += ridge
    return hidden.T @ scipy.linalg.solve(normal, targets, assume_a="pos")


def one_vs_rest(codes: NDArray[np.intp], n_classes: int) -> FloatArray:
    """Return targets (n_clips, n_classes): +1 in the column of a clip's class, -1 elsewhere.

    >>> one_vs_rest(np.array([1, 0]), 2).tolist()
    [[-1.0, 1.0], [1.0, -1.0]]
    """
    return np.where(codes[:, None] == np.arange(n_classes), 1.0, -1.0)


class _ELM(BaseEstimator):
    """Hidden layer and linear fit; the two faces add the meaning of the targets."""

    hidden_layer_: Any

    def __init__(
        self,
        n_hidden: int = 100,
        *,
        activation: str | Activation = "reclinear",
        activation_args: Mapping[str, Any] | None = None,
        alpha: float = 1.0,
        rbf_width: float = 1.0,
        scaled_weights: bool = False,
        ridge: float = 0.0,
        hidden_layer: Any = None,
        regressor: Any = None,
        random_state: RandomState = None,
    ) -> None:
        self.n_hidden = n_hidden
        self.activation = activation
        self.activation_args = activation_args
        self.alpha = alpha
        self.rbf_width = rbf_width
        self.scaled_weights = scaled_weights
        self.ridge = ridge
        self.hidden_layer = hidden_layer
        self.regressor = regressor
        self.random_state = random_state

    def make_hidden_layer(self) -> Any:
        """Return the hidden layer, unfitted: a copy of `hidden_layer`, or one of the simple parameters."""
        if self.hidden_layer is not None:
            return clone(self.hidden_layer)
        return RandomLayer(
            self.n_hidden,
            alpha=self.alpha,
            activation=self.activation,
            activation_args=self.activation_args,
            rbf_width=self.rbf_width,
            scaled_weights=self.scaled_weights,
            random_state=self.random_state,
        )

    def _fit_targets(self, X: FloatArray, targets: FloatArray) -> None:
        if self.ridge < 0.0:
            raise ConfigError(f"ridge is {self.ridge}: expected 0 (plain least squares) or a positive number")
        self.hidden_layer_ = self.make_hidden_layer()
        hidden = np.asarray(self.hidden_layer_.fit_transform(X), dtype=np.float64)
        if self.regressor is None:
            self.coef_ = output_weights(hidden, targets, ridge=self.ridge)
        else:
            self.regressor_ = clone(self.regressor).fit(hidden, targets)

    def _fit_blocks(self, inputs: Blocks, targets: Targets) -> None:
        self.hidden_layer_ = self.make_hidden_layer().fit(next(inputs.each(block_rows(1)))[1])
        hidden = inputs.then(self.hidden_layer_.transform)
        if self.regressor is None:
            self.coef_ = plain_weights(hidden, targets, self.ridge)
        else:
            self.regressor_ = clone(self.regressor).fit_blocks(hidden, targets)
        self.n_features_in_ = inputs.n_columns

    def _predict_targets(self, X: ArrayLike) -> FloatArray:
        check_is_fitted(self)
        data = validate_data(self, X, dtype=NUMBERS, reset=False)
        if len(data) < blocks.MANY:
            return self._outputs(np.asarray(data, dtype=np.float64))
        parts = Blocks(data).each(block_rows(data.shape[1]))
        return np.concatenate([self._outputs(part) for _, part in parts])

    def _outputs(self, data: FloatArray) -> FloatArray:
        hidden = np.asarray(self.hidden_layer_.transform(data), dtype=np.float64)
        if self.regressor is None:
            return hidden @ self.coef_
        return np.asarray(self.regressor_.predict(hidden), dtype=np.float64)


class ELMClassifier(ClassifierMixin, _ELM):
    """Extreme learning machine for classes.

    Parameters
    ----------
    n_hidden : int
        Hidden units.
    activation : str or callable
        One of `ACTIVATIONS`, or a function of the units' input; the study's is "reclinear" (ReLU).
    activation_args : mapping or None
        Further arguments of the activation.
    alpha : float
        1 for weighted sums of the features, 0 for distances to centres, between them a mixture.
    rbf_width : float
        Factor of the distances.
    scaled_weights : bool
        Draw the weights with variance 1 / n_features instead of 1.
    ridge : float
        Weight of the squared output weights in the fit, from 0; 0 is the study's pseudo-inverse.
    hidden_layer : transformer or None
        In place of the parameters above.
    regressor : regressor or None
        For several targets, in place of the least squares; `LeaveOneOutRidge` keeps large layers from fitting
        noise.
    random_state : int, RandomState or None
        Seed of the hidden layer made from the simple parameters.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> ELMClassifier(30, random_state=0).fit(X, y).score(X, y) > 0.95
    True
    """

    classes_: NDArray[Any]

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit X (n_clips, n_features) to the labels y (n_clips,).

        Where `can_fit_blocks` says so, 20,000 clips and more are read in blocks, and no copy of X is held.

        Raises
        ------
        ConfigError
            If y holds one class, or a parameter of the hidden layer or the ridge makes no sense.
        """
        data, labels = validate_data(self, X, y, dtype=NUMBERS)
        check_classification_targets(labels)
        self.classes_, codes = np.unique(column_or_1d(labels, warn=True), return_inverse=True)
        if len(self.classes_) < 2:
            raise ConfigError(f"y holds 1 class ({self.classes_[0]!r}): a classifier needs two or more")
        if self.can_fit_blocks() and len(data) >= max(blocks.MANY, self.n_hidden):
            self._fit_blocks(Blocks(data), ClassTargets(codes, len(self.classes_)))
            return self
        targets = one_vs_rest(codes, len(self.classes_))
        data = np.asarray(data, dtype=np.float64)
        self._fit_targets(data, targets if len(self.classes_) > 2 else targets[:, 1:])
        return self

    def can_fit_blocks(self) -> bool:
        """Tell whether `fit_blocks` fits this machine: a ridge, and units that do not look at the clips."""
        is_ridge = self.ridge > 0.0 if self.regressor is None else type(self.regressor) is LeaveOneOutRidge
        return is_ridge and self.hidden_layer is None and self.alpha == 1.0

    def fit_blocks(self, inputs: Blocks, y: ArrayLike) -> Self:
        """Fit as `fit` does, in passes over blocks of clips; see `can_fit_blocks`.

        Parameters
        ----------
        inputs : Blocks
            The features (n_clips, n_features).
        y : array (n_clips,)
            The classes.
        """
        self.classes_, codes = np.unique(np.asarray(y), return_inverse=True)
        self._fit_blocks(inputs, ClassTargets(codes, len(self.classes_)))
        return self

    def decision_function(self, X: ArrayLike) -> FloatArray:
        """Return outputs (n_clips, n_classes), or (n_clips,) for two classes, where > 0 is the second."""
        outputs = self._predict_targets(X)
        return outputs.ravel() if len(self.classes_) == 2 else outputs

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the class of the largest output a clip, (n_clips,)."""
        outputs = self.decision_function(X)
        codes = (outputs > 0.0).astype(np.intp) if outputs.ndim == 1 else outputs.argmax(axis=1)
        return np.asarray(self.classes_[codes])


class ELMRegressor(RegressorMixin, _ELM):
    """Extreme learning machine for numbers, one or several a clip.

    Parameters
    ----------
    n_hidden : int
        Hidden units.
    activation : str or callable
        One of `ACTIVATIONS`, or a function of the units' input; the study's is "reclinear" (ReLU).
    activation_args : mapping or None
        Further arguments of the activation.
    alpha : float
        1 for weighted sums of the features, 0 for distances to centres, between them a mixture.
    rbf_width : float
        Factor of the distances.
    scaled_weights : bool
        Draw the weights with variance 1 / n_features instead of 1.
    ridge : float
        Weight of the squared output weights in the fit, from 0; 0 is the study's pseudo-inverse.
    hidden_layer : transformer or None
        In place of the parameters above.
    regressor : regressor or None
        For several targets, in place of the least squares; `LeaveOneOutRidge` keeps large layers from fitting
        noise.
    random_state : int, RandomState or None
        Seed of the hidden layer made from the simple parameters.
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit X (n_clips, n_features) to y (n_clips,) or (n_clips, n_targets)."""
        data, targets = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True)
        self._fit_targets(data, np.asarray(targets, dtype=np.float64))
        return self

    def predict(self, X: ArrayLike) -> FloatArray:
        """Return the outputs, shaped as y was."""
        return self._predict_targets(X)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags
