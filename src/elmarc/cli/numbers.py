"""Numbers as they are typed."""

from __future__ import annotations

import math

import typer

from elmarc.errors import ConfigError


def positive(text: str) -> float:
    """Read a number above 0, as the `parser` of an option: neither NaN nor infinite.

    >>> positive("2.5")
    2.5
    """
    number = _number(text)
    if not 0 < number < math.inf:
        raise typer.BadParameter(f"found {text!r}, expected a number above 0")
    return number


def not_negative(text: str) -> float:
    """Read a number of at least 0, as the `parser` of an option: neither NaN nor infinite."""
    number = _number(text)
    if not 0 <= number < math.inf:
        raise typer.BadParameter(f"found {text!r}, expected a number of at least 0")
    return number


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def positive_numbers(text: str, *, option: str) -> tuple[float, ...]:
    """Read positive numbers with commas between.

    Raises
    ------
    ConfigError
        It holds anything else.

    >>> positive_numbers("0.001, 4e-3", option="--learning-rates")
    (0.001, 0.004)
    """
    try:
        found = tuple(float(word) for word in text.split(","))
    except ValueError:
        found = ()
    if not found or not all(0 < number < math.inf for number in found):
        raise ConfigError(f"{option}: found {text!r}, expected positive numbers with commas between")
    return found
