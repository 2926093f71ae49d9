"""Open a sound file: a regular file alone, and what goes wrong with it becomes an AudioError."""

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
UNSAID = 2**63 - 1  # samples: libsndfile's answer where a header leaves the length open, as FLAC allows
# Subtypes whose samples have a fixed size: a place in the file is a sample. All others are decoded from the
# start: libsndfile seeks to wrong samples of Vorbis, ALAC and SDS near the end, and resets MP3 and Opus.
FIXED_SIZE = ("PCM_S8", "PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW")
IN_BLOCKS = ("OGG", "PAF", "SDS")  # formats that pack such samples
# Faults of the file itself. All others come from the machine, its drives or its network, and may pass.
LASTING = (
    errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENAMETOOLONG,
    errno.EINVAL, errno.EILSEQ, errno.ENXIO, errno.EFBIG, errno.EOVERFLOW,
)  # fmt: skip
SYSTEM_ERROR, NO_MEMORY = 2, 17  # codes of libsndfile, which keeps errno to itself
PIECE = 2**16  # samples of all channels, read at a time to be passed over or counted


class Forward(sf.SoundFile):
    """A sound file that is read on where the last read ended.

    soundfile seeks to that place after each read where it can, which resets an MP3 decoder: pieces would
    differ from the whole.
    """

    def seekable(self) -> bool:
        """Say no; `pass_over` before the first read works all the same."""
        return False

    @cached_property
    def frames(self) -> int:
        """The number of samples a channel; a file whose header leaves it open is decoded to count them."""
        said = int(self._info.frames)
        if said < UNSAID:
            return said
        with Forward(self.name) as counted:
            return int(counted.pass_over(UNSAID))

    @property
    def seeks_exactly(self) -> bool:
        """Whether a seek leads to the samples that decoding from the start gives there, bit for bit."""
        is_exact = self.subtype in FIXED_SIZE and self.format not in IN_BLOCKS
        return is_exact and super().seekable() and self._info.frames < UNSAID

    def pass_over(self, n_samples: int) -> int:
        """Leave out samples at the beginning; return how many: fewer where the file ends before."""
        if self.seeks_exactly:
            return int(self.seek(n_samples))
        n_passed, step = 0, max(1, PIECE // self.channels)
        while n_passed < n_samples:
            n_read = len(self.read(min(step, n_samples - n_passed), dtype="float32", always_2d=True))
            if not n_read:
                break
            n_passed += n_read
        return n_passed


@contextmanager
def opened(path: str | Path) -> Iterator[Forward]:
    """Open a sound file; what goes wrong with it, also while it is read, becomes an AudioError.

    What may pass, such as too many open files, becomes a TransientError.
    """
    _check_there(path)
    try:
        with Forward(_system_name(path)) as sound:
            if sound.format == "RAW":  # what libsndfile makes of anything that is called .au, .gsm or .vox
                raise _no_sound(path, "no header")
            yield sound
    except ElmarcError:
        raise
    except OSError as problem:
        raise unreadable(path, problem) from problem
    except MemoryError as problem:
        raise transient(path, "out of memory") from problem
    except (sf.SoundFileError, TypeError, ValueError) as problem:  # the latter two come from soundfile
        if getattr(problem, "code", 0) in (SYSTEM_ERROR, NO_MEMORY):
            _check_there(path)  # in the system's words, if it still says so
            raise transient(path, str(getattr(problem, "error_string", problem))) from problem
        reason = getattr(problem, "error_string", str(problem))
        if "filename too long" in reason:
            raise AudioError(
                f"{path}: the path is longer than libsndfile takes, 1,023 bytes: move the file to a folder "
                "of a shorter path"
            ) from problem
        # what it says of anything that is called .mp3; what is no file was refused above
        reason = "no MPEG frames" if "possibly a pipe" in reason else reason
        raise _no_sound(path, reason) from problem


def _no_sound(path: str | Path, reason: str) -> AudioError:
    return AudioError(
        f"{path}: is damaged, or of another format than {FORMATS} (libsndfile: {reason}): "
        "convert it, or leave it out"
    )


def _check_there(path: str | Path) -> None:
    """Refuse what cannot be opened, in the system's words: libsndfile says "System error"."""
    try:
        check_regular(path)
        with open(path, "rb") as file:
            is_empty = not file.read(1)
    except (OSError, ValueError) as problem:  # ValueError: a null byte in the path
        raise unreadable(path, problem) from problem
    if is_empty:
        raise AudioError(f"{path}: the file is empty (0 bytes): replace it, or leave it out")


def _system_name(path: str | Path) -> str | bytes:
    """Return a name as the system has it: libsndfile is told of bytes that are not UTF-8 by these alone."""
    return os.fspath(path) if sys.platform == "win32" else os.fsencode(path)


def check_regular(path: str | Path) -> None:
    """Refuse what is no regular file before it is opened: opening a pipe waits for whoever writes to it.

    Raises
    ------
    AudioError
        The path leads to a pipe, a socket or a device.
    OSError, ValueError
        It leads nowhere, or is no path.
    """
    if kind := special(path):
        raise AudioError(
            f"{path}: is {kind}, expected an audio file ({FORMATS}): write what it gives to a file first"
        )


def is_there(path: str | Path) -> bool:
    """Tell whether a path leads to a regular file; raise a TransientError where the system does not say."""
    try:
        return stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError) as problem:
        if isinstance(problem, OSError) and problem.errno not in LASTING:
            raise unreadable(path, problem) from problem
        return False


def unreadable(path: str | Path, problem: OSError | ValueError) -> AudioError | TransientError:
    """Return what the system said of a file, as an AudioError, or as a TransientError where that may pass."""
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
    """Raise a TransientError where the folder of a missing file is gone or empty, as an unmounted drive is.

    Parameters
    ----------
    path : str or Path
        A file that was listed.
    problem : AudioError
        Why it cannot be read.
    """
    if not isinstance(problem.__cause__, FileNotFoundError):
        return
    try:
        with os.scandir(Path(path).parent) as inside:
            is_away = next(inside, None) is None
    except OSError:
        is_away = True
    if is_away:
        raise transient(path, "its folder is gone or empty") from problem
