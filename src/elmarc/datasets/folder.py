"""A folder with one sub-folder of clips a class: the sub-folder's name is the label."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from elmarc._errors import DatasetError
from elmarc.datasets.base import Clip, Dataset, classes_of, folds_for
from elmarc.datasets.files import as_text, clip_id, existing_folder, find_audio, suffixes_text


def load(audio_dir: str | Path) -> Dataset:
    """Open a folder of class folders; clips may lie deeper in these.

    Stratified folds are to be made: ten, or as many as the smallest class has clips.

    Raises
    ------
    DatasetError
        The folder is absent or holds no audio, or has no sub-folders, or clips of one class only.
    """
    folder = existing_folder(audio_dir, name="folder")
    clips = class_folder_clips(folder, label_of=lambda name: name)
    if not clips:
        raise _no_classes(folder)
    return Dataset(
        name=as_text(folder.resolve().name),
        clips=clips,
        classes=classes_of(clips),
        n_folds=folds_for(clips),
        notes=_left_out(folder),
        audio_dir=folder,
    )


def class_folder_clips(folder: Path, *, label_of: Callable[[str], str | None]) -> tuple[Clip, ...]:
    """Return the clips of every sub-folder that `label_of` gives a label."""
    clips = []
    for sub in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
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


def _left_out(folder: Path) -> tuple[str, ...]:
    n_beside = sum(1 for path in find_audio(folder) if path.parent == folder)
    return (f"{n_beside} clips lie beside the class folders and were left out",) if n_beside else ()
