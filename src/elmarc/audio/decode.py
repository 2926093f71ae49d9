"""Decode with libsndfile, average the channels, resample with soxr.

The samples are those of `librosa.load`: mono first, then soxr HQ, cut or padded to `ceil(n_samples *
ratio)`. Decoding and resampling release the GIL, so threads can read clips at once. A file is read in
pieces, so memory holds the mono result and little more.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soxr
from numpy.typing import NDArray

from elmarc._types import Waveform
from elmarc.audio.issues import IssueFinder, Issues
from elmarc.audio.opening import Forward, check_regular, opened, unreadable
from elmarc.errors import AudioError, ConfigError

ROUNDING_S = 0.01  # how far beyond the end of its file a segment may end: tables hold rounded times
PIECE_SAMPLES = 2**17  # decoded at a time, over all channels: 512 KiB
MAX_RATE = 2**31 - 1  # Hz; soxr never ends at 1e308
MAX_CLIP_BYTES = 300_000_000  # of a clip in memory: 104 minutes at 12 kHz


def load(
    path: str | Path, *, sr: int | None = 12000, start: float | None = None, end: float | None = None
) -> Waveform:
    """Return a clip, or a segment of one, as mono samples at rate `sr`.

    Only the segment is read. At its borders the resampler assumes silence outside, which changes the first
    and last few milliseconds. Adjacent segments share no sample and leave none out.

    Parameters
    ----------
    path : str or Path
        An audio file of any rate and any number of channels, which are averaged.
    sr : int or None
        Hz; None keeps the file's own.
    start, end : float or None
        Seconds from the beginning of the file; None is the beginning, and the end. `end` may lie up to 10 ms
        beyond the end of the file, as rounded times do.

    Returns
    -------
    y : np.ndarray [shape=(n_samples,), dtype=float32]
        In [-1, 1], where the file is.

    Raises
    ------
    AudioError
        The file is missing, no regular file, cannot be decoded, is empty, holds samples that are not finite,
        does not hold the segment, or the clip would take more than 300 MB: `blocks` reads it piece by piece.
    """
    return load_with_issues(path, sr=sr, start=start, end=end)[0]


def load_with_issues(
    path: str | Path, *, sr: int | None = 12000, start: float | None = None, end: float | None = None
) -> tuple[Waveform, Issues]:
    """Return what `load` does, and the issues of the clip: see `elmarc.audio.issues`."""
    finder = IssueFinder()
    with segment(path, start, end) as (sound, first, stop):
        n_samples = resampled_length(stop - first, orig_sr=int(sound.samplerate), target_sr=sr)
        _check_size(4 * n_samples, name=path, what=f"{n_samples} samples at {sr or sound.samplerate} Hz")
        pieces = resampled(sound, first, stop, sr=sr, finder=finder)
        y = _filled(np.empty(n_samples, np.float32), pieces)
        return y, finder.issues(path, n_expected=stop - first, to_end=end is None)


def decode(
    path: str | Path, *, start: float | None = None, end: float | None = None
) -> tuple[NDArray[np.float32], int]:
    """Return the samples of a file, or of a segment of it, as they are, and their rate; otherwise as `load`.

    Returns
    -------
    samples : np.ndarray [shape=(n_samples, n_channels), dtype=float32]
    sr : int
        The file's rate in Hz.
    """
    with segment(path, start, end) as (sound, first, stop):
        what = f"{stop - first} samples of {sound.channels} channels"
        _check_size(4 * (stop - first) * sound.channels, name=path, what=what)
        samples = np.empty((stop - first, sound.channels), np.float32)
        return _filled(samples, _pieces(sound, first, stop)), int(sound.samplerate)


def resample(y: Waveform, *, orig_sr: int, target_sr: int) -> Waveform:
    """Return mono samples at another rate, by soxr's high quality setting.

    >>> resample(np.zeros(24000, np.float32), orig_sr=24000, target_sr=12000).shape
    (12000,)
    """
    n_samples = resampled_length(len(y), orig_sr=orig_sr, target_sr=target_sr)
    if orig_sr == target_sr:
        return y
    samples: Waveform = soxr.resample(y, orig_sr, target_sr, quality="HQ")[:n_samples]
    return np.pad(samples, (0, n_samples - len(samples)))


def resampled_length(n_samples: int, *, orig_sr: int, target_sr: int | None) -> int:
    """Return how many samples a clip has at another rate (None: its own), with librosa's float rounding.

    >>> resampled_length(220500, orig_sr=44100, target_sr=12000)
    60001
    """
    for name, rate in (("orig_sr", orig_sr), ("target_sr", target_sr)):
        if rate is not None and not 1 <= rate <= MAX_RATE:
            raise ConfigError(
                f"{name}: {rate} Hz is not a rate: give a positive number below {MAX_RATE}, such as 12000"
            )
    if target_sr is None or orig_sr == target_sr:
        return n_samples
    return math.ceil(n_samples * (float(target_sr) / orig_sr))


def resampled(
    sound: Forward, first: int, stop: int, *, sr: int | None, finder: IssueFinder | None = None
) -> Iterator[Waveform]:
    """Yield mono pieces of a file at rate `sr`; put together they are `resample` of the whole, bit for bit.

    `first` and `stop` are samples of the file, at its own rate, at which `finder` receives them. Raises an
    AudioError where there are none, or where some, their mean or their resampling are not finite.
    """
    orig_sr = int(sound.samplerate)
    observe = (finder or IssueFinder()).add
    mono = (observe(_finite(_average(piece), sound)) for piece in _pieces(sound, first, stop))
    if sr is None or sr == orig_sr:
        yield from mono
        return
    stream = soxr.ResampleStream(orig_sr, sr, 1, dtype="float32", quality="HQ")
    n_read = n_yielded = 0
    for y in mono:
        n_read += len(y)
        piece = _finite(stream.resample_chunk(y), sound)
        n_yielded += len(piece)
        yield piece
    left = resampled_length(n_read, orig_sr=orig_sr, target_sr=sr) - n_yielded
    rest = _finite(stream.resample_chunk(np.empty(0, np.float32), last=True)[:left], sound)
    yield np.pad(rest, (0, left - len(rest)))


def duration_s(path: str | Path, *, start: float | None = None, end: float | None = None) -> float:
    """Return the length in seconds of a file, or of a segment of it (see `load`), by its header."""
    with segment(path, start, end) as (sound, first, stop):
        return (stop - first) / int(sound.samplerate)


def true_duration_s(path: str | Path, *, start: float | None = None, end: float | None = None) -> float:
    """Return the length in seconds of the decoded sound, whatever the header states.

    Memory does not grow with the file. Raises an AudioError where `load` would.
    """
    with segment(path, start, end) as (sound, first, stop):
        rate = int(sound.samplerate)
        n_samples = resampled_length(stop - first, orig_sr=rate, target_sr=12000)
        _check_size(4 * n_samples, name=path, what=f"{n_samples} samples at 12000 Hz")
        return sum(map(len, resampled(sound, first, stop, sr=None))) / rate


def header(path: str | Path) -> tuple[int, int]:
    """Return the number of samples per channel and the rate in Hz that a file's header states.

    A file whose header leaves the number open is decoded to count them.
    """
    with opened(path) as sound:
        return int(sound.frames), int(sound.samplerate)


@contextmanager
def segment(path: str | Path, start: float | None, end: float | None) -> Iterator[tuple[Forward, int, int]]:
    """Open a file; yield it with the first sample of a segment and the one after its last: see `load`."""
    with opened(path) as sound:
        first, stop = 0, int(sound.frames)
        if start is not None or end is not None:
            first, stop = segment_samples(stop, sound.samplerate, start, end, name=path)
        yield sound, first, stop


def segment_samples(
    n_samples: int, sr: int, start: float | None, end: float | None, *, name: str | Path
) -> tuple[int, int]:
    """Return the first sample of a segment and the one after its last.

    Raises an AudioError where the file does not hold the segment, or the segment no sample.

    >>> segment_samples(44100, 22050, 0.5, None, name="a.wav")
    (11025, 44100)
    """
    length_s = n_samples / sr
    begin, finish = start or 0.0, length_s if end is None else end
    segment = f"{name}: the segment from {begin:g} s to {'the end' if end is None else f'{end:g} s'}"
    if not (0 <= begin < length_s and finish <= length_s + ROUNDING_S):
        raise AudioError(f"{segment} does not lie in the file, which lasts {length_s:g} s: correct its times")
    first, stop = round(begin * sr), min(round(finish * sr), n_samples)
    if stop <= first:
        raise AudioError(f"{segment} holds no sample: its start has to come before its end")
    return first, stop


def content_hash(source: str | Path | NDArray[np.floating]) -> str:
    """Return the sha256, in hex, of a file's bytes, or of an array's shape and float32 samples."""
    if isinstance(source, np.ndarray):
        samples = np.ascontiguousarray(source, dtype="<f4")
        return hashlib.sha256(repr(samples.shape).encode() + samples.tobytes()).hexdigest()
    try:
        check_regular(source)
        with open(source, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as problem:
        raise unreadable(source, problem) from problem


def _check_size(n_bytes: int, *, name: str | Path, what: str) -> None:
    """Refuse a clip that takes more memory than MAX_CLIP_BYTES, such as one of an absurd rate."""
    if n_bytes > MAX_CLIP_BYTES:
        raise AudioError(
            f"{name}: {what} take {n_bytes / 1e6:.0f} MB, more than the {MAX_CLIP_BYTES / 1e6:.0f} MB that a "
            "clip may take: is the rate in its header right? Split a long recording, or read it by windows"
        )


def _pieces(sound: Forward, first: int, stop: int) -> Iterator[NDArray[np.float32]]:
    """Yield samples [shape=(n_samples, n_channels)] of a part of a file, piece by piece."""
    n_read = 0
    step = max(1, PIECE_SAMPLES // sound.channels)
    if first:
        sound.skip(first)
    while n_read < stop - first:
        n_next = min(step, stop - first - n_read)
        piece: NDArray[np.float32] = sound.read(n_next, dtype="float32", always_2d=True)
        if not len(piece):
            break
        n_read += len(piece)
        finite = np.isfinite(piece).all(axis=1)
        if not finite.all():
            of = f"{n_read} samples" if n_read == stop - first else f"the first {n_read} samples"
            raise AudioError(
                f"{sound.path}: {np.sum(~finite)} of {of} are NaN or infinite, expected finite numbers: "
                "export the file again, or leave it out"
            )
        yield piece
    if not n_read:
        raise AudioError(f"{sound.path}: holds no samples: replace the file, or leave it out")


def _filled(out: NDArray[np.float32], pieces: Iterator[NDArray[np.float32]]) -> NDArray[np.float32]:
    """Return pieces put together in `out`, cut where a file holds less than its header states."""
    filled = 0
    for piece in pieces:
        out[filled : filled + len(piece)] = piece
        filled += len(piece)
    return out[:filled]


def _average(samples: NDArray[np.float32]) -> Waveform:
    """Average channels; a sum of columns takes a tenth of the time of `samples.mean(axis=1)`."""
    n_channels = samples.shape[1]
    total: Waveform = samples[:, 0]
    with np.errstate(over="ignore", invalid="ignore"):  # refused by `_finite`
        for channel in range(1, n_channels):
            total = total + samples[:, channel]
    return total if n_channels == 1 else total / np.float32(n_channels)


def _finite(y: Waveform, sound: Forward) -> Waveform:
    """Return the samples, or refuse them: a file may be finite, and its sums beyond float32."""
    if not np.isfinite(y).all():
        raise AudioError(
            f"{sound.path}: samples are too large to be averaged or resampled, expected most within [-1, 1]: "
            "export the file again, or leave it out"
        )
    return y
