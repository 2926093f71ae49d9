"""The study's baseline: 120 statistics of mel-frequency cepstral coefficients."""

from __future__ import annotations

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

N_STATISTICS = 6  # mean and std of the coefficients, of their first and of their second differences
MIN_FRAMES = 3  # for one second difference


@dataclass(frozen=True, kw_only=True)
class MFCC:
    """Mean and std over time of MFCCs and their first and second differences, Pons & Serra 2018, section 3.

    The coefficients are librosa's at its defaults (n_fft 2048, hop 512, 128 mels), the differences those of
    neighbouring frames. The order is mean, std, d-mean, d-std, dd-mean, dd-std, each of `n_mfcc` numbers.

    Parameters
    ----------
    sr : int
        Rate of the waveforms, in Hz.
    n_mfcc : int
        Coefficients a frame.
    fixed_length : int or None
        Samples, as in the study's program: "zero-pad" and "repeat-pad" only make shorter clips longer
        (repeat-pad by whole repeats, which may exceed it), "crop" only cuts longer ones.
    fix_length : {"crop", "zero-pad", "repeat-pad"}
        What `fixed_length` does.
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
        if self.n_mfcc > self._logmel.n_mels:
            raise ConfigError(f"n_mfcc: found {self.n_mfcc}, expected at most {self._logmel.n_mels}")

    @property
    def n_bands(self) -> int:
        """Size of the vector: 120 for 20 coefficients."""
        return N_STATISTICS * self.n_mfcc

    @property
    def columns(self) -> tuple[str, ...]:
        """What each number of the vector is, as "delta-std/3"."""
        parts = [f"{name}{statistic}" for name in ("", "delta-", "delta2-") for statistic in ("mean", "std")]
        return tuple(f"mfcc/{part}/{i}" for part in parts for i in range(self.n_mfcc))

    @property
    def frames_per_second(self) -> float:
        """Frames in a second of what the statistics are of."""
        return self.sr / self._logmel.hop_length

    @property
    def frame_columns(self) -> tuple[str, ...]:
        """What each number of a frame is, as "mfcc/delta/3"."""
        return tuple(f"mfcc/{part}{i}" for part in ("", "delta/", "delta2/") for i in range(self.n_mfcc))

    def frames(self, y: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """Return what the statistics are of, for one clip [shape=(n_samples,)] of any length.

        Coefficients [shape=(n_frames, n_mfcc)], first differences, with a frame less, and second differences,
        with two less. A clip of less than three frames is continued in silence.

        Raises
        ------
        AudioError
            The waveform is empty, not floating point, or not finite.
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
        fixed = self.fixed_length is not None
        return {
            "kind": self.kind,
            "n_mfcc": int(self.n_mfcc),
            "fixed_length": int(self.fixed_length) if self.fixed_length is not None else None,
            "fix_length": self.fix_length if fixed else None,
            "logmel": self._logmel.definition(),
        }

    def __call__(self, y: Waveforms) -> Float32[np.ndarray, "*clips features"]:
        """Return vectors [shape=(..., 6 * n_mfcc)] of waveforms [shape=(..., n_samples)].

        Raises
        ------
        AudioError
            The waveforms are empty, not floating point, not finite, or too short for second differences.
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
        self._check_length(y.shape[-1])
        return y

    def _check_length(self, n_samples: int) -> None:
        n_frames = self._logmel.n_frames(n_samples)
        if n_frames < MIN_FRAMES:
            needed = (MIN_FRAMES - 1) * self._logmel.hop_length
            raise AudioError(
                f"{n_samples} samples give {n_frames} MFCC frame(s), second differences need {MIN_FRAMES} "
                f"({needed} samples): set fixed_length to {needed} or more with 'zero-pad' or 'repeat-pad'"
            )

    def _clip_statistics(self, y: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the vector of one clip."""
        return np.concatenate([f(axis=0) for order in self._orders(y) for f in (order.mean, order.std)])

    def _orders(self, y: NDArray[np.float32]) -> list[NDArray[np.float64]]:
        """Return the coefficients of one clip over time, their first and their second differences."""
        logmel = self._logmel(y).astype(np.float64)
        mfcc = scipy.fft.dct(logmel, norm="ortho", workers=1)[:, : self.n_mfcc]
        return [np.diff(mfcc, n=n, axis=0) for n in range(3)]

    @cached_property
    def _logmel(self) -> LogMel:
        return LogMel(sr=self.sr, n_fft=2048, hop_length=512, n_mels=128, pad_mode=self.pad_mode)
