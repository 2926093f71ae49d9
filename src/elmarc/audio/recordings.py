"""Recordings of any length, as blocks or as overlapping windows, in memory that does not grow with them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from elmarc._types import Waveform
from elmarc.audio.decode import header, resample, resampled, segment
from elmarc.audio.issues import IssueFinder
from elmarc.errors import ConfigError

BLOCK_S = 1.0  # read at a time at least


def blocks(
    path: str | Path,
    *,
    sr: int | None = 12000,
    seconds: float = 10.0,
    start: float | None = None,
    end: float | None = None,
    issues: dict[str, str] | None = None,
) -> Iterator[Waveform]:
    """Yield a recording as mono blocks at rate `sr`; put together, they are `load` of it, bit for bit.

    Parameters
    ----------
    path, sr, start, end
        As for `load`.
    seconds : float
        Length of a block, to the nearest sample; the last one may be shorter.
    issues : dict or None
        Receives the issues of the samples, once all were read: see `elmarc.audio.issues`.

    Raises
    ------
    AudioError
        As for `load`, but that no length is too long; an error of a piece is raised when it is reached.
    """
    if not seconds > 0:
        raise ConfigError(f"seconds: found {seconds:g}, expected a positive number")
    finder = IssueFinder()
    with segment(path, start, end) as (sound, first, stop):
        size = max(1, round(seconds * (sr or int(sound.samplerate))))
        rest = np.empty(0, np.float32)
        for piece in resampled(sound, first, stop, sr=sr, finder=finder):
            rest = np.concatenate([rest, piece])
            n_whole = len(rest) // size * size
            yield from (rest[i : i + size].copy() for i in range(0, n_whole, size))
            rest = rest[n_whole:]
        if len(rest):
            yield rest
        if issues is not None:
            issues.update(finder.issues(path, n_expected=stop - first, to_end=end is None))


@dataclass(frozen=True)
class Window:
    """A part of a recording, mono at the file's own rate.

    Parameters
    ----------
    start_s, end_s : float
        Seconds from the beginning of the file.
    file_sr : int
        Hz.
    """

    start_s: float
    end_s: float
    samples: Waveform
    file_sr: int

    def load(self, *, sr: int) -> Waveform:
        """Return its samples at another rate: those of `load(path, sr=sr, start=start_s, end=end_s)`."""
        return resample(self.samples, orig_sr=self.file_sr, target_sr=sr)


def windows(
    path: str | Path, *, window_s: float, hop_s: float, issues: dict[str, str] | None = None
) -> Iterator[Window]:
    """Yield windows that begin at 0, `hop_s`, 2 `hop_s`, ... and are whole.

    What is left at the end gets a window that ends with the recording, so it begins less than `hop_s` after
    the one before. A recording shorter than a window is one window.

    Parameters
    ----------
    path, issues
        As for `blocks`, which also says what is raised.
    window_s, hop_s : float
        Seconds, each rounded to the nearest sample of the file; a ConfigError where shorter than a sample.
    """
    sr = header(path)[1]
    _check(window_s, hop_s, sr)
    size = round(window_s * sr)
    buffer, offset, k, end = np.empty(0, np.float32), 0, 0, 0
    for block in blocks(path, sr=None, seconds=max(window_s, BLOCK_S), issues=issues):
        buffer = np.concatenate([buffer, block])
        while (first := round(k * hop_s * sr)) + size <= offset + len(buffer):
            yield _window(buffer[first - offset :][:size].copy(), first, sr)
            k, end = k + 1, first + size
        n_done = max(0, min(first, offset + len(buffer) - size) - offset)
        buffer, offset = buffer[n_done:], offset + n_done
    total = offset + len(buffer)
    if end < total and round(k * hop_s * sr) < total:
        last = buffer[-size:]
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
