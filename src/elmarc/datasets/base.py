"""What a data set is: clips, each with a label and perhaps a fold, and how they are to be split."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Literal, TypeAlias

from elmarc._errors import DatasetError
from elmarc.audio.length import InputLength
from elmarc.datasets.files import suffixes_text

SplitKind: TypeAlias = Literal["folds", "lists", "none"]
OnMissing: TypeAlias = Literal["raise", "skip", "keep"]


@dataclass(frozen=True)
class Tags:
    """What is known of a clip besides its sound.

    `fold` is an official fold, or "train", "validation" or "test"; clips of one `group` come from one
    recording.
    """

    label: str
    fold: str | None = None
    group: str | None = None


Tagger: TypeAlias = Callable[[PurePath], Tags | None]  # None: the path does not tell


@dataclass(frozen=True)
class Clip:
    """One sound: `id` is its path below the data set's folder, with `/` between the parts."""

    id: str
    path: Path
    label: str
    fold: str | None = None
    group: str | None = None


@dataclass(frozen=True)
class Dataset:
    """Clips with labels, and how they are split.

    Parameters
    ----------
    classes : tuple of str
        In the order of the study's class numbers; those without a clip are left out.
    split_kind : {"folds", "lists", "none"}
        Official folds; fixed lists; or none, and `n_folds` stratified folds are to be made.
    input_length : InputLength or None
        What networks are fed, where the study or the data set says so.
    n_expected : int or None
        How many clips the whole data set has.
    audio_dir : Path or None
        Where clips off the list are looked for.

    Raises
    ------
    DatasetError
        No clip, a clip named twice, a label that is not among the classes, or one class only.
    """

    name: str
    clips: tuple[Clip, ...]
    classes: tuple[str, ...]
    split_kind: SplitKind = "none"
    n_folds: int = 10
    input_length: InputLength | None = None
    citation: str = ""
    licence: str = ""
    url: str = ""
    notes: tuple[str, ...] = ()
    n_expected: int | None = None
    audio_dir: Path | None = None

    def __post_init__(self) -> None:
        if not self.clips:
            raise DatasetError(f"{self.name}: no clips: expected audio files ({suffixes_text()})")
        _refuse_repeats(self.name, [clip.id for clip in self.clips])
        counts = Counter(clip.label for clip in self.clips)
        if strange := sorted(set(counts) - set(self.classes)):
            raise DatasetError(f"{self.name}: label {strange[0]!r} is none of: {', '.join(self.classes)}")
        if len(counts) < 2:
            only = next(iter(counts))
            raise DatasetError(
                f"{self.name}: only one class, {only!r}: a classifier needs clips of at least two"
            )
        object.__setattr__(self, "classes", tuple(name for name in self.classes if counts[name]))

    def __len__(self) -> int:
        return len(self.clips)


def sorted_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """Return each label once, numbers by value and before words.

    >>> sorted_labels(["10", "9", "b", "9", "a"])
    ('9', '10', 'a', 'b')
    """
    numbers = sorted((label for label in set(labels) if label.isdecimal()), key=int)
    return (*numbers, *sorted(set(labels) - set(numbers)))


def present(
    clips: Sequence[Clip], *, source: str, on_missing: OnMissing
) -> tuple[tuple[Clip, ...], tuple[str, ...]]:
    """Return the clips to use, and notes: what becomes of clips that are named but absent.

    Parameters
    ----------
    source : str
        What names the clips, for messages.
    on_missing : {"raise", "skip", "keep"}
        Refuse; leave the absent clips out and say so; or keep them, to be checked by `validate`.

    Raises
    ------
    DatasetError
        A clip is absent and "raise" was asked for; or all are, unless they are kept.
    """
    if on_missing == "keep":
        return tuple(clips), ()
    found = tuple(clip for clip in clips if clip.path.is_file())
    n_missing = len(clips) - len(found)
    if not n_missing:
        return found, ()
    there = set(found)
    example = next(clip for clip in clips if clip not in there)
    text = f"{source}: {n_missing} of {len(clips)} clips are missing, such as {example.path}"
    if on_missing == "raise" or not found:
        raise DatasetError(f"{text}: check the folder of the clips, or take them off the list")
    return found, (text,)


def _refuse_repeats(name: str, ids: Sequence[str]) -> None:
    twice = [clip for clip, count in Counter(ids).items() if count > 1]
    if twice:
        raise DatasetError(
            f"{name}: {twice[0]} is named twice ({len(twice)} such clips): name each clip once"
        )
