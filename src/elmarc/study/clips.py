"""The clips of a study: opened, hashed, checked that they can be split, and searched for copies.

Copies (clips of equal bytes) that lie in several folds are both learned from and tested, and raise every
score: a note says so, or they are grouped on request.
"""

from __future__ import annotations

import hashlib
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from elmarc.datasets.base import Clip, Dataset
from elmarc.errors import AudioError, DatasetError
from elmarc.evaluation.splits import Folds, Lists, dataset_splits, make_splits
from elmarc.features.contents import Contents, contents_of
from elmarc.study import build
from elmarc.study.spec import Data, Experiment


@dataclass(frozen=True)
class Material:
    """A data set that was opened, and what the files of its clips hold."""

    dataset: Dataset
    contents: Contents

    @cached_property
    def key(self) -> str:
        """A hash of all that the scores depend on: clips, labels, folds, groups and how they are split."""
        data = self.dataset
        clips = [(clip.id, clip.label, clip.fold, clip.group, self.contents.of(clip)) for clip in data.clips]
        return digest([data.split_kind, data.folds_to_make, clips])

    def splits(self, labels: Sequence[str], folds: Sequence[str], groups: Sequence[str]) -> Folds | Lists:
        """Return the splits of those clips that can be used."""
        data = self.dataset
        return make_splits(
            labels, folds, kind=data.split_kind, groups=groups, n_folds=data.n_folds, shuffle=data.shuffle
        )


def digest(value: Any) -> str:
    """Return a hash of a JSON-able value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()


def open_material(config: Experiment, in_memory: Dataset | None = None, *, is_read: bool = True) -> Material:
    """Open the data set of a configuration and read its files, for their hashes.

    Parameters
    ----------
    config : Experiment
        Whose `data` section says what to open.
    in_memory : Dataset or None
        The data set that a section of kind "object" stands for.
    is_read : bool
        Whether features are computed of its clips: those that can be read must fill the folds then.

    Raises
    ------
    DatasetError
        The data set is not as described, or it, or those of its clips that can be read, cannot be split.
    """
    data = build.dataset(config.data, in_memory=in_memory)
    dataset_splits(data)  # before any file is read
    data, contents = _hashed(data, config.data, config.n_workers)
    dataset_splits(data)
    clips = tuple(clip for clip in data.clips if not is_read or _is_readable(clip, contents))
    same, n_left_out = copies(clips, contents), len(data.clips) - len(clips)
    if not same and not n_left_out:
        return Material(data, contents)
    try:
        parts = dataset_splits(replace(data, clips=clips))
    except DatasetError as problem:
        if not n_left_out:
            raise
        raise DatasetError(
            f"{problem} ({n_left_out} of {len(data.clips)} clips cannot be read and are left out)"
        ) from None
    notes = (*data.notes, *class_notes(same), *fold_notes(same, clips, parts))
    return Material(replace(data, notes=notes), contents)


def _hashed(data: Dataset, section: Data, n_workers: int | None) -> tuple[Dataset, Contents]:
    """Return a data set, its copies grouped where the section says so, and the hashes of its files.

    Raises
    ------
    DatasetError
        Copies are to be grouped, and the data set has folds or lists, which say where each clip belongs.
    """
    if not section.keep_duplicates_together:
        return data, contents_of(data.clips, n_workers=n_workers)
    if data.split_kind == "lists" or (data.split_kind == "folds" and not data.shuffle):
        what = "lists" if data.split_kind == "lists" else "official folds"
        raise DatasetError(
            f"{data.name}: its {what} say where each clip belongs, so copies cannot be kept together: drop "
            "keep_duplicates_together, and leave copies out of the data set"
        )
    contents = contents_of(data.clips, n_workers=n_workers)
    return grouped(data, contents), contents


def _is_readable(clip: Clip, contents: Contents) -> bool:
    """Return whether a file was hashed, and has a header that holds the clip."""
    try:
        return bool(contents.of(clip)) and clip.duration_s() > 0
    except AudioError:
        return False


def copies(clips: Sequence[Clip], contents: Contents) -> list[list[Clip]]:
    """Return lists of clips of equal content, without those that have no copy."""
    same: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        if content := contents.of(clip):
            same[content].append(clip)
    return [clips for clips in same.values() if len(clips) > 1]


def class_notes(same: Sequence[Sequence[Clip]]) -> list[str]:
    """Return a note where copies are of several classes, of which one label at most is right."""
    torn = [clips for clips in same if len({clip.label for clip in clips}) > 1]
    if not torn:
        return []
    first = torn[0][0]
    other = next(clip for clip in torn[0] if clip.label != first.label)
    return [
        f"{len(torn)} sounds are in several classes, such as {first.id} ({first.label}) = {other.id} "
        f"({other.label}): keep the one whose class is right"
    ]


def fold_notes(same: Sequence[Sequence[Clip]], clips: Sequence[Clip], parts: Folds | Lists) -> list[str]:
    """Return a note where copies lie in several folds or lists; `parts` counts the clips."""
    if isinstance(parts, Lists):
        named = {"train": parts.train, "validation": parts.validation, "test": parts.test}
    else:
        named = {name: test for name, (_, test) in zip(parts.names, parts.splits, strict=True)}
    where = {clips[k].id: name for name, members in named.items() for k in members}
    torn = [one for one in same if len({where[clip.id] for clip in one if clip.id in where}) > 1]
    if not torn:
        return []
    first = torn[0][0]
    other = next(clip for clip in torn[0] if where.get(clip.id) != where.get(first.id))
    return [
        f"{len(torn)} sounds lie in several folds, such as {first.id} = {other.id}: scores may be too high; "
        "leave copies out, or, where folds are made here, keep them together (--keep-duplicates-together)"
    ]


def with_copy_notes(data: Dataset, section: Data, *, n_workers: int | None) -> Dataset:
    """Return a data set that is learned from whole, with notes on its copies, grouped on request."""
    data, contents = _hashed(data, section, n_workers)
    same = copies(data.clips, contents)
    notes = class_notes(same)
    apart = [clips for clips in same if clips[0].group is None or len({clip.group for clip in clips}) > 1]
    if apart:
        first, other = apart[0][:2]
        notes.append(
            f"{len(apart)} sounds are there several times, such as {first.id} = {other.id}: the accuracy to "
            "expect may be too high; leave copies out, or keep them together (--keep-duplicates-together)"
        )
    return replace(data, notes=(*data.notes, *notes))


def grouped(data: Dataset, contents: Contents) -> Dataset:
    """Return a data set whose groups hold all copies of their clips; groups that share a sound become one."""
    same = copies(data.clips, contents)
    names = _merged([[_group(clip) for clip in clips] for clips in same])
    clips = tuple(
        replace(clip, group=names[_group(clip)].replace("\0", "copies of "))
        if _group(clip) in names
        else clip
        for clip in data.clips
    )
    return replace(data, clips=clips)


def _group(clip: Clip) -> str:
    """Return a clip's group, or a name of its own."""
    return clip.group or f"\0{clip.id}"


def _merged(sets: Sequence[Sequence[str]]) -> dict[str, str]:
    """Return for each name the one that stands for all names that are linked to it.

    >>> _merged([["a", "b"], ["c", "d"], ["b", "c"]])
    {'a': 'a', 'b': 'a', 'c': 'a', 'd': 'a'}
    """
    above: dict[str, str] = {}

    def top(name: str) -> str:
        while above.setdefault(name, name) != name:
            above[name] = name = above[above[name]]
        return name

    for names in sets:
        for name in names[1:]:
            above[top(name)] = top(names[0])
        top(names[0])
    return {name: top(name) for name in above}
