"""Features kept on disk, so that nothing is computed twice.

One folder for each definition, named by the sha256 of its canonical JSON. In it are the definition and any
number of shards, each a safetensors file of rows and a JSON manifest with the content hash of the clip
behind each row. Names, paths, devices and batch sizes are no part of a key: a renamed experiment finds its
rows, a changed front-end does not. Shards are written whole or not at all and never changed, so several
processes may fill one store.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from elmarc._atomic import write_atomic
from elmarc._errors import StoreError
from elmarc._types import Definition, FeatureArray

SCHEMA_VERSION = 1  # rises whenever the same definition would give other numbers


def definition_key(definition: Definition) -> str:
    """Return the sha256 of a definition's canonical JSON and of the store's schema version.

    >>> definition_key({"a": 1, "b": 2}) == definition_key({"b": 2, "a": 1})
    True
    """
    # "recipe" was the word when the first stores were filled: another would miss their rows
    text = json.dumps({"schema": SCHEMA_VERSION, "recipe": definition}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


class FeatureStore:
    """Rows of features by (definition, content of the clip).

    Parameters
    ----------
    root : path
        The store's folder; made at the first write.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    def folder(self, definition: Definition) -> Path:
        """Where the rows of a definition lie."""
        return self.root / definition_key(definition)

    def index(self, definition: Definition) -> dict[str, tuple[Path, int]]:
        """Return for each stored clip, by content hash, its shard and row. Reads the manifests alone."""
        rows: dict[str, tuple[Path, int]] = {}
        for manifest in sorted(self.folder(definition).glob("shard-*.json")):
            try:
                clips = json.loads(manifest.read_text(encoding="utf-8"))["clips"]
            except (ValueError, KeyError, TypeError):
                raise StoreError(f"{manifest}: damaged manifest: delete it and run again") from None
            shard = manifest.with_suffix(".safetensors")
            rows.update((clip, (shard, row)) for row, clip in enumerate(clips))
        return rows

    def read(self, index: Mapping[str, tuple[Path, int]], clips: Sequence[str]) -> FeatureArray:
        """Return the rows [shape=(n_clips, n_features)] of clips that the index holds, in their order."""
        places: dict[Path, list[tuple[int, int]]] = {}
        for position, clip in enumerate(clips):
            shard, row = index[clip]
            places.setdefault(shard, []).append((position, row))
        out: FeatureArray | None = None
        for shard, pairs in places.items():
            rows = _load_shard(shard)
            if out is None:
                out = np.empty((len(clips), rows.shape[1]), np.float32)
            positions, sources = np.asarray(pairs).T
            out[positions] = rows[sources]
        return np.empty((0, 0), np.float32) if out is None else out

    def append(self, definition: Definition, clips: Sequence[str], rows: FeatureArray) -> None:
        """Add a shard. The manifest comes last: a shard without one is never read."""
        if not clips:
            return
        folder = self.folder(definition)
        if not (folder / "definition.json").exists():
            text = json.dumps(
                {"schema_version": SCHEMA_VERSION, "definition": definition}, indent=1, sort_keys=True
            )
            write_atomic(folder / "definition.json", text)
        shard = folder / f"shard-{uuid.uuid4().hex}.safetensors"
        write_atomic(shard, save({"X": np.ascontiguousarray(rows, dtype=np.float32)}))
        write_atomic(shard.with_suffix(".json"), json.dumps({"clips": list(clips)}))


def _load_shard(path: Path) -> FeatureArray:
    try:
        rows: FeatureArray = load_file(path)["X"]
    except (OSError, KeyError, SafetensorError) as problem:
        raise StoreError(f"{path}: damaged shard ({problem}): delete it and its .json, run again") from None
    return rows
