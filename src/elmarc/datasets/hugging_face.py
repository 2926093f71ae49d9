"""Data sets of Hugging Face's `datasets`, in memory or by name; their audio stays undecoded."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any

from elmarc._io import write_atomic
from elmarc._names import expanded
from elmarc.datasets.base import Clip, Dataset, OnMissing, classes_of, present
from elmarc.datasets.files import cache_dir, is_audio
from elmarc.datasets.groups import group_name, torn_notes
from elmarc.datasets.labels import one_label
from elmarc.datasets.parts import split_of
from elmarc.errors import DatasetError

SAVED = ("state.json", "dataset_dict.json")  # what `save_to_disk` leaves


def load(name: str, *, config: str | None = None) -> Any:
    """Return a data set by name: of the hub, a folder, a parquet file, or what `save_to_disk` wrote.

    Parameters
    ----------
    name : str
        A path that exists goes before a name of the hub.
    config : str or None
        Which of several configurations of the data set.

    Raises
    ------
    DatasetError
        `datasets` is not installed, or cannot load it.
    """
    try:
        package = import_module("datasets")
    except ImportError as problem:
        raise DatasetError(f"hf:{name}: {problem}: install it with pip install 'elmarc[data]'") from problem
    path = expanded(name)
    try:
        if any((path / file).is_file() for file in SAVED):
            return package.load_from_disk(str(path))
        if path.is_file():
            return package.load_dataset(path.suffix[1:] or "parquet", data_files=str(path))
        return package.load_dataset(str(path) if path.is_dir() else name, config)
    except Exception as problem:  # whatever a builder raises; no type is common to all
        raise DatasetError(f"hf:{name}: cannot be loaded: {problem}") from problem


def is_hugging_face(data: object) -> bool:
    """Tell a `datasets.Dataset`, or a dictionary of them; the package need not be imported."""
    if isinstance(data, Mapping):
        return bool(data) and all(map(is_hugging_face, data.values()))
    return hasattr(data, "features") and hasattr(data, "cast_column")


def from_hugging_face(
    data: Any,
    *,
    name: str | None = None,
    split: str | None = None,
    label: str | None = None,
    fold: str | None = None,
    group: str | None = None,
    on_missing: OnMissing = "raise",
) -> Dataset:
    """Take over a `datasets.Dataset` or `DatasetDict`.

    Files are used where they lie; bytes are written to the cache once, each named by its hash.

    Parameters
    ----------
    data : datasets.Dataset or datasets.DatasetDict
        With a column of type Audio; it is not decoded.
    name : str or None
        What the data set is called; None: as its information says.
    split : str or None
        One of the splits of a dictionary; None: all. Splits called train, validation and test are fixed
        lists, others are folds.
    label, fold, group : str or None
        Columns. The label is `label`, or the only ClassLabel; `fold`, `split` and `group` are used where they
        exist.
    on_missing : {"raise", "skip", "keep"}
        What to do about files that are named but absent: refuse, leave out with a note, or keep.

    Raises
    ------
    DatasetError
        A column is absent, a clip has no label or several, or the audio is streamed, remote or decoded.
    """
    splits = dict(data) if isinstance(data, Mapping) else {"": data}
    splits = {part: held for part, held in splits.items() if split is None or part in (split, "")}
    if not splits:
        raise DatasetError(f"{name or 'hf'}: no split {split!r}: found {', '.join(map(str, data))}")
    first = next(iter(splits.values()))
    source = name or getattr(getattr(first, "info", None), "dataset_name", None) or "hf"
    columns = _Columns(source, first, label, fold, group)
    many = len(splits) > 1
    clips = [
        clip for part, held in splits.items() for clip in _clips(columns, held, str(part) if many else "")
    ]
    found, notes = present(clips, source=source, on_missing=on_missing)
    kind, own = split_of(found, where=source)
    torn = torn_notes([clip.group for clip in own], [clip.fold for clip in own], where=source)
    return Dataset(
        name=source.replace("/", "-"),
        clips=own,
        classes=columns.names or classes_of(own),
        split_kind=kind,
        notes=(*notes, *(torn if kind != "none" else ())),
        n_expected=len(clips),
    )


class _Columns:
    """Which columns hold what, found in the features of the first split."""

    def __init__(
        self, source: str, held: Any, label: str | None, fold: str | None, group: str | None
    ) -> None:
        if not hasattr(held, "__len__"):
            raise DatasetError(f"{source}: is streamed: load it with streaming=False")
        self.source, self.features = source, dict(held.features)
        self.audio = self._only(
            "Audio", "of type Audio; decoded samples are not taken: use Audio(decode=False)"
        )
        self.label = self._given(label) or self._label()
        self.fold = self._given(fold) or next(
            (key for key in ("fold", "split") if key in self.features), None
        )
        self.group = self._given(group) or ("group" if "group" in self.features else None)
        feature = self.features[self.label]
        if isinstance(feature, list) or hasattr(feature, "feature"):
            raise DatasetError(
                f"{source}: column {self.label!r} holds several labels a clip: elmarc takes one "
                "(multi-label data is not supported): name another column as label"
            )
        self.names: tuple[str, ...] = tuple(getattr(feature, "names", None) or ())

    def _given(self, column: str | None) -> str | None:
        if column is not None and column not in self.features:
            raise DatasetError(f"{self.source}: no column {column!r}; found: {', '.join(self.features)}")
        return column

    def _label(self) -> str:
        return "label" if "label" in self.features else self._only("ClassLabel", "label; name it as label")

    def _only(self, kind: str, what: str) -> str:
        found = [str(key) for key, feature in self.features.items() if type(feature).__name__ == kind]
        if len(found) != 1:
            text = f"{len(found)} columns" if found else "no column"
            raise DatasetError(f"{self.source}: {text} {what}; found: {', '.join(self.features)}")
        return found[0]

    def text(self, row: Mapping[str, Any], column: str, where: str) -> str:
        """Return a cell as text, a class number by its name."""
        value = row[column]
        names = getattr(self.features[column], "names", None)
        if names and isinstance(value, int):
            value = names[value] if 0 <= value < len(names) else None
        return one_label(value, where=where, reader=column, hint="leave the row out, or name another column")

    def group_of(self, row: Mapping[str, Any], where: str) -> str | None:
        """Return the group of a row; one whose cell is empty stands alone."""
        if self.group is None or group_name(row[self.group]) is None:
            return None
        return self.text(row, self.group, where)


def _clips(columns: _Columns, held: Any, part: str) -> Iterator[Clip]:
    audio = import_module("datasets").Audio(decode=False)
    wanted = [key for key in (columns.audio, columns.label, columns.fold, columns.group) if key]
    rows = held.select_columns(wanted).cast_column(columns.audio, audio)
    ids = _ids([row[columns.audio] or {} for row in rows.select_columns([columns.audio])])
    for i, row in enumerate(rows):
        where = f"{columns.source}: row {i}{f' of {part}' if part else ''}"
        yield Clip(
            id=f"{part}/{ids[i]}" if part else ids[i],
            path=_path(row[columns.audio] or {}, where),
            label=columns.text(row, columns.label, where),
            fold=part or (columns.text(row, columns.fold, where) if columns.fold else None),
            group=columns.group_of(row, where),
        )


def _ids(sounds: list[Mapping[str, Any]]) -> list[str]:
    """Return the files' names, or, where these do not tell the clips apart, their numbers."""
    names = [PurePosixPath(sound.get("path") or "").name for sound in sounds]
    unique = all(names) and len(set(names)) == len(names)
    return names if unique else [f"{i:06d}" for i in range(len(names))]


def _path(sound: Mapping[str, Any], where: str) -> Path:
    """Return the file of a clip, written from its bytes where there is none."""
    path, held = sound.get("path"), sound.get("bytes")
    if held is None and path and "://" not in path:
        return Path(path)
    if not held:
        found = f"a remote file, {path}" if path else "neither bytes nor a file"
        raise DatasetError(f"{where}: its audio is {found}: load the data set without streaming")
    name = PurePosixPath(path or "")
    suffix = name.suffix.lower() if is_audio(f"x{name.suffix}") else ""
    file = cache_dir() / "hf" / f"{hashlib.sha256(held).hexdigest()}{suffix}"
    if not file.is_file():
        write_atomic(file, held, sync=False)
    return file
