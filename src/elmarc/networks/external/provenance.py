"""Where code comes from: Python itself, torch, an installed package, or one's own files and notebooks."""

from __future__ import annotations

import functools
import sys
import sysconfig
import types
from importlib import metadata
from typing import Any

PYTHON = "Python"
PREFIX = "elmarc_own_"  # of the names of modules that were loaded from a path
HEAP_TYPE = 1 << 9  # of a class made by a class statement, also where it claims to be a built-in one


def module_of(thing: Any) -> str:
    """Return the module that something was defined in, as it says itself; "" where it says none."""
    if isinstance(thing, types.ModuleType):
        return thing.__name__
    module = getattr(thing, "__module__", None) or ""
    made_here = module == "builtins" and isinstance(thing, type) and thing.__flags__ & HEAP_TYPE
    return "" if made_here else module


def full_name(thing: Any) -> str:
    """Return the full name of a module, class or function."""
    module = module_of(thing)
    return module if isinstance(thing, types.ModuleType) else f"{module}.{getattr(thing, '__qualname__', '')}"


def published_name(thing: Any) -> str:
    """Return the name and the home of what is installed, and "" for code of one's own."""
    found = home(module_of(thing))
    return found and f"{full_name(thing)} of {found}"


@functools.cache
def home(module: str) -> str:
    """Return "Python", "torch" or a package and its version; "" for a module that is not installed."""
    top = module.partition(".")[0]
    if top in {"torch", "numpy"}:
        return top
    file = getattr(sys.modules.get(top), "__file__", None)
    if file is None or top == "__main__" or top.startswith(PREFIX):
        return PYTHON if top in sys.stdlib_module_names else ""
    if "site-packages" in file or "dist-packages" in file:
        return _version(top)
    return PYTHON if file.startswith(sysconfig.get_path("stdlib")) else ""


def _version(top: str) -> str:
    try:
        return f"{top} {metadata.version(top)}"
    except metadata.PackageNotFoundError:
        version = getattr(sys.modules[top], "__version__", None)
        return f"{top} {version}" if version else ""
