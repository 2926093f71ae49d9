"""What a data set is: clips, each with a label and perhaps a fold, and how they are to be split."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Literal, TypeAlias
from unicodedata import decimal

from elmarc._names import printable
from elmarc._types import Waveform
from elmarc.audio.blocks import true_duration_s
from elmarc.audio.decode import duration_s, hear
from elmarc.audio.length import InputLength
from elmarc.audio.oddities import Oddities
from elmarc.audio.opening import is_there
from elmarc.datasets.files import suffixes_text
from elmarc.datasets.groups import group_name, n_units
from elmarc.datasets.labels import alike_notes
from elmarc.errors import DatasetError

SplitKind: TypeAlias = Literal["folds", "lists", "none"]
OnMissing: TypeAlias = Literal["raise", "skip", "keep"]
MOST_MISSING = 0.1  # share of a published data set that may be absent: scores are those of its clips
LONGEST_NAME = 4096  # characters of a name in a message: more than Linux takes
MISSING = "clips are missing"
PARTS = {  # what the lists are called, in lower case
    "train": "train", "training": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip


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
    """One sound: an audio file, or a segment of one.

    Parameters
    ----------
    id : str
        Its path below the data set's folder, with `/` between the parts; a segment's has its times behind.
    path : Path
        The audio file.
    label : str
        Its class.
    fold : str or None
        An official fold, or "train", "validation" or "test".
    group : str or None
        Clips of one group stay together; a clip without one stands alone.
    start, end : float or None
        The segment, in seconds; None is the beginning of the file, and its end.
    """

    id: str
    path: Path
    label: str
    fold: str | None = None
    group: str | None = None
    start: float | None = None
    end: float | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "group", group_name(self.group))
        for name in ("id", "label", "fold", "group"):  # written, shown and compared with what was written
            text = getattr(self, name)
            if text and not text.isprintable():
                object.__setattr__(self, name, printable(text))

    def __str__(self) -> str:
        """Return what messages call the clip: its file, and the segment."""
        return f"{self.path}{self._times}"

    @property
    def _times(self) -> str:
        return segment_text(self.start, self.end)

    def load(self, *, sr: int | None = 12000) -> Waveform:
        """Return the clip's samples: see `elmarc.audio.load`."""
        return self.hear(sr=sr)[0]

    def hear(self, *, sr: int | None = 12000) -> tuple[Waveform, Oddities]:
        """Return the clip's samples, and what is odd about them: see `elmarc.audio.oddities`."""
        return hear(self.path, sr=sr, start=self.start, end=self.end)

    def duration_s(self) -> float:
        """Return the clip's length in seconds, from the header of its file. Raises AudioError."""
        return duration_s(self.path, start=self.start, end=self.end)

    def true_duration_s(self) -> float:
        """Return the seconds that can be decoded, whatever the header says. Raises AudioError."""
        return true_duration_s(self.path, start=self.start, end=self.end)

    def content(self, file_hash: str) -> str:
        """Return what identifies the clip's sound.

        Parameters
        ----------
        file_hash : str
            `content_hash` of its file, which one takes once for all segments of it. It identifies the whole
            file as it stands; a segment's times are hashed with it.
        """
        return hashlib.sha256(f"{file_hash}{self._times}".encode()).hexdigest() if self._times else file_hash


@dataclass(frozen=True)
class Dataset:
    """Clips with labels, and how they are split.

    Parameters
    ----------
    classes : tuple of str
        In the order of the study's class numbers; those without a clip are left out.
    split_kind : {"folds", "lists", "none"}
        Official folds; fixed lists; or none, and stratified folds are to be made.
    n_folds : int or None
        How many folds to make; None: ten, as in the study, or fewer where the clips do not allow them.
    shuffle : bool
        Whether made folds mix the order of the clips; not in the study.
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
    n_folds: int | None = None
    shuffle: bool = False
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
        refuse_repeats(self.name, [clip.id for clip in self.clips])
        counts = Counter(clip.label for clip in self.clips)
        if strange := sorted(set(counts) - set(self.classes)):
            raise DatasetError(f"{self.name}: label {strange[0]!r} is none of: {', '.join(self.classes)}")
        if len(counts) < 2:
            only = next(iter(counts))
            raise DatasetError(
                f"{self.name}: only one class, {only!r}: a classifier needs clips of at least two"
            )
        object.__setattr__(self, "classes", tuple(name for name in self.classes if counts[name]))
        object.__setattr__(self, "notes", tuple(dict.fromkeys((*self.notes, *alike_notes(self.classes)))))

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def folds_to_make(self) -> int:
        """How many folds are made where none are given, as long as every clip can be used."""
        if self.n_folds is not None:
            return self.n_folds
        return folds_for([clip.label for clip in self.clips], [clip.group for clip in self.clips])

    def __repr__(self) -> str:
        folds = len({clip.fold for clip in self.clips})
        split = {"folds": f"{folds} official folds", "lists": "fixed lists"}.get(
            self.split_kind, f"{self.folds_to_make} folds to be made"
        )
        return f"<Dataset {self.name}: {len(self)} clips, {len(self.classes)} classes, {split}>"


def segment_text(start: float | None, end: float | None) -> str:
    """Return what is put behind a file's name to name a segment; equal numbers give equal texts.

    >>> segment_text(1.5, 3.0), segment_text(None, 0.25), segment_text(2, None), segment_text(0, None)
    ('#1.5-3', '#0-0.25', '#2-', '')
    """
    if not start and end is None:
        return ""
    first, last = (repr(float(t or 0)).removesuffix(".0") for t in (start, end))
    return f"#{first}-{'' if end is None else last}"


def classes_of(clips: Sequence[Clip]) -> tuple[str, ...]:
    """Return the labels of clips as `sorted_labels` does."""
    return sorted_labels([clip.label for clip in clips])


def sorted_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """Return each label once, numbers by value and before words: the one order of classes.

    Parameters
    ----------
    labels : sequence of str
        With repetitions, in any order.

    >>> sorted_labels(["10", "9", "01", "b", "9", "1", "a"])
    ('01', '1', '9', '10', 'a', 'b')
    """
    return tuple(sorted(set(labels), key=_place))


def _place(label: str) -> tuple[bool, int, str, str]:
    """Return what a label is sorted by; no two labels have it in common, so that no order of a set shows."""
    digits = "".join(str(decimal(sign)) for sign in label).lstrip("0") if label.isdecimal() else ""
    return not label.isdecimal(), len(digits), digits, label


def folds_for(labels: Sequence[str], groups: Sequence[str | None]) -> int:
    """Return ten folds, as in the study, or fewer: as many as the smallest class has clips, or as groups."""
    smallest = min(Counter(labels).values())
    return max(2, min(10, smallest, n_units(groups) if any(groups) else smallest))


def present(
    clips: Sequence[Clip], *, source: str, on_missing: OnMissing
) -> tuple[tuple[Clip, ...], tuple[str, ...]]:
    """Return the clips to use, and notes: what becomes of clips that are named but absent.

    Parameters
    ----------
    clips : sequence of Clip
        As they are named.
    source : str
        What names the clips, for messages.
    on_missing : {"raise", "skip", "keep"}
        Refuse; leave the absent clips out and say so; or keep them, to be checked by `validate`.

    Raises
    ------
    DatasetError
        A clip is absent and "raise" was asked for; or all are, unless they are kept.
    TransientError
        The system does not say whether a clip is there.
    """
    if on_missing == "keep":
        return tuple(clips), ()
    found = tuple(clip for clip in clips if is_there(clip.path))
    n_missing = len(clips) - len(found)
    if not n_missing:
        return found, ()
    there = set(found)
    example = next(clip for clip in clips if clip not in there)
    text = f"{source}: {n_missing} of {len(clips)} {MISSING}, such as {_shown(str(example.path))}"
    if on_missing == "raise" or not found:
        raise DatasetError(f"{text}: check the folder of the clips, or take them off the list")
    return found, (text,)


def nearly_whole(data: Dataset) -> Dataset:
    """Return a data set that has nearly all of its `n_expected` clips, with a note on how many it lacks.

    Raises
    ------
    DatasetError
        More than MOST_MISSING are absent.
    """
    n_expected = data.n_expected or 0
    n_missing = n_expected - len(data.clips)
    if n_missing <= 0:
        return data
    text = f"{data.name}: {n_missing} of {n_expected} {MISSING}"
    said = next((note for note in data.notes if MISSING in note), None)
    if n_missing > MOST_MISSING * n_expected:
        raise DatasetError(
            f"{said or text}: at most {100 * MOST_MISSING:.0f} % are left out, for scores would be those of "
            "another data set: complete it, or give the clips that are there as a folder or list of your own"
        )
    return data if said else replace(data, notes=(*data.notes, text))


def _shown(name: str) -> str:
    """Return a name as it is, or its beginning where no system has one that long."""
    return name if len(name) <= LONGEST_NAME else f"{name[:LONGEST_NAME]}..."


def refuse_repeats(name: str, ids: Sequence[str]) -> None:
    """Refuse clips of one id. Raises DatasetError."""
    twice = [clip for clip, count in Counter(ids).items() if count > 1]
    if twice:
        raise DatasetError(
            f"{name}: {_shown(twice[0])} is named twice ({len(twice)} such clips): name each clip once"
        )
