"""Atomic writes, temporary files and folders, and texts of JSON and CSV.

The names of temporary files and folders hold the machine and the process that made them, so that a later run
removes those of killed processes and leaves those that another process is working with.
"""

from __future__ import annotations

import glob
import hashlib
import json
import math
import os
import platform
import re
import shutil
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    import pandas as pd

MARK = re.compile(r"([0-9a-f]{8})-(\d+)-[0-9a-f]{8}")
ABANDONED_S = 7 * 24 * 3600  # files of another machine, whose processes cannot be seen from here
FORMULA = re.compile(r"'*[=+\-@\t\r]")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|nan)")


def write_atomic(path: str | Path, data: str | bytes | Iterator[str], *, sync: bool = True) -> None:
    """Write text (UTF-8), pieces of text, or bytes to a file: see `replacing`."""
    with replacing(path, sync=sync) as file:
        for piece in [data] if isinstance(data, str | bytes) else data:
            file.write(piece.encode() if isinstance(piece, str) else piece)


@contextmanager
def replacing(path: str | Path, *, sync: bool = True) -> Iterator[BinaryIO]:
    """Open a temporary file next to `path`, and rename it to `path` at the end.

    Readers see the old file or the new one, also when the program is killed half-way; with `sync`, also when
    the machine loses power. Temporary files of `path` that killed processes left are removed; without `sync`,
    which is for the many files of a cache that goes as a whole, they stay. An OSError names `path`.
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{mark()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if sync:
            clear(path.parent, f".{glob.escape(path.name)}.*.part")
        with open(temporary, "xb") as file:  # open() heeds the umask, which threads must not touch
            yield file
            if sync:
                file.flush()
                os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as problem:
        _unlink(temporary)
        if isinstance(problem, OSError) and problem.errno is not None:
            ours = {"None", str(temporary), *map(str, temporary.parents)}  # a full disk names no file
            if str(problem.filename) in ours:  # others are of files that the caller reads meanwhile
                raise OSError(problem.errno, problem.strerror, str(path)) from problem
        raise


@contextmanager
def temporary_folder(name: str) -> Iterator[Path]:
    """Make a folder `name-...` in the system's temporary folder, and remove it at the end.

    Folders of the same name that killed processes left are removed first.
    """
    clear(Path(tempfile.gettempdir()), f"{name}-*")
    with tempfile.TemporaryDirectory(prefix=f"{name}-{mark()}-") as folder:
        yield Path(folder)


def mark() -> str:
    """Return a unique text for a file name that identifies this process."""
    return f"{_host()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


def clear(folder: Path, pattern: str) -> None:
    """Remove the marked files and folders of dead processes below a folder, which may be absent.

    What has no mark, or cannot be removed, stays.
    """
    try:
        matches = list(folder.glob(pattern))
    except OSError:
        return
    for path in filter(_is_abandoned, matches):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            _unlink(path)


def _is_abandoned(path: Path) -> bool:
    match = MARK.search(path.name)
    if match is None:
        return False
    if match[1] == _host() and os.name == "posix":
        return not _runs(int(match[2]))
    try:
        return time.time() - path.stat().st_mtime > ABANDONED_S
    except OSError:
        return False


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)  # signal 0 only checks
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _host() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:8]


def _unlink(path: Path) -> None:
    with suppress(OSError):
        path.unlink(missing_ok=True)


def json_text(document: Any) -> str:
    r"""Return a document as JSON text, with null for NaN and infinity, which JSON does not know.

    >>> json_text([1.5, float("nan"), "ä"])
    '[\n 1.5,\n null,\n "ä"\n]\n'
    """
    return json.dumps(_without_nan(document), indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nan(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def csv_text(frame: pd.DataFrame, *, index: bool = False, header: bool = True) -> str:
    """Return a table as CSV text; cells that a spreadsheet would take for a formula are prefixed with `'`.

    >>> import pandas as pd
    >>> csv_text(pd.DataFrame({"label": ["=1+1", "dog"], "n": [-1, 2]})).split()
    ['label,n', "'=1+1,-1", 'dog,2']
    """
    safe = frame.rename(columns=_safe_cell)
    for k, name in enumerate(frame.columns):
        if frame.dtypes.iloc[k].kind not in "biufc":
            safe[_safe_cell(name)] = frame.iloc[:, k].map(_safe_cell)
    if index:
        safe = safe.rename(index=_safe_cell)
    return safe.to_csv(index=index, header=header, lineterminator="\n")


def _safe_cell(value: Any) -> Any:
    """Prefix a text that is a formula, unless it is a number such as -1.5."""
    if isinstance(value, str) and FORMULA.match(value) and not NUMBER.fullmatch(value):
        return f"'{value}"
    return value


def unprefixed(cell: str) -> str:
    """Return the text of a cell that `csv_text` wrote.

    >>> [unprefixed(cell) for cell in ("'=1+1", "'quoted'", "-1.5")]
    ['=1+1', "'quoted'", '-1.5']
    """
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell
