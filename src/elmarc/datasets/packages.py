"""Data sets of mirdata, soundata and Hugging Face `datasets`, by name or already loaded.

A loaded data set is recognised by its methods: none of the packages is imported for that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from elmarc._io import write_atomic
from elmarc._names import expanded
from elmarc.datasets.base import (
    Clip,
    Dataset,
    OnMissing,
    group_name,
    present,
    sorted_labels,
    split_group_notes,
    split_of,
)
from elmarc.datasets.folder import cache_dir, is_audio
from elmarc.datasets.labels import one_label
from elmarc.errors import DatasetError

PACKAGES = ("mirdata", "soundata", "hf")
SAVED = ("state.json", "dataset_dict.json")  # files that `save_to_disk` writes


class Attributes(NamedTuple):
    """The names of a clip's label, fold and group in a package."""

    label: str
    fold: str | None = None
    group: str | None = None


KNOWN = {  # of mirdata and soundata
    "ballroom": Attributes("genre"),
    "gtzan_genre": Attributes("genre"),
    "medley_solos_db": Attributes("instrument", "subset", "song_id"),
    "mridangam_stroke": Attributes("stroke_name"),
    "tinysol": Attributes("instrument_full", "split"),
    "esc50": Attributes("category", "fold", "src_file"),
    "freefield1010": Attributes("has_bird"),
    "urbansound8k": Attributes("class_label", "fold", "freesound_id"),
    "warblrb10k": Attributes("has_bird"),
}


def package_name(data: object) -> tuple[str, str] | None:
    """Return the package and the name in it, for data such as "mirdata:NAME".

    >>> package_name("mirdata:gtzan_genre"), package_name("clips")
    (('mirdata', 'gtzan_genre'), None)
    """
    package, colon, name = str(data).partition(":") if isinstance(data, str) else ("", "", "")
    return (package, name) if colon and name and package in PACKAGES else None


def is_mirdata(data: object) -> bool:
    """Return whether an object is a data set of mirdata or soundata."""
    return hasattr(data, "load_tracks") or hasattr(data, "load_clips")


def is_hugging_face(data: object) -> bool:
    """Return whether an object is a `datasets.Dataset`, or a dictionary of them."""
    if isinstance(data, Mapping):
        return bool(data) and all(map(is_hugging_face, data.values()))
    return hasattr(data, "features") and hasattr(data, "cast_column")


def _dataset(
    source: str, clips: Sequence[Clip], on_missing: OnMissing, classes: Sequence[str] = ()
) -> Dataset:
    clips_there, notes = present(clips, source=source, on_missing=on_missing)
    kind, split = split_of(clips_there, where=source)
    return Dataset(
        name=source.replace("/", "-"),
        clips=split,
        classes=tuple(classes) or sorted_labels(clip.label for clip in split),
        split_kind=kind,
        notes=(*notes, *split_group_notes(split, where=source)),
        n_expected=len(clips),
    )


def load_mirdata(source: str, *, data_home: str | Path | None = None) -> Any:
    """Return the data set "mirdata:NAME" or "soundata:NAME"; `data_home` is the folder of its clips."""
    package, _, name = source.partition(":")
    try:
        return import_module(package).initialize(
            name, data_home=str(expanded(data_home)) if data_home else None
        )
    except ImportError as problem:
        raise DatasetError(
            f"{source}: {problem}: install what it needs with pip install {package}"
        ) from problem
    except ValueError as problem:
        raise DatasetError(f"{source}: {problem}: see {package}.list_datasets()") from problem


def from_mirdata(
    data: Any,
    *,
    label: str | None = None,
    fold: str | None = None,
    group: str | None = None,
    on_missing: OnMissing = "raise",
) -> Dataset:
    """Read the tracks or clips of a mirdata or soundata data set.

    `label`, `fold` and `group` name attributes of a track, such as "genre"; where no label is named, all
    three are those of `KNOWN`.
    """
    name = str(getattr(data, "name", "mirdata"))
    try:
        tracks: Mapping[str, Any] = data.load_tracks() if hasattr(data, "load_tracks") else data.load_clips()
    except OSError as problem:
        raise DatasetError(f"{name}: {problem}") from problem
    if label is None:
        if name not in KNOWN:
            attributes = _attributes(next(iter(tracks.values()), None))
            raise DatasetError(
                f"{name}: which attribute holds the label? Name it as label (--set data.label=...); found: "
                f"{attributes}"
            )
        known = KNOWN[name]
        label, fold, group = known.label, fold or known.fold, group or known.group
    clips = [_mirdata_clip(name, str(key), track, label, fold, group) for key, track in tracks.items()]
    return _dataset(name, clips, on_missing)


def _mirdata_clip(name: str, key: str, track: Any, label: str, fold: str | None, group: str | None) -> Clip:
    where = f"{name}: {key}"
    path = getattr(track, "audio_path", None)
    if not path:
        raise DatasetError(f"{where} has no audio_path: download the audio with the data set's package")

    def value(attribute: str) -> Any:
        try:
            content = getattr(track, attribute, None)
        except OSError as problem:
            raise DatasetError(f"{where}: {problem}") from problem
        return getattr(content, "labels", content)  # soundata's tags hold a list

    def text(attribute: str) -> str:
        hint = f"name another; found: {_attributes(track)}"
        return one_label(value(attribute), where=where, reader=attribute, hint=hint)

    alone = group is None or (group_name(value(group)) is None and hasattr(track, group))
    return Clip(
        id=key,
        path=Path(path),
        label=text(label),
        fold=text(fold) if fold else None,
        group=None if alone or group is None else text(group),
    )


def _attributes(track: Any) -> str:
    """Return the names of a track's attributes; none is read, for some open files."""
    names = {*vars(track), *dir(type(track))} if track is not None else set()
    public = [name for name in names if not name.startswith("_")]
    return ", ".join(sorted(name for name in public if not callable(getattr(type(track), name, None))))


def load_hugging_face(name: str, *, config: str | None = None) -> Any:
    """Return a data set of the hub, a folder, a parquet file, or what `save_to_disk` wrote.

    A path that exists goes before a name of the hub; `config` is one of several configurations.
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
    """Read a `datasets.Dataset` or `DatasetDict` with a column of type Audio, which is not decoded.

    Files are used where they lie; bytes are written to the cache once, each named by its hash.

    Parameters
    ----------
    name : str or None
        Of the data set; None: as its information says.
    split : str or None
        One of the splits of a dictionary; None: all. Splits called train, validation and test are fixed
        lists, others are folds.
    label, fold, group : str or None
        Columns. The label is `label`, or the only ClassLabel; `fold`, `split` and `group` are used where they
        exist.
    """
    splits = dict(data) if isinstance(data, Mapping) else {"": data}
    splits = {part: rows for part, rows in splits.items() if split is None or part in (split, "")}
    if not splits:
        raise DatasetError(f"{name or 'hf'}: no split {split!r}: found {', '.join(map(str, data))}")
    first = next(iter(splits.values()))
    source = name or getattr(getattr(first, "info", None), "dataset_name", None) or "hf"
    columns = _Columns(source, first, label, fold, group)
    names = map(str, splits) if len(splits) > 1 else [""]
    parts = zip(names, splits.values(), strict=True)
    clips = [clip for part, rows in parts for clip in columns.clips(rows, part)]
    return _dataset(source, clips, on_missing, columns.classes)


class _Columns:
    """Which columns of a Hugging Face data set hold the audio, label, fold and group of a clip."""

    def __init__(
        self, source: str, data: Any, label: str | None, fold: str | None, group: str | None
    ) -> None:
        if not hasattr(data, "__len__"):
            raise DatasetError(f"{source}: is streamed: load it with streaming=False")
        self.source, self.features = source, dict(data.features)
        for column in filter(None, (label, fold, group)):
            if column not in self.features:
                raise DatasetError(f"{source}: no column {column!r}; found: {', '.join(self.features)}")
        self.audio = self._only(
            "Audio", "of type Audio; decoded samples are not taken: use Audio(decode=False)"
        )
        if label is None:
            is_there = "label" in self.features
            label = "label" if is_there else self._only("ClassLabel", "label; name it as label")
        self.label = label
        self.fold = fold or next((key for key in ("fold", "split") if key in self.features), None)
        self.group = group or ("group" if "group" in self.features else None)
        feature = self.features[label]
        self.classes: Sequence[str] = getattr(feature, "names", None) or ()
        if isinstance(feature, list) or hasattr(feature, "feature"):
            raise DatasetError(
                f"{source}: column {label!r} holds several labels per clip: elmarc takes one "
                "(multi-label data is not supported): name another column as label"
            )

    def _only(self, kind: str, what: str) -> str:
        columns = [str(key) for key, feature in self.features.items() if type(feature).__name__ == kind]
        if len(columns) != 1:
            number = f"{len(columns)} columns" if columns else "no column"
            raise DatasetError(f"{self.source}: {number} {what}; found: {', '.join(self.features)}")
        return columns[0]

    def clips(self, data: Any, part: str) -> Iterator[Clip]:
        """Yield the clips of a split; `part` is its name, where there are several."""
        wanted = [key for key in (self.audio, self.label, self.fold, self.group) if key]
        undecoded = import_module("datasets").Audio(decode=False)
        rows = data.select_columns(wanted).cast_column(self.audio, undecoded)
        sounds = [row[self.audio] or {} for row in rows.select_columns([self.audio])]
        names = [PurePosixPath(sound.get("path") or "").name for sound in sounds]
        if not all(names) or len(set(names)) < len(names):
            names = [f"{i:06d}" for i in range(len(names))]
        for i, row in enumerate(rows):
            where = f"{self.source}: row {i}{f' of {part}' if part else ''}"
            grouped = self.group is not None and group_name(row[self.group]) is not None
            yield Clip(
                id=f"{part}/{names[i]}" if part else names[i],
                path=_path(row[self.audio] or {}, where),
                label=self._text(row, self.label, where),
                fold=part or (self._text(row, self.fold, where) if self.fold else None),
                group=self._text(row, self.group, where) if self.group and grouped else None,
            )

    def _text(self, row: Mapping[str, Any], column: str, where: str) -> str:
        """Return a cell as text, a class number by its name."""
        value = row[column]
        names = getattr(self.features[column], "names", None)
        if names and isinstance(value, int):
            value = names[value] if 0 <= value < len(names) else None
        return one_label(value, where=where, reader=column, hint="leave the row out, or name another column")


def _path(sound: Mapping[str, Any], where: str) -> Path:
    """Return the file of a clip, written from its bytes where there is none."""
    path, content = sound.get("path"), sound.get("bytes")
    if content is None and path and "://" not in path:
        return Path(path)
    if not content:
        what = f"a remote file, {path}" if path else "neither bytes nor a file"
        raise DatasetError(f"{where}: its audio is {what}: load the data set without streaming")
    suffix = PurePosixPath(path or "").suffix.lower()
    suffix = suffix if is_audio(f"x{suffix}") else ""
    file = cache_dir() / "hf" / f"{hashlib.sha256(content).hexdigest()}{suffix}"
    if not file.is_file():
        write_atomic(file, content, sync=False)
    return file
