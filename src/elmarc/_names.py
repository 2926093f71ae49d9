"""Names from the wild as text that can be printed and stored, and that no spreadsheet takes for a formula."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

# Control characters, line breaks, signs that turn the direction of writing, and bytes that are not UTF-8.
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
FORMULA = re.compile(r"'*[=+\-@\t\r]")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?(inf|nan)")
SPECIAL = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def printable(text: str, *, keep: str = "") -> str:
    r"""Return a text with its unprintable characters, and bytes that are not UTF-8, written as `\xNN`.

    Parameters
    ----------
    text : str
        As Python gives names: bytes that are not UTF-8 are lone surrogates.
    keep : str
        Characters that stay, such as line breaks in a message.

    >>> print(printable("caf\udce9 \x1b[31m"))
    caf\xe9 \x1b[31m
    """
    return UNPRINTABLE.sub(lambda found: found[0] if found[0] in keep else _escaped(found[0]), text)


def _escaped(character: str) -> str:
    number = ord(character)
    if 0xDC80 <= number <= 0xDCFF:  # how Python holds a byte that is not UTF-8
        number -= 0xDC00
    return f"\\x{number:02x}" if number < 0x100 else f"\\u{number:04x}"


def defused(cell: str) -> str:
    """Return a cell of a CSV file that no spreadsheet takes for a formula: `'` is put before it.

    >>> [defused(cell) for cell in ("=1+1", "@a", "-x", "-1.5", "a=b")]
    ["'=1+1", "'@a", "'-x", '-1.5', 'a=b']
    """
    return f"'{cell}" if FORMULA.match(cell) and not NUMBER.fullmatch(cell) else cell


def as_written(cell: str) -> str:
    """Return what `defused` was given."""
    return cell[1:] if cell.startswith("'") and FORMULA.match(cell) else cell


def expanded(path: str | Path) -> Path:
    """Return a path with `~` as the user's folder; that of a user who is not there stays a name.

    >>> expanded("~nobody-here/a.wav").as_posix()
    '~nobody-here/a.wav'
    """
    return Path(os.path.expanduser(path))


def special(path: str | Path) -> str:
    """Return what a path leads to where opening it may never end, such as "a pipe"; "" elsewhere.

    Raises
    ------
    OSError, ValueError
        It leads nowhere, or is no path.
    """
    return SPECIAL.get(stat.S_IFMT(Path(path).stat().st_mode), "")
