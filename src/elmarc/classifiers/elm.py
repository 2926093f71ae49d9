"""Extreme learning machines: a hidden layer that is drawn, never trained, then one linear least-squares fit.

The study's machine is ReLU units with standard normal weights and biases, targets one-vs-rest in {-1, +1},
output weights by pseudo-inverse, on unscaled features (arXiv 1805.00237, section 2). Everything is float64.

Each component of a layer has its own random stream and is drawn unit by unit, so the first n units of a layer
are those of any larger layer with the same seed (but for the radii, which depend on how many centres there
are).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Self, TypeAlias

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import cdist, pdist, squareform
from scipy.special import expit
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    RegressorMixin,
    TransformerMixin,
    clone,
)
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d, validate_data

from elmarc._choices import choose
from elmarc._resources import memory_bytes
from elmarc.classifiers.ridge import Blocks, ClassTargets, FloatArray, LeaveOneOutRidge, are_many
from elmarc.errors import ConfigError

Activation: TypeAlias = Callable[..., Any]
Components: TypeAlias = Mapping[str, Any]
RandomState: TypeAlias = int | np.random.RandomState | None

NUMBERS = [np.float64, np.float32]  # types of X that are read without a copy
ACTIVATIONS: Mapping[str, Activation] = MappingProxyType(
    {
        "tanh": np.tanh,
        "sine": np.sin,
        "tribas": lambda x: np.maximum(1.0 - np.abs(x), 0.0),
        "inv_tribas": lambda x: np.minimum(np.abs(x), 1.0),
        "sigmoid": expit,
        "hardlim": lambda x: (x > 0.0).astype(np.float64),
        "softlim": lambda x: np.clip(x, 0.0, 1.0),
        "gaussian": lambda x: np.exp(-np.square(x)),
        "multiquadric": lambda x: np.sqrt(1.0 + np.square(x)),
        "inv_multiquadric": lambda x: 1.0 / np.sqrt(1.0 + np.square(x)),
        "reclinear": lambda x: np.maximum(x, 0.0),  # ReLU, the study's
    }
)


class RandomLayer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Hidden layer of `alpha` parts of weighted sums and `1 - alpha` parts of distances to centres.

    The input activation alpha * (X W + b) + (1 - alpha) * rbf_width * ||x - c|| / r goes through an
    elementwise activation. With alpha = 1 it is that of a multilayer perceptron, with alpha = 0 of radial
    basis functions.

    Parameters
    ----------
    n_hidden : number of hidden units, >= 1.
    alpha : share of the weighted sum in the input activation, 0 to 1.
    activation : a name of `elmarc.classifiers.ACTIVATIONS`, or a callable on an array.
    rbf_width : factor on the distances.
    scaled_weights : draw weights with deviation 1 / sqrt(n_features) in place of 1: on standardised features,
        input activations then stay near 1 however many features there are.
    user_components : any of `weights` (n_features, n_hidden), `biases` (n_hidden,), `centers`
        (n_hidden, n_features) and `radii` (n_hidden,); the others are drawn: weights and biases standard
        normal, centres uniform in the bounding box of X; radii are the largest distance between centres
        over sqrt(2 n_hidden).
    random_state : seed; the same seed draws the same units.

    Examples
    --------
    >>> RandomLayer(3, random_state=0).fit_transform([[0.0, 1.0], [1.0, 0.0]]).shape
    (2, 3)
    """

    components_: dict[str, FloatArray]
    _min_clips = 1
    _unit_components: tuple[str, ...] = ("biases", "radii")

    def __init__(
        self,
        n_hidden: int = 20,
        *,
        alpha: float = 0.5,
        activation: str | Activation = "tanh",
        rbf_width: float = 1.0,
        scaled_weights: bool = False,
        user_components: Components | None = None,
        random_state: RandomState = None,
    ) -> None:
        self.n_hidden = n_hidden
        self.alpha = alpha
        self.activation = activation
        self.rbf_width = rbf_width
        self.scaled_weights = scaled_weights
        self.user_components = user_components
        self.random_state = random_state

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Draw the components for X (n_clips, n_features); y is ignored.

        Raises
        ------
        ConfigError
            If a parameter is out of range, a given component has another shape, or the layer does not fit
            into memory.
        """
        data = validate_data(self, X, dtype=np.float64, ensure_min_samples=self._min_clips)
        self._check_parameters()
        self._check_memory(*data.shape)
        components = {
            name: np.asarray(part, np.float64) for name, part in (self.user_components or {}).items()
        }
        self._check_shapes(components)
        self.components_ = self._complete(components, data)
        return self

    def transform(self, X: ArrayLike) -> FloatArray:
        """Return the hidden activations (n_clips, n_hidden) of X (n_clips, n_features), float64."""
        return self._activate(self.input_activations(X))

    def input_activations(self, X: ArrayLike) -> FloatArray:
        """Return what enters the activation function, (n_clips, n_hidden) float64."""
        check_is_fitted(self)
        data = validate_data(self, X, dtype=np.float64, reset=False)
        parts = self.components_
        inputs = np.zeros((len(data), self.n_hidden))
        if self.alpha > 0.0:
            inputs += self.alpha * (data @ parts["weights"] + parts["biases"])
        if self.alpha < 1.0:
            inputs += (1.0 - self.alpha) * self.rbf_width * cdist(data, parts["centers"]) / parts["radii"]
        return inputs

    def _activate(self, inputs: FloatArray) -> FloatArray:
        return np.asarray(_activation(self.activation)(inputs), dtype=np.float64)

    def _complete(self, components: Mapping[str, FloatArray], X: FloatArray) -> dict[str, FloatArray]:
        """Return the components in use, drawing those that are missing."""
        random = check_random_state(self.random_state)
        weights, biases, centers = (np.random.RandomState(random.randint(2**31 - 1)) for _ in range(3))
        n, d = self.n_hidden, X.shape[1]
        parts = dict(components)
        if self.alpha > 0.0:
            if "weights" not in parts:
                parts["weights"] = weights.standard_normal((n, d)).T
                if self.scaled_weights:
                    parts["weights"] /= np.sqrt(d)
            if "biases" not in parts:
                parts["biases"] = biases.standard_normal(n)
        if self.alpha < 1.0:
            if "centers" not in parts:
                parts["centers"] = centers.uniform(X.min(axis=0), X.max(axis=0), size=(n, d))
            parts.update({k: v for k, v in self._spread(parts["centers"]).items() if k not in parts})
        return parts

    def _spread(self, centers: FloatArray) -> dict[str, FloatArray]:
        """Return the components that follow from the centres."""
        widest = float(pdist(centers).max(initial=0.0))
        radius = widest / np.sqrt(2.0 * len(centers)) if widest > 0.0 else 1.0
        return {"radii": np.full(len(centers), radius)}

    def _check_parameters(self) -> None:
        if self.n_hidden < 1:
            raise ConfigError(f"n_hidden is {self.n_hidden}: a layer needs at least one hidden unit")
        if not 0.0 <= self.alpha <= 1.0:
            raise ConfigError(f"alpha is {self.alpha}: expected 0 (all distances) to 1 (all weighted sums)")
        _activation(self.activation)

    def _check_memory(self, n_clips: int, n_features: int) -> None:
        """Refuse a layer that does not fit into memory, before anything is drawn."""
        n_distances = self.n_hidden if self.alpha < 1.0 else 0  # of each centre to all others
        needed = 8 * self.n_hidden * (2 * n_features + 2 * n_clips + n_distances)
        if needed > memory_bytes():
            raise ConfigError(
                f"n_hidden is {self.n_hidden}: for {n_clips} clips of {n_features} features this takes "
                f"{needed / 2**30:.0f} GiB, more than there is: take fewer hidden units"
            )

    def _check_shapes(self, components: Mapping[str, FloatArray]) -> None:
        n, d = self.n_hidden, self.n_features_in_
        shapes = {"weights": (d, n), "centers": (n, d), **dict.fromkeys(self._unit_components, (n,))}
        for name, part in components.items():
            if name not in shapes:
                raise ConfigError(f"user_components has {name!r}: expected some of {', '.join(shapes)}")
            if part.shape != shapes[name]:
                raise ConfigError(f"user_components[{name!r}]: shape {part.shape}, expected {shapes[name]}")

    @property
    def _n_features_out(self) -> int:
        return self.n_hidden


class GRBFRandomLayer(RandomLayer):
    """Generalised radial basis functions, exp(exp(-(||x - c|| / r)^tau)), a radius and a tau for each unit.

    Of each centre, dF is the distance to the farthest other centre and dN a hundredth of that to the nearest.
    The inner exponential is 1 - grbf_lambda at dN and grbf_lambda at dF, which fixes tau and r
    (Fernandez-Navarro et al., Neurocomputing 74, 2011).

    Parameters
    ----------
    n_hidden : number of hidden units, >= 2.
    grbf_lambda : between 0 and 0.5.
    user_components : any of `centers`, `radii`, `taus`, `dN` and `dF`; the others are drawn or follow.
    random_state : seed of the centres.
    """

    _min_clips = 2  # the bounding box of one clip is a point, where all centres coincide
    _unit_components = ("radii", "taus", "dN", "dF")

    def __init__(
        self,
        n_hidden: int = 20,
        *,
        grbf_lambda: float = 0.001,
        user_components: Components | None = None,
        random_state: RandomState = None,
    ) -> None:
        super().__init__(n_hidden, alpha=0.0, user_components=user_components, random_state=random_state)
        self.grbf_lambda = grbf_lambda

    def _activate(self, inputs: FloatArray) -> FloatArray:
        return np.exp(np.exp(-np.power(inputs, self.components_["taus"])))

    def _spread(self, centers: FloatArray) -> dict[str, FloatArray]:
        distances = np.sort(squareform(pdist(centers)), axis=1)
        nearest, farthest = distances[:, 1] / 100.0, distances[:, -1]
        if not nearest.all():
            raise ConfigError("two centres of the GRBF layer coincide: they, or the clips, have to differ")
        low, high = np.log(self.grbf_lambda), np.log1p(-self.grbf_lambda)
        taus = np.log(low / high) / np.log(farthest / nearest)
        return {"dN": nearest, "dF": farthest, "taus": taus, "radii": nearest / np.power(-high, 1.0 / taus)}

    def _check_parameters(self) -> None:
        super()._check_parameters()
        if self.n_hidden < 2:
            raise ConfigError(f"n_hidden is {self.n_hidden}: a GRBF layer needs two units or more")
        if not 0.0 < self.grbf_lambda < 0.5:
            raise ConfigError(f"grbf_lambda is {self.grbf_lambda}: expected a number between 0 and 0.5")


def _activation(activation: str | Activation) -> Activation:
    """Return the function of a name, or the callable itself. Raises ConfigError where the name is unknown."""
    if callable(activation):
        return activation
    return ACTIVATIONS[choose("activation", activation, tuple(ACTIVATIONS))]


class _ELM(BaseEstimator):
    """Hidden layer and linear fit; the subclasses add the meaning of the targets."""

    hidden_layer_: Any

    def __init__(
        self,
        n_hidden: int = 100,
        *,
        activation: str | Activation = "reclinear",
        scaled_weights: bool = False,
        hidden_layer: Any = None,
        regressor: Any = None,
        random_state: RandomState = None,
    ) -> None:
        self.n_hidden = n_hidden
        self.activation = activation
        self.scaled_weights = scaled_weights
        self.hidden_layer = hidden_layer
        self.regressor = regressor
        self.random_state = random_state

    def make_hidden_layer(self) -> Any:
        """Return the hidden layer, unfitted: a copy of `hidden_layer`, or one of the simple parameters."""
        if self.hidden_layer is not None:
            return clone(self.hidden_layer)
        return RandomLayer(
            self.n_hidden,
            alpha=1.0,
            activation=self.activation,
            scaled_weights=self.scaled_weights,
            random_state=self.random_state,
        )

    def _fit_targets(self, X: FloatArray, targets: FloatArray) -> None:
        self.hidden_layer_ = self.make_hidden_layer()
        hidden = np.asarray(self.hidden_layer_.fit_transform(X), dtype=np.float64)
        if self.regressor is None:
            self.coef_ = output_weights(hidden, targets)
        else:
            self.regressor_ = clone(self.regressor).fit(hidden, targets)

    def _predict_targets(self, X: ArrayLike) -> FloatArray:
        check_is_fitted(self)
        data = validate_data(self, X, dtype=NUMBERS, reset=False)
        if not are_many(len(data)):
            return self._outputs(np.asarray(data, dtype=np.float64))
        return np.concatenate([self._outputs(part) for _, part in Blocks(data).each()])

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
    scaled_weights : bool
        Draw the weights with variance 1 / n_features instead of 1.
    hidden_layer : transformer or None
        In place of the parameters above: a `RandomLayer` with other components, or any transformer.
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

        Where `can_fit_blocks` says so, 20,000 clips and more are read in blocks, and X is not copied.

        Raises
        ------
        ConfigError
            If y holds one class, or a parameter of the hidden layer makes no sense.
        """
        data, labels = validate_data(self, X, y, dtype=NUMBERS)
        check_classification_targets(labels)
        self.classes_, codes = np.unique(column_or_1d(labels, warn=True), return_inverse=True)
        if len(self.classes_) < 2:
            raise ConfigError(f"y holds 1 class ({self.classes_[0]!r}): a classifier needs two or more")
        if self.can_fit_blocks() and are_many(len(data), self.n_hidden):
            return self.fit_blocks(Blocks(data), labels)
        targets = one_vs_rest(codes, len(self.classes_))
        data = np.asarray(data, dtype=np.float64)
        self._fit_targets(data, targets if len(self.classes_) > 2 else targets[:, 1:])
        return self

    def can_fit_blocks(self) -> bool:
        """Return whether `fit_blocks` can fit it: a ridge, and units that do not depend on clips."""
        return type(self.regressor) is LeaveOneOutRidge and self.hidden_layer is None

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
        self.hidden_layer_ = self.make_hidden_layer().fit(next(inputs.each(1))[1])
        hidden, targets = inputs.then(self.hidden_layer_.transform), ClassTargets(codes, len(self.classes_))
        self.regressor_ = clone(self.regressor).fit_blocks(hidden, targets)
        self.n_features_in_ = inputs.n_columns
        return self

    def decision_function(self, X: ArrayLike) -> FloatArray:
        """Return outputs (n_clips, n_classes), or (n_clips,) for two classes, where > 0 is the second."""
        outputs = self._predict_targets(X)
        return outputs.ravel() if len(self.classes_) == 2 else outputs

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the class of the largest output of each clip, (n_clips,)."""
        outputs = self.decision_function(X)
        codes = (outputs > 0.0).astype(np.intp) if outputs.ndim == 1 else outputs.argmax(axis=1)
        return np.asarray(self.classes_[codes])


class ELMRegressor(RegressorMixin, _ELM):
    """Extreme learning machine for numbers, one or several per clip; parameters as for `ELMClassifier`."""

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
