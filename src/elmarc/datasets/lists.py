"""The study's list files: one path a line, put after the audio path as it stands."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from os.path import isfile
from pathlib import Path, PurePath
from typing import Protocol

from elmarc._names import expanded, special
from elmarc.audio.length import InputLength
from elmarc.datasets.base import (
    Clip,
    Dataset,
    OnMissing,
    SplitKind,
    Tagger,
    Tags,
    classes_of,
    present,
)
from elmarc.errors import DatasetError

ALL = "all"
SHOWN = 200  # characters of a line in a message


class Source(Protocol):
    """What lists ask of a data set's module."""

    CLASSES: tuple[str, ...]
    INPUT_LENGTH: InputLength
    CITATION: str
    LICENCE: str
    URL: str

    def tagger(self, audio_dir: str | Path, *, metadata: str | Path | None = None) -> Tagger:
        """Return what tells label, fold and group of a clip from its path."""
        ...


def load(
    audio: str,
    lists: Mapping[str, str | Path],
    *,
    name: str = "lists",
    source: Source | None = None,
    metadata: str | Path | None = None,
    on_missing: OnMissing = "raise",
) -> Dataset:
    """Open the clips that list files name.

    Parameters
    ----------
    audio : str
        Put before each line as it stands, so a folder ends in a slash; "" where lines are whole paths.
    lists : mapping of str to path
        {"train": ..., "validation": ..., "test": ...}, or {"all": ...}, to be cut into folds.
    source : module or None
        The data set whose labels and folds these are; None: a clip's label is the folder it lies in.
    name : str
        What the data set is called.
    metadata : str, Path or None
        What the data set's module needs to tell the labels.
    on_missing : {"raise", "skip", "keep"}
        What to do about clips that are named but absent: refuse, leave out with a note, or keep.

    Raises
    ------
    DatasetError
        A list cannot be read or names absent clips, or a path does not tell its label.
    """
    tagger = source.tagger(audio, metadata=metadata) if source else _folder_tags
    clips = [clip for part, path in lists.items() for clip in _clips(part, Path(path), audio, tagger, name)]
    texts = ", ".join(str(path) for path in lists.values())
    found, notes = present(clips, source=texts + _slash_hint(audio, clips), on_missing=on_missing)
    kind: SplitKind = "lists" if ALL not in lists else "folds" if found[0].fold else "none"
    return Dataset(
        name=name,
        clips=found,
        classes=source.CLASSES if source else classes_of(found),
        split_kind=kind,
        n_folds=10 if source else None,
        input_length=source.INPUT_LENGTH if source else None,
        citation=source.CITATION if source else "",
        licence=source.LICENCE if source else "",
        url=source.URL if source else "",
        notes=notes,
        n_expected=len(clips),
    )


def read_list(path: str | Path) -> list[str]:
    """Return the lines of a list file, blank ones left out; the last may lack its newline.

    Parameters
    ----------
    path : str or Path
        A text in UTF-8, one path a line.

    Raises
    ------
    DatasetError
        The file cannot be read, or names nothing.
    """
    try:
        if what := special(expanded(path)):
            raise DatasetError(f"{path}: is {what}, expected a text of one path a line")
        text = expanded(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        raise DatasetError(
            f"{path}: cannot be read ({problem}): expected a text of one path a line"
        ) from problem
    lines = [line.strip() for line in text.split("\n")]
    if not any(lines):
        raise DatasetError(f"{path}: names no clip: expected one path a line")
    return [line for line in lines if line]


def _clips(part: str, path: Path, audio: str, tagger: Tagger, name: str) -> Iterator[Clip]:
    for line in read_list(path):
        tags = tagger(PurePath(line))
        if tags is None:
            raise DatasetError(
                f"{path}: {line[:SHOWN]!r} tells no class of {name}: check that the list belongs to it"
            )
        fold = tags.fold if part == ALL else part
        yield Clip(line.lstrip("/"), expanded(audio + line), tags.label, fold, tags.group)


def _folder_tags(path: PurePath) -> Tags | None:
    return Tags(path.parent.name) if path.parent.name else None


def _slash_hint(audio: str, clips: list[Clip]) -> str:
    """Return a hint where only the slash after the audio path is missing."""
    if not audio or audio.endswith("/") or not isfile(Path(audio, clips[0].id)):
        return ""
    return f" (end the audio path in a slash: {audio}/)"
