"""What must not be torn apart when clips are dealt to folds: groups, and the folds that clips come with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elmarc.datasets.base import PARTS, SplitKind
from elmarc.datasets.groups import group_name
from elmarc.features.sounds import Files, Sounds


@dataclass(frozen=True)
class Units:
    """Fold and group of each clip, "" where it has none."""

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

    def of(self, rows: NDArray[np.intp]) -> Units:
        """Return those of some clips."""
        return Units(tuple(self.folds[i] for i in rows), tuple(self.groups[i] for i in rows))


def units_of(sounds: Sounds, n_clips: int, groups: Any) -> Units:
    """Return folds and groups of clips; `groups` goes before those that clips name themselves.

    Raises
    ------
    ValueError
        There are not as many groups as clips.
    """
    clips = sounds.clips if isinstance(sounds, Files) else ()
    folds = tuple(clip.fold or "" for clip in clips) or ("",) * n_clips
    if groups is None:
        return Units(folds, tuple(clip.group or "" for clip in clips) or ("",) * n_clips)
    given = np.asarray(groups, dtype=object)  # as text, NaN would be a name
    if given.shape != (n_clips,):
        raise ValueError(f"groups has shape {given.shape}, expected one for each of {n_clips} clips")
    return Units(folds, tuple(group_name(group) or "" for group in given.tolist()))


def labels_of(sounds: Sounds, y: Any) -> Any:
    """Return the labels: `y`, or those of the clips where nothing is said.

    Raises
    ------
    ValueError
        There are none.
    """
    if y is not None:
        return y
    labels = [clip.label for clip in sounds.clips] if isinstance(sounds, Files) else []
    if not any(labels):
        raise ValueError("SoundClassifier requires y to be passed, but the target y is None")
    return np.asarray(labels)
