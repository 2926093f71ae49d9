"""Open a sound file: a regular file alone, and what goes wrong with it becomes an AudioError."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import soundfile as sf

from elmarc._errors import AudioError, ElmarcError
from elmarc._names import special

FORMATS = "wav, flac, ogg, mp3, au and aiff"


class Forward(sf.SoundFile):
    """A sound file that is read on where the last read ended.

    soundfile seeks to that place after each read where it can, which resets an MP3 decoder: pieces would
    differ from the whole.
    """

    def seekable(self) -> bool:
        """Say no; a seek before the first read works all the same."""
        return False


@contextmanager
def opened(path: str | Path) -> Iterator[sf.SoundFile]:
    """Open a sound file; what goes wrong with it, also while it is read, becomes an AudioError."""
    try:
        check_regular(path)
        with open(path, "rb") as file:  # libsndfile says "System error" where Python knows which
            if not file.read(1):
                raise AudioError(f"{path}: the file is empty (0 bytes): replace it, or leave it out")
        with Forward(_system_name(path)) as sound:
            yield sound
    except ElmarcError:
        raise
    except (OSError, ValueError) as problem:  # ValueError: a null byte in the path
        raise unreadable(path, problem) from problem
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


def unreadable(path: str | Path, problem: OSError | ValueError) -> AudioError:
    """Return what the system said of a file, as an AudioError."""
    if isinstance(problem, IsADirectoryError):
        return AudioError(f"{path}: is a folder, expected an audio file ({FORMATS})")
    if isinstance(problem, FileNotFoundError):
        return AudioError(f"{path}: no such file: check the path and the folder it is relative to")
    reason = getattr(problem, "strerror", problem)
    return AudioError(f"{path}: cannot be read ({reason}): check its path and its permissions")
