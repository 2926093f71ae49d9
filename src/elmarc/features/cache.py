"""Decoded clips and front-end outputs, shared by the networks of a study, and the time that they took."""

from __future__ import annotations

import io
import shutil
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import numpy as np
from numpy.typing import NDArray

from elmarc._io import clear, mark, write_atomic
from elmarc._types import Definition
from elmarc.audio.issues import Issues
from elmarc.features.store import FeatureStore, definition_key
from elmarc.frontends.base import FrontEnd

Array = NDArray[np.float32]
_opening = threading.Lock()  # np.load parses a header, which is not thread-safe in Python 3.11 (gh-106905)


class Stopwatch:
    """Seconds of work by name; threads may share one.

    >>> watch = Stopwatch()
    >>> with watch.lap("decode"):
    ...     pass
    >>> watch.median("decode") >= 0, watch.median("network")
    (True, None)
    """

    def __init__(self) -> None:
        self._laps: defaultdict[str, list[float]] = defaultdict(list)

    @contextmanager
    def lap(self, name: str, n_clips: int = 1) -> Iterator[None]:
        """Time the work inside, which is done for `n_clips`; work that fails does not count."""
        start = time.perf_counter()
        yield
        self._laps[name] += [(time.perf_counter() - start) / n_clips] * n_clips

    def add(self, other: Stopwatch) -> None:
        """Add the laps of another one, such as that of another process."""
        for name, laps in other._laps.items():
            self._laps[name] += laps

    def median(self, name: str) -> float | None:
        """Return the median seconds per clip, which ignores the set-up at the first clip."""
        laps = self._laps.get(name)
        return median(laps) if laps else None


class FrontEndCache:
    """Front-end outputs by (front-end definition, content hash), memory-mapped from .npy files.

    The caller removes the folder `root` when the study ends.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self.issues: dict[str, Issues] = {}  # of the clips that were decoded, by content hash
        self._watch = Stopwatch()

    def output(self, frontend: FrontEnd, content: str, load: Callable[[int], Array]) -> Array:
        """Return the front-end's output for a whole clip, computed once for each content.

        `load` returns the clip's samples at a rate in Hz.
        """

        def decode() -> Array:
            with self._watch.lap(definition_key(_decoded(frontend.sr))):
                return load(frontend.sr)

        def compute() -> Array:
            y = self._cached(_decoded(frontend.sr), content, decode)
            with self._watch.lap(definition_key(frontend.definition())):
                return np.asarray(frontend(y))

        return self._cached(frontend.definition(), content, compute)

    def seconds(self, frontend: FrontEnd) -> float | None:
        """Return the median seconds per clip of decoding and front-end, as measured when they ran."""
        parts = _decoded(frontend.sr), frontend.definition()
        medians = [self._watch.median(definition_key(part)) for part in parts]
        return None if None in medians else sum(part for part in medians if part is not None)

    def _cached(self, definition: Definition, content: str, compute: Callable[[], Array]) -> Array:
        file = self.root / definition_key(definition) / f"{content}.npy"
        if not file.exists():
            array = np.ascontiguousarray(compute())
            buffer = io.BytesIO()
            np.save(buffer, array)
            try:
                write_atomic(file, buffer.getvalue(), sync=False)
            except OSError:  # the disk is full: the next network computes it again
                return array
        with _opening:
            cached: Array = np.load(file, mmap_mode="r", allow_pickle=False)
        return cached


def _decoded(sr: int) -> Definition:
    return {"kind": "decoded", "sr": sr}


@contextmanager
def front_ends(store: FeatureStore | None) -> Iterator[FrontEndCache | None]:
    """Give a cache in a folder of the store, removed at the end; None where no folder can be made."""
    root = Path(tempfile.gettempdir()) if store is None else store.root
    clear(root, "frontend-*")
    folder = root / f"frontend-{mark()}"
    try:
        folder.mkdir(parents=True, mode=0o700)
    except OSError:  # work is slower without it
        yield None
        return
    try:
        yield FrontEndCache(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
