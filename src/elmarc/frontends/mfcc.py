"""The baseline: statistics over time of mel-frequency cepstral coefficients, 120 in both recipes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, get_args

import numpy as np
import scipy.fft
from jaxtyping import Float32
from numpy.typing import NDArray

from elmarc._types import Definition, FixLength
from elmarc.audio.decode import MAX_CLIP_BYTES
from elmarc.audio.length import fit_length
from elmarc.errors import AudioError, ConfigError
from elmarc.frontends.base import Waveforms, as_waveforms, check_positive
from elmarc.frontends.logmel import LogMel, PadMode

STUDY = ("mean", "std", "delta-mean", "delta-std", "delta2-mean", "delta2-std")
V2 = ("mean", "std", "slope-mean", "slope-std", "lag1", "lag4")  # 4 frames are 170 ms, as 8 of a log-mel map
MIN_FRAMES = 3  # for one second difference
SLOPE_FRAMES = 9


@dataclass(frozen=True, kw_only=True)
class MFCC:
    """Statistics over time of MFCCs; by default those of Pons & Serra 2018, section 3.

    The coefficients are librosa's at its defaults (n_fft 2048, hop 512, 128 mels).

    Parameters
    ----------
    sr : int
        Rate of the waveforms, in Hz.
    n_mfcc : int
        Coefficients per frame.
    fixed_length : int or None
        Samples, as in the study's program: "zero-pad" and "repeat-pad" only make shorter clips longer
        (repeat-pad by whole repeats, which may exceed it), "crop" only cuts longer ones.
    fix_length : {"crop", "zero-pad", "repeat-pad"}
        What `fixed_length` does.
    statistics : sequence of str
        Each of `n_mfcc` numbers, in this order: "mean" and "std" of the coefficients, of their differences
        ("delta-mean", "delta2-std") and of their slope over nine frames ("slope-mean", "slope-std");
        "lag1" and its like, the autocorrelation at a lag in frames (43 ms).
    pad_mode : {"constant", "reflect"}
        How the first and last half window are filled: zeros as in today's librosa, or reflected as in 2018's.

    Examples
    --------
    >>> MFCC()(np.zeros((2, 12000), np.float32)).shape
    (2, 120)
    """

    kind: ClassVar[str] = "mfcc"
    unit: ClassVar[None] = None
    positions_per_second: ClassVar[None] = None

    sr: int = 12000
    n_mfcc: int = 20
    fixed_length: int | None = None
    fix_length: FixLength = "crop"
    statistics: tuple[str, ...] = STUDY
    pad_mode: PadMode = "constant"

    def __post_init__(self) -> None:
        check_positive(sr=self.sr, n_mfcc=self.n_mfcc)
        if self.fixed_length is not None:
            check_positive(fixed_length=self.fixed_length)
            if 4 * self.fixed_length > MAX_CLIP_BYTES:
                raise ConfigError(
                    f"fixed_length: found {self.fixed_length} samples, expected at most "
                    f"{MAX_CLIP_BYTES // 4}, which take as much memory as a clip may"
                )
        if self.fix_length not in get_args(FixLength):
            raise ConfigError(f"fix_length: {self.fix_length!r} is unknown: use crop, zero-pad or repeat-pad")
        object.__setattr__(self, "statistics", tuple(self.statistics))
        for name in self.statistics or ("",):
            if name not in STUDY and not re.fullmatch(r"slope-(mean|std)|lag[1-9]\d?", name):
                raise ConfigError(
                    f"statistics: found {name!r}, expected {', '.join(STUDY)}, slope-mean, slope-std, lag1 "
                    "or another lag below 100"
                )
        if self.n_mfcc > self._logmel.n_mels:
            raise ConfigError(f"n_mfcc: found {self.n_mfcc}, expected at most {self._logmel.n_mels}")

    @property
    def n_bands(self) -> int:
        """Size of the vector: 120 for 20 coefficients."""
        return len(self.statistics) * self.n_mfcc

    @property
    def columns(self) -> tuple[str, ...]:
        """Name of each number of the vector, as "delta-std/3"."""
        return tuple(f"mfcc/{part}/{i}" for part in self.statistics for i in range(self.n_mfcc))

    @property
    def frames_per_second(self) -> float:
        """Frames of coefficients per second."""
        return self.sr / self._logmel.hop_length

    @property
    def frame_columns(self) -> tuple[str, ...]:
        """Name of each number of a frame, as "mfcc/delta/3"."""
        return tuple(f"mfcc/{part}{i}" for part in ("", "delta/", "delta2/") for i in range(self.n_mfcc))

    def frames(self, y: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Return coefficients [shape=(n_frames, n_mfcc)] of one clip, and first and second differences.

        A clip of less than three frames is extended with silence. Raises an AudioError where the waveform is
        empty, not floating point, or not finite.
        """
        y = as_waveforms(y)
        needed = (MIN_FRAMES - 1) * self._logmel.hop_length
        orders = self._orders(np.pad(y, (0, max(0, needed - len(y)))))
        return [order.astype(np.float32) for order in orders]

    def n_positions(self, seconds: float) -> int:
        """Return 1: a clip of any length gives one vector."""
        return 1

    def definition(self) -> Definition:
        """Return everything that changes the numbers."""
        return {
            **({} if self.statistics == STUDY else {"statistics": list(self.statistics)}),
            "kind": self.kind,
            "n_mfcc": int(self.n_mfcc),
            "fixed_length": None if self.fixed_length is None else int(self.fixed_length),
            "fix_length": None if self.fixed_length is None else self.fix_length,
            "logmel": self._logmel.definition(),
        }

    def __call__(self, y: Waveforms) -> Float32[np.ndarray, "*clips features"]:
        """Return vectors [shape=(..., n_bands)] of waveforms [shape=(..., n_samples)].

        Raises an AudioError where they are empty, not floating point, not finite, or too short for second
        differences.
        """
        y = self._fit(as_waveforms(y))
        out = np.empty((*y.shape[:-1], self.n_bands), np.float32)
        for i in np.ndindex(y.shape[:-1]):
            out[i] = self._clip_statistics(y[i])
        return out

    def _fit(self, y: NDArray[np.float32]) -> NDArray[np.float32]:
        length, n_samples = self.fixed_length, y.shape[-1]
        if length is not None and (length < n_samples) == (self.fix_length == "crop"):
            if self.fix_length == "repeat-pad":
                length = -(-length // n_samples) * n_samples
            y = fit_length(y, length, how=self.fix_length, axis=-1)
        n_frames = self._logmel.n_frames(y.shape[-1])
        if n_frames < MIN_FRAMES:
            needed = (MIN_FRAMES - 1) * self._logmel.hop_length
            raise AudioError(
                f"{y.shape[-1]} samples give {n_frames} MFCC frame(s), second differences need {MIN_FRAMES} "
                f"({needed} samples): set fixed_length to {needed} or more with 'zero-pad' or 'repeat-pad'"
            )
        return y

    def _clip_statistics(self, y: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the vector of one clip."""
        orders = dict(zip(("", "delta", "delta2"), self._orders(y), strict=True))
        if any(name.startswith("slope") for name in self.statistics):
            orders["slope"] = _slopes(orders[""])
        parts = []
        for name in self.statistics:
            order, _, statistic = name.rpartition("-")
            if statistic.startswith("lag"):
                parts.append(_autocorrelation(orders[order], int(statistic[3:])))
            else:
                parts.append(getattr(orders[order], statistic)(axis=0))
        return np.concatenate(parts)

    def _orders(self, y: NDArray[np.float32]) -> list[NDArray[np.float64]]:
        """Return the coefficients of one clip over time, their first and their second differences."""
        logmel = self._logmel(y).astype(np.float64)
        mfcc = scipy.fft.dct(logmel, norm="ortho", workers=1)[:, : self.n_mfcc]
        return [np.diff(mfcc, n=n, axis=0) for n in range(3)]

    @cached_property
    def _logmel(self) -> LogMel:
        return LogMel(sr=self.sr, n_fft=2048, hop_length=512, n_mels=128, pad_mode=self.pad_mode)


def _slopes(coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the slope of the straight line through each nine frames, or as many as there are."""
    half = min(SLOPE_FRAMES, len(coefficients) - 1 + len(coefficients) % 2) // 2
    weights = np.arange(-half, half + 1) / np.sum(np.arange(-half, half + 1) ** 2)
    n = len(coefficients) - 2 * half
    slopes = [weight * coefficients[k : k + n] for k, weight in enumerate(weights)]
    return np.asarray(np.sum(slopes, axis=0))


def _autocorrelation(of: NDArray[np.float64], lag: int) -> NDArray[np.float64]:
    """Return the autocorrelation over time; 0 where there is no variance, or no frame after the lag."""
    centred = of - of.mean(axis=0)
    power = np.square(centred).sum(axis=0)
    shifted = (centred[lag:] * centred[:-lag]).sum(axis=0)
    return np.asarray(np.where(power > 1e-9 * len(of), shifted / np.maximum(power, 1e-300), 0.0))
