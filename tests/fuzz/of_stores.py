"""Stores that were good once: shards, their headers, definitions, and files that changed places."""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
import warnings
from functools import cache
from pathlib import Path

import numpy as np
from hypothesis import strategies as st
from tests.fuzz.mutations import damaged
from tests.fuzz.structures import edited
from tests.fuzz.watch import Fault, watched

from elmarc.errors import StoreWarning
from elmarc.features.store import FeatureStore

DEFINITIONS = ({"network": {"name": "vgg"}, "frontend": {"kind": "logmel"}}, {"frontend": {"kind": "mfcc"}})
CLIPS = [hashlib.sha256(bytes([i])).hexdigest() for i in range(8)]
X = np.random.default_rng(11).normal(size=(len(DEFINITIONS), len(CLIPS), 5)).astype(np.float32)
Files = dict[str, bytes]


@cache
def whole() -> Files:
    """Return the files of a store of two definitions, two shards each."""
    with tempfile.TemporaryDirectory() as folder:
        store = FeatureStore(folder)
        for definition, rows in zip(DEFINITIONS, X, strict=True):
            store.append(definition, CLIPS[:4], rows[:4])
            store.append(definition, CLIPS[4:], rows[4:])
        paths = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        return {str(path.relative_to(folder)): path.read_bytes() for path in paths}


@st.composite
def examples(draw) -> Files:
    files = dict(whole())
    for _ in range(draw(st.integers(1, 2))):
        draw(st.sampled_from([_bytes, _bytes, _header, _exchange, _manifest]))(draw, files)
    return files


def _bytes(draw, files: Files) -> None:
    name = draw(st.sampled_from(sorted(files)))
    files[name] = draw(damaged([files[name]]))


def _header(draw, files: Files) -> None:
    """Change what a shard says of itself, its lengths kept right."""
    name = draw(st.sampled_from([name for name in sorted(files) if name.endswith(".safetensors")]))
    data = files[name]
    length = int.from_bytes(data[:8], "little")
    try:
        header = json.loads(data[8 : 8 + length])
    except ValueError:  # damaged before
        return
    if isinstance(header, dict) and isinstance(meta := header.get("__metadata__"), dict) and "clips" in meta:
        try:
            names = draw(edited([json.loads(meta["clips"])], words=CLIPS))
            header["__metadata__"] = {**meta, "clips": json.dumps(names)}
        except (ValueError, TypeError):
            pass
    text = json.dumps(draw(edited([header], words=("F32", "F64", "I8", [4, 5], [5, 4], [0, 80])))).encode()
    files[name] = len(text).to_bytes(8, "little") + text + data[8 + length :]


def _exchange(draw, files: Files) -> None:
    """Put the content of one file under the name of another."""
    names = sorted(files)
    files[draw(st.sampled_from(names))] = files[draw(st.sampled_from(names))]


def _manifest(draw, files: Files) -> None:
    """Put another definition, or a file that no store wrote, into a folder."""
    name = draw(st.sampled_from(sorted(files)))
    content = draw(edited([{"clips": CLIPS[:4]}, json.loads(whole()[sorted(whole())[0]])], words=CLIPS))
    files[str(Path(name).with_suffix(".json"))] = json.dumps(content).encode()


def check(files: Files, folder: Path) -> str:
    """A row that is served is the one that was written for this clip."""
    shutil.rmtree(folder / "store", ignore_errors=True)
    for name, data in files.items():
        path = folder / "store" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    n_served = 0
    with watched(folder), warnings.catch_warnings():
        warnings.simplefilter("ignore", StoreWarning)
        store = FeatureStore(folder / "store")
        list(store.entries())
        for definition, rows in zip(DEFINITIONS, X, strict=True):
            found, served = store.read(definition, CLIPS, n_features=5)
            wanted = rows[[CLIPS.index(name) for name in found]]
            if not np.array_equal(served.reshape(-1, 5), wanted):
                raise Fault(f"other rows than were written are served for {len(found)} clips")
            n_served += len(found)
        n_whole = X.shape[0] * X.shape[1]
        with warnings.catch_warnings(record=True) as again:
            warnings.simplefilter("always")
            for definition in DEFINITIONS:
                store.read(definition, CLIPS, n_features=5)
        if again:
            raise Fault(f"damage is found after everything was set aside: {again[0].message}")
        store.prune()
    return "read" if n_served == n_whole else "refused"
