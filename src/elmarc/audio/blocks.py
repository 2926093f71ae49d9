"""Read a recording of any length piece by piece, in memory that does not grow with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from elmarc._types import Waveform
from elmarc.audio.decode import check_size, resampled, resampled_length, span
from elmarc.audio.oddities import Listener
from elmarc.audio.opening import opened
from elmarc.errors import ConfigError


def blocks(
    path: str | Path,
    *,
    sr: int | None = 12000,
    seconds: float = 10.0,
    start: float | None = None,
    end: float | None = None,
    heard: dict[str, str] | None = None,
) -> Iterator[Waveform]:
    """Yield a recording as mono blocks at rate `sr`; put together, they are `load` of it, bit for bit.

    Parameters
    ----------
    path, sr, start, end
        As for `load`.
    seconds : float
        Length of a block, to the nearest sample; the last one may be shorter.
    heard : dict or None
        Takes what was odd about the samples, once all were read: see `elmarc.audio.oddities`.

    Yields
    ------
    np.ndarray [shape=(n_samples,), dtype=float32]

    Raises
    ------
    AudioError
        As for `load`, but that no length is too long; what is wrong with a piece is told when it is reached.
    ConfigError
        `seconds` is not positive.
    """
    if not seconds > 0:
        raise ConfigError(f"seconds: found {seconds:g}, expected a positive number")
    listener = Listener()
    with opened(path) as sound:
        first, stop = span(sound, start, end, name=path)
        size = max(1, round(seconds * (sr or int(sound.samplerate))))
        pieces = resampled(sound, first, stop, sr=sr, name=path, listener=listener)
        yield from _of_size(pieces, size)
    if heard is not None:
        heard.update(listener.oddities(path, n_asked=stop - first, to_end=end is None))


def true_duration_s(
    path: str | Path, *, sr: int = 12000, start: float | None = None, end: float | None = None
) -> float:
    """Return the length in seconds of the sound that a file holds, whatever its header says.

    Every sample is decoded, in memory that does not grow with the file.

    Parameters
    ----------
    path, start, end
        As for `load`.
    sr : int
        Hz; a clip that `load` refuses at this rate is refused here.

    Raises
    ------
    AudioError
        As for `load`.
    """
    with opened(path) as sound:
        rate = int(sound.samplerate)
        first, stop = span(sound, start, end, name=path)
        n_at_sr = resampled_length(stop - first, orig_sr=rate, target_sr=sr)
        check_size(4 * n_at_sr, name=path, what=f"{n_at_sr} samples at {sr} Hz")
        return sum(map(len, resampled(sound, first, stop, sr=None, name=path))) / rate


def _of_size(pieces: Iterator[Waveform], size: int) -> Iterator[Waveform]:
    """Yield the same samples in pieces of `size`."""
    held = np.empty(0, np.float32)
    for piece in pieces:
        held = np.concatenate([held, piece])
        n_whole = len(held) // size * size
        yield from (held[i : i + size].copy() for i in range(0, n_whole, size))
        held = held[n_whole:]
    if len(held):
        yield held
