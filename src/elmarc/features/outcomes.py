"""What becomes of one clip: features, or the problem that is reported instead."""

from __future__ import annotations

from collections.abc import Generator
from concurrent.futures import Future
from typing import TypeAlias

import numpy as np

from elmarc._names import printable
from elmarc._types import FeatureArray
from elmarc.datasets.base import Clip
from elmarc.errors import AudioError

Hashed: TypeAlias = tuple[Clip, str]  # and the hash of what it holds
Outcomes: TypeAlias = Generator[tuple[Hashed, FeatureArray | AudioError], None, None]


def finite(future: Future[FeatureArray]) -> FeatureArray | AudioError:
    """Return a worker's row or the clip's problem; other exceptions are ours, and end the run."""
    try:
        return checked(future.result())
    except AudioError as problem:
        return problem


def checked(row: FeatureArray) -> FeatureArray | AudioError:
    """Return features, or the problem that they are not finite."""
    if np.isfinite(row).all():
        return row
    return AudioError("its features overflow: are its samples within [-1, 1]?")


def named(problem: AudioError, name: str, file: str) -> AudioError:
    """Name the clip where the message names no file: a front-end sees samples alone."""
    return problem if printable(file) in str(problem) else AudioError(f"{name}: {problem}")
