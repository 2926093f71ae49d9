"""The API reference: a page for elmarc and for each of its packages, with an entry for every public name.

Public is what a package lists in `__all__`, and whatever a code block of the documentation imports. So a new
public name gets its entry by itself.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).resolve().parents[2]
PYTHON = re.compile(r"^```python[^\n]*\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)
NOT_FOR_USERS = {"elmarc.cli", "elmarc.__main__"}


def on_config(config: Any) -> Any:
    """Put the pages into the navigation, where `Python: []` stands."""
    (section,) = (part["Reference"] for part in config.nav if "Reference" in part)
    (python,) = (part for part in section if "Python" in part)
    python["Python"] = [{package: page_of(package)} for package in public_names()]
    return config


def on_files(files: Any, config: Any) -> Any:
    """Add the pages."""
    for package, names in public_names().items():
        files.append(File.generated(config, page_of(package), content=page(package, names)))
    return files


def page_of(package: str) -> str:
    """Return where a package's page lies.

    >>> page_of("elmarc.networks")
    'reference/elmarc.networks.md'
    """
    return f"reference/{package}.md"


def public_names() -> dict[str, list[str]]:
    """Return the full public names of each package, elmarc's own first."""
    found: dict[str, dict[str, None]] = {}
    for module in ["elmarc", *subpackages()]:
        for name in getattr(import_module(module), "__all__", ()):
            found.setdefault(module, {})[f"{module}.{name}"] = None
    for name in imported_in_docs():
        package = ".".join(name.split(".")[:2])
        if not {name, f"{package}.{name.rpartition('.')[2]}"} & found.setdefault(package, {}).keys():
            found[package][name] = None
    return {package: list(names) for package, names in found.items()}


def subpackages() -> Iterator[str]:
    """Yield the public packages and modules directly below elmarc."""
    for module in iter_modules(import_module("elmarc").__path__, "elmarc."):
        if not module.name.startswith("elmarc._") and module.name not in NOT_FOR_USERS:
            yield module.name


def imported_in_docs() -> Iterator[str]:
    """Yield what `from elmarc.x import y` in a code block of the documentation names."""
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for block in PYTHON.findall(path.read_text(encoding="utf-8")):
            yield from imported(block)


def imported(block: str) -> Iterator[str]:
    """Yield the full names that a block imports from below elmarc; modules are left out.

    >>> list(imported("from elmarc.features.pooling import pool"))
    ['elmarc.features.pooling.pool']
    """
    for node in ast.walk(ast.parse(block.replace(">>> ", ""))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("elmarc."):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def page(package: str, names: list[str]) -> str:
    """Return a page of entries, for mkdocstrings to fill."""
    heading = (import_module(package).__doc__ or "").strip()
    entries = "\n\n".join(map(entry, names))
    return f"# {package}\n\n{heading}\n\n{entries}\n"


def entry(name: str) -> str:
    """Return the entry of a name; the names in a module have theirs on its own page."""
    package, _, own = name.rpartition(".")
    is_module = isinstance(getattr(import_module(package), own, None), ModuleType)
    return f"::: {name}" + ("\n    options: {members: false}" if is_module else "")
