"""The contract of front-ends: a pure function of waveforms, and its definition."""

from __future__ import annotations

from typing import Protocol, TypeAlias

import numpy as np
from jaxtyping import Float, Float32
from numpy.typing import NDArray

from elmarc._types import Definition, Unit
from elmarc.errors import AudioError, ConfigError

Waveforms: TypeAlias = Float[np.ndarray, "*clips samples"]
Frames: TypeAlias = Float32[np.ndarray, "*clips frames bands"]


class FrontEnd(Protocol):
    """Waveforms to network input, or to one vector per clip, batched over the leading axes.

    A front-end is a frozen, keyword-only dataclass; its fields are the keys of its section in a
    configuration. A network takes every front-end of its unit and number of bands. A clip's output depends on
    the clip and the definition alone, bit for bit, not on the batch.
    """

    @property
    def kind(self) -> str:
        """Its name in `FRONTENDS`, in configurations and in definitions."""

    @property
    def sr(self) -> int:
        """Rate of the waveforms, in Hz."""

    @property
    def unit(self) -> Unit | None:
        """What the length of its output counts; None where it gives one vector per clip."""

    @property
    def n_bands(self) -> int:
        """Size of the last axis of its output."""

    @property
    def columns(self) -> tuple[str, ...]:
        """Name of each number of the vector; empty where it feeds a network."""

    @property
    def positions_per_second(self) -> float | None:
        """Frames or samples per second of its output; None where it gives one vector per clip."""

    def n_positions(self, seconds: float) -> int:
        """Return the length of its output for a clip of that many seconds; 1 where it gives a vector."""

    def __call__(self, y: Waveforms) -> NDArray[np.float32]:
        """Return the output of waveforms [shape=(..., n_samples)].

        It has the shape (..., length, n_bands), or (..., n_bands) where it is one vector per clip.
        """

    def definition(self) -> Definition:
        """Return everything that changes the numbers, JSON-able, in canonical form."""


def nearest_sample(seconds: float, sr: int) -> int:
    """Return the number of samples nearest to a duration, at least 1.

    >>> nearest_sample(1.1, 12000)
    13200
    """
    return max(1, round(seconds * sr))


def as_waveforms(y: Waveforms) -> Float32[np.ndarray, "*clips samples"]:
    """Return `y` as float32 after checking it.

    Raises
    ------
    AudioError
        `y` is empty, not floating point, or not finite.
    """
    y = np.asarray(y)
    if y.dtype.kind != "f":
        raise AudioError(
            f"samples are {y.dtype}, expected floating point in [-1, 1]: divide integers by their full scale "
            "(32768 for 16 bit)"
        )
    if y.ndim == 0 or y.shape[-1] == 0:
        raise AudioError(f"the waveform has shape {y.shape}, expected (..., n_samples), not empty")
    if not np.isfinite(y).all():
        raise AudioError("the waveform holds NaN or infinite samples, expected finite numbers in [-1, 1]")
    return y.astype(np.float32, copy=False)


def check_positive(**settings: float) -> None:
    """Raise a ConfigError that names the first setting that is not positive."""
    for name, value in settings.items():
        if not value > 0:
            raise ConfigError(f"{name}: found {value}, expected a positive number")


def check_share(**settings: float) -> None:
    """Raise a ConfigError that names the first setting that is not between 0 and 1."""
    for name, value in settings.items():
        if not 0 <= value <= 1:
            raise ConfigError(f"{name}: found {value}, expected a number from 0 to 1")
