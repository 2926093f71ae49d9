"""Modules that a program holds in memory, under texts by which a configuration can name them.

A text is good in the process that made it, and for as long as what `hold` gave is kept.
"""

from __future__ import annotations

import copy
from weakref import WeakValueDictionary

from torch import nn

from elmarc.errors import ConfigError
from elmarc.networks.external.fingerprint import code_sha256, state_sha256

OBJECT = "object"  # stands where other factories have their package or file
_held: WeakValueDictionary[str, nn.Module] = WeakValueDictionary()


def hold(module: nn.Module) -> tuple[str, nn.Module]:
    """Return a text that stands for a module as it is now, and the copy to keep meanwhile.

    Parameters
    ----------
    module : nn.Module

    Returns
    -------
    tuple of str and nn.Module
        The text tells the module's class, and its code and weights by a digest.

    Examples
    --------
    >>> text, kept = hold(nn.ReLU())
    >>> text[:12], make_held(text)
    ('object:ReLU-', ReLU())
    """
    digest = f"{code_sha256(module)[:6]}{state_sha256(module)[:6]}"
    text = f"{OBJECT}:{type(module).__name__}-{digest}"
    kept = _held.setdefault(text, copy.deepcopy(module))
    return text, kept


def is_held(factory: str) -> bool:
    """Tell the text of a module in memory from other factories."""
    return factory.startswith(f"{OBJECT}:")


def make_held(text: str) -> nn.Module:
    """Return a copy of the module that a text stands for.

    Raises
    ------
    ConfigError
        This process does not hold it.
    """
    if text not in _held:
        raise ConfigError(
            f"factory {text}: is a module that another program held in memory: hand it over there, or "
            "put the code that makes it into a file, and name it as 'path/to/file.py:Name'"
        )
    return copy.deepcopy(_held[text])
