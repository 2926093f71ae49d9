"""The samples themselves: the input of the waveform networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from elmarc._types import Definition, Unit
from elmarc.frontends.base import (
    Frames,
    Waveforms,
    as_waveforms,
    check_positive,
    check_share,
    nearest_sample,
)

SILENCE = 1e-4  # -80 dB of full scale: quieter clips are amplified as if they were this loud


@dataclass(frozen=True, kw_only=True)
class RawWaveform:
    """Samples as one band, Pons & Serra 2018, section 3.

    Parameters
    ----------
    sr : int
        Rate of the waveforms, in Hz.
    levelling : float
        Samples are divided by the clip's root mean square to this power: 0 leaves them, 1 makes all clips
        equally loud.

    Examples
    --------
    >>> RawWaveform()(np.zeros((2, 12000), np.float32)).shape
    (2, 12000, 1)
    """

    kind: ClassVar[str] = "waveform"
    unit: ClassVar[Unit] = "samples"
    n_bands: ClassVar[int] = 1
    columns: ClassVar[tuple[str, ...]] = ()

    sr: int = 12000
    levelling: float = 0.0

    def __post_init__(self) -> None:
        check_positive(sr=self.sr)
        check_share(levelling=self.levelling)

    @property
    def positions_per_second(self) -> float:
        """Samples per second."""
        return float(self.sr)

    def n_positions(self, seconds: float) -> int:
        """Return the number of samples of a clip of that many seconds."""
        return nearest_sample(seconds, self.sr)

    def definition(self) -> Definition:
        """Return everything that changes the numbers; unchanged samples omit the levelling."""
        levelling = {"levelling": float(self.levelling)} if self.levelling else {}
        return {"kind": self.kind, "sr": int(self.sr), **levelling}

    def __call__(self, y: Waveforms) -> Frames:
        """Return samples [shape=(..., n_samples, 1)] of waveforms [shape=(..., n_samples)].

        Raises an AudioError where they are empty, not floating point, or not finite.
        """
        y = as_waveforms(y)
        if self.levelling:
            y = y / self._level(y).astype(np.float32)
        return y[..., np.newaxis]

    def _level(self, y: Waveforms) -> NDArray[np.float64]:
        """Return the divisor [shape=(..., 1)] of each clip [shape=(..., n_samples)]."""
        level = np.empty((*y.shape[:-1], 1))
        for i in np.ndindex(y.shape[:-1]):  # clip by clip: the same sum in any batch, to the last bit
            level[i] = np.square(y[i], dtype=np.float64).mean()
        loudness: NDArray[np.float64] = np.maximum(level, SILENCE**2) ** (self.levelling / 2)
        return loudness
