"""Features on disk, so that nothing is computed twice.

A store has one folder for each definition, named by its key. It holds `definition.json` and shards:
safetensors files of up to 512 rows `X`, with the content hash of each row's clip, issues of these clips, and
a checksum of all that. Names, paths, devices and batch sizes are not part of the key, so a renamed
experiment finds its rows. Shards are written atomically and never changed, so several processes may fill one
store. A damaged shard is renamed, a warning names it, and its rows are computed again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import time
import uuid
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from elmarc import _io
from elmarc._io import write_atomic
from elmarc._names import special
from elmarc._types import Definition, FeatureArray
from elmarc.audio.issues import Issues
from elmarc.datasets.folder import cache_dir
from elmarc.errors import StoreError, StoreWarning

SCHEMA_VERSION = 1  # rises whenever the same definition would give other numbers
SHARDS = "shard-*.safetensors"
DAMAGED = ".damaged"  # suffix of shards that are no longer read
SHARD_ROWS = 512
SHARD_S = 20.0  # at most this much work is lost when a run is killed
DAY_S = 24 * 3600
KEY = re.compile(r"[0-9a-f]{64}")


def definition_key(definition: Definition) -> str:
    """Return the sha256 of a definition's canonical JSON and of the store's schema version.

    >>> definition_key({"a": 1, "b": 2}) == definition_key({"b": 2, "a": 1})
    True
    """
    # "recipe" is only a name here: another one would give other keys
    text = json.dumps({"schema": SCHEMA_VERSION, "recipe": definition}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def open_store(store: bool | str | Path | None) -> FeatureStore | None:
    """Return the store in a folder; True: in the user's cache, as the command line; False or None: none."""
    if store is None or store is False:
        return None
    return FeatureStore(cache_dir() / "features" if store is True else store)


@dataclass(frozen=True)
class StoreEntry:
    """The stored features of one definition.

    `name` is the network, or the front-end where there is none, or "unknown". `n_rows` and `n_bytes` are of
    the shards that can be read, `n_damaged` counts the others. `written_s` is the time of the last, as of
    `time.time`.
    """

    folder: Path
    name: str
    n_rows: int
    n_bytes: int
    n_damaged: int
    written_s: float


class FeatureStore:
    """Rows of features by (definition, content hash of the clip), in the folder `root`."""

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self.was_refused = False  # rows could not be written, and a warning said so

    def folder(self, definition: Definition) -> Path:
        """Return the folder of a definition."""
        return self.root / definition_key(definition)

    def index(self, definition: Definition) -> dict[str, Path]:
        """Return the shard of each stored clip, by content hash. Reads headers alone."""
        return {clip: shard for shard, clips, _ in self._headers(definition) for clip in clips}

    def read(
        self, definition: Definition, clips: Sequence[str], *, n_features: int | None = None
    ) -> tuple[list[str], FeatureArray]:
        """Return those of the clips, by content hash, that are stored, in their order, and their rows.

        The rows have shape (n_stored, `n_features`), float32. A shard of another width, or that does not
        match its checksum, is set aside with a StoreWarning: its clips count as not stored.
        """
        places = {clip: place for place, clip in enumerate(dict.fromkeys(clips))}
        rows, is_stored = np.empty((0, 0), np.float32), np.zeros(len(places), bool)
        for shard, names, _ in self._headers(definition):
            here = [(row, places[name]) for row, name in enumerate(names) if name in places]
            if all(is_stored[place] for _, place in here):
                continue
            try:
                X = read_shard(shard, n_features=rows.shape[1] if is_stored.any() else n_features)[1]
            except StoreError as problem:
                _set_aside(shard, problem)
                continue
            if not is_stored.any():
                rows = np.empty((len(places), X.shape[1]), np.float32)
            sources, targets = np.asarray(here).T
            rows[targets] = X[sources]
            is_stored[targets] = True
        stored = [clip for clip, place in places.items() if is_stored[place]]
        return stored, rows if is_stored.all() else rows[np.flatnonzero(is_stored)]

    def issues(self, definition: Definition) -> dict[str, Issues]:
        """Return the issues of stored clips that have some, by content hash."""
        headers = self._headers(definition)
        return {clip: of_clip for *_, issues in headers for clip, of_clip in issues.items()}

    def append(
        self,
        definition: Definition,
        clips: Sequence[str],
        rows: FeatureArray,
        issues: Mapping[str, Issues] | None = None,
    ) -> None:
        """Write a shard of rows [shape=(n_clips, n_features)], with issues of some of the clips.

        Raises OSError where it cannot be written.
        """
        if not clips:
            return
        folder = self.folder(definition)
        if not (folder / "definition.json").exists():
            document = {"schema_version": SCHEMA_VERSION, "definition": definition}
            write_atomic(folder / "definition.json", json.dumps(document, indent=1, sort_keys=True))
        write_shard(folder, clips, rows, issues)

    def _headers(self, definition: Definition) -> Iterator[tuple[Path, list[str], dict[str, Issues]]]:
        folder = self.folder(definition)
        _io.clear(folder, ".shard-*.part")
        for shard in sorted(folder.glob(SHARDS)):
            try:
                yield shard, *read_header(shard)
            except StoreError as problem:
                _set_aside(shard, problem)

    def entries(self) -> Iterator[StoreEntry]:
        """Yield what is stored, in the order of the folders' names. Reads headers alone."""
        for folder in self._folders():
            shards = sorted(folder.glob(SHARDS))
            n_rows, n_damaged = 0, len(list(folder.glob(SHARDS + DAMAGED)))
            for shard in shards:
                try:
                    n_rows += len(read_header(shard)[0])
                except StoreError:
                    n_damaged += 1
            stats = [shard.lstat() for shard in shards]  # of a link itself, whose target may be missing
            times = [folder.stat().st_mtime, *(stat.st_mtime for stat in stats)]
            n_bytes = sum(stat.st_size for stat in stats)
            yield StoreEntry(folder, _name(folder), n_rows, n_bytes, n_damaged, max(times))

    def prune(self, *, older_than_days: int | None = None, dry_run: bool = False) -> list[Path]:
        """Remove damaged shards and what killed runs left; return what is (with `dry_run`: would be) removed.

        `older_than_days` also removes features to which nothing was added for longer than this, unless their
        definition cannot be read. Only files that a store writes are removed, and folders left empty.
        """
        damaged = [path for folder in self._folders() for path in folder.glob(SHARDS + DAMAGED)]
        old: list[Path] = []
        if older_than_days is not None:
            limit = time.time() - older_than_days * DAY_S
            entries = [entry.folder for entry in self.entries() if entry.written_s < limit]
            old = [folder for folder in entries if _document(folder) is not None]
        if not dry_run:
            folders = [path for path in damaged if path.is_dir() and not path.is_symlink()] + old
            files = [path for path in damaged if path not in folders]
            files += [path for folder in old for path in [*folder.glob(SHARDS), folder / "definition.json"]]
            for path in files:
                path.unlink(missing_ok=True)
            _io.clear(self.root, "frontend-*")
            _io.clear(self.root, "*/.*.part")
            for folder in folders:
                with contextlib.suppress(OSError):  # with files of the user, or of another process
                    folder.rmdir()
        return damaged + old

    def _folders(self) -> list[Path]:
        if not self.root.is_dir():
            return []
        return sorted(path for path in self.root.iterdir() if KEY.fullmatch(path.name) and path.is_dir())


class RowWriter:
    """Write computed rows to a store, a shard at a time; a store that cannot be written is done without.

    `issues` are by content hash, and may grow as rows are added.
    """

    def __init__(
        self, store: FeatureStore | None, definition: Definition, issues: Mapping[str, Issues]
    ) -> None:
        self._store, self._definition, self._issues = store, definition, issues
        self._rows: dict[str, FeatureArray] = {}
        self._since = time.monotonic()

    def add(self, content: str, row: FeatureArray) -> None:
        """Add a row, which must not change; write a shard if it is full or due."""
        self._rows[content] = row
        if len(self._rows) >= SHARD_ROWS or time.monotonic() - self._since > SHARD_S:
            self.flush()

    def flush(self) -> None:
        """Write the rows that are not in the store yet."""
        rows, self._rows, self._since = self._rows, {}, time.monotonic()
        if self._store is None or not rows:
            return
        issues = {content: self._issues[content] for content in rows if self._issues.get(content)}
        try:
            self._store.append(self._definition, list(rows), np.stack(list(rows.values())), issues)
        except OSError as problem:
            store, self._store = self._store, None
            if not store.was_refused:
                store.was_refused = True
                warnings.warn(
                    f"{store.root}: features cannot be stored ({problem.strerror or problem}): the run goes "
                    "on, and they will have to be computed again",
                    StoreWarning,
                    stacklevel=3,
                )


def write_shard(
    folder: Path,
    clips: Sequence[str],
    rows: FeatureArray,
    issues: Mapping[str, Issues] | None = None,
) -> Path:
    """Write rows [shape=(n_clips, n_features)] as a new shard: see `FeatureStore.append`."""
    X = np.ascontiguousarray(rows, dtype="<f4")
    metadata = {"clips": json.dumps(list(clips))}
    if issues:
        metadata["oddities"] = json.dumps({clip: dict(of_clip) for clip, of_clip in issues.items()})
    metadata["sha256"] = _checksum(folder.name, metadata, X)
    path = folder / f"shard-{uuid.uuid4().hex}.safetensors"
    write_atomic(path, save({"X": X}, metadata=metadata))
    return path


def read_header(shard: Path) -> tuple[list[str], dict[str, Issues]]:
    """Return the clips of a shard, in the order of its rows, and issues by clip; rows are not checked.

    Raises a StoreError where it is damaged.
    """
    metadata, _ = _load(shard, with_rows=False)
    try:
        clips, issues = json.loads(metadata["clips"]), json.loads(metadata.get("oddities", "{}"))
        if not isinstance(clips, list):
            raise TypeError
        return list(map(_text, clips)), {
            clip: {_text(kind): _text(details) for kind, details in of_clip.items()}
            for clip, of_clip in issues.items()
        }
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError):
        raise _damaged(shard, "its header does not list its clips") from None


def read_shard(shard: Path, *, n_features: int | None = None) -> tuple[list[str], FeatureArray]:
    """Return the clips of a shard and their rows [shape=(n_clips, n_features)].

    Raises a StoreError where it cannot be read, has another width, or is not what was written to this folder.
    """
    metadata, X = _load(shard, with_rows=True)
    if metadata.get("sha256") != _checksum(shard.parent.name, metadata, X):
        raise _damaged(shard, "its checksum is another than when it was written")
    if n_features is not None and X.shape[1] != n_features:
        raise _damaged(shard, f"found {X.shape[1]} features per clip, expected {n_features}")
    return json.loads(metadata["clips"]), X


def _load(shard: Path, *, with_rows: bool) -> tuple[dict[str, str], Any]:
    try:
        if kind := special(shard):  # opening a pipe would wait for a writer
            raise OSError(f"it is {kind}")
        with safe_open(shard, "np") as file:
            return file.metadata() or {}, file.get_tensor("X") if with_rows else None
    except (OSError, SafetensorError, TypeError, ValueError) as problem:
        raise _damaged(shard, f"it cannot be read: {problem}") from None


def _checksum(key: str, metadata: Mapping[str, str], X: FeatureArray) -> str:
    issues = [metadata["oddities"]] if metadata.get("oddities") else []
    parts = [key, metadata.get("clips"), X.dtype.str, X.shape, *issues]
    digest = hashlib.sha256(json.dumps(parts).encode())
    digest.update(np.ascontiguousarray(X).data)
    return digest.hexdigest()


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _damaged(shard: Path, what: str) -> StoreError:
    return StoreError(f"{shard}: damaged shard: {what}")


def _set_aside(shard: Path, problem: StoreError) -> None:
    """Rename a damaged shard, so that it is not read again, and warn."""
    aside = shard.with_name(shard.name + DAMAGED)
    try:
        shard.rename(aside)
        outcome = f"it was set aside as {aside.name}"
    except FileNotFoundError:  # another process was first
        return
    except OSError as refusal:
        outcome = f"it cannot be set aside ({refusal.strerror}): remove it"
    warnings.warn(f"{problem}: its rows are computed again, and {outcome}", StoreWarning, stacklevel=4)


def _name(folder: Path) -> str:
    document = _document(folder) or {}
    try:
        definition, version = document["definition"], document["schema_version"]
        network = definition.get("network")
        if network is None:
            name = definition["frontend"]["kind"]
        else:
            name = network.get("name") or network["network"]
    except (LookupError, TypeError, AttributeError):
        return "unknown"
    return str(name) if version == SCHEMA_VERSION else f"{name} (of version {version}, not read)"


def _document(folder: Path) -> dict[str, Any] | None:
    """Return the content of `definition.json`, or None where no store wrote it."""
    path = folder / "definition.json"
    try:
        document: Any = None if special(path) else json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    is_one = isinstance(document, dict) and {"schema_version", "definition"} <= document.keys()
    return document if is_one and isinstance(document["definition"], dict) else None
