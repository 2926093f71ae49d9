"""What a classifier is given: clips, paths or waveforms, with labels, and what must not be torn apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elmarc.datasets.base import PARTS, Clip, Dataset, SplitKind


@dataclass(frozen=True)
class Sounds:
    """Folds and groups of clips, "" where a clip has none, and how the clips are split."""

    folds: tuple[str, ...]
    groups: tuple[str, ...]

    @property
    def split_kind(self) -> SplitKind:
        """Official folds, fixed lists, or none."""
        if not all(self.folds):
            return "none"
        return "lists" if set(self.folds) <= set(PARTS.values()) else "folds"

    @property
    def together(self) -> tuple[str, ...]:
        """What inner folds must not tear apart: groups, or else official folds; may be empty."""
        if any(self.groups):
            return self.groups
        return self.folds if self.split_kind == "folds" else ()


def clips_of(X: Any) -> tuple[Clip, ...] | None:
    """Return the clips where X is a data set or a sequence of `Clip`."""
    if isinstance(X, Dataset):
        return X.clips
    if isinstance(X, Sequence) and len(X) and all(isinstance(clip, Clip) for clip in X):
        return tuple(X)
    return None


def sounds_of(X: Any, n_clips: int, groups: Any) -> Sounds:
    """Return folds and groups of X; `groups` goes before those that clips name themselves.

    Raises
    ------
    ValueError
        There are not as many groups as clips.
    """
    clips = clips_of(X)
    if groups is not None:
        given = np.asarray(groups)
        if given.shape != (n_clips,):
            raise ValueError(f"groups has shape {given.shape}, expected one for each of {n_clips} clips")
        named = tuple("" if group is None else str(group) for group in given.tolist())
    else:
        named = tuple(clip.group or "" for clip in clips) if clips else ("",) * n_clips
    folds = tuple(clip.fold or "" for clip in clips) if clips else ("",) * n_clips
    return Sounds(folds, named)


def labels_of(X: Any, y: Any) -> Any:
    """Return the labels: `y`, or those of the clips where nothing is said.

    Raises
    ------
    ValueError
        There are none.
    """
    if y is not None:
        return y
    clips = clips_of(X)
    if clips is None:
        raise ValueError("SoundClassifier requires y to be passed, but the target y is None")
    return np.asarray([clip.label for clip in clips])


def as_list(values: NDArray[Any]) -> list[Any]:
    """Return class labels as plain Python values."""
    return [value.item() if isinstance(value, np.generic) else value for value in values]


def path_clips(X: Any) -> tuple[Clip, ...] | None:
    """Return the clips of X where it names files; None where it holds waveforms."""
    clips = clips_of(X)
    if clips is not None or not _are_paths(X):
        return clips
    return tuple(Clip(id=str(path), path=Path(path), label="") for path in X)


def _are_paths(X: Any) -> bool:
    if isinstance(X, str | bytes | Path):
        raise ValueError(f"X is one path, {str(X)!r}: give a list of paths, as [{str(X)!r}]")
    if hasattr(X, "to_numpy"):
        X = X.to_numpy()
    if isinstance(X, np.ndarray):
        return X.ndim == 1 and X.dtype.kind in "UO" and all(isinstance(path, str | Path) for path in X)
    return isinstance(X, Sequence) and len(X) > 0 and all(isinstance(path, str | Path) for path in X)
