"""Overlapping windows of a recording of any length, in memory that does not grow with it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from elmarc._types import Waveform
from elmarc.audio.blocks import blocks
from elmarc.audio.decode import header, resample
from elmarc.errors import ConfigError

BLOCK_S = 1.0  # read at a time at least


@dataclass(frozen=True)
class Window:
    """A part of a recording, mono at the file's own rate.

    Parameters
    ----------
    start_s, end_s : float
        Seconds from the beginning of the file.
    samples : np.ndarray [shape=(n_samples,), dtype=float32]
    file_sr : int
        Their rate in Hz.
    """

    start_s: float
    end_s: float
    samples: Waveform
    file_sr: int

    def load(self, *, sr: int) -> Waveform:
        """Return its samples at another rate: those of `load(path, sr=sr, start=start_s, end=end_s)`."""
        return resample(self.samples, orig_sr=self.file_sr, target_sr=sr)


def windows(
    path: str | Path, *, window_s: float, hop_s: float, heard: dict[str, str] | None = None
) -> Iterator[Window]:
    """Yield windows that begin at 0, `hop_s`, 2 `hop_s`, ... and are whole.

    What is left at the end gets a window that ends with the recording, and so begins earlier than its turn.
    A recording shorter than a window is one window.

    Parameters
    ----------
    path : str or Path
        An audio file of any length.
    window_s, hop_s : float
        Seconds, each rounded to the nearest sample of the file.
    heard : dict or None
        As for `blocks`.

    Raises
    ------
    AudioError
        As for `blocks`.
    ConfigError
        `window_s` or `hop_s` is not positive, or shorter than a sample.
    """
    sr = header(path)[1]
    _check(window_s, hop_s, sr)
    size = round(window_s * sr)
    held, offset, k, end = np.empty(0, np.float32), 0, 0, 0
    for block in blocks(path, sr=None, seconds=max(window_s, BLOCK_S), heard=heard):
        held = np.concatenate([held, block])
        while (first := round(k * hop_s * sr)) + size <= offset + len(held):
            yield _window(held[first - offset :][:size].copy(), first, sr)
            k, end = k + 1, first + size
        passed = max(0, min(first, offset + len(held) - size) - offset)
        held, offset = held[passed:], offset + passed
    total = offset + len(held)
    if end < total and round(k * hop_s * sr) < total:
        last = held[-size:]
        yield _window(last, total - len(last), sr)


def n_windows(path: str | Path, *, window_s: float, hop_s: float) -> int:
    """Return about how many windows a file has, by its header. Raises as `windows`."""
    n_samples, sr = header(path)
    _check(window_s, hop_s, sr)
    return 1 + max(0, math.ceil((n_samples / sr - window_s) / hop_s))


def _check(window_s: float, hop_s: float, sr: int) -> None:
    if not all(math.inf > seconds * sr >= 1 for seconds in (window_s, hop_s)):
        raise ConfigError(f"windows of {window_s:g} s every {hop_s:g} s: give positive numbers of seconds")


def _window(samples: Waveform, first: int, sr: int) -> Window:
    return Window(first / sr, (first + len(samples)) / sr, samples, sr)
