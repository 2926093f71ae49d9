"""Clips of equal sound: copies in several folds are learned from and tested, and raise every score."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace

from elmarc.datasets.base import Clip, Dataset
from elmarc.errors import DatasetError
from elmarc.evaluation.splits import Folds, Lists
from elmarc.features.contents import Contents


def copies(clips: Sequence[Clip], contents: Contents) -> list[list[Clip]]:
    """Return the clips of equal content, those of one content together; without those that stand alone."""
    found: dict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        if content := contents.of(clip):
            found[content].append(clip)
    return [same for same in found.values() if len(same) > 1]


def class_notes(same: Sequence[Sequence[Clip]]) -> list[str]:
    """Return a note where equal clips are of several classes, of which one label at most is right."""
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
    """Return a note where equal clips lie in several folds, or in several lists.

    Parameters
    ----------
    same : sequence of sequences of Clip
        From `copies`.
    clips : sequence of Clip
        Those that `parts` counts.
    parts : Folds or Lists
        From `elmarc.evaluation.splits.make_splits`.
    """
    where = _parts_of(clips, parts)
    torn = [one for one in same if len({where[clip.id] for clip in one if clip.id in where}) > 1]
    if not torn:
        return []
    first = torn[0][0]
    other = next(clip for clip in torn[0] if where.get(clip.id) != where.get(first.id))
    return [
        f"{len(torn)} sounds lie in several folds, such as {first.id} = {other.id}: scores may be too high; "
        "leave copies out, or, where folds are made here, keep them together (--keep-duplicates-together)"
    ]


def copy_notes(apart: Sequence[Sequence[Clip]]) -> list[str]:
    """Return a note on equal clips that are not of one group, before it is known how they are split."""
    if not apart:
        return []
    first, other = apart[0][:2]
    return [
        f"{len(apart)} sounds are there several times, such as {first.id} = {other.id}: the accuracy to "
        "expect may be too high; leave copies out, or keep them together (--keep-duplicates-together)"
    ]


def _parts_of(clips: Sequence[Clip], parts: Folds | Lists) -> dict[str, str]:
    if isinstance(parts, Lists):
        named = {"train": parts.train, "validation": parts.validation, "test": parts.test}
    else:
        named = {name: test for name, (_, test) in zip(parts.names, parts.splits, strict=True)}
    return {clips[k].id: name for name, members in named.items() for k in members}


def check_can_group(data: Dataset) -> None:
    """Refuse to move copies between folds that come with a data set.

    Raises
    ------
    DatasetError
        It has folds or lists.
    """
    if data.split_kind == "lists" or (data.split_kind == "folds" and not data.shuffle):
        what = "lists" if data.split_kind == "lists" else "official folds"
        raise DatasetError(
            f"{data.name}: its {what} say where each clip belongs, so copies cannot be kept together: drop "
            "keep_duplicates_together, and leave copies out of the data set"
        )


def kept_together(data: Dataset, contents: Contents) -> Dataset:
    """Return a data set whose groups hold all copies of their clips.

    Groups that share a sound become one.

    Parameters
    ----------
    data : Dataset
    contents : Contents
    """
    same = copies(data.clips, contents)
    if not same:
        return data
    names = _merged([[clip.group or f"\0{clip.id}" for clip in clips] for clips in same])
    clips = tuple(replace(clip, group=_group(clip, names)) for clip in data.clips)
    return replace(data, clips=clips)


def _group(clip: Clip, names: dict[str, str]) -> str | None:
    own = clip.group or f"\0{clip.id}"
    found = names.get(own)
    return clip.group if found is None else found.replace("\0", "copies of ")


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
