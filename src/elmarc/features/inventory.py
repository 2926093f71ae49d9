"""What a store holds: looked into, checked and cleared, one definition's folder after the other."""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from elmarc import _io
from elmarc.errors import StoreError
from elmarc.features import shards
from elmarc.features.store import SCHEMA_VERSION, FeatureStore

DAY_S = 24 * 3600
DEFINITION = "definition.json"
SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Shelf:
    """The folder of one definition.

    Attributes
    ----------
    name : str
        The network, or the front-end where it is one alone; "unknown" where the folder does not say.
    n_rows, n_bytes : int
        Of the shards that are read.
    n_damaged : int
        Shards that cannot be read, those that were set aside included.
    written_s : float
        When the last shard was written, as `time.time` counts.
    """

    folder: Path
    name: str
    n_rows: int
    n_bytes: int
    n_damaged: int
    written_s: float


def shelves(store: FeatureStore) -> Iterator[Shelf]:
    """Yield what lies in a store, in the order of the folders' names; reads headers alone."""
    for folder in _folders(store):
        n_rows = n_bytes = 0
        n_damaged = len(list(folder.glob(shards.PATTERN + shards.ASIDE)))
        times = [folder.stat().st_mtime]
        for shard in sorted(folder.glob(shards.PATTERN)):
            try:
                n_rows += len(shards.clips_of(shard))
            except StoreError:
                n_damaged += 1
            n_bytes += shard.lstat().st_size  # of a link itself: it may lead nowhere
            times.append(shard.lstat().st_mtime)
        yield Shelf(folder, _name(folder), n_rows, n_bytes, n_damaged, max(times))


def verify(store: FeatureStore) -> tuple[int, list[str]]:
    """Read every shard and check it; set damaged ones aside.

    Returns
    -------
    n_shards : int
    problems : list of str
        One for each damaged shard: what is wrong, and under which name it lies now.
    """
    n_shards, problems = 0, []
    for folder in _folders(store):
        for shard in sorted(folder.glob(shards.PATTERN)):
            n_shards += 1
            try:
                shards.read(shard)
            except StoreError as problem:
                problems.append(f"{problem}: set aside as {shards.set_aside(shard).name}")
    return n_shards, problems


def prune(store: FeatureStore, *, older_than_days: int | None = None, dry_run: bool = False) -> list[Path]:
    """Remove what is not needed; return it.

    Only files that a store writes are removed, and a folder only where nothing else is left in it.

    Parameters
    ----------
    store : FeatureStore
    older_than_days : int or None
        Remove the features of definitions to which nothing was added for longer than this; a folder whose
        definition cannot be read stays.
    dry_run : bool
        Remove nothing.
    """
    going = [path for folder in _folders(store) for path in folder.glob(shards.PATTERN + shards.ASIDE)]
    if older_than_days is not None:
        limit = time.time() - older_than_days * DAY_S
        old = (shelf.folder for shelf in shelves(store) if shelf.written_s < limit)
        going += [folder for folder in old if _document(folder) is not None]
    if not dry_run:
        for path in going:
            if path.is_dir() and not path.is_symlink():
                _remove(path)
            else:
                path.unlink(missing_ok=True)
        _io.clear(store.root, "frontend-*")
        _io.clear(store.root, "*/.*.part")
    return going


def _remove(folder: Path) -> None:
    """Remove the features of one definition, and the folder where that leaves it empty."""
    for pattern in (shards.PATTERN, shards.FIRST_FORM, shards.PATTERN + shards.ASIDE, DEFINITION):
        for file in folder.glob(pattern):
            file.unlink(missing_ok=True)
    _io.clear(folder, ".*.part")
    with contextlib.suppress(OSError):  # files of somebody else's, or another process adds to it
        folder.rmdir()


def _folders(store: FeatureStore) -> list[Path]:
    """Return the folders of definitions, which are named by a sha256."""
    if not store.root.is_dir():
        return []
    return sorted(path for path in store.root.iterdir() if SHA256.fullmatch(path.name) and path.is_dir())


def _name(folder: Path) -> str:
    document = _document(folder)
    try:
        return "unknown" if document is None else _network(document)
    except (LookupError, TypeError, AttributeError):
        return "unknown"


def _document(folder: Path) -> dict[str, Any] | None:
    """Return what the definition's file holds, None where it is none of a store."""
    try:
        found = json.loads(shards.regular_text(folder / DEFINITION))
    except (OSError, ValueError, RecursionError):
        return None
    known = isinstance(found, dict) and "schema_version" in found
    return found if known and isinstance(found.get("definition", found.get("recipe")), dict) else None


def _network(document: dict[str, Any]) -> str:
    definition = document.get("definition") or document["recipe"]
    network, frontend = definition.get("network"), definition["frontend"]
    name = str(frontend["kind"]) if network is None else str(network.get("name") or network["network"])
    version = document["schema_version"]
    return name if version == SCHEMA_VERSION else f"{name} (of version {version}, not read)"
