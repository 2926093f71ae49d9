"""A CSV file with a header: `path,label`, and if need be `fold` or `split`, and `group`."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

from elmarc._errors import DatasetError
from elmarc.datasets.base import Clip, Dataset, OnMissing, SplitKind, classes_of, folds_for, present
from elmarc.datasets.files import existing_folder

PARTS = {
    "train": "train", "training": "train",
    "validation": "validation", "valid": "validation", "val": "validation", "dev": "validation",
    "test": "test", "testing": "test",
}  # fmt: skip
Row = dict[str, str]


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
        UTF-8, comma-separated; columns `path` and `label`, perhaps `fold` (any names), or `split` (train,
        validation, test), and `group` (clips that must not be torn apart).
    audio_dir : str, Path or None
        What paths are relative to; default: the folder of the file.
    fold_column : str or None
        The column with the folds, where it has another name.

    Raises
    ------
    DatasetError
        The file is not as described, or names clips that are absent.
    """
    table = Path(table).expanduser()
    folder = existing_folder(audio_dir, name=table.name) if audio_dir else table.parent
    rows = list(read_rows(table, needed=("path", "label", *([fold_column] if fold_column else []))))
    kind, column = _split(table, rows[0][1], fold_column)
    clips = [_clip(table, line, row, folder, kind, column) for line, row in rows]
    found, notes = present(clips, source=str(table), on_missing=on_missing)
    return Dataset(
        name=table.stem,
        clips=found,
        classes=classes_of(found),
        split_kind=kind,
        n_folds=folds_for(found),
        notes=notes,
        n_expected=len(clips),
        audio_dir=folder if audio_dir else None,
    )


def read_rows(table: Path, *, needed: tuple[str, ...]) -> Iterator[tuple[int, Row]]:
    """Yield (line number, cells by column) of a CSV file; column names lose their case and spaces.

    Raises
    ------
    DatasetError
        The file cannot be read, lacks a column, or has no rows.
    """
    try:
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="")
            columns = [name.strip().lower() for name in reader.fieldnames or []]
            reader.fieldnames = columns
            _check_columns(table, columns, needed)
            rows = [(reader.line_num, _cells(row)) for row in reader]
    except OSError as problem:
        raise DatasetError(f"{table}: cannot be read ({problem.strerror}): expected a CSV file") from problem
    except (UnicodeDecodeError, csv.Error) as problem:
        raise DatasetError(f"{table}: is not CSV in UTF-8 ({problem}): save it so") from problem
    if not rows:
        raise DatasetError(f"{table}: has a header but no rows: name at least two clips")
    yield from rows


def _cells(row: dict[str | Any, str | Any]) -> Row:
    return {column: cell.strip() for column, cell in row.items() if column}


def _check_columns(table: Path, columns: list[str], needed: tuple[str, ...]) -> None:
    if not columns:
        raise DatasetError(f"{table}: is empty: expected a header such as path,label,fold")
    missing = [name for name in needed if name.lower() not in columns]
    if missing:
        raise DatasetError(
            f"{table}: no column {', '.join(map(repr, missing))}; found: {', '.join(columns)}; expected a "
            f"header with {','.join(needed)}, separated by commas"
        )


def _split(table: Path, row: Row, fold_column: str | None) -> tuple[SplitKind, str]:
    """Return the kind of split and the column that holds it."""
    if fold_column:
        return "folds", fold_column.strip().lower()
    named = [column for column in ("fold", "split") if column in row]
    if len(named) == 2:
        raise DatasetError(f"{table}: has both columns, fold and split: name the one to use as fold_column")
    if not named:
        return "none", ""
    return ("folds" if named == ["fold"] else "lists"), named[0]


def _clip(table: Path, line: int, row: Row, folder: Path, kind: SplitKind, column: str) -> Clip:
    for name in filter(None, ("path", "label", column)):
        if not row[name]:
            raise DatasetError(f"{table}, line {line}: {name} is empty: fill it in, or delete the line")
    fold = row[column] if column else None
    if kind == "lists":
        fold = _part(table, line, row[column])
    path = PurePath(row["path"])
    return Clip(path.as_posix(), folder / path, row["label"], fold, row.get("group") or None)


def _part(table: Path, line: int, text: str) -> str:
    if text.lower() not in PARTS:
        raise DatasetError(
            f"{table}, line {line}: split {text!r} is unknown: expected train, validation or test"
        )
    return PARTS[text.lower()]
