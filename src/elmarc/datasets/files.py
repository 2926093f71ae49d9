"""Audio files, their names, and the folder for those made here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from os.path import exists, isdir, islink  # say no to a name that is too long, where Path raises
from pathlib import Path, PurePath

import platformdirs

from elmarc._names import expanded, printable
from elmarc.errors import DatasetError

AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".mp3", ".au", ".aiff", ".aif"})


def find_audio(folder: Path) -> Iterator[Path]:
    """Yield the audio files below a folder in the order of their names, hidden ones left out.

    Raises
    ------
    DatasetError
        A folder below it cannot be read.
    """
    for parent, _, names in _walk(folder):
        yield from (Path(parent, name) for name in sorted(names) if is_audio(name))


def linked_folders(folder: Path) -> list[Path]:
    """Return the links to folders below a folder, hidden ones left out: `find_audio` follows none of them."""
    return [
        Path(parent, name)
        for parent, folders, _ in _walk(folder)
        for name in folders
        if islink(Path(parent, name))
    ]


def _walk(folder: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    for parent, folders, names in os.walk(folder, onerror=_refuse_folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield parent, folders, names


def _refuse_folder(problem: OSError) -> None:
    raise DatasetError(
        f"{problem.filename}: the folder cannot be read ({problem.strerror}): check its permissions, or move "
        "it away"
    )


def is_audio(name: str) -> bool:
    """Tell audio files by their names: `._x.wav` is a shadow that macOS leaves, not a clip."""
    return not name.startswith(".") and PurePath(name).suffix.lower() in AUDIO_SUFFIXES


def suffixes_text() -> str:
    """Return the suffixes for a message."""
    return " ".join(sorted(AUDIO_SUFFIXES))


def clip_id(path: PurePath, folder: PurePath) -> str:
    r"""Return a path below a folder as text; bytes that are not UTF-8 become `\xNN`."""
    return as_text(path.relative_to(folder).as_posix())


def as_text(name: str) -> str:
    """Return a file's name as text that can be printed and stored."""
    return printable(name)


def existing_folder(folder: str | Path, *, name: str) -> Path:
    """Return a folder that exists. Raises DatasetError otherwise."""
    folder = expanded(folder)
    if isdir(folder):
        return folder
    found = "a file" if exists(folder) else "nothing"
    raise DatasetError(f"{name}: found {found} at {folder}, expected the folder of its clips")


def cache_dir() -> Path:
    """Return the folder for what can be made again: $ELMARC_CACHE, or elmarc in the user's cache folder."""
    if own := os.environ.get("ELMARC_CACHE"):
        return expanded(own)
    return platformdirs.user_cache_path("elmarc", appauthor=False)
