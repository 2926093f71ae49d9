"""Decoded clips and front-end outputs kept for the length of a study, so that each is made once.

Arrays lie in plain .npy files and are memory-mapped: a study of nine networks decodes a clip once, and holds
no more of it in memory than the batch needs.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from elmarc._io import write_atomic
from elmarc._types import Definition
from elmarc.audio.oddities import Oddities
from elmarc.features.stopwatch import Stopwatch
from elmarc.features.store import definition_key
from elmarc.frontends.base import FrontEnd

Array = NDArray[np.float32]
_opening = threading.Lock()  # np.load parses a header, which Python 3.11 mixes up in threads (gh-106905)


class FrontEndCache:
    """Front-end outputs by (front-end definition, content of the clip).

    Parameters
    ----------
    root : path
        Where the arrays go; the caller removes the folder when the study ends.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self.oddities: dict[str, Oddities] = {}  # of the clips that were decoded, by content
        self._watch = Stopwatch()

    def output(self, frontend: FrontEnd, content: str, load: Callable[[int], Array]) -> Array:
        """Return the front-end's output for a whole clip, computed once for each content.

        Parameters
        ----------
        frontend : FrontEnd
        content : str
            What identifies the clip's sound.
        load : callable
            Returns the clip's samples at a rate in Hz.
        """
        definition = frontend.definition()

        def compute() -> Array:
            y = self._waveform(frontend.sr, content, load)
            with self._watch.lap(definition_key(definition)):
                return np.asarray(frontend(y))

        return self._kept(definition, content, compute)

    def seconds(self, frontend: FrontEnd) -> float | None:
        """Return the seconds of decoding and front-end a clip, as measured when they were computed."""
        parts = [
            self._watch.median(definition_key(r)) for r in (_decoded(frontend.sr), frontend.definition())
        ]
        return None if None in parts else sum(part for part in parts if part is not None)

    def _waveform(self, sr: int, content: str, load: Callable[[int], Array]) -> Array:
        definition = _decoded(sr)

        def compute() -> Array:
            with self._watch.lap(definition_key(definition)):
                return load(sr)

        return self._kept(definition, content, compute)

    def _kept(self, definition: Definition, content: str, compute: Callable[[], Array]) -> Array:
        file = self.root / definition_key(definition) / f"{content}.npy"
        if not file.exists():
            made = np.ascontiguousarray(compute())
            buffer = io.BytesIO()
            np.save(buffer, made)
            try:
                write_atomic(file, buffer.getvalue(), sync=False)
            except OSError:  # the disk is full: the next network makes it again
                return made
        with _opening:
            kept: Array = np.load(file, mmap_mode="r", allow_pickle=False)
        return kept


def _decoded(sr: int) -> Definition:
    return {"kind": "decoded", "sr": sr}
