"""Clips without labels: any folder, a file, or files; for features and predictions."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from os.path import exists, isdir, isfile  # say no to a name that is too long, where Path raises
from pathlib import Path

from elmarc._names import expanded
from elmarc.audio.length import InputLength
from elmarc.datasets.base import Clip, refuse_repeats
from elmarc.datasets.files import as_text, clip_id, find_audio, suffixes_text
from elmarc.datasets.folder import class_folder_clips
from elmarc.errors import DatasetError


@dataclass(frozen=True)
class Unlabelled:
    """Clips whose classes nobody knows: what features need of a `Dataset`, and no more."""

    name: str
    clips: tuple[Clip, ...]
    notes: tuple[str, ...] = ()
    input_length: InputLength | None = None


def open_clips(paths: str | Path | Iterable[str | Path]) -> tuple[Clip, ...]:
    """Return clips without labels; sub-folders are searched, and their names mean nothing.

    Parameters
    ----------
    paths : str, Path, or iterable of them
        A folder, an audio file, or several of these. In folders, files are told by their suffix and hidden
        ones left out; a file that is named is taken whatever its suffix. Ids are the paths below the
        folder, the file's name, or, of several, the paths below the folder that holds all.

    Returns
    -------
    clips : tuple of Clip
        With label "".

    Raises
    ------
    DatasetError
        Nothing is there, it is no regular file, a folder holds no audio, or a file is named twice.
    """
    if isinstance(paths, str | Path):
        place = expanded(paths)
        return _clips(_files(place), place if isdir(place) else place.parent)
    places = [expanded(path) for path in paths]
    if not places:
        raise DatasetError("no files were named: expected a folder, or at least one audio file")
    files = [file for place in places for file in _files(place)]
    parents = [os.path.abspath(file.parent) for file in files]
    return _clips((Path(os.path.abspath(file)) for file in files), Path(os.path.commonpath(parents)))


def open_unlabelled(paths: str | Path | Iterable[str | Path]) -> Unlabelled:
    """Return `open_clips` with a name: that of the folder or file, or "clips"."""
    clips = open_clips(paths)
    single = isinstance(paths, str | Path)
    return Unlabelled(as_text(expanded(str(paths)).resolve().name) if single else "clips", clips)


def has_classes(folder: str | Path) -> bool:
    """Tell a folder with clips in at least two sub-folders, which then are classes or lists."""
    place = expanded(folder)
    if not isdir(place):
        return False
    return len({clip.label for clip in class_folder_clips(place, label_of=lambda name: name)}) > 1


def _clips(files: Iterable[Path], folder: Path) -> tuple[Clip, ...]:
    clips = tuple(Clip(clip_id(file, folder), file, label="") for file in files)
    refuse_repeats("files", [clip.id for clip in clips])
    return clips


def _files(place: Path) -> Iterator[Path]:
    if not isdir(place):
        yield _regular(place)
        return
    found = [file for file in find_audio(place) if isfile(file)]  # a pipe would wait for its writer
    if not found:
        raise DatasetError(f"{place}: no audio files: expected clips ({suffixes_text()}), nested or not")
    yield from found


def _regular(file: Path) -> Path:
    if not exists(file):
        raise DatasetError(f"{file}: nothing is there: expected an audio file or a folder")
    if not isfile(file):
        raise DatasetError(f"{file}: is a device or pipe: expected a regular file, or a folder")
    return file
