"""Read a clip: decode with libsndfile, average the channels, resample with soxr.

The numbers are those of `librosa.load`: mono first, then soxr HQ, cut or padded to `ceil(n_samples * ratio)`
samples. Decoding and resampling release the GIL, so clips can be read in a thread pool.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import soundfile as sf
import soxr
from numpy.typing import NDArray

from elmarc._errors import AudioError, ConfigError
from elmarc._types import Waveform

FORMATS = "wav, flac, ogg, mp3, au and aiff"
ROUNDING_S = 0.01  # how far beyond the end of its file a segment may end: tables hold rounded times


def load(
    path: str | Path, *, sr: int | None = 12000, start: float | None = None, end: float | None = None
) -> Waveform:
    """Return a clip, or a segment of one, as mono samples at rate `sr`.

    Only the segment is read and resampled: at its borders the resampler takes what lies outside for silence,
    which touches the first and last few milliseconds. Segments that meet share no sample and leave none out.

    Parameters
    ----------
    path : str or Path
        An audio file of any rate and any number of channels, which are averaged.
    sr : int or None
        Rate wanted, in Hz; None keeps the file's own.
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
        The file is missing, cannot be decoded, is empty, holds samples that are not finite, or does not hold
        the segment.
    """
    samples, orig_sr = decode(path, start=start, end=end)
    mono = _average(samples)
    return mono if sr is None else resample(mono, orig_sr=orig_sr, target_sr=sr)


def decode(
    path: str | Path, *, start: float | None = None, end: float | None = None
) -> tuple[NDArray[np.float32], int]:
    """Return the samples of a file, or of a segment of it, as they are.

    Parameters
    ----------
    path, start, end
        As for `load`.

    Returns
    -------
    samples : np.ndarray [shape=(n_samples, n_channels), dtype=float32]
    sr : int
        The file's rate in Hz.

    Raises
    ------
    AudioError
        As for `load`.
    """
    with _opened(path) as sound:
        if start is None and end is None:
            samples: NDArray[np.float32] = sound.read(dtype="float32", always_2d=True)
        else:
            first, stop = segment_samples(sound.frames, sound.samplerate, start, end, name=path)
            sound.seek(first)
            samples = sound.read(stop - first, dtype="float32", always_2d=True)
        sr = int(sound.samplerate)
    if not len(samples):
        raise AudioError(f"{path}: holds no samples: replace the file, or leave it out")
    if not np.isfinite(samples).all():
        n_bad = int(len(samples) - np.isfinite(samples).all(axis=1).sum())
        raise AudioError(
            f"{path}: {n_bad} of {len(samples)} samples are NaN or infinite, expected finite numbers: "
            "export the file again, or leave it out"
        )
    return samples, sr


def resample(y: Waveform, *, orig_sr: int, target_sr: int) -> Waveform:
    """Return mono samples at another rate, by soxr's high quality setting.

    >>> resample(np.zeros(24000, np.float32), orig_sr=24000, target_sr=12000).shape
    (12000,)
    """
    for name, rate in (("orig_sr", orig_sr), ("target_sr", target_sr)):
        if rate < 1:
            raise ConfigError(f"{name}: {rate} Hz is not a rate: give a positive number, such as 12000")
    if orig_sr == target_sr:
        return y
    # float rounding and all: 220500 samples at 44100 Hz become 60001 at 12000 Hz, in librosa and here
    n_samples = math.ceil(len(y) * (float(target_sr) / orig_sr))
    resampled: Waveform = soxr.resample(y, orig_sr, target_sr, quality="HQ")[:n_samples]
    return np.pad(resampled, (0, n_samples - len(resampled)))


def duration_s(path: str | Path, *, start: float | None = None, end: float | None = None) -> float:
    """Return the length in seconds of a file, or of a segment of it, from its header.

    Parameters
    ----------
    path, start, end
        As for `load`.

    Raises
    ------
    AudioError
        The file is missing, not audio, or does not hold the segment.
    """
    n_samples, sr = header(path)
    if start is None and end is None:
        return n_samples / sr
    first, stop = segment_samples(n_samples, sr, start, end, name=path)
    return (stop - first) / sr


def header(path: str | Path) -> tuple[int, int]:
    """Return the number of samples (a channel) and the rate in Hz that a file's header states.

    Raises
    ------
    AudioError
        The file is missing or not audio.
    """
    with _opened(path) as sound:
        return int(sound.frames), int(sound.samplerate)


def segment_samples(
    n_samples: int, sr: int, start: float | None, end: float | None, *, name: str | Path
) -> tuple[int, int]:
    """Return the first sample of a segment and the one after its last.

    Parameters
    ----------
    n_samples, sr : int
        What the file holds, and its rate in Hz.
    start, end : float or None
        As for `load`.
    name : str or Path
        What the error message calls the file.

    Raises
    ------
    AudioError
        The file does not hold the segment, or the segment no sample.

    Examples
    --------
    >>> segment_samples(44100, 22050, 0.5, None, name="a.wav")
    (11025, 44100)
    """
    length_s = n_samples / sr
    begin, finish = start or 0.0, length_s if end is None else end
    asked = f"{name}: the segment from {begin:g} s to {'the end' if end is None else f'{end:g} s'}"
    if not (0 <= begin < length_s and finish <= length_s + ROUNDING_S):
        raise AudioError(f"{asked} does not lie in the file, which lasts {length_s:g} s: correct its times")
    first, stop = round(begin * sr), min(round(finish * sr), n_samples)
    if stop <= first:
        raise AudioError(f"{asked} holds no sample: its start has to come before its end")
    return first, stop


def content_hash(source: str | Path | NDArray[np.floating]) -> str:
    """Return the sha256, in hex, of a file's bytes, or of an array's shape and float32 samples.

    Parameters
    ----------
    source : str, Path or np.ndarray
        A file, read as bytes, or an array of samples.

    Raises
    ------
    AudioError
        The file is missing or cannot be read.
    """
    if isinstance(source, np.ndarray):
        samples = np.ascontiguousarray(source, dtype="<f4")
        return hashlib.sha256(repr(samples.shape).encode() + samples.tobytes()).hexdigest()
    try:
        with open(source, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as problem:
        raise _unreadable(source, problem) from problem


def _average(samples: NDArray[np.float32]) -> Waveform:
    """Average channels; a sum of columns takes a tenth of the time of `samples.mean(axis=1)`."""
    n_channels = samples.shape[1]
    total: Waveform = samples[:, 0]
    for channel in range(1, n_channels):
        total = total + samples[:, channel]
    return total if n_channels == 1 else total / np.float32(n_channels)


@contextmanager
def _opened(path: str | Path) -> Iterator[sf.SoundFile]:
    """Open a sound file; what goes wrong with it, also while it is read, becomes an AudioError."""
    try:
        with open(path, "rb") as file:  # libsndfile says "System error" where Python knows which
            if not file.read(1):
                raise AudioError(f"{path}: the file is empty (0 bytes): replace it, or leave it out")
        with sf.SoundFile(path) as sound:
            yield sound
    except (OSError, ValueError) as problem:  # ValueError: a null byte in the path
        raise _unreadable(path, problem) from problem
    except MemoryError as problem:
        raise AudioError(
            f"{path}: its header claims more samples than fit into memory: it is damaged, or has to be split"
        ) from problem
    except (sf.SoundFileError, TypeError) as problem:  # TypeError: soundfile's answer to headerless .raw
        reason = getattr(problem, "error_string", problem)
        raise AudioError(
            f"{path}: is damaged, or of another format than {FORMATS} (libsndfile: {reason}): "
            "convert it, or leave it out"
        ) from problem


def _unreadable(path: str | Path, problem: OSError | ValueError) -> AudioError:
    if isinstance(problem, IsADirectoryError):
        return AudioError(f"{path}: is a folder, expected an audio file ({FORMATS})")
    if isinstance(problem, FileNotFoundError):
        return AudioError(f"{path}: no such file: check the path and the folder it is relative to")
    reason = getattr(problem, "strerror", problem)
    return AudioError(f"{path}: cannot be read ({reason}): check its path and its permissions")
