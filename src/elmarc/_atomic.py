"""Write a file whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from elmarc import _leftovers


def write_atomic(path: str | Path, data: str | bytes | Iterator[str], *, sync: bool = True) -> None:
    """Write text (UTF-8), pieces of text, or bytes to a file, as `replacing` does.

    Raises
    ------
    OSError
        It cannot be written; `filename` is the path that was asked for.
    """
    with replacing(path, sync=sync) as file:
        for piece in [data] if isinstance(data, str | bytes) else data:
            file.write(piece.encode() if isinstance(piece, str) else piece)


@contextmanager
def replacing(path: str | Path, *, sync: bool = True) -> Iterator[BinaryIO]:
    """Give a neighbour of `path` to write to, and move it into place at the end.

    A reader sees the old file or the new one, also when the program is killed half-way; with `sync`, also
    when the machine loses power. What killed processes left of the same file is removed.

    Raises
    ------
    OSError
        It cannot be written; `filename` is the path that was asked for.
    """
    path = Path(path)
    neighbour = path.with_name(f".{path.name}.{_leftovers.mark()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if sync:  # not for the many files of a cache, which goes as a whole
            _leftovers.clear(path.parent, _leftovers.parts_of(path.name))
        with open(neighbour, "xb") as file:  # open() heeds the umask, which threads must not touch
            yield file
            if sync:
                file.flush()
                os.fsync(file.fileno())
        neighbour.replace(path)
    except BaseException as problem:
        _leftovers.unlink(neighbour)
        if isinstance(problem, OSError) and problem.errno is not None and _is_of(problem, neighbour):
            # a full disk names no file, and the neighbour's name says nothing
            raise OSError(problem.errno, problem.strerror, str(path)) from problem
        raise


def _is_of(problem: OSError, file: Path) -> bool:
    """Tell an error of writing a file from one of what its writer reads meanwhile."""
    return problem.filename is None or str(problem.filename) in map(str, (file, *file.parents))
