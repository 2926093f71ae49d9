"""Log-mel spectrogram: the input of the spectrogram networks.

The Fourier transform is in double precision, as in librosa: in single precision, cells 80 dB below the
loudest would be off by up to 0.002 dB. Frames are processed in blocks that stay in the processor's cache.
The filters are a sparse matrix: faster than a dense product, and without BLAS threads in addition to the
caller's.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, Literal, TypeAlias, get_args

import numpy as np
import scipy.fft
from jaxtyping import Float64
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import csr_array

from elmarc._types import Definition, Unit
from elmarc.errors import ConfigError
from elmarc.frontends.base import (
    Frames,
    Waveforms,
    as_waveforms,
    check_positive,
    check_share,
    nearest_sample,
)

PadMode: TypeAlias = Literal["reflect", "constant"]
FLOOR_DB = -100.0
MAX_FILTERS = 2**24  # bands x samples of the transform: 64 MB of filters when they are built
BLOCK_SAMPLES = 2**15  # 64 frames of 512 points: 256 KiB

# Slaney's mel scale (Auditory Toolbox, 1998), as in librosa
HZ_PER_MEL = 200.0 / 3.0  # linear below 1 kHz
KNEE_HZ = 1000.0
KNEE_MEL = KNEE_HZ / HZ_PER_MEL
LOG_STEP = np.log(6.4) / 27.0  # logarithmic above: 27 mels from 1 kHz to 6.4 kHz


@dataclass(frozen=True, kw_only=True)
class LogMel:
    """Log-mel spectrogram in dB, Pons & Serra 2018, section 3.

    Parameters
    ----------
    sr : int
        Rate of the waveforms, in Hz.
    n_fft, hop_length : int
        Hann window and step between frames, in samples; frames are centred on their sample.
    n_mels, fmin, fmax : int, float, float or None
        Bands from `fmin` to `fmax` Hz (None: `sr / 2`), Slaney's scale and normalisation.
    power : float
        1 for magnitudes, 2 for energies.
    top_db : float or None
        Floor of the cells, below the clip's maximum; None for no such floor. Silence is -100 dB.
    pad_mode : {"reflect", "constant"}
        How the first and last half window are filled: by reflection as in the paper (repeated, where a clip
        is shorter than half a window), or with zeros as in today's librosa.
    shift_db, scale_db : float
        Cells become `(dB + shift_db) / scale_db`, after `top_db`.
    levelling : float
        Share, 0 to 1, by which the clip's mean is first moved to `-shift_db`: 1 makes all clips equally loud.

    Examples
    --------
    >>> LogMel()(np.zeros((2, 12000), np.float32)).shape
    (2, 47, 96)
    """

    kind: ClassVar[str] = "logmel"
    unit: ClassVar[Unit] = "frames"
    columns: ClassVar[tuple[str, ...]] = ()

    sr: int = 12000
    n_fft: int = 512
    hop_length: int = 256
    n_mels: int = 96
    fmin: float = 0.0
    fmax: float | None = None
    power: float = 2.0
    top_db: float | None = 80.0
    pad_mode: PadMode = "reflect"
    shift_db: float = 0.0
    scale_db: float = 1.0
    levelling: float = 0.0

    def __post_init__(self) -> None:
        check_positive(sr=self.sr, n_fft=self.n_fft, hop_length=self.hop_length)
        check_positive(n_mels=self.n_mels, power=self.power, scale_db=self.scale_db)
        if self.n_mels * self.n_fft > MAX_FILTERS:
            raise ConfigError(
                f"n_mels, n_fft: found {self.n_mels} bands of {self.n_fft} samples, expected at most "
                f"{MAX_FILTERS} for their product: the filters would not fit into memory"
            )
        if self.top_db is not None:
            check_positive(top_db=self.top_db)
        check_share(levelling=self.levelling)
        if not 0 <= self.fmin < self._fmax <= self.sr / 2:
            raise ConfigError(
                f"fmin, fmax: found {self.fmin:g} and {self._fmax:g} Hz, expected 0 <= fmin < fmax <= "
                f"{self.sr / 2:g}, half of sr = {self.sr}: change them, or sr"
            )
        if self.pad_mode not in get_args(PadMode):
            raise ConfigError(f"pad_mode: {self.pad_mode!r} is unknown: use 'reflect' or 'constant'")
        self._warn_of_empty_bands()

    @property
    def n_bands(self) -> int:
        """Number of mel bands."""
        return self.n_mels

    @property
    def positions_per_second(self) -> float:
        """Frames per second."""
        return self.sr / self.hop_length

    def n_positions(self, seconds: float) -> int:
        """Return the number of frames of a clip of that many seconds.

        >>> LogMel().n_positions(10), LogMel(hop_length=128).n_positions(10)
        (469, 938)
        """
        return self.n_frames(nearest_sample(seconds, self.sr))

    def n_frames(self, n_samples: int) -> int:
        """Return the number of frames of a clip of `n_samples`."""
        return 1 + (n_samples - self.n_fft % 2) // self.hop_length

    def definition(self) -> Definition:
        """Return everything that changes the numbers; plain decibels omit the scaling."""
        scaling = {name: float(getattr(self, name)) for name in ("shift_db", "scale_db", "levelling")}
        return {
            "kind": self.kind,
            "sr": int(self.sr),
            "n_fft": int(self.n_fft),
            "hop_length": int(self.hop_length),
            "n_mels": int(self.n_mels),
            "fmin": float(self.fmin),
            "fmax": float(self._fmax),
            "power": float(self.power),
            "top_db": None if self.top_db is None else float(self.top_db),
            "pad_mode": self.pad_mode,
            **(scaling if self._is_scaled else {}),
        }

    def __call__(self, y: Waveforms) -> Frames:
        """Return dB [shape=(..., n_frames, n_mels)] of waveforms [shape=(..., n_samples)].

        Raises an AudioError where they are empty, not floating point, or not finite.
        """
        y = as_waveforms(y)
        out = np.empty((*y.shape[:-1], self.n_frames(y.shape[-1]), self.n_mels), np.float32)
        for i in np.ndindex(y.shape[:-1]):  # clip by clip: the same arithmetic in any batch, to the last bit
            out[i] = self._clip_db(y[i])
        return out

    def _clip_db(self, y: NDArray[np.float32]) -> NDArray[np.floating]:
        """Return scaled dB [shape=(n_frames, n_mels)] of one clip."""
        frames = self._frames(y)
        step = max(1, BLOCK_SAMPLES // self.n_fft)
        mel = np.empty((len(frames), self.n_mels))
        for i in range(0, len(frames), step):
            mel[i : i + step] = (self._filters @ self._spectrum(frames[i : i + step]).T).T
        db: NDArray[np.float64] = 10.0 * np.log10(np.maximum(mel, 10.0 ** (FLOOR_DB / 10.0)))
        if self.top_db is not None:
            np.maximum(db, db.max() - self.top_db, out=db)
        if self._is_scaled:
            db += self.shift_db - self.levelling * (db.mean() + self.shift_db)
            db /= self.scale_db
        return db

    def _frames(self, y: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return overlapping views [shape=(n_frames, n_fft)] of one padded clip."""
        windows: NDArray[np.float32] = np.lib.stride_tricks.sliding_window_view(self._padded(y), self.n_fft)
        return windows[:: self.hop_length]

    def _padded(self, y: NDArray[np.float32]) -> NDArray[np.float32]:
        return np.pad(y, self.n_fft // 2, mode=self.pad_mode)

    def _spectrum(self, frames: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return magnitude to `power` [shape=(n_frames, 1 + n_fft // 2)]."""
        spectrum = scipy.fft.rfft(frames * self._window, workers=1)
        squares = np.square(spectrum.view(np.float64))
        energy: NDArray[np.float64] = squares[:, ::2] + squares[:, 1::2]
        return energy if self.power == 2 else energy ** (self.power / 2)

    @cached_property
    def _window(self) -> NDArray[np.float64]:
        """Periodic Hann window."""
        return 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(self.n_fft) / self.n_fft)

    @cached_property
    def _filters(self) -> csr_array:
        shape = {"n_fft": self.n_fft, "n_mels": self.n_mels}
        return csr_array(mel_filterbank(sr=self.sr, fmin=self.fmin, fmax=self._fmax, **shape))

    @property
    def _fmax(self) -> float:
        return self.sr / 2 if self.fmax is None else self.fmax

    @property
    def _is_scaled(self) -> bool:
        return (self.shift_db, self.scale_db, self.levelling) != (0.0, 1.0, 0.0)

    def _warn_of_empty_bands(self) -> None:
        n_empty = int((np.diff(self._filters.indptr) == 0).sum())
        if n_empty:
            warnings.warn(
                f"{n_empty} of {self.n_mels} mel bands lie between two bins of the Fourier transform and "
                f"stay silent: use fewer n_mels, or a longer n_fft than {self.n_fft}",
                stacklevel=4,
            )


def hz_to_mel(hz: ArrayLike) -> NDArray[np.float64]:
    """Return frequencies in mel.

    >>> hz_to_mel([500.0, 1000.0, 6400.0]).round(6).tolist()
    [7.5, 15.0, 42.0]
    """
    hz = np.asarray(hz, dtype=np.float64)
    above = KNEE_MEL + np.log(np.maximum(hz, KNEE_HZ) / KNEE_HZ) / LOG_STEP
    return np.where(hz < KNEE_HZ, hz / HZ_PER_MEL, above)


def mel_to_hz(mel: ArrayLike) -> NDArray[np.float64]:
    """Return frequencies in Hz; the inverse of `hz_to_mel`."""
    mel = np.asarray(mel, dtype=np.float64)
    above = KNEE_HZ * np.exp(LOG_STEP * np.maximum(mel - KNEE_MEL, 0.0))
    return np.where(mel < KNEE_MEL, mel * HZ_PER_MEL, above)


def mel_filterbank(
    *, sr: int, n_fft: int, n_mels: int, fmin: float, fmax: float
) -> Float64[np.ndarray, "mels bins"]:
    """Return triangles of equal area, evenly spaced in mel [shape=(n_mels, 1 + n_fft // 2)].

    A filter that is narrower than the distance of two bins may contain no bin: its row is all zeros.
    """
    bins_hz = np.fft.rfftfreq(n_fft, d=1.0 / sr)
    corners_hz = mel_to_hz(np.linspace(hz_to_mel(fmin), hz_to_mel(fmax), n_mels + 2))
    left, centre, right = (corners_hz[i : i + n_mels, np.newaxis] for i in range(3))
    rising = (bins_hz - left) / (centre - left)
    falling = (right - bins_hz) / (right - centre)
    return np.maximum(0.0, np.minimum(rising, falling)) * 2.0 / (right - left)
