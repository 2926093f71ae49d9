"""Is every clip there, readable, and only once? `elmarc datasets validate` asks this."""

from __future__ import annotations

import os
from collections import defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass
from os.path import isfile  # says no to a name that is too long, where Path raises
from pathlib import Path
from typing import Any

from elmarc.audio.blocks import blocks
from elmarc.audio.decode import content_hash, duration_s
from elmarc.audio.oddities import in_words
from elmarc.datasets.base import Clip, Dataset
from elmarc.datasets.files import clip_id, find_audio
from elmarc.errors import AudioError

N_SHOWN = 10


@dataclass(frozen=True)
class ValidationReport:
    """What `validate` found; a clip is named by its id, a file off the list by its path below the folder.

    `n_clips` counts the clips named; `counts` those per class and fold ("" where there are none).
    """

    name: str
    n_clips: int
    n_expected: int | None
    missing: tuple[str, ...]
    unreadable: tuple[tuple[str, str], ...]
    zero_length: tuple[str, ...]
    odd: tuple[tuple[str, str], ...] | None  # None: it was not asked to decode
    duplicated: tuple[tuple[str, ...], ...]
    off_list: tuple[str, ...]
    counts: dict[str, dict[str, int]]
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every clip can be used; odd clips, duplicates and files off the list are no hindrance."""
        return not (self.missing or self.unreadable or self.zero_length)

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can hold."""
        return {
            "name": self.name,
            "ok": self.ok,
            "n_clips": self.n_clips,
            "n_expected": self.n_expected,
            "missing": list(self.missing),
            "unreadable": [{"id": clip, "reason": reason} for clip, reason in self.unreadable],
            "zero_length": list(self.zero_length),
            "odd": None if self.odd is None else [{"id": clip, "what": what} for clip, what in self.odd],
            "duplicated": [list(clips) for clips in self.duplicated],
            "off_list": list(self.off_list),
            "counts": self.counts,
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        expected = f" of {self.n_expected}" if self.n_expected else ""
        verdict = "all usable" if self.ok else "with problems"
        found = {
            "missing": self.missing,
            "unreadable": tuple(reason for _, reason in self.unreadable),
            "zero length": self.zero_length,
            **({} if self.odd is None else {"odd": tuple(f"{clip}: {what}" for clip, what in self.odd)}),
            "duplicated": tuple(" = ".join(clips) for clips in self.duplicated),
            "off the list": self.off_list,
        }
        lines = [f"{self.name}: {self.n_clips}{expected} clips, {verdict}"]
        for what, clips in found.items():
            lines.append(f"{what}: {len(clips) or 'none'}")
            lines += [f"  {clip}" for clip in clips[:N_SHOWN]]
            lines += [f"  and {len(clips) - N_SHOWN} more"] if len(clips) > N_SHOWN else []
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join([*lines, *_table(self.counts)])


def validate(dataset: Dataset, *, decode: bool = False) -> ValidationReport:
    """Check every clip of a data set.

    Parameters
    ----------
    dataset : Dataset
        Opened with `on_missing="keep"`, where absent clips are to be listed.
    decode : bool
        Read every sample, not the headers alone: finds damage further in, NaN samples, and clips that are
        far too loud, silent, constant or cut short.
    """
    missing = tuple(clip.id for clip in dataset.clips if _is_missing(clip))
    there = [clip for clip in dataset.clips if not _is_missing(clip)]
    heard: dict[str, dict[str, str]] = {clip.id: {} for clip in there}
    problems = {clip.id: _problem(clip, heard[clip.id], decode=decode) for clip in there}
    return ValidationReport(
        name=dataset.name,
        n_clips=len(dataset.clips),
        n_expected=dataset.n_expected,
        missing=missing,
        unreadable=tuple((clip, reason) for clip, reason in problems.items() if reason),
        zero_length=tuple(clip for clip, reason in problems.items() if reason == ""),
        odd=tuple((clip, in_words(odd)) for clip, odd in heard.items() if odd) if decode else None,
        duplicated=_duplicates([clip for clip in there if isfile(clip.path)]),
        off_list=_off_list(dataset),
        counts=_counts(dataset),
        notes=dataset.notes,
    )


def _is_missing(clip: Clip) -> bool:
    """Tell whether a path leads nowhere; a pipe, a loop of links or a folder is there, and cannot be read."""
    try:
        clip.path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):
        pass
    return False


def _problem(clip: Clip, heard: dict[str, str], *, decode: bool) -> str | None:
    """Return why a clip cannot be read, "" if it has no samples, None if all is well; note what is odd."""
    try:
        if (isfile(clip.path) and not clip.path.stat().st_size) or not duration_s(clip.path):
            return ""
        clip.duration_s()  # does the file hold the segment?
        if decode:
            deque(blocks(clip.path, sr=None, start=clip.start, end=clip.end, heard=heard), maxlen=0)
    except (AudioError, OSError) as problem:
        return str(problem)
    return None


def _duplicates(clips: Iterable[Clip]) -> tuple[tuple[str, ...], ...]:
    """Return the ids of clips of equal content; only files of equal size are read, and each once."""
    same_size = defaultdict(list)
    for clip in clips:
        same_size[clip.path.stat().st_size].append(clip)
    same_content = defaultdict(list)
    for size, suspects in same_size.items():
        paths = {clip.path for clip in suspects}
        if size and len(paths) > 1:
            hashes = {path: found for path in paths if (found := _hash(path))}
            for clip in suspects:
                if clip.path in hashes:
                    same_content[clip.content(hashes[clip.path])].append(clip.id)
    return tuple(tuple(ids) for ids in same_content.values() if len(ids) > 1)


def _hash(path: Path) -> str:
    try:
        return content_hash(path)
    except AudioError:  # told as unreadable
        return ""


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


def _table(counts: dict[str, dict[str, int]]) -> list[str]:
    """Return the counts as aligned lines: a row a class, a column a fold, and the sum."""
    folds = [fold for fold in next(iter(counts.values())) if fold]
    names = [f"fold {fold}" if fold.isdecimal() else fold for fold in folds]
    rows = [["class", *names, "clips"]]
    for label, row in counts.items():
        rows.append([label, *(str(row[fold]) for fold in folds), str(sum(row.values()))])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(_aligned(row, widths)) for row in rows]


def _aligned(row: list[str], widths: list[int]) -> list[str]:
    return [row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]
