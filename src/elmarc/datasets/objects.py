"""Data sets that other packages hold in memory, told by what they offer: no package is imported to ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from elmarc.datasets import table
from elmarc.datasets.base import Dataset, OnMissing
from elmarc.datasets.hugging_face import from_hugging_face, is_hugging_face
from elmarc.datasets.mirdata import from_mirdata
from elmarc.errors import DatasetError


def from_object(
    data: Any,
    *,
    audio: str | Path | None = None,
    name: str | None = None,
    split: str | None = None,
    label: str | None = None,
    fold_column: str | None = None,
    group: str | None = None,
    on_missing: OnMissing | None = None,
) -> Dataset:
    """Take over a data set of another package: see `open_dataset`.

    Raises
    ------
    DatasetError
        Nobody knows the object, an option does not belong to it, or it is not as expected.
    """
    missing: OnMissing = on_missing or "raise"
    if isinstance(data, Dataset):
        refuse(data, audio=audio, split=split, label=label, fold_column=fold_column, group=group)
        return data
    if hasattr(data, "load_tracks") or hasattr(data, "load_clips"):
        refuse(data, audio=audio, split=split)
        return from_mirdata(data, label=label, fold=fold_column, group=group, on_missing=missing)
    if is_hugging_face(data):
        refuse(data, audio=audio)
        return from_hugging_face(
            data, name=name, split=split, label=label, fold=fold_column, group=group, on_missing=missing
        )
    if hasattr(data, "itertuples"):
        refuse(data, split=split, label=label, group=group)
        return table.from_frame(data, audio_dir=audio, fold_column=fold_column, on_missing=missing)
    raise DatasetError(
        f"found a {type(data).__name__}: expected a name, a folder, a CSV file, a DataFrame, or a data set "
        "of mirdata, soundata or Hugging Face"
    )


def is_data_set(data: Any) -> bool:
    """Tell what `open_dataset` opens, such as a path, from a sequence of clips."""
    if isinstance(data, str | Path | Dataset) or is_hugging_face(data):
        return True
    if hasattr(data, "load_tracks") or hasattr(data, "load_clips"):
        return True
    return hasattr(data, "itertuples") and {"path", "label"} <= set(data.columns)


def refuse(data: object, **options: object) -> None:
    """Refuse options that would be ignored in silence. Raises DatasetError."""
    for option, value in options.items():
        if value is not None:
            what = data if isinstance(data, str | Path) else f"a {type(data).__name__}"
            raise DatasetError(f"{option}: {what} does not take it: leave it out")
