"""Files and folders that a process needs for a while, and what is left of them when it was killed.

Their names hold the machine and the process, so that the next run can tell those of the dead from those that
another process is working with.
"""

from __future__ import annotations

import glob
import hashlib
import os
import platform
import re
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

MARK = re.compile(r"([0-9a-f]{8})-(\d+)-[0-9a-f]{8}")
FORGOTTEN_S = 7 * 24 * 3600  # of another machine, whose processes cannot be seen from here


def mark() -> str:
    """Return a text for a name that says which process made it; no two are equal."""
    return f"{_host()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


def clear(folder: Path, pattern: str) -> None:
    """Remove the files and folders of dead processes; what cannot be removed stays.

    Parameters
    ----------
    folder : Path
        May be absent.
    pattern : str
        Of their names, as for `Path.glob`; what bears no mark is left alone.
    """
    for path in _matching(folder, pattern):
        if not _is_dead(path):
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            unlink(path)


@contextmanager
def temporary_folder(name: str) -> Iterator[Path]:
    """Give a folder below the system's for temporary files, and remove it at the end.

    What killed processes left of the same name is removed first.

    Parameters
    ----------
    name : str
        Its name begins so.
    """
    clear(Path(tempfile.gettempdir()), f"{name}-*")
    with tempfile.TemporaryDirectory(prefix=f"{name}-{mark()}-") as folder:
        yield Path(folder)


def parts_of(name: str) -> str:
    """Return the pattern of the unfinished neighbours of a file, as `write_atomic` names them."""
    return f".{glob.escape(name)}.*.part"


def _matching(folder: Path, pattern: str) -> Iterable[Path]:
    try:
        return list(folder.glob(pattern))
    except OSError:
        return []


def _is_dead(path: Path) -> bool:
    match = MARK.search(path.name)
    if match is None:
        return False
    if match[1] == _host() and os.name == "posix":
        return not _runs(int(match[2]))
    try:
        return time.time() - path.stat().st_mtime > FORGOTTEN_S
    except OSError:
        return False


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # asks, and does nothing
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _host() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def unlink(path: Path) -> None:
    """Remove a file that may be absent, where that is possible."""
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return
