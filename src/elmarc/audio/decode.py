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


def load(path: str | Path, *, sr: int | None = 12000) -> Waveform:
    """Return a clip as mono samples at rate `sr`.

    Parameters
    ----------
    path : str or Path
        An audio file of any rate and any number of channels, which are averaged.
    sr : int or None
        Rate wanted, in Hz; None keeps the file's own.

    Returns
    -------
    y : np.ndarray [shape=(n_samples,), dtype=float32]
        In [-1, 1], where the file is.

    Raises
    ------
    AudioError
        The file is missing, cannot be decoded, is empty or holds samples that are not finite.
    """
    samples, orig_sr = decode(path)
    mono = _average(samples)
    return mono if sr is None else resample(mono, orig_sr=orig_sr, target_sr=sr)


def decode(path: str | Path) -> tuple[NDArray[np.float32], int]:
    """Return samples [shape=(n_samples, n_channels)] and rate of a file as they are.

    Raises
    ------
    AudioError
        As for `load`.
    """
    with _opened(path) as sound:
        samples: NDArray[np.float32] = sound.read(dtype="float32", always_2d=True)
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


def duration_s(path: str | Path) -> float:
    """Return the length of a file in seconds, from its header.

    Raises
    ------
    AudioError
        The file is missing or not audio.
    """
    with _opened(path) as sound:
        return float(sound.frames / sound.samplerate)


def content_hash(source: str | Path | NDArray[np.floating]) -> str:
    """Return the sha256, in hex, of a file's bytes, or of an array's shape and float32 samples.

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
