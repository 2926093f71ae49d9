"""Log-mels as one vector per clip: their statistics over time, or all of their values.

The second is what methods that are fitted to the training clips read: see `elmarc.features.fitted`. Such a
vector has `n_mels` values for each frame, 90 kB for 5 s, and those of all clips are held in memory at once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, get_args

import numpy as np
from numpy.typing import NDArray

from elmarc._types import Definition, FixLength
from elmarc.audio.length import fit_length
from elmarc.errors import AudioError, ConfigError
from elmarc.frontends.base import Waveforms, as_waveforms, check_positive
from elmarc.frontends.logmel import LogMel

LAGS = (1, 8)  # frames, as in the statistics of recipe v2
PARTS = ("mean", "std", *(f"lag{lag}" for lag in LAGS))
MIN_FRAMES = 2  # for one difference


@dataclass(frozen=True, kw_only=True)
class LogMelVector(ABC):
    """What the front-ends of this module have in common: the log-mels of a clip.

    Parameters
    ----------
    sr, n_mels, shift_db, scale_db, levelling
        As of `LogMel`.
    """

    kind: ClassVar[str]
    unit: ClassVar[None] = None
    positions_per_second: ClassVar[None] = None

    sr: int = 12000
    n_mels: int = 96
    shift_db: float = 0.0
    scale_db: float = 1.0
    levelling: float = 0.0

    def __post_init__(self) -> None:
        self.logmel.definition()  # which refuses what makes no sense

    @cached_property
    def logmel(self) -> LogMel:
        """The spectrogram."""
        return LogMel(
            sr=self.sr,
            n_mels=self.n_mels,
            shift_db=self.shift_db,
            scale_db=self.scale_db,
            levelling=self.levelling,
        )

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """Name of each number of the vector."""

    @property
    def n_bands(self) -> int:
        """Size of the vector."""
        return len(self.columns)

    def n_positions(self, seconds: float) -> int:
        """Return 1: a clip of any length gives one vector."""
        return 1

    def definition(self) -> Definition:
        """Return everything that changes the numbers."""
        return {"kind": self.kind, "logmel": self.logmel.definition()}

    def __call__(self, y: Waveforms) -> NDArray[np.float32]:
        """Return vectors [shape=(..., n_bands)] of waveforms [shape=(..., n_samples)].

        Raises an AudioError where they are empty, not floating point, or not finite.
        """
        y = as_waveforms(y)
        out = np.empty((*y.shape[:-1], self.n_bands), np.float32)
        for i in np.ndindex(y.shape[:-1]):
            out[i] = self._vector(self.logmel(y[i]))
        return out

    @abstractmethod
    def _vector(self, frames: NDArray[np.float32]) -> NDArray[np.floating]:
        """Return the vector of log-mels [shape=(n_frames, n_mels)]."""


@dataclass(frozen=True, kw_only=True)
class LogMelStatistics(LogMelVector):
    """Mean, deviation and autocorrelations of each log-mel band and of its differences over time.

    The autocorrelations are those at 1 and 8 frames (21 and 171 ms); 0 where a band is constant.

    Examples
    --------
    >>> LogMelStatistics()(np.zeros((2, 12000), np.float32)).shape
    (2, 768)
    """

    kind: ClassVar[str] = "logmel_statistics"

    @property
    def columns(self) -> tuple[str, ...]:
        """Name of each number of the vector, as "delta-lag8/95"."""
        names = (f"{order}{part}" for order in ("", "delta-") for part in PARTS)
        return tuple(f"logmel/{name}/{band}" for name in names for band in range(self.n_mels))

    def _vector(self, frames: NDArray[np.float32]) -> NDArray[np.floating]:
        if len(frames) < MIN_FRAMES:
            raise AudioError(
                f"{len(frames)} frame of log-mels, {MIN_FRAMES} are needed for a difference: leave out "
                f"clips of less than {self.logmel.hop_length} samples at {self.sr} Hz"
            )
        values = frames.astype(np.float64)
        return np.concatenate([part for of in (values, np.diff(values, axis=0)) for part in _statistics(of)])


def _statistics(values: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    """Return the statistics over time of values [shape=(n_frames, n_mels)], as `PARTS` names them."""
    mean = values.mean(axis=0)
    deviations = values - mean
    energy = np.square(deviations).sum(axis=0)
    is_flat = energy <= 1e-10 * len(values) * np.maximum(1.0, np.square(mean))  # rounding of float32
    lags = [
        np.where(
            is_flat,
            0.0,
            (deviations[lag:] * deviations[: max(len(values) - lag, 0)]).sum(axis=0)
            / np.where(is_flat, 1.0, energy),
        )
        for lag in LAGS
    ]
    return [mean, np.sqrt(energy / len(values)), *lags]


@dataclass(frozen=True, kw_only=True)
class WholeLogMel(LogMelVector):
    """The log-mels of a clip, frame by frame in one vector.

    Parameters
    ----------
    seconds : float or None
        How much of a clip is read; None: as much as the networks read of clips of the data set.
    fix_length : {"crop", "zero-pad", "repeat-pad"} or None
        What to do with shorter clips; None: as for the networks.
    """

    seconds: float | None = None
    fix_length: FixLength | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.seconds is not None:
            check_positive(seconds=self.seconds)
        if self.fix_length is not None and self.fix_length not in get_args(FixLength):
            raise ConfigError(f"fix_length: {self.fix_length!r} is unknown: use crop, zero-pad or repeat-pad")

    @property
    def n_frames(self) -> int:
        """Frames that are read of each clip.

        Raises
        ------
        ConfigError
            It is not known how much is read.
        """
        if self.seconds is None:
            raise ConfigError(f"{self.kind}: how much of a clip is read? Give frontend.seconds")
        return self.logmel.n_positions(self.seconds)

    @property
    def columns(self) -> tuple[str, ...]:
        """Name of each number of the vector, as "logmel/frame/band"."""
        return tuple(
            f"logmel/{frame}/{band}" for frame in range(self.n_frames) for band in range(self.n_mels)
        )

    @property
    def n_bands(self) -> int:
        """Size of the vector."""
        return self.n_frames * self.n_mels

    def definition(self) -> Definition:
        """Return everything that changes the numbers."""
        fed = {"length": self.n_frames, "fix_length": self.fix_length or "repeat-pad"}
        return {**super().definition(), "input": fed}

    def _vector(self, frames: NDArray[np.float32]) -> NDArray[np.floating]:
        fitted = fit_length(frames, self.n_frames, how=self.fix_length or "repeat-pad", unit="frames")
        return fitted.reshape(-1)


@dataclass(frozen=True, kw_only=True)
class MiniRocketInput(WholeLogMel):
    """The log-mels that MiniRocket reads."""

    kind: ClassVar[str] = "minirocket"


@dataclass(frozen=True, kw_only=True)
class MultiRocketHydraInput(WholeLogMel):
    """The log-mels that MultiRocket and Hydra read."""

    kind: ClassVar[str] = "multirocket_hydra"


@dataclass(frozen=True, kw_only=True)
class WhitenedInput(WholeLogMel):
    """The log-mels that kernels of whitened patches read."""

    kind: ClassVar[str] = "whitened"
