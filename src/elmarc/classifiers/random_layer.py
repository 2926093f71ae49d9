"""Hidden layers that are drawn, never trained: the first half of an extreme learning machine.

The input activation alpha * (X W + b) + (1 - alpha) * rbf_width * ||x - c|| / r goes through an elementwise
activation. `fit` draws the components it was not given, `transform` applies them; everything is float64.

Each component has its own random stream and is drawn unit by unit, so the first n units of a layer are those
of any larger layer with the same seed (but for the radii, which depend on how many centres there are).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike
from scipy.spatial.distance import cdist, pdist, squareform
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from elmarc._resources import memory_bytes
from elmarc.classifiers.activations import Activation, FloatArray, find_activation
from elmarc.errors import ConfigError

Components: TypeAlias = Mapping[str, Any]
RandomState: TypeAlias = int | np.random.RandomState | None


class RandomLayer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Mixed hidden layer: `alpha` parts of weighted sums, `1 - alpha` parts of distances to centres.

    Parameters
    ----------
    n_hidden : number of hidden units, >= 1.
    alpha : share of the weighted sum in the input activation, 0 to 1.
    activation : a name of `elmarc.classifiers.ACTIVATIONS`, or a callable on an array.
    activation_args : keyword arguments for the activation.
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
        activation_args: Mapping[str, Any] | None = None,
        rbf_width: float = 1.0,
        scaled_weights: bool = False,
        user_components: Components | None = None,
        random_state: RandomState = None,
    ) -> None:
        self.n_hidden = n_hidden
        self.alpha = alpha
        self.activation = activation
        self.activation_args = activation_args
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
        given = {name: np.asarray(part, np.float64) for name, part in (self.user_components or {}).items()}
        self._check_given(given)
        self.components_ = self._complete(given, data)
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
        activations = find_activation(self.activation)(inputs, **(self.activation_args or {}))
        return np.asarray(activations, dtype=np.float64)

    def _complete(self, given: Mapping[str, FloatArray], X: FloatArray) -> dict[str, FloatArray]:
        """Return the components in use, drawing those not given."""
        random = check_random_state(self.random_state)
        weights, biases, centers = (np.random.RandomState(random.randint(2**31 - 1)) for _ in range(3))
        n, d = self.n_hidden, X.shape[1]
        parts = dict(given)
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
        find_activation(self.activation)

    def _check_memory(self, n_clips: int, n_features: int) -> None:
        """Refuse a layer that does not fit into memory, before anything is drawn."""
        n_distances = self.n_hidden if self.alpha < 1.0 else 0  # of each centre to all others
        needed = 8 * self.n_hidden * (2 * n_features + 2 * n_clips + n_distances)
        if needed > memory_bytes():
            raise ConfigError(
                f"n_hidden is {self.n_hidden}: for {n_clips} clips of {n_features} features this takes "
                f"{needed / 2**30:.0f} GiB, more than there is: take fewer hidden units"
            )

    def _check_given(self, given: Mapping[str, FloatArray]) -> None:
        n, d = self.n_hidden, self.n_features_in_
        shapes = {"weights": (d, n), "centers": (n, d), **dict.fromkeys(self._unit_components, (n,))}
        for name, part in given.items():
            if name not in shapes:
                raise ConfigError(f"user_components has {name!r}: expected some of {', '.join(shapes)}")
            if part.shape != shapes[name]:
                raise ConfigError(f"user_components[{name!r}]: shape {part.shape}, expected {shapes[name]}")

    @property
    def _n_features_out(self) -> int:
        return self.n_hidden


class MLPRandomLayer(RandomLayer):
    """Hidden layer of weighted sums, as in a multilayer perceptron: `RandomLayer` with alpha = 1."""

    def __init__(
        self,
        n_hidden: int = 20,
        *,
        activation: str | Activation = "tanh",
        activation_args: Mapping[str, Any] | None = None,
        user_components: Components | None = None,
        random_state: RandomState = None,
    ) -> None:
        super().__init__(
            n_hidden,
            alpha=1.0,
            activation=activation,
            activation_args=activation_args,
            user_components=user_components,
            random_state=random_state,
        )


class RBFRandomLayer(RandomLayer):
    """Hidden layer of radial basis functions: `RandomLayer` with alpha = 0."""

    def __init__(
        self,
        n_hidden: int = 20,
        *,
        activation: str | Activation = "gaussian",
        activation_args: Mapping[str, Any] | None = None,
        rbf_width: float = 1.0,
        user_components: Components | None = None,
        random_state: RandomState = None,
    ) -> None:
        super().__init__(
            n_hidden,
            alpha=0.0,
            activation=activation,
            activation_args=activation_args,
            rbf_width=rbf_width,
            user_components=user_components,
            random_state=random_state,
        )


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
