"""Write a file whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from elmarc import _leftovers


def write_atomic(path: str | Path, data: str | bytes | Iterator[str], *, sync: bool = True) -> None:
    """Write text (UTF-8), pieces of text, or bytes to a neighbour of `path`, then move it into place.

    A reader sees the old file or the new one, also when the program is killed half-way; with `sync`, also
    when the machine loses power. What killed processes left of the same file is removed.

    Raises
    ------
    OSError
        It cannot be written; `filename` is the path that was asked for.
    """
    path = Path(path)
    try:
        _write(path, data, sync=sync)
    except OSError as problem:  # a full disk names no file, and the neighbour's name says nothing
        if problem.errno is None:
            raise
        raise OSError(problem.errno, problem.strerror, str(path)) from problem


def _write(path: Path, data: str | bytes | Iterator[str], *, sync: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    if sync:  # not for the many files of a cache, which goes as a whole
        _leftovers.clear(path.parent, _leftovers.parts_of(path.name))
    neighbour = path.with_name(f".{path.name}.{_leftovers.mark()}.part")
    try:
        with open(neighbour, "xb") as file:  # open() heeds the umask, which threads must not touch
            for piece in [data] if isinstance(data, str | bytes) else data:
                file.write(piece.encode() if isinstance(piece, str) else piece)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        neighbour.replace(path)
    except BaseException:
        neighbour.unlink(missing_ok=True)
        raise
