"""Which clips train and which test: official folds, fixed lists, or stratified folds of our own.

All folds are made here, outer ones by `make_splits` and inner ones by `inner_splits`, from labels as text:
the same clips have the same folds, whatever type the labels have. Where groups of clips fit
a fold equally well, scikit-learn's choice follows the order of the classes, which is that of the text.

Clips of one group stay together, and a clip without a group stands alone: see `elmarc.datasets.base`.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

from elmarc.datasets.base import Dataset, SplitKind, folds_for, n_units, units
from elmarc.errors import DatasetError

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
    """Fixed parts, as index arrays; `validation` may be empty."""

    train: Index
    validation: Index
    test: Index


def make_splits(
    labels: Sequence[object],
    folds: Sequence[str],
    *,
    kind: SplitKind,
    groups: Sequence[str] = (),
    n_folds: int | None = None,
    shuffle: bool = False,
    seed: int = 0,
) -> Folds | Lists:
    """Return the parts that a protocol needs.

    Parameters
    ----------
    labels : sequence of n_clips labels
        Taken as text.
    folds, groups : sequences of n_clips strings
        `folds` names the official fold or list of each clip; clips of one of `groups` stay together.
        "" where a clip has none.
    kind : {"folds", "lists", "none"}
        What the data set comes with; "none": stratified folds are made.
    n_folds : int or None
        How many folds to make where there are none; None: as many as `folds_for` says.
    shuffle : bool
        Whether made folds mix the order of the clips; not in the study.

    Raises
    ------
    DatasetError
        A part is empty, a training part holds clips of one class only, or clips of a class or groups are
        too few for the folds.
    """
    y = _as_text(labels)
    if len(np.unique(y)) < 2:
        raise DatasetError(f"every clip has the label {y[0]!r}: a classifier needs at least two classes")
    if kind == "lists":
        return _lists(y, folds)
    if kind == "folds" and not shuffle:
        return _learnable(y, _official(folds))
    if kind == "folds":
        warnings.warn(
            "shuffling a data set that has official folds: clips of one recording may fall on both sides, "
            "and scores will be too high",
            stacklevel=2,
        )
    n_folds = n_folds or folds_for(y.tolist(), groups)
    return _learnable(y, _stratified(y, groups, n_folds=n_folds, shuffle=shuffle, seed=seed))


def _as_text(labels: Sequence[object] | NDArray[Any]) -> NDArray[np.str_]:
    return np.asarray([str(label) for label in np.asarray(labels).tolist()])


def dataset_splits(data: Dataset) -> Folds | Lists:
    """Return the parts of a data set as it is listed, before any clip is read; raises as `make_splits`."""
    try:
        return make_splits(
            [clip.label for clip in data.clips],
            [clip.fold or "" for clip in data.clips],
            kind=data.split_kind,
            groups=[clip.group or "" for clip in data.clips],
            n_folds=data.n_folds,
            shuffle=data.shuffle,
        )
    except DatasetError as problem:
        raise DatasetError(f"{data.name}: {problem}") from problem


def keep_together(groups: Sequence[str], folds: Sequence[str], *, kind: SplitKind) -> Sequence[str]:
    """Return what inner folds keep together: groups, or official folds where no clip has a group."""
    if any(groups):
        return groups
    return folds if kind == "folds" else ()


def inner_splits(
    labels: Sequence[object] | NDArray[Any], together: Sequence[str], *, n_folds: int, seed: int
) -> list[Split]:
    """Return at most `n_folds` folds inside a training part; none where every class has one clip.

    Clips that share a name in `together` stay together; one without a name ("") stands alone. Where there are
    too few names for that, the folds are stratified alone.
    """
    y = _as_text(labels)
    parts = units(together)
    n_parts = n_units(together)
    _, counts = np.unique(y, return_counts=True)
    if counts.max() < 2:
        return []
    if 2 <= n_parts < len(y):
        n_grouped = min(n_folds, n_parts, int(counts.max()))
        rule = StratifiedGroupKFold(n_grouped, shuffle=True, random_state=seed)
        splits = [split for split in rule.split(y, y, parts) if _can_choose(y, split)]
        if splits:
            return splits
    n_folds = max(2, min(n_folds, int(counts.min())))
    plain = StratifiedKFold(n_folds, shuffle=True, random_state=seed)
    return [split for split in plain.split(y, y) if _can_choose(y, split)]


def _can_choose(y: NDArray[np.str_], split: Split) -> bool:
    train, test = split
    return len(test) > 0 and len(np.unique(y[train])) > 1


def _learnable(y: NDArray[np.str_], parts: Folds) -> Folds:
    """Return the folds, if none is empty and all others together hold two classes."""
    for name, (train, test) in zip(parts.names, parts.splits, strict=True):
        if not len(test):
            raise DatasetError(
                f"fold {name} would be empty: the groups are too unequal in size for {len(parts.names)} "
                "folds: ask for fewer folds, or name smaller groups"
            )
        if len(np.unique(y[train])) < 2:
            raise DatasetError(
                f"the clips outside fold {name} are all of class {str(y[train][0])!r}, and a classifier "
                "learns from at least two: spread each class over several folds or groups"
            )
    return parts


def _lists(y: NDArray[np.str_], folds: Sequence[str]) -> Lists:
    names = np.asarray(folds)
    unknown = sorted(set(folds) - set(LISTS))
    if unknown:
        raise DatasetError(f"split {unknown[0]!r} is unknown: expected {', '.join(LISTS)}")
    parts = {name: np.flatnonzero(names == name) for name in LISTS}
    for name in ("train", "test"):
        if not len(parts[name]):
            raise DatasetError(f"the {name} list has no usable clip: training and test lists need some")
    if len(np.unique(y[parts["train"]])) < 2:
        only = str(y[parts["train"]][0])
        raise DatasetError(f"the train list holds clips of one class only, {only!r}: it needs at least two")
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
    is_grouped, n_groups = any(groups), n_units(groups)
    if is_grouped and n_groups == 1:
        raise DatasetError(
            f"column `group`: all clips are of one group, {groups[0]!r}, which cannot be both learned from "
            "and tested: name the group of each clip (its recording, its speaker), or leave the column out"
        )
    if is_grouped and n_groups < n_folds:
        raise DatasetError(
            f"column `group`: {n_groups} groups (a clip without one counts as one), too few for {n_folds} "
            f"folds: ask for at most {n_groups} (data.n_folds), or name smaller groups"
        )
    rule = StratifiedGroupKFold if is_grouped else StratifiedKFold
    made = rule(n_folds, shuffle=shuffle, random_state=seed if shuffle else None)
    splits = made.split(y, y, units(groups)) if is_grouped else made.split(y, y)
    return Folds(tuple(str(i + 1) for i in range(n_folds)), tuple(splits))
