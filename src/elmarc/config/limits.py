"""How large a configuration may be: a few hundred bytes can stand for more values than memory holds."""

from __future__ import annotations

import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from elmarc.errors import ConfigError

MAX_BYTES = 300_000  # of a file; YAML is read at about 100 kB/s
MAX_VALUES = 100_000  # of a document, each alias counted as what it stands for
MAX_TEXT = 10_000  # characters of a text, or items of a list, that a 2018 file puts together
MAX_NUMBER = 10**18
BAD_VALUE = (ValueError, TypeError, AttributeError, OverflowError, LookupError)  # of PyYAML's constructors


def check_file(path: Path) -> None:
    """Refuse what is no regular file, or longer than any configuration.

    Raises
    ------
    ConfigError
        It is, and why.
    OSError
        There is no such file.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        what = "a folder" if stat.S_ISDIR(found.st_mode) else "a pipe, a socket or a device"
        raise ConfigError(f"{path}: is {what}, expected a file with a configuration")
    if found.st_size > MAX_BYTES:
        raise ConfigError(
            f"{path}: holds {found.st_size} bytes, expected at most {MAX_BYTES} for a configuration"
        )


def check_values(document: Any, source: str) -> None:
    """Refuse a document that leads back to itself, holds a !!set or !!omap, or stands for too many values.

    Raises
    ------
    ConfigError
        It does.
    RecursionError
        It is nested too deeply.
    """
    if _count(document, {}, source) > MAX_VALUES:
        raise ConfigError(
            f"{source}: stands for more than {MAX_VALUES} values, too many for a configuration: write fewer "
            "aliases (*name)"
        )


def check_calculated(value: Any) -> bool:
    """Tell whether a number, text or list that was put together has a size that somebody may mean."""
    if isinstance(value, int | float):
        return abs(value) <= MAX_NUMBER
    return len(value) <= MAX_TEXT


def _count(value: Any, known: dict[int, int | None], source: str) -> int:
    """Count the values within a value; `known` holds None for one that is being counted."""
    if isinstance(value, tuple | set):  # nothing else can be told from a list once it is written again
        raise ConfigError(f"{source}: holds a !!set, !!omap or !!pairs, expected a plain list ([a, b])")
    if not isinstance(value, Mapping | list):
        return 1
    if id(value) in known:
        found = known[id(value)]
        if found is None:
            raise ConfigError(f"{source}: a value holds itself (an alias within its own anchor)")
        return found
    known[id(value)] = None
    inner: Iterable[Any] = value.values() if isinstance(value, Mapping) else value
    known[id(value)] = total = 1 + sum(_count(item, known, source) for item in inner)
    return total
