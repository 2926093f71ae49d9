"""Folders of a run: where the store lies, and whether a folder or file can be written, asked beforehand."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from elmarc._errors import ConfigError

if TYPE_CHECKING:
    from elmarc.features.store import FeatureStore


def check_writable(folder: Path, *, option: str) -> None:
    """Make a folder where it is not there yet, and try to put a file into it.

    Raises
    ------
    ConfigError
        The folder cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as problem:
        raise ConfigError(
            f"{folder}: cannot be written ({reason(problem)}): name another folder with {option}"
        ) from None


def check_store(folder: Path) -> str | None:
    """Return what to say of a store that cannot be written, None for one that can: a run goes on without it.

    Raises
    ------
    ConfigError
        It is no folder.
    """
    try:
        check_writable(folder, option="--store")
    except ConfigError as problem:
        if folder.is_dir():
            return f"{problem}; the run goes on, and new features are not kept"
        raise
    return None


def check_file(path: Path, *, option: str) -> None:
    """Refuse a file that cannot be written.

    Raises
    ------
    ConfigError
        It is a folder, or its folder cannot be written.
    """
    if path.is_dir():
        raise ConfigError(f"{path}: is a folder: name a file with {option}")
    check_writable(path.parent, option=option)


def reason(problem: OSError) -> str:
    """Return what the system said, in words.

    >>> reason(FileExistsError(17, "File exists"))
    'a file lies where a folder is needed'
    """
    if isinstance(problem, FileExistsError | NotADirectoryError):
        return "a file lies where a folder is needed"
    return problem.strerror or os.strerror(problem.errno or 0)


def existing_store(folder: Path | None) -> FeatureStore:
    """Return the store in a folder that is looked into; one that is not there yet is empty.

    Raises
    ------
    ConfigError
        It is no folder.
    """
    store = store_at(folder)
    if store.root.exists() and not store.root.is_dir():
        raise ConfigError(f"{store.root}: is a file, expected the folder of a store: name it with --store")
    return store


def store_at(folder: Path | None) -> FeatureStore:
    """Return the store of features in a folder, by default in the user's cache."""
    from elmarc.datasets import cache_dir
    from elmarc.features.store import FeatureStore

    return FeatureStore(folder or cache_dir() / "features")
