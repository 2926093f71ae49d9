"""A folder with one sub-folder of clips a class: the sub-folder's name is the label.

Or a folder with `train/` and `test/`, and such sub-folders in each.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from os.path import isdir, isfile  # say no to a name that is too long, where Path raises
from pathlib import Path

from elmarc.datasets.base import PARTS, Clip, Dataset, classes_of
from elmarc.datasets.files import (
    as_text,
    clip_id,
    existing_folder,
    find_audio,
    is_audio,
    linked_folders,
    suffixes_text,
)
from elmarc.errors import DatasetError


def load(audio_dir: str | Path) -> Dataset:
    """Open a folder of class folders; clips may lie deeper in these.

    Stratified folds are to be made: ten, or as many as the smallest class has clips. Where the folder holds
    `train/` and `test/`, perhaps `validation/` (or as `base.PARTS` has it), with class folders in each, these
    are fixed lists.

    Parameters
    ----------
    audio_dir : str or Path
        The folder.

    Raises
    ------
    DatasetError
        The folder is absent or holds no audio, or has no sub-folders, or clips of one class only, or is
        partly laid out as lists.
    """
    folder = existing_folder(audio_dir, name="folder")
    parts = list_folders(folder)
    if parts:
        clips = tuple(clip for part, place in parts.items() for clip in _part_clips(folder, place, part))
    else:
        clips = class_folder_clips(folder, label_of=lambda name: name)
    if not clips:
        raise _no_classes(folder)
    places = list(parts.values()) or [folder]
    return Dataset(
        name=as_text(folder.resolve().name),
        clips=clips,
        classes=classes_of(clips),
        split_kind="lists" if parts else "none",
        notes=(*_left_out([folder, *parts.values()]), *_links_below(folder, places)),
        audio_dir=folder,
    )


def list_folders(folder: Path) -> dict[str, Path]:
    """Return the folders of the lists by "train", "validation" and "test"; none where they are classes.

    Parameters
    ----------
    folder : Path
        Its sub-folders without audio do not count.

    Raises
    ------
    DatasetError
        There are a training and another list, but no test list, two of a kind, or other folders beside them.
    """
    subs = [sub for sub in _sub_folders(folder) if next(find_audio(sub), None)]
    named = {sub: PARTS[sub.name.lower()] for sub in subs if sub.name.lower() in PARTS}
    others = [sub.name for sub in subs if sub not in named]
    parts = {part: sub for sub, part in named.items()}
    if "train" not in parts or len(named) < 2 or (others and "test" not in parts):
        return {}  # a class may be called train
    found = f"{folder}: found folders {', '.join(as_text(sub.name) for sub in named)}"
    way_out = "or name the split of each clip in a CSV file path,label,split"
    if "test" not in parts:
        raise DatasetError(f"{found}, but none of test clips: call one `test`, {way_out}")
    if len(parts) < len(named):
        raise DatasetError(f"{found}, two of them for the same list: keep one, {way_out}")
    if others:
        beside = ", ".join(map(as_text, others))
        raise DatasetError(f"{found}, lists it seems, beside {beside}: move the others away, {way_out}")
    return parts


def _part_clips(folder: Path, place: Path, part: str) -> list[Clip]:
    clips = class_folder_clips(place, label_of=lambda name: name)
    if not clips:
        raise DatasetError(
            f"{place}: clips of the {part} list lie in no class folder: expected "
            f"{place.name}/CLASS/clip.wav, or a CSV file path,label,split"
        )
    return [replace(clip, id=clip_id(clip.path, folder), fold=part) for clip in clips]


def _sub_folders(folder: Path) -> list[Path]:
    """Return the folders in a folder, hidden ones and links that lead back up left out."""
    subs = (path for path in folder.iterdir() if isdir(path) and not path.name.startswith("."))
    return sorted(path for path in subs if not _leads_up(path))


def _leads_up(path: Path) -> bool:
    """Tell a link to a folder in which it lies itself: all classes would be one more class."""
    return path.is_symlink() and path.parent.resolve().is_relative_to(path.resolve())


def class_folder_clips(folder: Path, *, label_of: Callable[[str], str | None]) -> tuple[Clip, ...]:
    """Return the clips of every sub-folder that `label_of` gives a label.

    Parameters
    ----------
    folder : Path
        Their ids are their paths below it.
    label_of : callable
        Folder name to label, or to None where the folder is left out.
    """
    clips = []
    for sub in _sub_folders(folder):
        label = label_of(as_text(sub.name))
        if label is not None:
            clips += [Clip(clip_id(path, folder), path, label) for path in find_audio(sub)]
    return tuple(clips)


def _no_classes(folder: Path) -> DatasetError:
    n_clips = sum(1 for _ in find_audio(folder))
    if n_clips:
        return DatasetError(
            f"{folder}: {n_clips} clips lie in no class folder: expected one sub-folder a class, or a CSV "
            "file path,label"
        )
    return DatasetError(
        f"{folder}: no audio files: expected one sub-folder a class with clips ({suffixes_text()})"
    )


def _left_out(folders: Sequence[Path]) -> tuple[str, ...]:
    inside = [path for folder in folders for path in folder.iterdir()]
    n_beside = sum(1 for path in inside if isfile(path) and is_audio(path.name))
    up = [path for path in inside if isdir(path) and _leads_up(path)]
    notes = [f"{n_beside} clips lie beside the class folders and were left out"] if n_beside else []
    notes += [f"{as_text(path.name)} is a link to a folder above it, and was left out" for path in up]
    return tuple(notes)


def _links_below(folder: Path, places: Sequence[Path]) -> list[str]:
    """Return a note on links to folders inside class folders: whoever made one meant the clips behind it."""
    subs = [sub for place in places for sub in _sub_folders(place)]
    links = [clip_id(path, folder) for sub in subs for path in linked_folders(sub)]
    if not links:
        return []
    return [
        f"{len(links)} links to folders below the class folders are not followed, such as {links[0]}: clips "
        "behind them were left out; move them into the class folder, or make the class folder a link"
    ]
