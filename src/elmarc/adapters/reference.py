"""Sounds that scale features where no data may be looked at: seeded, made up, and the same for everybody."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from elmarc._seeds import uniform
from elmarc._types import Waveform

N_EACH = 6  # sounds of a kind, from -6 dB down to -36 dB of full scale
SECONDS = 2.0
STREAM = "reference sounds"


def reference_sounds(sr: int) -> Iterator[Waveform]:
    """Yield noises of three colours, chords, sweeps and trains of clicks, each at several levels.

    They depend on the rate alone.

    Parameters
    ----------
    sr : int
        Hz.
    """
    n_samples = round(SECONDS * sr)
    for kind, make in KINDS.items():
        for i in range(N_EACH):
            draws = uniform(0, STREAM, kind, str(i), size=n_samples)
            y = make(draws, sr)
            level = 10 ** (-6 * (i + 1) / 20)
            yield (level * y / np.abs(y).max()).astype(np.float32)


def _noise(draws: np.ndarray, slope: float) -> np.ndarray:
    """Return noise whose amplitude falls with frequency to the power of `slope`."""
    spectrum = np.fft.rfft(draws - 0.5)
    return np.fft.irfft(spectrum / np.maximum(np.arange(len(spectrum)), 1) ** slope, len(draws))


def _chord(draws: np.ndarray, sr: int) -> np.ndarray:
    """Return ten partials from 50 Hz to 0.4 sr, that die away."""
    t = np.arange(len(draws)) / sr
    pitches = 50 * (0.4 * sr / 50) ** draws[:10]
    return np.asarray(sum(np.sin(2 * np.pi * pitch * t) for pitch in pitches)) * np.exp(-2 * t)


def _sweep(draws: np.ndarray, sr: int) -> np.ndarray:
    """Return a tone that glides between two frequencies."""
    start, stop = 50 * (0.4 * sr / 50) ** draws[:2]
    pitch = np.geomspace(start, stop, len(draws))
    return np.sin(2 * np.pi * np.cumsum(pitch) / sr)


def _clicks(draws: np.ndarray, sr: int) -> np.ndarray:
    """Return 1 to 17 clicks a second, each 20 ms of decaying noise, over faint noise."""
    y = 1e-3 * (draws - 0.5)
    step = int(sr / (1 + 16 * draws[0]))
    n = min(step, sr // 50)
    shape = np.exp(-6 * np.arange(n) / n) * (draws[:n] - 0.5)
    for start in range(step // 2, len(y) - n, step):
        y[start : start + n] += shape
    return y


KINDS = {
    "white": lambda draws, sr: _noise(draws, 0.0),
    "pink": lambda draws, sr: _noise(draws, 0.5),
    "brown": lambda draws, sr: _noise(draws, 1.0),
    "chord": _chord,
    "sweep": _sweep,
    "clicks": _clicks,
}
