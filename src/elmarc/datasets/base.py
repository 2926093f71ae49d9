"""Clips and data sets: labels, groups, splits, and how many seconds of a clip networks read.

Clips of a group stay together in every split that elmarc makes; a clip without a group is a group of one.
"""

from __future__ import annotations

import hashlib
import math
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import Literal, TypeAlias
from unicodedata import decimal

import numpy as np
from numpy.typing import NDArray

from elmarc._names import printable
from elmarc._types import Waveform
from elmarc.audio.decode import duration_s, load, load_with_issues, true_duration_s
from elmarc.audio.issues import Issues
from elmarc.audio.length import STUDY_S, InputLength
from elmarc.audio.opening import is_there
from elmarc.datasets.labels import similar_notes
from elmarc.errors import AudioError, DatasetError

SplitKind: TypeAlias = Literal["folds", "lists", "none"]
OnMissing: TypeAlias = Literal["raise", "skip", "keep"]
MOST_MISSING = 0.1  # share of a published data set that may be absent: scores are those of its clips
MISSING = "clips are missing"
LONGEST_NAME = 4096  # characters of a name in a message: more than Linux takes
COVERED = 0.95  # share of the clips that the suggested length holds whole
MIN_DECODED = 3  # of the longest clips: a few clips have no longest 5 %
STUDY_SR = 12000  # suggested lengths end on a sample of this rate
PARTS = {  # names of the fixed lists, in lower case
    "train": "train",
    "training": "train",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
}


@dataclass(frozen=True)
class Tags:
    """What is known of a clip besides its sound: see `Clip`."""

    label: str
    fold: str | None = None
    group: str | None = None


Tagger: TypeAlias = Callable[[PurePath], Tags | None]  # None: the path has no label


@dataclass(frozen=True)
class Clip:
    """One sound: an audio file, or a segment of one from `start` to `end`, in seconds.

    Parameters
    ----------
    id : str
        Its path below the data set's folder, with `/` between the parts; a segment's times follow.
    fold : str or None
        An official fold, or "train", "validation" or "test".
    group : str or None
        Such as the recording or speaker; clips of one group stay together.
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
        for name in ("id", "label", "fold", "group"):  # stored as text and compared with what was stored
            text = getattr(self, name)
            if text and not text.isprintable():
                object.__setattr__(self, name, printable(text))

    def __str__(self) -> str:
        """Return the name of the clip in messages: its file, and the segment."""
        return f"{self.path}{segment_text(self.start, self.end)}"

    def load(self, *, sr: int | None = 12000) -> Waveform:
        """Return the clip's samples: see `elmarc.audio.load`."""
        return load(self.path, sr=sr, start=self.start, end=self.end)

    def load_with_issues(self, *, sr: int | None = 12000) -> tuple[Waveform, Issues]:
        """Return the clip's samples and their issues: see `elmarc.audio.issues`."""
        return load_with_issues(self.path, sr=sr, start=self.start, end=self.end)

    def duration_s(self) -> float:
        """Return the clip's length in seconds, from the header of its file. Raises AudioError."""
        return duration_s(self.path, start=self.start, end=self.end)

    def true_duration_s(self) -> float:
        """Return the seconds that can be decoded, whatever the header says. Raises AudioError."""
        return true_duration_s(self.path, start=self.start, end=self.end)

    def content(self, file_hash: str) -> str:
        """Return the hash of the clip's sound: that of its file (`audio.content_hash`), with its times."""
        times = segment_text(self.start, self.end)
        return hashlib.sha256(f"{file_hash}{times}".encode()).hexdigest() if times else file_hash


@dataclass(frozen=True)
class Dataset:
    """Clips with labels, and how they are split.

    Parameters
    ----------
    classes : tuple of str
        In the order of the study's class numbers; those without a clip are left out.
    split_kind : {"folds", "lists", "none"}
        Official folds; fixed lists; or none, and stratified folds are made.
    n_folds : int or None
        How many folds to make; None: ten, as in the study, or fewer where the clips do not allow them.
    shuffle : bool
        Whether made folds mix the order of the clips; not in the study.
    input_length : InputLength or None
        How much of a clip networks read, where the study or the data set fixes it.
    n_expected : int or None
        How many clips the whole data set has.
    audio_dir : Path or None
        Where `validate` looks for clips that are not listed.
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
            raise DatasetError(f"{self.name}: no clips: expected audio files")
        refuse_repeats(self.name, [clip.id for clip in self.clips])
        counts = Counter(clip.label for clip in self.clips)
        if unknown := sorted(set(counts) - set(self.classes)):
            raise DatasetError(f"{self.name}: label {unknown[0]!r} is none of: {', '.join(self.classes)}")
        if len(counts) < 2:
            only = next(iter(counts))
            raise DatasetError(
                f"{self.name}: only one class, {only!r}: a classifier needs clips of at least two"
            )
        object.__setattr__(self, "classes", tuple(name for name in self.classes if counts[name]))
        object.__setattr__(self, "notes", tuple(dict.fromkeys((*self.notes, *similar_notes(self.classes)))))

    def __len__(self) -> int:
        return len(self.clips)

    @property
    def folds_to_make(self) -> int:
        """How many folds are made where none are given."""
        if self.n_folds is not None:
            return self.n_folds
        return folds_for([clip.label for clip in self.clips], [clip.group for clip in self.clips])

    def __repr__(self) -> str:
        folds = len({clip.fold for clip in self.clips})
        split = {"folds": f"{folds} official folds", "lists": "fixed lists"}.get(
            self.split_kind, f"{self.folds_to_make} folds to be made"
        )
        return f"<Dataset {self.name}: {len(self)} clips, {len(self.classes)} classes, {split}>"


@dataclass(frozen=True)
class Unlabelled:
    """Clips without classes: the part of a `Dataset` that features need."""

    name: str
    clips: tuple[Clip, ...]
    notes: tuple[str, ...] = ()
    input_length: InputLength | None = None


def segment_text(start: float | None, end: float | None) -> str:
    """Return the suffix of a file's name that names a segment; equal numbers give equal texts.

    >>> segment_text(1.5, 3.0), segment_text(None, 0.25), segment_text(2, None), segment_text(0, None)
    ('#1.5-3', '#0-0.25', '#2-', '')
    """
    if not start and end is None:
        return ""
    first, last = (repr(float(t or 0)).removesuffix(".0") for t in (start, end))
    return f"#{first}-{'' if end is None else last}"


def sorted_labels(labels: Iterable[str]) -> tuple[str, ...]:
    """Return each label once, numbers first and by value: the order of classes everywhere.

    >>> sorted_labels(["10", "9", "01", "b", "9", "1", "a"])
    ('01', '1', '9', '10', 'a', 'b')
    """
    return tuple(sorted(set(labels), key=_sort_key))


def _sort_key(label: str) -> tuple[bool, int, str, str]:
    """Return a key that differs for any two labels."""
    digits = "".join(str(decimal(sign)) for sign in label).lstrip("0") if label.isdecimal() else ""
    return not label.isdecimal(), len(digits), digits, label


def refuse_repeats(name: str, ids: Sequence[str]) -> None:
    """Raise DatasetError where two clips have the same id."""
    if repeated := [clip for clip, count in Counter(ids).items() if count > 1]:
        raise DatasetError(
            f"{name}: {repeated[0]:.{LONGEST_NAME}} is named twice ({len(repeated)} such clips): name each "
            "clip once"
        )


def group_name(value: object) -> str | None:
    """Return the name of a clip's group; None where a cell is empty: None, NaN, pandas' NA, or blank.

    >>> [group_name(value) for value in ("rex", 7, None, float("nan"), " ")]
    ['rex', '7', None, None, None]
    """
    try:
        is_empty = value is None or bool(value != value)
    except TypeError:  # pandas' NA is neither equal to itself nor not
        is_empty = True
    return None if is_empty else str(value).strip() or None


def units(groups: Sequence[str | None]) -> NDArray[np.intp]:
    """Number the groups, each clip without a group as one of its own.

    Clips without a group ("" or None) come first, in their order, then the groups by name.

    >>> units(["rex", "", "rex", "ada", ""]).tolist()
    [3, 0, 3, 2, 1]
    """
    names = [group or f"\0{i:09d}" for i, group in enumerate(groups)]
    _, numbers = np.unique(np.asarray(names, dtype=str), return_inverse=True)
    return numbers.astype(np.intp)


def n_units(groups: Sequence[str | None]) -> int:
    """Return how many groups there are, each clip without one counted.

    >>> n_units(["rex", "", "rex", "ada", ""])
    4
    """
    return int(units(groups).max(initial=-1)) + 1


def split_group_notes(clips: Sequence[Clip], *, where: str) -> list[str]:
    """Return a note where the folds of a data set split a group."""
    pairs = {(clip.group, clip.fold) for clip in clips if clip.group}
    n_folds = Counter(group for group, _ in pairs)
    split = sorted(str(group) for group in n_folds if n_folds[group] > 1)
    if not split:
        return []
    return [
        f"{where}: {len(split)} of {len(n_folds)} groups have clips in several folds, such as {split[0]!r}: "
        "scores may be too high"
    ]


def folds_for(labels: Sequence[str], groups: Sequence[str | None]) -> int:
    """Return ten folds, as in the study, or fewer: as many as the smallest class has clips, or as groups."""
    smallest = min(Counter(labels).values())
    return max(2, min(10, smallest, n_units(groups) if any(groups) else smallest))


def split_of(clips: Sequence[Clip], *, where: str) -> tuple[SplitKind, tuple[Clip, ...]]:
    """Return how clips are split, and the clips with their folds under elmarc's names.

    Folds that are all called train, validation or test (see `PARTS`) are fixed lists; a single fold is none.
    """
    names = list(dict.fromkeys(clip.fold for clip in clips))
    if names == [None]:
        return "none", tuple(clips)
    if None in names:
        raise DatasetError(f"{where}: some clips have no fold: give each one, or leave the folds out")
    if len(names) == 1:
        return "none", tuple(replace(clip, fold=None) for clip in clips)
    parts = {name: PARTS[name.lower()] for name in names if name and name.lower() in PARTS}
    if not parts:
        return "folds", tuple(clips)
    text = f"{where}: found splits {', '.join(map(str, names))}"
    if len(parts) < len(names):
        raise DatasetError(f"{text}: expected train, validation and test alone, or folds: choose one split")
    if not {"train", "test"} <= set(parts.values()):
        raise DatasetError(f"{text}, expected train and test among them: choose one split")
    return "lists", tuple(replace(clip, fold=parts[clip.fold or ""]) for clip in clips)


def present(
    clips: Sequence[Clip], *, source: str, on_missing: OnMissing
) -> tuple[tuple[Clip, ...], tuple[str, ...]]:
    """Return the clips to use, and a note on those that are named (by `source`) but absent.

    They are refused, left out, or kept, to be checked by `validate`; that all are left out is refused, too.
    """
    absent = [] if on_missing == "keep" else [clip for clip in clips if not is_there(clip.path)]
    if not absent:
        return tuple(clips), ()
    text = f"{source}: {len(absent)} of {len(clips)} {MISSING}, such as {absent[0].path!s:.{LONGEST_NAME}}"
    if on_missing == "raise" or len(absent) == len(clips):
        raise DatasetError(f"{text}: check the folder of the clips, or take them off the list")
    left_out = set(absent)
    return tuple(clip for clip in clips if clip not in left_out), (text,)


def nearly_whole(data: Dataset) -> Dataset:
    """Return a data set with a note on absent clips; refuse one that lacks more than `MOST_MISSING`."""
    n_expected = data.n_expected or 0
    n_missing = n_expected - len(data)
    if n_missing <= 0:
        return data
    note = next((note for note in data.notes if MISSING in note), None)
    text = note or f"{data.name}: {n_missing} of {n_expected} {MISSING}"
    if n_missing > MOST_MISSING * n_expected:
        raise DatasetError(
            f"{text}: at most {100 * MOST_MISSING:.0f} % are left out, for scores would be those of "
            "another data set: complete it, or give the clips that are there as a folder or list of your own"
        )
    return data if note else replace(data, notes=(*data.notes, text))


def suggest_input_length(dataset: Dataset | Unlabelled) -> InputLength:
    """Return a length that holds 95 % of the clips whole, at most 29.2 s; shorter clips are repeated.

    Headers are read, and the longest clips decoded: see `trusted_durations`. Clips that cannot be read do not
    count.
    """
    durations, problem = trusted_durations(dataset.clips)
    if not any(durations):
        raise DatasetError(f"{dataset.name}: none of its clips can be read: {problem or 'all are empty'}")
    return length_for([seconds for seconds in durations if seconds])


def trusted_durations(clips: Sequence[Clip]) -> tuple[list[float], AudioError | None]:
    """Return the seconds of each clip, as far as the input length depends on them, and the last error.

    A header may be wrong. So the clips that decide the length, the longest 5 % and at least three, are
    decoded; where that makes some of them shorter, so are the longest ones then. A clip that cannot be read
    has 0 s.
    """
    durations, problem = np.zeros(len(clips)), None
    for k, clip in enumerate(clips):
        try:
            durations[k] = clip.duration_s()
        except AudioError as error:
            problem = error
    decoded = np.zeros(len(clips), bool)
    while len(doubtful := [k for k in _longest(durations) if not decoded[k]]):
        for k in doubtful:
            decoded[k] = True
            try:
                durations[k] = min(durations[k], clips[k].true_duration_s())
            except AudioError as error:
                durations[k], problem = 0.0, error
    return durations.tolist(), problem


def _longest(durations: NDArray[np.float64]) -> list[int]:
    """Return the indices of the clips that decide the length, the longest first."""
    readable = np.flatnonzero(durations)
    n_above = len(readable) - math.ceil(COVERED * (len(readable) - 1))
    order = readable[np.argsort(-durations[readable], kind="stable")]
    return [int(k) for k in order[: max(MIN_DECODED, n_above)]]


def length_for(durations: Sequence[float]) -> InputLength:
    """Return the length that holds 95 % of clips of these durations (in s) whole, at most 29.2 s.

    >>> length_for([1.0, 2.0, 40.0])
    InputLength(frames_s=29.2, samples_s=29.2, fix_length='repeat-pad')
    """
    longest = min(STUDY_S, float(np.quantile(durations, COVERED, method="higher")))
    seconds = math.ceil(longest * STUDY_SR) / STUDY_SR  # whole samples, so that clips of any rate fit
    return InputLength(frames_s=seconds, samples_s=seconds, fix_length="repeat-pad")
