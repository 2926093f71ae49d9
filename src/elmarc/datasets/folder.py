"""A folder with one sub-folder of clips a class: the sub-folder's name is the label."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from elmarc._errors import DatasetError
from elmarc.datasets.base import Clip, Dataset, sorted_labels
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
    counts = Counter(clip.label for clip in clips)
    return Dataset(
        name=as_text(folder.resolve().name),
        clips=clips,
        classes=sorted_labels(list(counts)),
        n_folds=folds_for(counts),
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


def folds_for(counts: Counter[str]) -> int:
    """Return ten folds, as in the study, or fewer where the smallest class has fewer clips."""
    return max(2, min(10, *counts.values()))


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
