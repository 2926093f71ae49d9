"""Check a name against a list of known ones; suggest the closest where it is unknown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from elmarc.errors import ConfigError


def did_you_mean(word: object, known: Iterable[str], *, prefix: str = "") -> str:
    """Return "; did you mean ...?", or "" where no known word is close.

    >>> did_you_mean("Elmm", ["svm", "elm"])
    "; did you mean 'elm'?"
    """
    near = _nearest(word, known)
    return f"; did you mean '{prefix}{near}'?" if near else ""


def choose(kind: str, name: str, known: Sequence[str]) -> str:
    """Return `name` if it is known; else raise a ConfigError that suggests the closest and lists all.

    >>> choose("network", "vgg", ["vgg", "temporal"])
    'vgg'
    """
    if name in known:
        return name
    near = _nearest(name, known)
    hint = f"did you mean {near!r}? " if near else ""
    raise ConfigError(f"unknown {kind} {name!r}: {hint}known are {', '.join(known)}")


def _nearest(word: object, known: Iterable[str]) -> str:
    spelling = {name.lower(): name for name in known}
    matches = get_close_matches(str(word).lower(), spelling, n=1, cutoff=0.6)
    return spelling[matches[0]] if matches else ""
