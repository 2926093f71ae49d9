"""What the system says of a file without reading it: by that a file that has not changed is known again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

RACY_NS = 2 * 10**9  # a file as young as this may change once more and keep its times


class Signature(NamedTuple):
    """What the system says of a file; a file that has the same one still holds the same bytes."""

    size: int
    modified_ns: int
    changed_ns: int
    inode: int

    def is_old(self, now_ns: int) -> bool:
        """Tell whether any later change would show in the times, which some systems round to two seconds."""
        return now_ns - max(self.modified_ns, self.changed_ns) > RACY_NS


def signature_of(path: Path) -> Signature | None:
    """Return a file's signature; None where the system does not tell."""
    try:
        found = os.stat(path)
    except (OSError, ValueError):
        return None
    return Signature(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
