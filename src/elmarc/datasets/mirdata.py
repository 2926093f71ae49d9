"""Data sets of mirdata and soundata, loaded or by name; neither package is needed for a loaded one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

from elmarc._names import expanded
from elmarc.datasets.base import Clip, Dataset, OnMissing, classes_of, present
from elmarc.datasets.groups import group_name, torn_notes
from elmarc.datasets.labels import one_label
from elmarc.datasets.parts import split_of
from elmarc.errors import DatasetError

Reader: TypeAlias = str | Callable[[Any], object]  # an attribute's name, or what takes it from a track
PACKAGES = ("mirdata", "soundata")


class Attributes(NamedTuple):
    """What a package calls label, fold and group of a clip."""

    label: str
    fold: str | None = None
    group: str | None = None


KNOWN = {
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


def initialize(package: str, name: str, *, data_home: str | Path | None = None) -> Any:
    """Return a data set of mirdata or soundata by its name.

    Parameters
    ----------
    package : {"mirdata", "soundata"}
        Has to be installed.
    name : str
        As the package calls it.
    data_home : str, Path or None
        Where the clips lie; None: where the package puts them.

    Raises
    ------
    DatasetError
        The package is absent or does not know the name.
    """
    try:
        made = import_module(package)
        return made.initialize(name, data_home=str(expanded(data_home)) if data_home else None)
    except ImportError as problem:
        raise DatasetError(
            f"{package}:{name}: {problem}: install what it needs with pip install {package}"
        ) from problem
    except ValueError as problem:
        raise DatasetError(f"{package}:{name}: {problem}: see {package}.list_datasets()") from problem


def from_mirdata(
    dataset: Any,
    *,
    label: Reader | None = None,
    fold: Reader | None = None,
    group: Reader | None = None,
    on_missing: OnMissing = "raise",
) -> Dataset:
    """Take over the tracks or clips of a mirdata or soundata data set.

    Parameters
    ----------
    dataset : mirdata.core.Dataset or soundata.core.Dataset
        Anything with `load_tracks()` or `load_clips()` whose items have an `audio_path`.
    label, fold, group : str, callable or None
        The attribute that holds it, such as "genre" or "class_label", or a function of the track. Where no
        label is named, all three are those of `KNOWN`.
    on_missing : {"raise", "skip", "keep"}
        What to do about clips that are named but absent: refuse, leave out with a note, or keep.

    Raises
    ------
    DatasetError
        The object or its tracks lack what is asked for, a clip has several labels, or audio is absent.
    """
    name = str(getattr(dataset, "name", "mirdata"))
    tracks = _tracks(name, dataset)
    read = _attributes(name, tracks, label, fold, group)
    clips = [
        Clip(
            id=str(key),
            path=_audio_path(name, key, track),
            label=_read(name, key, track, read[0]),
            fold=_read(name, key, track, read[1]) if read[1] else None,
            group=_read_group(name, key, track, read[2]) if read[2] else None,
        )
        for key, track in tracks.items()
    ]
    found, notes = present(clips, source=name, on_missing=on_missing)
    kind, split = split_of(found, where=name)
    torn = torn_notes([clip.group for clip in split], [clip.fold for clip in split], where=name)
    return Dataset(
        name=name,
        clips=split,
        classes=classes_of(split),
        split_kind=kind,
        notes=(*notes, *(torn if kind != "none" else ())),
        n_expected=len(clips),
    )


def _attributes(
    name: str, tracks: Mapping[str, Any], label: Reader | None, fold: Reader | None, group: Reader | None
) -> tuple[Reader, Reader | None, Reader | None]:
    if label is not None:
        return label, fold, group
    known = KNOWN.get(name)
    if known is None:
        track = next(iter(tracks.values()), None)
        raise DatasetError(
            f"{name}: which attribute holds the label? Name it as label (--set data.label=...); found: "
            f"{', '.join(_seen(track))}"
        )
    return known.label, fold or known.fold, group or known.group


def _seen(track: Any) -> list[str]:
    """Return the attributes of a track; none is read, for some open files."""
    names = {*vars(track), *dir(type(track))} if track is not None else set()
    own = [name for name in names if not name.startswith("_")]
    return sorted(name for name in own if not callable(getattr(type(track), name, None)))


def _tracks(name: str, dataset: Any) -> Mapping[str, Any]:
    for method in ("load_tracks", "load_clips"):
        if hasattr(dataset, method):
            try:
                tracks: Mapping[str, Any] = getattr(dataset, method)()
            except OSError as problem:
                raise DatasetError(f"{name}: {problem}") from problem
            return tracks
    raise DatasetError(f"{name}: a {type(dataset).__name__} has neither load_tracks() nor load_clips()")


def _audio_path(name: str, key: str, track: Any) -> Path:
    path = getattr(track, "audio_path", None)
    if not path:
        raise DatasetError(f"{name}: {key} has no audio_path: download the audio with the data set's package")
    return Path(path)


def _read_group(name: str, key: str, track: Any, reader: Reader) -> str | None:
    """Return the group; a clip whose group is empty stands alone, and an attribute must be there."""
    is_empty = group_name(_value(name, key, track, reader)) is None
    if is_empty and (callable(reader) or hasattr(track, reader)):
        return None
    return _read(name, key, track, reader)


def _value(name: str, key: str, track: Any, reader: Reader) -> Any:
    try:
        value = reader(track) if callable(reader) else getattr(track, reader, None)
    except OSError as problem:
        raise DatasetError(f"{name}: {key}: {problem}") from problem
    return getattr(value, "labels", value)  # soundata's tags hold a list


def _read(name: str, key: str, track: Any, reader: Reader) -> str:
    value = _value(name, key, track, reader)
    what = "" if callable(reader) else f"; found: {', '.join(_seen(track))}"
    return one_label(value, where=f"{name}: {key}", reader=reader, hint=f"name another{what}")
