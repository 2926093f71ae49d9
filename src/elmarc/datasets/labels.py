"""Is each label one class? What elmarc does not do is said here: several labels a clip, and numbers."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from math import isfinite

from elmarc.errors import DatasetError

SEVERAL = re.compile(
    r"""\S\s*[;|]\s*\S            # dog;rain  dog | rain
    |  ^\[.*,.*\]$               # [dog, rain]
    |  ^[\[({]\s*["'].*["']\s*[\])}]$  # ['dog']  {"dog", "rain"}
    """,
    re.VERBOSE,
)
JOINTS = re.compile(r"\s*[,/+&]\s*")  # legal in a label
MAX_VALUES = 20  # numbers that are not whole: more of them are no classes ...
MIN_CLIPS = 3  # ... nor are those with fewer clips each, on average


def check_one_label(label: str, *, where: str) -> None:
    """Refuse a label that holds several: parts with ; or | between them, or a list.

    A comma, a slash and other signs are legal.

    Parameters
    ----------
    label : str
        A cell.
    where : str
        What the message begins with: file and line.

    Raises
    ------
    DatasetError
        The label holds several.
    """
    if SEVERAL.search(label):
        raise DatasetError(
            f"{where}: label {label!r} holds several labels, and elmarc takes one a clip (multi-label data "
            "is not supported): keep one, or, if it is the name of one class, write it without ; and |"
        )


def one_label(value: object, *, where: str, reader: object, hint: str) -> str:
    """Return the label that a value of another package holds, as text.

    Parameters
    ----------
    value : object
        Text, a number, or a list or array of one of these.
    where, reader, hint
        What a message begins with, what was read, and the way out.

    Raises
    ------
    DatasetError
        It holds none, or several.

    >>> one_label(["dog"], where="a", reader="tags", hint="name another")
    'dog'
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    held = list(value) if isinstance(value, list | tuple | set | frozenset | dict) else [value]
    if len(held) > 1:
        shown = ", ".join(map(str, held[:5]))
        raise DatasetError(
            f"{where} has {len(held)} labels for {reader!r} ({shown}): elmarc takes one a clip "
            "(multi-label data is not supported): keep one"
        )
    if not held or held[0] is None or held[0] == "":
        raise DatasetError(f"{where} has {held!r} for {reader!r}: expected one label; {hint}")
    text = str(held[0])
    check_one_label(text, where=where)
    return text


def check_no_numbers(labels: Sequence[str], *, where: str) -> None:
    """Refuse labels that are measured numbers: elmarc classifies, it does no regression.

    Whole numbers are classes, and so are a few numbers with many clips each, such as ratings.

    Raises
    ------
    DatasetError
        All labels are numbers, some of them not whole, and they have more than 20 values or fewer than 3
        clips a value.
    """
    values: list[float] = []
    with suppress(ValueError):
        values = [float(label) for label in labels]
    if len(values) < len(labels) or all(value.is_integer() or not isfinite(value) for value in values):
        return
    n_values = len(set(values))
    if n_values > MAX_VALUES or len(values) < MIN_CLIPS * n_values:
        example = next(label for label in labels if not float(label).is_integer())
        raise DatasetError(
            f"{where}: labels are numbers, such as {example} ({n_values} values for {len(values)} clips), "
            "and elmarc tells classes apart (regression is not supported): make a few classes of them, such "
            "as low and high"
        )


def combined_notes(labels: Iterable[str], *, where: str) -> list[str]:
    """Return notes on labels that are made of other labels: each is a class of its own.

    >>> combined_notes(["dog", "rain", "dog,rain", "AC/DC"], where="a.csv")
    ["a.csv: 'dog,rain' is a class of its own beside 'dog' and 'rain': elmarc takes one label a clip"]
    """
    known = dict.fromkeys(labels)
    notes = []
    for label in known:
        parts = JOINTS.split(label)
        if len(parts) > 1 and all(part in known for part in parts):
            beside = " and ".join(map(repr, parts))
            own = f"{label!r} is a class of its own beside {beside}"
            notes.append(f"{where}: {own}: elmarc takes one label a clip")
    return notes


def alike_notes(labels: Iterable[str]) -> list[str]:
    """Return notes on labels that differ in case, Unicode form or white space alone: perhaps one class.

    Labels that look alike on a screen are written with escapes.

    >>> alike_notes(["Dog", "dog", "rain"])
    ["labels 'Dog' and 'dog' differ in case, Unicode form or white space alone: ..."]
    """
    alike: dict[str, list[str]] = {}
    for label in dict.fromkeys(labels):
        alike.setdefault(_plain(_plain(label).casefold()), []).append(label)
    return [
        f"labels {' and '.join(map(_shown_of(names), names))} differ in case, Unicode form or white space "
        f"alone: they are {len(names)} classes; if one is meant, write them alike"
        for names in alike.values()
        if len(names) > 1
    ]


def _plain(label: str) -> str:
    return "".join(unicodedata.normalize("NFKC", label).split())


def _shown_of(names: Sequence[str]) -> Callable[[str], str]:
    return repr if len(set(map(_plain, names))) == len(names) else ascii
