"""The hidden units' eleven activation functions, each elementwise on a float64 array of input activations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from elmarc._choices import choose

FloatArray: TypeAlias = NDArray[np.float64]
Activation: TypeAlias = Callable[..., Any]


def tribas(x: FloatArray) -> FloatArray:
    """Triangle of height 1 on (-1, 1)."""
    return np.maximum(1.0 - np.abs(x), 0.0)


def inv_tribas(x: FloatArray) -> FloatArray:
    """Distance from 0, cut at 1."""
    return np.minimum(np.abs(x), 1.0)


def hardlim(x: FloatArray) -> FloatArray:
    """1 where positive, else 0."""
    return (x > 0.0).astype(np.float64)


def softlim(x: FloatArray) -> FloatArray:
    """Identity cut to [0, 1]."""
    return np.clip(x, 0.0, 1.0)


def gaussian(x: FloatArray) -> FloatArray:
    """Bell `exp(-x^2)`."""
    return np.exp(-np.square(x))


def multiquadric(x: FloatArray) -> FloatArray:
    """Hyperbola `sqrt(1 + x^2)`."""
    return np.sqrt(1.0 + np.square(x))


def inv_multiquadric(x: FloatArray) -> FloatArray:
    """Bell with heavy tails, `1 / sqrt(1 + x^2)`."""
    return 1.0 / multiquadric(x)


def reclinear(x: FloatArray) -> FloatArray:
    """Rectifier (ReLU), the study's choice."""
    return np.maximum(x, 0.0)


ACTIVATIONS: Mapping[str, Activation] = MappingProxyType(
    {
        "tanh": np.tanh,
        "sine": np.sin,
        "tribas": tribas,
        "inv_tribas": inv_tribas,
        "sigmoid": expit,
        "hardlim": hardlim,
        "softlim": softlim,
        "gaussian": gaussian,
        "multiquadric": multiquadric,
        "inv_multiquadric": inv_multiquadric,
        "reclinear": reclinear,
    }
)


def find_activation(activation: str | Activation) -> Activation:
    """Return the function of a name, or the callable as given.

    Raises
    ------
    ConfigError
        If the name is none of `ACTIVATIONS`.

    >>> float(find_activation("softlim")(3.0))
    1.0
    """
    if callable(activation):
        return activation
    return ACTIVATIONS[choose("activation", activation, tuple(ACTIVATIONS))]
