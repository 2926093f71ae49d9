"""What the values of a fold column are: official folds, or fixed lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from elmarc.datasets.base import PARTS, Clip, SplitKind
from elmarc.errors import DatasetError


def split_of(clips: Sequence[Clip], *, where: str) -> tuple[SplitKind, tuple[Clip, ...]]:
    """Return how clips are split, and the clips with their folds as elmarc names them.

    Folds that are all called train, validation or test (or as `base.PARTS` has it) are fixed lists; a single
    fold is none.

    Parameters
    ----------
    clips : sequence of Clip
        All with a fold, or none.
    where : str
        What a message begins with.

    Raises
    ------
    DatasetError
        Lists without a train or test list, lists beside folds, or clips with and without a fold.
    """
    names = list(dict.fromkeys(clip.fold for clip in clips))
    if names == [None]:
        return "none", tuple(clips)
    if None in names:
        raise DatasetError(f"{where}: some clips have no fold: give each one, or leave the folds out")
    parts = {name: PARTS[name.lower()] for name in names if name and name.lower() in PARTS}
    if len(names) == 1:
        return "none", tuple(replace(clip, fold=None) for clip in clips)
    if not parts:
        return "folds", tuple(clips)
    found = f"{where}: found splits {', '.join(map(str, names))}"
    if len(parts) < len(names):
        raise DatasetError(f"{found}: expected train, validation and test alone, or folds: choose one split")
    if not {"train", "test"} <= set(parts.values()):
        raise DatasetError(f"{found}, expected train and test among them: choose one split")
    return "lists", tuple(replace(clip, fold=PARTS[(clip.fold or "").lower()]) for clip in clips)
