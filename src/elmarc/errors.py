"""Errors and warnings of elmarc, to catch, or to raise in your own networks and front-ends.

Each message names the file or key, what was found, what was expected and the way out.
"""

from __future__ import annotations

import re
import sys
import warnings
from types import CodeType

from elmarc._names import printable

__all__ = [
    "AudioError",
    "ClipWarning",
    "ConfigError",
    "CutWarning",
    "DatasetError",
    "ElmarcError",
    "ElmarcWarning",
    "ModelError",
    "OutOfBudgetError",
    "PlainPathWarning",
    "RateWarning",
    "StoreError",
    "StoreWarning",
    "TransientError",
]

SKIPPED = ("elmarc", "sklearn", "joblib")  # packages whose lines are not the caller's
_shown: dict[tuple[type[Warning], int, int, str | None], CodeType] = {}


class ElmarcError(Exception):
    """Base of every error that elmarc raises on purpose; the command line shows it without a traceback.

    Names in its message are made printable.
    """

    def __init__(self, *args: object) -> None:
        super().__init__(*(printable(arg, keep="\n") if isinstance(arg, str) else arg for arg in args))


class ConfigError(ElmarcError, ValueError):
    """A setting is unknown, of the wrong kind or out of range."""


class AudioError(ElmarcError):
    """A clip cannot be read, or is too short."""


class TransientError(ElmarcError):
    """A clip cannot be read at the moment: too many open files, no memory, a drive that is away.

    It is no `AudioError`, so that the clip is not skipped: the run stops, and can be run again.
    """


class DatasetError(ElmarcError):
    """A data set lacks files, labels or folds, or has another layout than expected."""


class StoreError(ElmarcError):
    """A stored file is damaged, of another version, or of a kind that is not read for safety."""


class ModelError(ElmarcError, ValueError):
    """A model file is damaged, of another version, or holds what is not read for safety."""


class OutOfBudgetError(ElmarcError):
    """The time budget is used up; finished results stay."""


class ElmarcWarning(UserWarning):
    """Base of elmarc's own warnings; the command line shows them as notes."""


class StoreWarning(ElmarcWarning):
    """Stored features are damaged or cannot be written; the run goes on without them."""


class ClipWarning(ElmarcWarning):
    """Clips that can be read have issues: far too loud, silent, constant or cut short."""


class CutWarning(ElmarcWarning):
    """Clips are longer than what is fed to the network: their ends are not used."""


class RateWarning(ElmarcWarning):
    """Waveforms came without a rate: one is assumed."""


class PlainPathWarning(ElmarcWarning):
    """Layers are computed by torch's public calls, which is slower: an operator of oneDNN is not trusted."""


def warn(text: str, category: type[Warning] = ElmarcWarning, *, once: bool = False) -> None:
    """Warn in the caller's line, the first above that is in none of `SKIPPED`, and there once for each text.

    Python forgets which warnings were shown at every `catch_warnings`, of which a cross-validation has many.
    Filters for "always" or "error" get all. With `once`, a line gets one text of the category.
    """
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_globals.get("__name__", "").partition(".")[0] in SKIPPED:
        frame, level = frame.f_back, level + 1
    key = (category, id(frame.f_code), frame.f_lineno, None if once else text)
    if key in _shown and not _asks_for_all(text, category):
        return
    _shown[key] = frame.f_code  # a reference, so that its id is not reused
    warnings.warn(text, category, stacklevel=level)


def _asks_for_all(text: str, category: type[Warning]) -> bool:
    for action, message, kind, _module, _line in warnings.filters:
        if issubclass(category, kind) and (message is None or re.match(message, text)):
            return action in ("always", "all", "error")
    return False
