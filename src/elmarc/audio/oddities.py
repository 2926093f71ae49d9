"""What is odd about a clip that can be decoded all the same.

Such clips move the scores of a whole data set and look like any other in a table, so they are named in notes:
peaks far above full scale, silence, one constant value, and files that hold less than their header promises.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

import numpy as np

from elmarc._types import Waveform
from elmarc.audio.promises import shortage

LOUD = 4.0  # +12 dB: decoders of MP3 overshoot by less, integers taken for floats by far more
WORDS = {
    "loud": "peaks far above 1",
    "silent": "nothing but silence",
    "constant": "one constant value",
    "cut": "cut short",
}

Oddities: TypeAlias = Mapping[str, str]  # a kind of WORDS, and what was found

ADVICE = {
    "loud": "samples stored as integers in a file of floats? Divide them by full scale, or leave them out",
    "silent": "leave them out, unless silence is one of the classes",
    "constant": "replace them, or leave them out",
    "cut": "what is there was used; fetch them again, or leave them out",
}


def notes(oddities: Mapping[str, Oddities], n_clips: int) -> list[str]:
    """Return a sentence for each kind of oddity.

    Parameters
    ----------
    oddities : mapping
        By the clip's id, those that were found.
    n_clips : int
        How many clips were read.

    >>> notes({"a.wav": {"constant": "0.25"}}, 12)
    ['1 of 12 clips: one constant value, such as a.wav (0.25): replace them, or leave them out']
    """
    said = []
    for kind, words in WORDS.items():
        found = {name: odd[kind] for name, odd in oddities.items() if kind in odd}
        if found:
            name, what = next(iter(found.items()))
            of = f"{len(found)} of {n_clips} clips"
            said.append(f"{of}: {words}, such as {name} ({what}): {ADVICE[kind]}")
    return said


class Listener:
    """Notices what is odd about mono samples that pass by, piece after piece."""

    def __init__(self) -> None:
        self.low, self.high, self.n_samples = np.inf, -np.inf, 0

    def hear(self, y: Waveform) -> Waveform:
        """Take note of a piece, and return it."""
        if len(y):
            self.low, self.high = min(self.low, float(y.min())), max(self.high, float(y.max()))
            self.n_samples += len(y)
        return y

    def oddities(self, path: str | Path, *, n_asked: int, to_end: bool) -> dict[str, str]:
        """Return what was odd.

        Parameters
        ----------
        path : str or Path
            The file that was read.
        n_asked : int
            How many samples it was asked for.
        to_end : bool
            Whether that was to the file's end.
        """
        found = {}
        peak = max(self.high, -self.low)
        if self.low == self.high:
            found.update({"constant": f"{self.low:g}"} if peak else {"silent": "all samples are 0"})
        if peak > LOUD:
            found["loud"] = f"peak {peak:.4g}"
        if to_end and (missing := shortage(path, n_asked=n_asked, n_read=self.n_samples)):
            found["cut"] = missing
        return found


def in_words(oddities: Oddities) -> str:
    """Return oddities in words.

    >>> in_words({"loud": "peak 2.9e+04"})
    'peaks far above 1 (peak 2.9e+04)'
    """
    return ", ".join(f"{WORDS[kind]} ({what})" for kind, what in oddities.items())
