"""Numbers as they are typed."""

from __future__ import annotations

import math

from elmarc._errors import ConfigError


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
