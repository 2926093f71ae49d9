"""The mel scale and its triangular filters, both after Slaney's Auditory Toolbox (1998), as in librosa."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64
from numpy.typing import ArrayLike, NDArray

HZ_PER_MEL = 200.0 / 3.0  # linear below 1 kHz
KNEE_HZ = 1000.0
KNEE_MEL = KNEE_HZ / HZ_PER_MEL
LOG_STEP = np.log(6.4) / 27.0  # logarithmic above: 27 mels from 1 kHz to 6.4 kHz


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

    A filter narrower than the distance of two bins may hold no bin: its row is then all zeros.
    """
    bins_hz = np.fft.rfftfreq(n_fft, d=1.0 / sr)
    corners_hz = mel_to_hz(np.linspace(hz_to_mel(fmin), hz_to_mel(fmax), n_mels + 2))
    left, centre, right = (corners_hz[i : i + n_mels, np.newaxis] for i in range(3))
    rising = (bins_hz - left) / (centre - left)
    falling = (right - bins_hz) / (right - centre)
    return np.maximum(0.0, np.minimum(rising, falling)) * 2.0 / (right - left)
