"""File names and texts from outside, made safe to print and to open."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

# Control characters, line breaks, marks that change the direction of writing, and bytes that are not UTF-8.
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
SPECIAL = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def printable(text: str, *, keep: str = "") -> str:
    r"""Return a text with its unprintable characters, and bytes that are not UTF-8, written as `\xNN`.

    As Python returns file names, bytes that are not UTF-8 are lone surrogates. The characters in `keep` stay.

    >>> print(printable("caf\udce9 \x1b[31m"))
    caf\xe9 \x1b[31m
    """
    return UNPRINTABLE.sub(lambda match: match[0] if match[0] in keep else _escaped(match[0]), text)


def _escaped(character: str) -> str:
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:  # Python's surrogate for a byte that is not UTF-8
        number -= 0xDC00
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


def expanded(path: str | Path) -> Path:
    """Return a path with `~` as the user's folder; the name of an unknown user stays.

    >>> expanded("~nobody-here/a.wav").as_posix()
    '~nobody-here/a.wav'
    """
    return Path(os.path.expanduser(path))


def special(path: str | Path) -> str:
    """Return the kind of a file whose opening may block forever, such as "a pipe"; "" for all others.

    Raises OSError or ValueError where there is no such file, or it is no path.
    """
    return SPECIAL.get(stat.S_IFMT(Path(path).stat().st_mode), "")
