"""Which clips train and which test: official folds, fixed lists, or stratified folds of our own."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from elmarc._errors import DatasetError

Index = NDArray[np.intp]
Split = tuple[Index, Index]  # train, test
LISTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Folds:
    """Every clip is tested once: `splits[i]` holds out the clips of fold `names[i]`."""

    names: tuple[str, ...]
    splits: tuple[Split, ...]


@dataclass(frozen=True)
class Lists:
    """Fixed parts, as index arrays."""

    train: Index
    validation: Index
    test: Index


def make_splits(
    labels: Sequence[str],
    folds: Sequence[str],
    *,
    kind: Literal["folds", "lists", "none"],
    groups: Sequence[str] = (),
    n_folds: int = 10,
    shuffle: bool = False,
    seed: int = 0,
) -> Folds | Lists:
    """Return the parts that a protocol needs.

    Parameters
    ----------
    labels, folds, groups : sequences of n_clips strings
        `folds` names the official fold or list of each clip; `groups` what must not be torn apart.
    kind : {"folds", "lists", "none"}
        What the data set comes with; "none": stratified folds are made.
    n_folds : int
        How many folds to make where there are none; 10 in the study.
    shuffle : bool
        Whether made folds mix the order of the clips; not in the study.

    Raises
    ------
    DatasetError
        A part is empty, or a class has fewer clips than there are folds.
    """
    y = np.asarray(labels)
    if len(set(labels)) < 2:
        raise DatasetError(f"every clip has the label {y[0]!r}: a classifier needs at least two classes")
    if kind == "lists":
        return _lists(folds)
    if kind == "folds" and not shuffle:
        return _official(folds)
    if kind == "folds":
        warnings.warn(
            "shuffling a data set that has official folds: clips of one recording may fall on both sides, "
            "and scores will be too high",
            stacklevel=2,
        )
    return _stratified(y, groups, n_folds=n_folds, shuffle=shuffle, seed=seed)


def inner_splits(
    y: NDArray[np.str_], keep_together: Sequence[str], *, n_folds: int, seed: int
) -> list[Split]:
    """Return folds inside a training part; clips that share a name in `keep_together` stay together."""
    names = np.asarray(keep_together)
    n_groups = len(set(keep_together))
    _, counts = np.unique(y, return_counts=True)
    if 2 <= n_groups < len(y):
        n_folds = min(n_folds, n_groups)
        folds = StratifiedGroupKFold(n_folds, shuffle=True, random_state=seed).split(y, y, names)
    else:
        n_folds = max(2, min(n_folds, int(counts.min())))
        folds = StratifiedKFold(n_folds, shuffle=True, random_state=seed).split(y, y)
    return [(train, test) for train, test in folds if len(train) and len(test)]


def _lists(folds: Sequence[str]) -> Lists:
    names = np.asarray(folds)
    unknown = sorted(set(folds) - set(LISTS))
    if unknown:
        raise DatasetError(f"split {unknown[0]!r} is unknown: expected {', '.join(LISTS)}")
    parts = {name: np.flatnonzero(names == name) for name in LISTS}
    for name, part in parts.items():
        if not len(part):
            raise DatasetError(f"the {name} list has no usable clip: all three lists need some")
    return Lists(**parts)


def _official(folds: Sequence[str]) -> Folds:
    names = np.asarray(folds)
    if "" in folds:
        raise DatasetError(f"{np.sum(names == '')} clips have no fold: name one for every clip, or for none")
    unique = sorted(set(folds), key=lambda name: (len(name), name))  # 1, 2, ..., 10
    if len(unique) < 2:
        raise DatasetError(f"only one fold ({unique[0]!r}): at least two are needed")
    splits = tuple((np.flatnonzero(names != name), np.flatnonzero(names == name)) for name in unique)
    return Folds(tuple(unique), splits)


def _stratified(
    y: NDArray[np.str_], groups: Sequence[str], *, n_folds: int, shuffle: bool, seed: int
) -> Folds:
    classes, counts = np.unique(y, return_counts=True)
    if counts.min() < n_folds:
        rare = str(classes[counts.argmin()])
        raise DatasetError(
            f"class {rare!r} has {counts.min()} clips, too few for {n_folds} folds: add clips, or ask for "
            "fewer folds"
        )
    random_state = seed if shuffle else None
    if any(groups):
        rule = StratifiedGroupKFold(n_folds, shuffle=shuffle, random_state=random_state)
        parts = list(rule.split(y, y, np.asarray(groups)))
    else:
        parts = list(StratifiedKFold(n_folds, shuffle=shuffle, random_state=random_state).split(y, y))
    return Folds(tuple(str(i + 1) for i in range(n_folds)), tuple(parts))
