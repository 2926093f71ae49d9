"""Audio files in folders: one sub-folder per class, perhaps below `train/` and `test/`, or no classes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from os.path import exists, isdir, isfile, islink  # False for a name that is too long, where Path raises
from pathlib import Path, PurePath

import platformdirs

from elmarc._names import expanded, printable
from elmarc.datasets.base import PARTS, Clip, Dataset, Unlabelled, refuse_repeats, sorted_labels
from elmarc.errors import DatasetError

AUDIO_SUFFIXES = frozenset({".wav", ".flac", ".ogg", ".mp3", ".au", ".aiff", ".aif"})
SUFFIXES_TEXT = " ".join(sorted(AUDIO_SUFFIXES))


def load(audio_dir: str | Path) -> Dataset:
    """Open a folder of class folders; clips may lie deeper in these.

    Where the folder holds `train/` and `test/`, perhaps `validation/` (or other names of `base.PARTS`), with
    class folders in each, these are fixed lists.
    """
    folder = existing_folder(audio_dir, name="folder")
    parts = list_folders(folder)
    if parts:
        clips = tuple(clip for part, place in parts.items() for clip in _part_clips(folder, place, part))
    else:
        clips = class_folder_clips(folder)
    if not clips:
        n_clips = sum(1 for _ in find_audio(folder))
        what = f"{n_clips} clips lie in no class folder" if n_clips else f"no audio files ({SUFFIXES_TEXT})"
        raise DatasetError(
            f"{folder}: {what}: expected one sub-folder per class, with clips in it, or a CSV file path,label"
        )
    return Dataset(
        name=printable(folder.resolve().name),
        clips=clips,
        classes=sorted_labels(clip.label for clip in clips),
        split_kind="lists" if parts else "none",
        notes=_notes(folder, list(parts.values())),
        audio_dir=folder,
    )


def list_folders(folder: Path) -> dict[str, Path]:
    """Return the folders of the lists by "train", "validation" and "test"; none where they are classes.

    Sub-folders without audio do not count. A layout that is partly one of lists is refused.
    """
    subs = [sub for sub in _sub_folders(folder) if next(find_audio(sub), None)]
    lists = {sub: PARTS[sub.name.lower()] for sub in subs if sub.name.lower() in PARTS}
    others = [printable(sub.name) for sub in subs if sub not in lists]
    parts = {part: sub for sub, part in lists.items()}
    if "train" not in parts or len(lists) < 2 or (others and "test" not in parts):
        return {}  # a class may be called train
    text = f"{folder}: found folders {', '.join(printable(sub.name) for sub in lists)}"
    way_out = "or name the split of each clip in a CSV file path,label,split"
    if "test" not in parts:
        raise DatasetError(f"{text}, but none of test clips: call one `test`, {way_out}")
    if len(parts) < len(lists):
        raise DatasetError(f"{text}, two of them for the same list: keep one, {way_out}")
    if others:
        raise DatasetError(
            f"{text}, lists it seems, next to {', '.join(others)}: move the others away, {way_out}"
        )
    return parts


def class_folder_clips(
    folder: Path, *, label_of: Callable[[str], str | None] = lambda name: name
) -> tuple[Clip, ...]:
    """Return the clips of every sub-folder to whose name `label_of` gives a label; ids are paths below."""
    clips = []
    for sub in _sub_folders(folder):
        label = label_of(printable(sub.name))
        if label is not None:
            clips += [Clip(clip_id(path, folder), path, label) for path in find_audio(sub)]
    return tuple(clips)


def _part_clips(folder: Path, place: Path, part: str) -> list[Clip]:
    clips = class_folder_clips(place)
    if not clips:
        raise DatasetError(
            f"{place}: clips of the {part} list lie in no class folder: expected "
            f"{place.name}/CLASS/clip.wav, or a CSV file path,label,split"
        )
    return [replace(clip, id=clip_id(clip.path, folder), fold=part) for clip in clips]


def _sub_folders(folder: Path) -> list[Path]:
    """Return the folders in a folder, without hidden ones and links that lead back up."""
    subs = (path for path in folder.iterdir() if isdir(path) and not path.name.startswith("."))
    return sorted(path for path in subs if not _leads_up(path))


def _leads_up(path: Path) -> bool:
    """Return whether a path is a link to a folder above it: all classes would be one more class."""
    return path.is_symlink() and path.parent.resolve().is_relative_to(path.resolve())


def _notes(folder: Path, parts: Sequence[Path]) -> tuple[str, ...]:
    """Return notes on clips that were left out: outside class folders, and behind links to folders."""
    inside = [path for place in (folder, *parts) for path in place.iterdir()]
    n_outside = sum(1 for path in inside if isfile(path) and is_audio(path.name))
    notes = [f"{n_outside} clips lie outside the class folders and were left out"] if n_outside else []
    notes += [
        f"{printable(path.name)} is a link to a folder above it, and was left out"
        for path in inside
        if isdir(path) and _leads_up(path)
    ]
    classes = [sub for place in parts or [folder] for sub in _sub_folders(place)]
    links = [clip_id(path, folder) for sub in classes for path in _linked_folders(sub)]
    if links:
        notes.append(
            f"{len(links)} links to folders below the class folders are not followed, such as {links[0]}: "
            "clips behind them were left out; move them into the class folder, or make that a link"
        )
    return tuple(notes)


def open_clips(paths: str | Path | Iterable[str | Path]) -> tuple[Clip, ...]:
    """Return the clips, without labels, of a folder, an audio file, or several of these.

    In folders, audio files are known by their suffix and hidden ones left out; a file that is named is taken
    whatever its suffix. Ids are the paths below the folder, the file's name, or, of several, the paths below
    the folder that holds all.
    """
    if isinstance(paths, str | Path):
        place = expanded(paths)
        files, folder = list(_files(place)), place if isdir(place) else place.parent
    else:
        files = [Path(os.path.abspath(file)) for path in paths for file in _files(expanded(path))]
        if not files:
            raise DatasetError("no files were named: expected a folder, or at least one audio file")
        folder = Path(os.path.commonpath([file.parent for file in files]))
    clips = tuple(Clip(clip_id(file, folder), file, label="") for file in files)
    refuse_repeats("files", [clip.id for clip in clips])
    return clips


def open_unlabelled(paths: str | Path | Iterable[str | Path]) -> Unlabelled:
    """Return `open_clips` with a name: that of the folder or file, or "clips"."""
    clips = open_clips(paths)
    single = isinstance(paths, str | Path)
    return Unlabelled(printable(expanded(str(paths)).resolve().name) if single else "clips", clips)


def has_classes(folder: str | Path) -> bool:
    """Return whether a folder has clips in at least two sub-folders, which then are classes or lists."""
    place = expanded(folder)
    return isdir(place) and len({clip.label for clip in class_folder_clips(place)}) > 1


def _files(place: Path) -> Iterator[Path]:
    if isdir(place):
        files = [file for file in find_audio(place) if isfile(file)]  # a pipe would wait for its writer
        if not files:
            raise DatasetError(f"{place}: no audio files: expected clips ({SUFFIXES_TEXT}), nested or not")
        yield from files
    elif isfile(place):
        yield place
    elif exists(place):
        raise DatasetError(f"{place}: is a device or pipe: expected a regular file, or a folder")
    else:
        raise DatasetError(f"{place}: nothing is there: expected an audio file or a folder")


def find_audio(folder: Path) -> Iterator[Path]:
    """Yield the audio files below a folder in the order of their names, without hidden ones."""
    for parent, _, names in _walk(folder):
        yield from (Path(parent, name) for name in sorted(names) if is_audio(name))


def _linked_folders(folder: Path) -> list[Path]:
    """Return the links to folders below a folder: `find_audio` follows none of them."""
    paths = (Path(parent, name) for parent, folders, _ in _walk(folder) for name in folders)
    return [path for path in paths if islink(path)]


def _walk(folder: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    for parent, folders, names in os.walk(folder, onerror=_refuse_folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield parent, folders, names


def _refuse_folder(problem: OSError) -> None:
    raise DatasetError(
        f"{problem.filename}: the folder cannot be read ({problem.strerror}): check its permissions, or move "
        "it away"
    )


def is_audio(name: str) -> bool:
    """Return whether a name is an audio file's; `._x.wav` is a file of macOS, not a clip."""
    return not name.startswith(".") and PurePath(name).suffix.lower() in AUDIO_SUFFIXES


def clip_id(path: PurePath, folder: PurePath) -> str:
    r"""Return a path below a folder as text; bytes that are not UTF-8 become `\xNN`."""
    return printable(path.relative_to(folder).as_posix())


def existing_folder(folder: str | Path, *, name: str) -> Path:
    """Return a folder, or refuse a path that is none."""
    folder = expanded(folder)
    if isdir(folder):
        return folder
    what = "a file" if exists(folder) else "nothing"
    raise DatasetError(f"{name}: found {what} at {folder}, expected the folder of its clips")


def cache_dir() -> Path:
    """Return the folder of what can be made again: $ELMARC_CACHE, or elmarc in the user's cache folder."""
    if folder := os.environ.get("ELMARC_CACHE"):
        return expanded(folder)
    return platformdirs.user_cache_path("elmarc", appauthor=False)
