"""Write a file whole or not at all."""

from __future__ import annotations

import os
import uuid
from pathlib import Path


def write_atomic(path: str | Path, data: str | bytes, *, sync: bool = True) -> None:
    """Write text (UTF-8) or bytes to a neighbour of `path`, then move it into place.

    A reader sees the old file or the new one, also when the program is killed half-way; with `sync`, also
    when the machine loses power.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    neighbour = path.with_name(f".{path.name}.{uuid.uuid4().hex}.part")
    try:
        with open(neighbour, "xb") as file:  # open() heeds the umask, which threads must not touch
            file.write(data.encode() if isinstance(data, str) else data)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        neighbour.replace(path)
    except BaseException:
        neighbour.unlink(missing_ok=True)
        raise
