"""A CSV file or DataFrame: `path,label`, and if need be `fold` or `split`, `group`, and `start,end`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING

from elmarc._names import expanded
from elmarc.datasets.base import (
    PARTS,
    Clip,
    Dataset,
    OnMissing,
    SplitKind,
    classes_of,
    present,
    segment_text,
)
from elmarc.datasets.files import existing_folder
from elmarc.datasets.groups import torn_notes
from elmarc.datasets.labels import check_no_numbers, check_one_label, combined_notes
from elmarc.datasets.parts import split_of
from elmarc.datasets.rows import Row, check_columns, read_rows, unused_notes
from elmarc.datasets.segments import check_times, read_times, segment_notes
from elmarc.errors import DatasetError

if TYPE_CHECKING:
    from pandas import DataFrame


def load(
    table: str | Path,
    *,
    audio_dir: str | Path | None = None,
    fold_column: str | None = None,
    on_missing: OnMissing = "raise",
) -> Dataset:
    """Open a CSV file that names clips.

    Parameters
    ----------
    table : str or Path
        UTF-8, comma-separated; columns `path` and `label`, perhaps `fold` (any names; train, validation and
        test are fixed lists) or `split` (these alone), `group` (clips that must not be torn apart), `start`
        and `end` (seconds: the clip is that segment of the file). A note names the columns that are not used.
    audio_dir : str, Path or None
        What paths are relative to; default: the folder of the file.
    fold_column : str or None
        The column with the folds, where it has another name.
    on_missing : {"raise", "skip", "keep"}
        What to do about clips that are named but absent; see `base.present`.

    Raises
    ------
    DatasetError
        The file is not as described, or names clips that are absent.
    """
    table = expanded(table)
    folder = existing_folder(audio_dir, name=table.name) if audio_dir else table.parent
    lines = read_rows(table, needed=_needed(fold_column))
    rows = [(f"{table}, line {line}", row) for line, row in lines]
    made = from_rows(rows, source=str(table), folder=folder, fold_column=fold_column, on_missing=on_missing)
    return replace(made, name=table.stem, audio_dir=folder if audio_dir else None)


def from_frame(
    frame: DataFrame,
    *,
    audio_dir: str | Path | None = None,
    fold_column: str | None = None,
    on_missing: OnMissing = "raise",
) -> Dataset:
    """Open a DataFrame with the columns of a CSV file: see `load`.

    Parameters
    ----------
    frame : pandas.DataFrame
        One row a clip; its index is not read, and cells that are NaN or None are empty.
    audio_dir : str, Path or None
        What paths are relative to; default: the working directory.
    fold_column, on_missing
        As for `load`.

    Raises
    ------
    DatasetError
        As for `load`.
    """
    folder = existing_folder(audio_dir, name="DataFrame") if audio_dir else Path()
    columns = [str(name).strip().lower() for name in frame.columns]
    check_columns("DataFrame", columns, _needed(fold_column))
    cells = frame.astype(object).where(frame.notna(), "").itertuples(index=False, name=None)
    rows = [
        (f"DataFrame, row {i}", {name: str(cell).strip() for name, cell in zip(columns, row, strict=True)})
        for i, row in enumerate(cells)
    ]
    if not rows:
        raise DatasetError("DataFrame: has no rows: name at least two clips")
    return from_rows(rows, source="DataFrame", folder=folder, fold_column=fold_column, on_missing=on_missing)


def from_rows(
    rows: Sequence[tuple[str, Row]],
    *,
    source: str,
    folder: Path,
    fold_column: str | None,
    on_missing: OnMissing,
) -> Dataset:
    """Return the data set that rows name.

    Parameters
    ----------
    rows : sequence of (str, dict)
        Where a row stands, for messages, and its cells by column.
    source : str
        What names the clips, for messages.
    folder : Path
        What paths are relative to.
    fold_column, on_missing
        As for `load`.

    Raises
    ------
    DatasetError
        As for `load`.
    """
    name = PurePath(source).name
    kind, column = _split(source, rows[0][1], fold_column)
    clips = tuple(_clip(where, row, folder, kind, column) for where, row in rows)
    if kind == "folds" and any(clip.fold and clip.fold.lower() in PARTS for clip in clips):
        kind, clips = split_of(clips, where=source)
    check_no_numbers([clip.label for clip in clips], where=source)
    found, notes = present(clips, source=source, on_missing=on_missing)
    check_times({clip: where for clip, (where, _) in zip(clips, rows, strict=True)})
    return Dataset(
        name=name,
        clips=found,
        classes=classes_of(found),
        split_kind=kind,
        notes=(*_notes(name, rows[0][1], column, found), *notes),
        n_expected=len(clips),
    )


def _needed(fold_column: str | None) -> tuple[str, ...]:
    return ("path", "label", *([fold_column] if fold_column else []))


def _split(source: str, row: Row, fold_column: str | None) -> tuple[SplitKind, str]:
    """Return the kind of split and the column that holds it."""
    if fold_column:
        return "folds", fold_column.strip().lower()
    named = [column for column in ("fold", "split") if column in row]
    if len(named) == 2:
        raise DatasetError(
            f"{source}: has both columns, fold and split: rename one of them, or give fold_column"
        )
    if not named:
        return "none", ""
    return ("folds" if named == ["fold"] else "lists"), named[0]


def _notes(name: str, row: Row, column: str, clips: Sequence[Clip]) -> list[str]:
    """Return what a reader of the scores should know of the table."""
    used = ["path", "label", "group", "start", "end", *([column] if column else [])]
    known = [*used, *(() if column else ("fold", "split"))]
    unused = unused_notes(name, list(row), [column for column in used if column in row], known)
    combined = combined_notes((clip.label for clip in clips), where=name)
    if column:
        pairs = [clip.group for clip in clips], [clip.fold for clip in clips]
        return [*unused, *combined, *torn_notes(*pairs, where=name)]
    return [*unused, *combined, *segment_notes(clips, where=name)]


def _clip(where: str, row: Row, folder: Path, kind: SplitKind, column: str) -> Clip:
    for name in filter(None, ("path", "label", column)):
        if not row[name]:
            raise DatasetError(f"{where}: {name} is empty: fill it in, or delete the line")
    check_one_label(row["label"], where=where)
    start, end = read_times(row, where=where)
    path = PurePath(row["path"])
    return Clip(
        id=path.as_posix() + segment_text(start, end),
        path=folder / path,
        label=row["label"],
        fold=_part(where, row[column]) if kind == "lists" else row[column] if column else None,
        group=row.get("group") or None,
        start=start,
        end=end,
    )


def _part(where: str, text: str) -> str:
    if text.lower() not in PARTS:
        raise DatasetError(f"{where}: split {text!r} is unknown: expected train, validation or test")
    return PARTS[text.lower()]
