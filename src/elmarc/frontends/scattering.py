"""Log time scattering, averaged over the clip."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from elmarc._types import Definition
from elmarc.errors import ConfigError
from elmarc.frontends.base import Waveforms, as_waveforms, check_positive

MOST_SAMPLES = 2**16  # of a block: 5.5 s at 12 kHz, some 50 MB of filters and 10 MB of work
FLOOR = 1e-6  # added before the logarithm
_building = threading.Lock()


@dataclass(frozen=True, kw_only=True)
class Scattering:
    """Mean and deviation over time of log scattering coefficients of the first and the second order.

    Wavelets of `per_octave` per octave over `octaves`, their moduli, wavelets of one per octave over these,
    their moduli, averaged over 2^octaves samples. Needs kymatio (`pip install 'elmarc[rivals]'`). A clip is
    read in blocks of at most 2^16 samples, so that the memory does not grow with its length; it is extended
    by reflection to whole blocks.

    Parameters
    ----------
    sr : int
        Rate of the waveforms, in Hz.
    octaves : int
        kymatio's J: 12 at 12 kHz averages over 341 ms and reaches modulations of about 3 Hz.
    per_octave : int
        kymatio's Q.

    References
    ----------
    Andén & Mallat, "Deep scattering spectrum", IEEE Transactions on Signal Processing 62, 2014.
    """

    kind: ClassVar[str] = "scattering"
    unit: ClassVar[None] = None
    positions_per_second: ClassVar[None] = None

    sr: int = 12000
    octaves: int = 12
    per_octave: int = 8

    def __post_init__(self) -> None:
        check_positive(sr=self.sr, octaves=self.octaves, per_octave=self.per_octave)
        if not 2 <= self.octaves <= 14:
            raise ConfigError(f"octaves: found {self.octaves}, expected 2 to 14: a block has 2^16 samples")
        if self.per_octave > 32:
            raise ConfigError(f"per_octave: found {self.per_octave}, expected at most 32")

    @property
    def n_bands(self) -> int:
        """Size of the vector: 1090 at the defaults."""
        return len(self.columns)

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Name of each number of the vector, as "scattering/std/1-24"."""
        paths = ["-".join(map(str, key)) for key in self._of(MOST_SAMPLES).meta()["key"] if key]
        return tuple(f"scattering/{part}/{path}" for part in ("mean", "std") for path in paths)

    def n_positions(self, seconds: float) -> int:
        """Return 1: a clip of any length gives one vector."""
        return 1

    def definition(self) -> Definition:
        """Return everything that changes the numbers."""
        return {
            "kind": self.kind,
            "sr": int(self.sr),
            "octaves": int(self.octaves),
            "per_octave": int(self.per_octave),
        }

    def __call__(self, y: Waveforms) -> NDArray[np.float32]:
        """Return vectors [shape=(..., n_bands)] of waveforms [shape=(..., n_samples)].

        Raises an AudioError where they are empty, not floating point, or not finite.
        """
        y = as_waveforms(y)
        out = np.empty((*y.shape[:-1], self.n_bands), np.float32)
        for i in np.ndindex(y.shape[:-1]):
            logs = np.log(FLOOR + self._coefficients(y[i]))
            out[i] = np.concatenate([logs.mean(axis=1), logs.std(axis=1)])
        return out

    def _coefficients(self, y: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the coefficients [shape=(n_paths, n_frames)] of one clip."""
        size = 2 ** max(self.octaves + 2, math.ceil(math.log2(len(y))))
        scattering = self._of(min(size, MOST_SAMPLES))
        n_samples = scattering.shape[0]
        padded = np.pad(
            y.astype(np.float64), (0, -len(y) % n_samples), mode="reflect" if len(y) > 1 else "edge"
        )
        orders = [scattering(block)[1:] for block in padded.reshape(-1, n_samples)]
        n_frames = max(1, round(len(y) / 2**self.octaves))
        coefficients: NDArray[np.float64] = np.maximum(np.concatenate(orders, axis=1)[:, :n_frames], 0.0)
        return coefficients

    def _of(self, n_samples: int) -> Any:
        with _building:
            return _filters(self.octaves, self.per_octave, n_samples)


@cache
def _filters(octaves: int, per_octave: int, n_samples: int) -> Any:
    """Return kymatio's scattering of blocks of one size: half a second and some megabytes to make."""
    # kymatio.numpy would import the scattering of volumes, which new versions of scipy break
    from kymatio.scattering1d.frontend.numpy_frontend import ScatteringNumPy1D

    return ScatteringNumPy1D(J=octaves, shape=n_samples, Q=per_octave)
