"""Extreme learning machine: hidden units that are drawn, never trained, then one linear least-squares fit.

The study has ReLU units with standard normal weights and biases, targets one-vs-rest in {-1, +1}, and output
weights by pseudo-inverse, on unscaled features (arXiv 1805.00237, section 2). Everything is float64.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Self, TypeAlias

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from elmarc._choices import choose
from elmarc._resources import memory_bytes
from elmarc.classifiers.ridge import Blocks, ClassTargets, FloatArray, LeaveOneOutRidge, are_many
from elmarc.errors import ConfigError

Activation: TypeAlias = Callable[[Any], Any]

NUMBERS = [np.float64, np.float32]  # types of X that are read without a copy
ACTIVATIONS: Mapping[str, Activation] = MappingProxyType(
    {
        "reclinear": lambda x: np.maximum(x, 0.0),  # ReLU, the study's
        "tanh": np.tanh,
    }
)


class ELMClassifier(ClassifierMixin, BaseEstimator):
    """Extreme learning machine for classes.

    Parameters
    ----------
    n_hidden : int
        Hidden units. The first n of a machine are those of any larger one with the same seed.
    activation : str or callable
        One of `ACTIVATIONS`, or a function of the array of weighted sums.
    scaled_weights : bool
        Draw the weights with variance 1 / n_features instead of 1: on standardised features, weighted sums
        then stay near 1 however many features there are.
    regressor : regressor or None
        For several targets, in place of the least squares; `LeaveOneOutRidge` keeps large layers from fitting
        noise.
    random_state : int, RandomState or None
        Seed of the hidden units.

    Attributes
    ----------
    weights_, biases_ : np.ndarray [shape=(n_features, n_hidden), (n_hidden,)]
    coef_ : np.ndarray [shape=(n_hidden, n_classes)], one column for two classes
        Output weights; with a regressor, `regressor_` in their place.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> X, y = load_iris(return_X_y=True)
    >>> ELMClassifier(30, random_state=0).fit(X, y).score(X, y) > 0.95
    True
    """

    classes_: NDArray[Any]

    def __init__(
        self,
        n_hidden: int = 100,
        *,
        activation: str | Activation = "reclinear",
        scaled_weights: bool = False,
        regressor: Any = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_hidden = n_hidden
        self.activation = activation
        self.scaled_weights = scaled_weights
        self.regressor = regressor
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit X (n_clips, n_features) to the labels y (n_clips,).

        Where `can_fit_blocks` says so, 20,000 clips and more are read in blocks, and X is not copied.

        Raises
        ------
        ConfigError
            y holds one class, a parameter is out of range, or the units do not fit into memory.
        """
        data, labels = validate_data(self, X, y, dtype=NUMBERS)
        check_classification_targets(labels)
        self.classes_, codes = np.unique(column_or_1d(labels, warn=True), return_inverse=True)
        n_classes = len(self.classes_)
        if n_classes < 2:
            raise ConfigError(f"y holds 1 class ({self.classes_[0]!r}): a classifier needs two or more")
        if self.can_fit_blocks() and are_many(len(data), self.n_hidden):
            return self.fit_blocks(Blocks(data), labels)
        hidden = self.draw(*data.shape).hidden(np.asarray(data, dtype=np.float64))
        targets = one_vs_rest(codes, n_classes)[:, 0 if n_classes > 2 else 1 :]
        if self.regressor is None:
            self.coef_ = output_weights(hidden, targets)
        else:
            self.regressor_ = clone(self.regressor).fit(hidden, targets)
        return self

    def draw(self, n_clips: int, n_features: int) -> Self:
        """Draw the hidden units; raises as `fit` does.

        Parameters
        ----------
        n_clips, n_features : int
            Shape of the training data.
        """
        if self.n_hidden < 1:
            raise ConfigError(f"n_hidden is {self.n_hidden}: at least one hidden unit is needed")
        needed = 16 * self.n_hidden * (n_features + n_clips)
        if needed > memory_bytes():
            raise ConfigError(
                f"n_hidden is {self.n_hidden}: for {n_clips} clips of {n_features} features this takes "
                f"{needed / 2**30:.0f} GiB, more than there is: take fewer hidden units"
            )
        random = check_random_state(self.random_state)
        weights, biases = (np.random.RandomState(random.randint(2**31 - 1)) for _ in range(2))
        self.weights_ = weights.standard_normal((self.n_hidden, n_features)).T
        if self.scaled_weights:
            self.weights_ /= np.sqrt(n_features)
        self.biases_ = biases.standard_normal(self.n_hidden)
        return self

    def hidden(self, X: FloatArray) -> FloatArray:
        """Return the activations of the hidden units (n_clips, n_hidden) for X (n_clips, n_features)."""
        activation = self.activation
        if not callable(activation):
            activation = ACTIVATIONS[choose("activation", activation, tuple(ACTIVATIONS))]
        return np.asarray(activation(X @ self.weights_ + self.biases_), dtype=np.float64)

    def can_fit_blocks(self) -> bool:
        """Return whether `fit_blocks` can fit it: a leave-one-out ridge."""
        return type(self.regressor) is LeaveOneOutRidge

    def fit_blocks(self, inputs: Blocks, y: ArrayLike) -> Self:
        """Fit in passes over blocks of clips.

        Parameters
        ----------
        inputs : Blocks
            Features (n_clips, n_features).
        y : labels (n_clips,).
        """
        self.classes_, codes = np.unique(np.asarray(y), return_inverse=True)
        self.n_features_in_ = inputs.n_columns
        self.draw(1, self.n_features_in_)
        targets = ClassTargets(codes, len(self.classes_))
        self.regressor_ = clone(self.regressor).fit_blocks(inputs.then(self.hidden), targets)
        return self

    def decision_function(self, X: ArrayLike) -> FloatArray:
        """Return outputs (n_clips, n_classes), or (n_clips,) for two classes, where > 0 is the second."""
        check_is_fitted(self)
        data = validate_data(self, X, dtype=NUMBERS, reset=False)
        if are_many(len(data)):
            outputs = np.concatenate([self._outputs(part) for _, part in Blocks(data).each()])
        else:
            outputs = self._outputs(np.asarray(data, dtype=np.float64))
        return outputs.ravel() if len(self.classes_) == 2 else outputs

    def _outputs(self, data: FloatArray) -> FloatArray:
        hidden = self.hidden(data)
        if self.regressor is None:
            return hidden @ self.coef_
        return np.asarray(self.regressor_.predict(hidden), dtype=np.float64)

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the class of the largest output of each clip, (n_clips,)."""
        outputs = self.decision_function(X)
        codes = (outputs > 0.0).astype(np.intp) if outputs.ndim == 1 else outputs.argmax(axis=1)
        return np.asarray(self.classes_[codes])


def output_weights(hidden: FloatArray, targets: FloatArray) -> FloatArray:
    """Solve hidden @ weights = targets by least squares: (n_clips, n_hidden), (n_clips, n_targets).

    By pseudo-inverse as in 2018: singular values under max(shape) * eps of the largest are cut, and the
    answer is the one of least norm.
    """
    return scipy.linalg.pinv(hidden, check_finite=False) @ targets


def one_vs_rest(codes: NDArray[np.intp], n_classes: int) -> FloatArray:
    """Return targets (n_clips, n_classes): +1 in the column of a clip's class, -1 elsewhere.

    >>> one_vs_rest(np.array([1, 0]), 2).tolist()
    [[-1.0, 1.0], [1.0, -1.0]]
    """
    return np.where(codes[:, None] == np.arange(n_classes), 1.0, -1.0)
