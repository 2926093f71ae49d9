"""Check that every clip of a data set is there, readable, and only once."""

from __future__ import annotations

import os
from collections import defaultdict, deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass
from os.path import isfile  # False for a name that is too long, where Path raises
from pathlib import Path
from typing import Any

from elmarc.audio.decode import content_hash, duration_s
from elmarc.audio.issues import in_words
from elmarc.audio.recordings import blocks
from elmarc.datasets.base import Clip, Dataset
from elmarc.datasets.folder import clip_id, find_audio
from elmarc.errors import AudioError

N_SHOWN = 10


@dataclass(frozen=True)
class ValidationReport:
    """The result of `validate`.

    Clips are named by their id, files off the list by their path below the folder. `odd` is None where clips
    were not decoded; `counts` are those per class and fold ("" where there are none).
    """

    name: str
    n_clips: int
    n_expected: int | None
    missing: tuple[str, ...]
    unreadable: tuple[tuple[str, str], ...]
    zero_length: tuple[str, ...]
    odd: tuple[tuple[str, str], ...] | None
    duplicated: tuple[tuple[str, ...], ...]
    off_list: tuple[str, ...]
    counts: dict[str, dict[str, int]]
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every clip can be used; odd clips, duplicates and files off the list can."""
        return not (self.missing or self.unreadable or self.zero_length)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return asdict(self) | {
            "ok": self.ok,
            "unreadable": [{"id": clip, "reason": reason} for clip, reason in self.unreadable],
            "odd": None if self.odd is None else [{"id": clip, "what": what} for clip, what in self.odd],
        }

    def __str__(self) -> str:
        lists = {
            "missing": self.missing,
            "unreadable": [reason for _, reason in self.unreadable],
            "zero length": self.zero_length,
            "odd": None if self.odd is None else [f"{clip}: {what}" for clip, what in self.odd],
            "duplicated": [" = ".join(clips) for clips in self.duplicated],
            "off the list": self.off_list,
        }
        expected = f" of {self.n_expected}" if self.n_expected else ""
        lines = [
            f"{self.name}: {self.n_clips}{expected} clips, {'all usable' if self.ok else 'with problems'}"
        ]
        for what, clips in lists.items():
            if clips is not None:
                lines.append(f"{what}: {len(clips) or 'none'}")
                lines += [f"  {clip}" for clip in clips[:N_SHOWN]]
                lines += [f"  and {len(clips) - N_SHOWN} more"] if len(clips) > N_SHOWN else []
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes), *self._table()])

    def _table(self) -> list[str]:
        """Return the counts as aligned lines: a row per class, a column per fold, and the sum."""
        folds = [fold for fold in next(iter(self.counts.values())) if fold]
        rows = [["class", *(f"fold {fold}" if fold.isdecimal() else fold for fold in folds), "clips"]]
        for label, row in self.counts.items():
            rows.append([label, *(str(row[fold]) for fold in folds), str(sum(row.values()))])
        first, *widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return ["  ".join([row[0].ljust(first), *map(str.rjust, row[1:], widths)]) for row in rows]


def validate(dataset: Dataset, *, decode: bool = False) -> ValidationReport:
    """Check every clip of a data set.

    Parameters
    ----------
    dataset : Dataset
        Opened with `on_missing="keep"`, if absent clips are to be listed.
    decode : bool
        Read every sample, not only the headers: finds damage further in, NaN samples, and clips that are
        far too loud, silent, constant or cut short.
    """
    missing = [clip.id for clip in dataset.clips if _is_missing(clip.path)]
    absent = set(missing)
    there = [clip for clip in dataset.clips if clip.id not in absent]
    issues: dict[str, dict[str, str]] = {clip.id: {} for clip in there}
    problems = {clip.id: _problem(clip, issues[clip.id], decode=decode) for clip in there}
    return ValidationReport(
        name=dataset.name,
        n_clips=len(dataset.clips),
        n_expected=dataset.n_expected,
        missing=tuple(missing),
        unreadable=tuple((clip, reason) for clip, reason in problems.items() if reason),
        zero_length=tuple(clip for clip, reason in problems.items() if reason == ""),
        odd=tuple((clip, in_words(odd)) for clip, odd in issues.items() if odd) if decode else None,
        duplicated=_duplicates([clip for clip in there if isfile(clip.path)]),
        off_list=_off_list(dataset),
        counts=_counts(dataset),
        notes=dataset.notes,
    )


def _is_missing(path: Path) -> bool:
    """Return whether a path leads nowhere; a pipe, a loop of links or a folder is there, but unreadable."""
    with suppress(OSError, ValueError):
        try:
            path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return True
    return False


def _problem(clip: Clip, issues: dict[str, str], *, decode: bool) -> str | None:
    """Return why a clip cannot be read, "" if it has no samples, None if all is well; note its issues."""
    try:
        if (isfile(clip.path) and not clip.path.stat().st_size) or not duration_s(clip.path):
            return ""
        clip.duration_s()  # does the file hold the segment?
        if decode:
            deque(blocks(clip.path, sr=None, start=clip.start, end=clip.end, issues=issues), maxlen=0)
    except (AudioError, OSError) as problem:
        return str(problem)
    return None


def _duplicates(clips: Iterable[Clip]) -> tuple[tuple[str, ...], ...]:
    """Return the ids of clips of equal content; only files of equal size are read, and each once."""
    by_size = defaultdict(list)
    for clip in clips:
        by_size[clip.path.stat().st_size].append(clip)
    by_content = defaultdict(list)
    for size, suspects in by_size.items():
        paths = {clip.path for clip in suspects}
        if not size or len(paths) < 2:
            continue
        hashes = {}
        for path in paths:
            with suppress(AudioError):  # listed as unreadable
                hashes[path] = content_hash(path)
        for clip in suspects:
            if clip.path in hashes:
                by_content[clip.content(hashes[clip.path])].append(clip.id)
    return tuple(tuple(ids) for ids in by_content.values() if len(ids) > 1)


def _off_list(dataset: Dataset) -> tuple[str, ...]:
    if dataset.audio_dir is None:
        return ()
    listed = {os.path.realpath(clip.path) for clip in dataset.clips}
    return tuple(
        clip_id(path, dataset.audio_dir)
        for path in find_audio(dataset.audio_dir)
        if os.path.realpath(path) not in listed
    )


def _counts(dataset: Dataset) -> dict[str, dict[str, int]]:
    folds = sorted({clip.fold or "" for clip in dataset.clips}, key=lambda name: (len(name), name))
    counts = {label: dict.fromkeys(folds, 0) for label in dataset.classes}
    for clip in dataset.clips:
        counts[clip.label][clip.fold or ""] += 1
    return counts
