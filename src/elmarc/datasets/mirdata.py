"""Data sets that mirdata or soundata have loaded, taken as they are: neither package is needed here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from elmarc._errors import DatasetError
from elmarc.datasets.base import Clip, Dataset, OnMissing, classes_of, folds_for, present

Reader: TypeAlias = str | Callable[[Any], object]  # an attribute's name, or what takes it from a track


def from_mirdata(
    dataset: Any,
    *,
    label: Reader,
    fold: Reader | None = None,
    group: Reader | None = None,
    on_missing: OnMissing = "raise",
) -> Dataset:
    """Take over the tracks or clips of a mirdata or soundata data set.

    Parameters
    ----------
    dataset : mirdata.core.Dataset or soundata.core.Dataset
        Anything with `load_tracks()` or `load_clips()` whose items have an `audio_path`.
    label, fold, group : str or callable
        The attribute that holds it, such as "genre" or "class_label", or a function of the track.
    on_missing : {"raise", "skip", "keep"}
        What to do about clips that are named but absent: refuse, leave out with a note, or keep.

    Raises
    ------
    DatasetError
        The object or its tracks lack what is asked for, or audio is absent.
    """
    name = str(getattr(dataset, "name", "mirdata"))
    clips = [
        Clip(
            id=str(key),
            path=_audio_path(name, key, track),
            label=_read(name, key, track, label),
            fold=_read(name, key, track, fold) if fold else None,
            group=_read(name, key, track, group) if group else None,
        )
        for key, track in _tracks(name, dataset).items()
    ]
    found, notes = present(clips, source=name, on_missing=on_missing)
    return Dataset(
        name=name,
        clips=found,
        classes=classes_of(found),
        split_kind="folds" if fold else "none",
        n_folds=folds_for(found),
        notes=notes,
        n_expected=len(clips),
    )


def _tracks(name: str, dataset: Any) -> Mapping[str, Any]:
    for method in ("load_tracks", "load_clips"):
        if hasattr(dataset, method):
            tracks: Mapping[str, Any] = getattr(dataset, method)()
            return tracks
    raise DatasetError(f"{name}: a {type(dataset).__name__} has neither load_tracks() nor load_clips()")


def _audio_path(name: str, key: str, track: Any) -> Path:
    path = getattr(track, "audio_path", None)
    if not path:
        raise DatasetError(f"{name}: {key} has no audio_path: download the audio with the data set's package")
    return Path(path)


def _read(name: str, key: str, track: Any, reader: Reader) -> str:
    value = reader(track) if callable(reader) else getattr(track, reader, None)
    labels = getattr(value, "labels", [value])  # soundata's tags hold a list
    if len(labels) != 1 or labels[0] is None:
        raise DatasetError(f"{name}: {key} has {labels!r} for {reader!r}: expected one label; name another")
    return str(labels[0])
