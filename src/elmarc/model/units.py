"""What must not be torn apart when clips are dealt to folds: groups, and the folds that clips come with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elmarc.datasets.base import PARTS, SplitKind, group_name
from elmarc.evaluation.splits import Folds, Lists, keep_together, make_splits
from elmarc.features.sounds import Files, Sounds


@dataclass(frozen=True)
class Units:
    """All that folds follow from: label, fold and group of each clip as text, and what a `Dataset` asks for.

    Fold and group are "" where a clip has none.
    """

    labels: tuple[str, ...]
    folds: tuple[str, ...]
    groups: tuple[str, ...]
    kind: SplitKind | None = None
    n_folds: int | None = None
    shuffle: bool = False

    @property
    def split_kind(self) -> SplitKind:
        """Official folds, fixed lists, or none."""
        if self.kind is not None:
            return self.kind
        if not all(self.folds):
            return "none"
        return "lists" if set(self.folds) <= set(PARTS.values()) else "folds"

    @property
    def together(self) -> Sequence[str]:
        """What inner folds must not tear apart: groups, or else official folds; may be empty."""
        return keep_together(self.groups, self.folds, kind=self.split_kind)

    def splits(self) -> Folds | Lists:
        """Return the parts for a nested score, as a ranking has them. Raises DatasetError."""
        return make_splits(
            self.labels, self.folds, kind=self.split_kind, groups=self.groups, n_folds=self.n_folds,
            shuffle=self.shuffle,
        )  # fmt: skip

    def of(self, rows: NDArray[np.intp]) -> Units:
        """Return those of some clips."""
        texts = (self.labels, self.folds, self.groups)
        labels, folds, groups = (tuple(names[i] for i in rows) for names in texts)
        return replace(self, labels=labels, folds=folds, groups=groups)


def units_of(sounds: Sounds, labels: NDArray[Any], groups: Any) -> Units:
    """Return what the folds of clips follow from; `groups` goes before those that clips name themselves.

    Raises
    ------
    ValueError
        There are not as many groups as clips.
    """
    clips, data = (sounds.clips, sounds.dataset) if isinstance(sounds, Files) else ((), None)
    n_clips = len(labels)
    none = ("",) * n_clips
    found = Units(
        tuple(map(str, labels.tolist())),
        tuple(clip.fold or "" for clip in clips) or none,
        tuple(clip.group or "" for clip in clips) or none,
    )
    if data is not None:
        found = replace(found, kind=data.split_kind, n_folds=data.n_folds, shuffle=data.shuffle)
    if groups is None:
        return found
    given = np.asarray(groups, dtype=object)  # as text, NaN would be a name
    if given.shape != (n_clips,):
        raise ValueError(f"groups has shape {given.shape}, expected one for each of {n_clips} clips")
    return replace(found, groups=tuple(group_name(group) or "" for group in given.tolist()))


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
        raise ValueError(
            "SoundClassifier requires y to be passed, but the target y is None: give one label a clip, or a "
            "data set as X, such as a folder with one sub-folder a class"
        )
    return np.asarray(labels)
