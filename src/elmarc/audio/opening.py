"""Open a sound file; what goes wrong becomes an AudioError, or a TransientError where it may pass."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import soundfile as sf

from elmarc._names import special
from elmarc.errors import AudioError, ElmarcError, TransientError

FORMATS = "wav, flac, ogg, mp3, au and aiff"
UNKNOWN = 2**63 - 1  # samples: libsndfile's answer where a header leaves the length open, as FLAC allows
# Subtypes whose samples have a fixed size: a place in the file is a sample. All others are decoded from the
# start: libsndfile seeks to wrong samples of Vorbis, ALAC and SDS near the end, and resets MP3 and Opus.
FIXED_SIZE = ("PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW")
IN_BLOCKS = ("OGG", "PAF", "SDS")  # formats that pack such samples
PIECE = 2**16  # samples of all channels, read at a time to be skipped or counted
# Faults of the file itself. All others come from the machine, its drives or its network, and may pass.
_LASTING = "ENOENT ENOTDIR EISDIR EACCES EPERM ELOOP ENAMETOOLONG EINVAL EILSEQ ENXIO EFBIG EOVERFLOW"
LASTING = {getattr(errno, name) for name in _LASTING.split()}
SYSTEM_ERROR, NO_MEMORY = 2, 17  # codes of libsndfile, which hides errno


class Forward(sf.SoundFile):
    """A sound file that is read from front to back.

    soundfile seeks after each read where it can, which resets an MP3 decoder: pieces would differ from the
    whole.
    """

    path: str | Path  # for messages

    def seekable(self) -> bool:
        """Return False; `skip` before the first read works all the same."""
        return False

    @cached_property
    def frames(self) -> int:
        """The number of samples per channel; a file whose header leaves it open is decoded to count them."""
        n_samples = int(self._info.frames)
        if n_samples < UNKNOWN:
            return n_samples
        with Forward(self.name) as other:
            return int(other.skip(UNKNOWN))

    @property
    def seeks_exactly(self) -> bool:
        """Whether a seek leads to the samples that decoding from the start gives there, bit for bit."""
        is_exact = self.subtype in FIXED_SIZE and self.format not in IN_BLOCKS
        return is_exact and super().seekable() and self._info.frames < UNKNOWN

    def skip(self, n_samples: int) -> int:
        """Skip samples at the beginning; return how many: fewer where the file ends before."""
        if self.seeks_exactly:
            return int(self.seek(n_samples))
        n_skipped, step = 0, max(1, PIECE // self.channels)
        while n_skipped < n_samples:
            n_read = len(self.read(min(step, n_samples - n_skipped), dtype="float32", always_2d=True))
            if not n_read:
                break
            n_skipped += n_read
        return n_skipped


@contextmanager
def opened(path: str | Path) -> Iterator[Forward]:
    """Open a sound file; an error of opening or reading it becomes an AudioError or a TransientError."""
    _check_readable(path)
    try:
        # libsndfile opens names that are not UTF-8 by their bytes alone
        with Forward(os.fspath(path) if sys.platform == "win32" else os.fsencode(path)) as sound:
            sound.path = path
            if sound.format == "RAW":  # libsndfile's guess for anything that is called .au, .gsm or .vox
                raise _not_sound(path, "no header")
            yield sound
    except ElmarcError:
        raise
    except OSError as problem:
        raise unreadable(path, problem) from problem
    except MemoryError as problem:
        raise transient(path, "out of memory") from problem
    except (sf.SoundFileError, TypeError, ValueError) as problem:  # the latter two come from soundfile
        reason = getattr(problem, "error_string", str(problem))
        if getattr(problem, "code", 0) in (SYSTEM_ERROR, NO_MEMORY):
            _check_readable(path)  # for the system's own words
            raise transient(path, reason) from problem
        if "filename too long" in reason:
            raise AudioError(
                f"{path}: the path is longer than libsndfile takes, 1,023 bytes: move the file to a folder "
                "of a shorter path"
            ) from problem
        # libsndfile suspects a pipe behind anything that is called .mp3; pipes were refused above
        raise _not_sound(path, "no MPEG frames" if "possibly a pipe" in reason else reason) from problem


def _not_sound(path: str | Path, reason: str) -> AudioError:
    return AudioError(
        f"{path}: is damaged, or of another format than {FORMATS} (libsndfile: {reason}): "
        "convert it, or leave it out"
    )


def _check_readable(path: str | Path) -> None:
    """Refuse what cannot be opened, in the system's words: libsndfile says "System error"."""
    try:
        check_regular(path)
        with open(path, "rb") as file:
            is_empty = not file.read(1)
    except (OSError, ValueError) as problem:  # ValueError: a null byte in the path
        raise unreadable(path, problem) from problem
    if is_empty:
        raise AudioError(f"{path}: the file is empty (0 bytes): replace it, or leave it out")


def check_regular(path: str | Path) -> None:
    """Refuse a pipe, socket or device before it is opened, which might block; other errors are OSErrors."""
    if kind := special(path):
        raise AudioError(
            f"{path}: is {kind}, expected an audio file ({FORMATS}): write what it gives to a file first"
        )


def is_there(path: str | Path) -> bool:
    """Return whether a path leads to a regular file; raise a TransientError where the system cannot tell."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError) as problem:
        if isinstance(problem, OSError) and problem.errno not in LASTING:
            raise unreadable(path, problem) from problem
        return False


def unreadable(path: str | Path, problem: OSError | ValueError) -> AudioError | TransientError:
    """Return an error of the system as an AudioError, or as a TransientError where it may pass."""
    if isinstance(problem, OSError) and problem.errno not in LASTING:
        return transient(path, problem.strerror or str(problem))
    if isinstance(problem, IsADirectoryError):
        return AudioError(f"{path}: is a folder, expected an audio file ({FORMATS})")
    if isinstance(problem, FileNotFoundError):
        return AudioError(f"{path}: no such file: check the path and the folder it is relative to")
    reason = getattr(problem, "strerror", problem)
    return AudioError(f"{path}: cannot be read ({reason}): check its path and its permissions")


def transient(path: str | Path, reason: str) -> TransientError:
    """Return the error that a file cannot be read for a reason that may pass."""
    return TransientError(
        f"{path}: cannot be read at the moment ({reason.rstrip('.')}), so the run stops and no clip is left "
        "out: check open files (ulimit -n), memory, drive and network, and run again; if it stays so, leave "
        "the file out"
    )


def refuse_if_away(path: str | Path, problem: AudioError) -> None:
    """Raise a TransientError where a missing file's folder is gone or empty, as an unmounted drive is."""
    if not isinstance(problem.__cause__, FileNotFoundError):
        return
    try:
        with os.scandir(Path(path).parent) as entries:
            is_away = next(entries, None) is None
    except OSError:
        is_away = True
    if is_away:
        raise transient(path, "its folder is gone or empty") from problem
