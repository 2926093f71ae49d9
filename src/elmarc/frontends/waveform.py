"""The samples themselves: the input of the waveform networks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from elmarc._types import Recipe
from elmarc.frontends.base import Frames, Unit, Waveforms, as_waveforms, check_positive


@dataclass(frozen=True, kw_only=True)
class RawWaveform:
    """Samples as one band, Pons & Serra 2018, section 3.

    Parameters
    ----------
    sr : int
        Rate of the waveforms, in Hz.

    Examples
    --------
    >>> RawWaveform()(np.zeros((2, 12000), np.float32)).shape
    (2, 12000, 1)
    """

    kind: ClassVar[str] = "waveform"
    unit: ClassVar[Unit] = "samples"
    n_bands: ClassVar[int] = 1

    sr: int = 12000

    def __post_init__(self) -> None:
        check_positive(sr=self.sr)

    def recipe(self) -> Recipe:
        """Return everything that changes the numbers."""
        return {"kind": self.kind, "sr": int(self.sr)}

    def __call__(self, y: Waveforms) -> Frames:
        """Return samples [shape=(..., n_samples, 1)] of waveforms [shape=(..., n_samples)].

        Raises
        ------
        AudioError
            The waveforms are empty, not floating point, or not finite.
        """
        return as_waveforms(y)[..., np.newaxis]
