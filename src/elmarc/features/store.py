"""Features kept on disk, so that nothing is computed twice.

One folder for each definition, named by the sha256 of its canonical JSON. In it are the definition and any
number of shards (`shards.py`), each a file of rows with the content hash of the clip behind each row and a
checksum. Names, paths, devices and batch sizes are no part of a key: a renamed experiment finds its rows, a
changed front-end does not. Shards are written whole or not at all and never changed, so several processes may
fill one store. A damaged shard is set aside, a warning names it, and its rows are computed again.
"""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from elmarc import _io
from elmarc._io import write_atomic
from elmarc._types import Definition, FeatureArray
from elmarc.audio.oddities import Oddities
from elmarc.datasets.files import cache_dir
from elmarc.errors import StoreError, StoreWarning
from elmarc.features import shards

SCHEMA_VERSION = 1  # rises whenever the same definition would give other numbers


def definition_key(definition: Definition) -> str:
    """Return the sha256 of a definition's canonical JSON and of the store's schema version.

    >>> definition_key({"a": 1, "b": 2}) == definition_key({"b": 2, "a": 1})
    True
    """
    # "recipe" was the word when the first stores were filled: another would miss their rows
    text = json.dumps({"schema": SCHEMA_VERSION, "recipe": definition}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def open_store(store: bool | str | Path | None) -> FeatureStore | None:
    """Return the store in a folder; True: in the user's cache, as the command line; False or None: none."""
    if store is None or store is False:
        return None
    return FeatureStore(cache_dir() / "features" if store is True else store)


class FeatureStore:
    """Rows of features by (definition, content of the clip).

    Parameters
    ----------
    root : path
        The store's folder; made at the first write.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self.was_refused = False  # a row could not be written, which was said

    def folder(self, definition: Definition) -> Path:
        """Where the rows of a definition lie."""
        return self.root / definition_key(definition)

    def index(self, definition: Definition) -> dict[str, Path]:
        """Return for each stored clip, by content hash, its shard. Reads the shards' headers alone."""
        return {clip: shard for shard, clips in self._headers(definition) for clip in clips}

    def read(
        self, definition: Definition, clips: Sequence[str], *, n_features: int | None = None
    ) -> tuple[list[str], FeatureArray]:
        """Return those of the clips that the store holds, in their order, and their rows.

        Every shard that is read is checked against its checksum. A damaged one is set aside: its clips count
        as not stored.

        Parameters
        ----------
        definition : dict
        clips : sequence of str
            Content hashes.
        n_features : int or None
            How many features a row has to have; None where any number will do.

        Returns
        -------
        found : list of str
        rows : np.ndarray [shape=(n_found, n_features)], float32

        Warns
        -----
        StoreWarning
            Names a shard that was set aside.
        """
        places = {clip: place for place, clip in enumerate(dict.fromkeys(clips))}
        rows, there = np.empty((0, 0), np.float32), np.zeros(len(places), bool)
        for shard, names in self._headers(definition):
            here = [(row, places[name]) for row, name in enumerate(names) if name in places]
            if all(there[place] for _, place in here):
                continue
            X = self._checked(shard, rows.shape[1] if there.any() else n_features)
            if X is None:
                continue
            if not there.any():
                rows = np.empty((len(places), X.shape[1]), np.float32)
            sources, targets = np.asarray(here).T
            rows[targets] = X[sources]
            there[targets] = True
        found = [clip for clip, place in places.items() if there[place]]
        return found, rows if there.all() else rows[np.flatnonzero(there)]

    def oddities(self, definition: Definition) -> dict[str, Oddities]:
        """Return what is odd about stored clips, by content; shards of the first form know nothing of it."""
        found: dict[str, Oddities] = {}
        for shard, _ in self._headers(definition):
            found |= shards.oddities_of(shard)
        return found

    def append(
        self,
        definition: Definition,
        clips: Sequence[str],
        rows: FeatureArray,
        oddities: Mapping[str, Oddities] | None = None,
    ) -> None:
        """Add a shard of rows [shape=(n_clips, n_features)], and what is odd about some of the clips.

        Raises OSError where it cannot be written.
        """
        if not clips:
            return
        folder = self.folder(definition)
        if not (folder / "definition.json").exists():
            text = json.dumps(
                {"schema_version": SCHEMA_VERSION, "definition": definition}, indent=1, sort_keys=True
            )
            write_atomic(folder / "definition.json", text)
        shards.write(folder, clips, rows, oddities)

    def _headers(self, definition: Definition) -> Iterator[tuple[Path, list[str]]]:
        folder = self.folder(definition)
        _io.clear(folder, ".shard-*.part")
        for shard in sorted(folder.glob(shards.PATTERN)):
            try:
                yield shard, shards.clips_of(shard)
            except StoreError as problem:
                _set_aside(shard, problem)

    def _checked(self, shard: Path, n_features: int | None) -> FeatureArray | None:
        try:
            return shards.read(shard, n_features=n_features)[1]
        except StoreError as problem:
            _set_aside(shard, problem)
            return None


def _set_aside(shard: Path, problem: StoreError) -> None:
    if not shard.exists():  # another process was first
        return
    where = shards.set_aside(shard)
    warnings.warn(
        f"{problem}: its rows are computed again, and it was set aside as {where.name}",
        StoreWarning,
        stacklevel=4,
    )
