"""The 2018 initialiser: truncated normal kernels and zero biases, drawn from (seed, network, layer)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from elmarc import _seeds
from elmarc._resources import memory_bytes
from elmarc.errors import ConfigError

CUT = 2.0  # standard deviations, as in TensorFlow's truncated_normal
BYTES = 40  # of memory for each weight while it is drawn
GAIN = 1.3  # the study's; 1.0 would be He's


def draw_kernel(seed: int, family: str, layer: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Draw the kernel of one layer, in TensorFlow's layout (HWIO or WIO).

    Values are normal(0, sigma) cut at 2 sigma, with sigma = sqrt(1.3 * 2 / fan_in): sigma belongs to the
    uncut normal, so the kernel's own standard deviation is 0.88 sigma. Bit-equal on every platform.

    Parameters
    ----------
    seed : int
    family : str
        Of the network.
    layer : str
        Seed, family and layer name the stream of random numbers.
    shape : tuple of int
        Of the kernel; the last axis is the filters, the others make fan_in.

    Returns
    -------
    ndarray of float32

    Raises
    ------
    ConfigError
        The kernel does not fit into memory.

    Examples
    --------
    >>> draw_kernel(0, "vgg", "conv1", (3, 3, 1, 8)).shape
    (3, 3, 1, 8)
    """
    return draw_normal(seed, family, layer, shape, math.sqrt(GAIN * 2.0 / math.prod(shape[:-1])))


def draw_normal(
    seed: int, family: str, layer: str, shape: tuple[int, ...], sigma: float
) -> NDArray[np.float32]:
    """Draw normal(0, sigma) cut at 2 sigma: see `draw_kernel`.

    Raises
    ------
    ConfigError
        The weights do not fit into memory.
    """
    check_fits(shape, f"{family}, layer {layer!r}")
    low, high = ndtr(-CUT), ndtr(CUT)
    u = _seeds.uniform(seed, "weights", family, layer, size=math.prod(shape))
    return (sigma * ndtri(low + (high - low) * u)).astype(np.float32).reshape(shape)


def check_fits(shape: tuple[int, ...], owner: str) -> None:
    """Refuse a kernel that could not be drawn, before anything is allocated for it.

    Parameters
    ----------
    shape : tuple of int
        Of the kernel.
    owner : str
        What the message calls the layer.

    Raises
    ------
    ConfigError
        The kernel does not fit into memory.
    """
    if math.prod(shape) * BYTES > memory_bytes():
        raise ConfigError(
            f"{owner}: the kernel {shape} does not fit into memory: take fewer filters, or smaller ones"
        )
