"""Checks of labels: multi-label and numeric targets are refused, similar labels are noted."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
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
MAX_VALUES = 20  # fractional numbers with more values than this are a measurement, no classes ...
MIN_CLIPS = 3  # ... as are those with fewer clips per value, on average


def check_one_label(label: str, *, where: str) -> None:
    """Raise DatasetError for a label that holds several: parts with ; or | between them, or a list.

    A comma, a slash and other signs are legal.
    """
    if SEVERAL.search(label):
        raise DatasetError(
            f"{where}: label {label!r} holds several labels, and elmarc takes one per clip (multi-label data "
            "is not supported): keep one, or, if it is the name of one class, write it without ; and |"
        )


def one_label(value: object, *, where: str, reader: object, hint: str) -> str:
    """Return the label in a value of another package as text; raise DatasetError for none or several.

    `where`, `reader` and `hint` are for the message: its beginning, the attribute, and the way out.
    """
    if hasattr(value, "tolist"):
        value = value.tolist()
    values = list(value) if isinstance(value, list | tuple | set | frozenset | dict) else [value]
    if len(values) > 1:
        shown = ", ".join(map(str, values[:5]))
        raise DatasetError(
            f"{where} has {len(values)} labels for {reader!r} ({shown}): elmarc takes one per clip "
            "(multi-label data is not supported): keep one"
        )
    if not values or values[0] is None or values[0] == "":
        raise DatasetError(f"{where} has {values!r} for {reader!r}: expected one label; {hint}")
    text = str(values[0])
    check_one_label(text, where=where)
    return text


def check_no_numbers(labels: Sequence[str], *, where: str) -> None:
    """Raise DatasetError for labels that are measured numbers: elmarc classifies, it does no regression.

    Whole numbers are classes, and so are at most 20 numbers with three clips or more each, such as ratings.
    """
    try:
        values = [float(label) for label in labels]
    except ValueError:
        return
    if all(value.is_integer() or not isfinite(value) for value in values):
        return
    n_values = len(set(values))
    if n_values > MAX_VALUES or len(values) < MIN_CLIPS * n_values:
        example = next(label for label in labels if not float(label).is_integer())
        raise DatasetError(
            f"{where}: labels are numbers, such as {example} ({n_values} values for {len(values)} clips), "
            "and elmarc predicts classes (regression is not supported): make a few classes of them, such "
            "as low and high"
        )


def combined_notes(labels: Iterable[str], *, where: str) -> list[str]:
    """Return notes on labels that are made of other labels: each is a class.

    >>> combined_notes(["dog", "rain", "dog,rain", "AC/DC"], where="a.csv")
    ["a.csv: 'dog,rain' is a class besides 'dog' and 'rain': elmarc takes one label per clip"]
    """
    unique = dict.fromkeys(labels)
    notes = []
    for label in unique:
        parts = JOINTS.split(label)
        if len(parts) > 1 and all(part in unique for part in parts):
            others = " and ".join(map(repr, parts))
            notes.append(f"{where}: {label!r} is a class besides {others}: elmarc takes one label per clip")
    return notes


def similar_notes(labels: Iterable[str]) -> list[str]:
    """Return notes on labels that differ only in case, Unicode form or white space: perhaps one class.

    Labels that look the same on a screen are written with escapes.

    >>> similar_notes(["Dog", "dog", "rain"])
    ["labels 'Dog' and 'dog' differ only in case, Unicode form or white space: ..."]
    """
    similar: dict[str, list[str]] = {}
    for label in dict.fromkeys(labels):
        similar.setdefault(_plain(_plain(label).casefold()), []).append(label)
    notes = []
    for names in similar.values():
        if len(names) > 1:
            shown = repr if len({_plain(name) for name in names}) == len(names) else ascii
            notes.append(
                f"labels {' and '.join(map(shown, names))} differ only in case, Unicode form or white space: "
                f"they are {len(names)} classes; if one is meant, spell them the same"
            )
    return notes


def _plain(label: str) -> str:
    return "".join(unicodedata.normalize("NFKC", label).split())
