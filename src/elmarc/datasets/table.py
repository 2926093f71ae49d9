"""Clips named by a CSV file, a DataFrame, or the study's list files of one path per line."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isfinite, nan
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, TypeAlias

from elmarc._choices import did_you_mean
from elmarc._names import expanded, special
from elmarc.audio.decode import header, segment_samples
from elmarc.datasets.base import (
    PARTS,
    Clip,
    Dataset,
    OnMissing,
    SplitKind,
    Tagger,
    present,
    segment_text,
    sorted_labels,
    split_group_notes,
    split_of,
)
from elmarc.datasets.folder import existing_folder
from elmarc.datasets.labels import check_no_numbers, check_one_label, combined_notes
from elmarc.errors import AudioError, DatasetError

if TYPE_CHECKING:
    from pandas import DataFrame

Row: TypeAlias = dict[str, str]  # cells by column
Place: TypeAlias = tuple[str, Row]  # where a row stands, for messages
N_COLUMNS_SHOWN = 6
CELL_SHOWN = 60  # characters
LINE_SHOWN = 200  # characters


def load(
    table: str | Path,
    *,
    audio_dir: str | Path | None = None,
    fold: str | None = None,
    on_missing: OnMissing = "raise",
) -> Dataset:
    """Open a CSV file that names clips.

    Parameters
    ----------
    table : str or Path
        UTF-8, comma-separated; columns `path` and `label`, perhaps `fold` (any names; train, validation and
        test are fixed lists) or `split` (these only), `group` (clips that stay together), `start` and `end`
        (seconds: the clip is that segment of the file). A note names the columns that are not used.
    audio_dir : str, Path or None
        What paths are relative to; default: the folder of the file.
    fold : str or None
        The column with the folds, where it has another name.
    """
    table = expanded(table)
    folder = existing_folder(audio_dir, name=table.name) if audio_dir else table.parent
    rows = [(f"{table}, line {line}", row) for line, row in read_rows(table, needed=_needed(fold))]
    data = _from_rows(rows, source=str(table), folder=folder, fold=fold, on_missing=on_missing)
    return replace(data, name=table.stem, audio_dir=folder if audio_dir else None)


def from_frame(
    frame: DataFrame,
    *,
    audio_dir: str | Path | None = None,
    fold: str | None = None,
    on_missing: OnMissing = "raise",
) -> Dataset:
    """Open a DataFrame with the columns of a CSV file (see `load`), one row per clip.

    The index is not read, and cells that are NaN or None are empty. Paths are relative to `audio_dir`, or to
    the working directory.
    """
    folder = existing_folder(audio_dir, name="DataFrame") if audio_dir else Path()
    columns = [str(name).strip().lower() for name in frame.columns]
    _check_columns("DataFrame", columns, _needed(fold))
    cells = frame.astype(object).where(frame.notna(), "").itertuples(index=False, name=None)
    rows = [
        (f"DataFrame, row {i}", dict(zip(columns, (str(cell).strip() for cell in row), strict=True)))
        for i, row in enumerate(cells)
    ]
    if not rows:
        raise DatasetError("DataFrame: has no rows: name at least two clips")
    return _from_rows(rows, source="DataFrame", folder=folder, fold=fold, on_missing=on_missing)


def _from_rows(
    rows: Sequence[Place], *, source: str, folder: Path, fold: str | None, on_missing: OnMissing
) -> Dataset:
    name, first = PurePath(source).name, rows[0][1]
    kind, column = _split(source, first, fold)
    clips = tuple(_clip(where, row, folder, kind, column) for where, row in rows)
    if kind == "folds" and any(clip.fold and clip.fold.lower() in PARTS for clip in clips):
        kind, clips = split_of(clips, where=source)
    check_no_numbers([clip.label for clip in clips], where=source)
    clips_there, missing = present(clips, source=source, on_missing=on_missing)
    _check_segments(clips, [where for where, _ in rows])
    notes = [*_unused_notes(name, first, column), *combined_notes([c.label for c in clips_there], where=name)]
    notes += (split_group_notes if column else _segment_notes)(clips_there, where=name)
    return Dataset(
        name=name,
        clips=clips_there,
        classes=sorted_labels(clip.label for clip in clips_there),
        split_kind=kind,
        notes=(*notes, *missing),
        n_expected=len(clips),
    )


def _needed(fold: str | None) -> tuple[str, ...]:
    return ("path", "label", *([fold] if fold else []))


def _split(source: str, row: Row, fold: str | None) -> tuple[SplitKind, str]:
    """Return the kind of split and the column that holds it."""
    if fold:
        return "folds", fold.strip().lower()
    if "fold" in row and "split" in row:
        raise DatasetError(
            f"{source}: has both columns, fold and split: rename one of them, or name the column of the folds"
        )
    return ("folds", "fold") if "fold" in row else ("lists", "split") if "split" in row else ("none", "")


def _clip(where: str, row: Row, folder: Path, kind: SplitKind, column: str) -> Clip:
    for name in filter(None, ("path", "label", column)):
        if not row[name]:
            raise DatasetError(f"{where}: {name} is empty: fill it in, or delete the line")
    check_one_label(row["label"], where=where)
    start, end = _times(row, where)
    path = PurePath(row["path"])
    fold = row[column] if column else None
    if fold and kind == "lists":
        if fold.lower() not in PARTS:
            raise DatasetError(f"{where}: split {fold!r} is unknown: expected train, validation or test")
        fold = PARTS[fold.lower()]
    return Clip(
        id=path.as_posix() + segment_text(start, end),
        path=folder / path,
        label=row["label"],
        fold=fold,
        group=row.get("group") or None,
        start=start,
        end=end,
    )


def _times(row: Row, where: str) -> tuple[float | None, float | None]:
    """Return start and end of a segment, None where the cell is empty or the column absent."""
    times: dict[str, float] = {}
    for name in ("start", "end"):
        if not (cell := row.get(name)):
            continue
        try:
            times[name] = float(cell)
        except ValueError:
            times[name] = nan
        if not isfinite(times[name]):
            raise DatasetError(f"{where}: {name} {cell!r} is not a number: expected seconds, as in 1.5")
        if times[name] < 0:
            raise DatasetError(
                f"{where}: {name} {cell} is negative: expected seconds from the file's beginning"
            )
    start, end = times.get("start", 0.0), times.get("end")
    if end is not None and end <= start:
        raise DatasetError(f"{where}: end {end:g} does not come after start {start:g}: correct them")
    return start or None, end


def _check_segments(clips: Sequence[Clip], places: Sequence[str]) -> None:
    """Refuse segments beyond the end of their files; files without a header are left to who reads them."""
    headers: dict[Path, tuple[int, int] | None] = {}
    for clip, where in zip(clips, places, strict=True):
        if clip.start is None and clip.end is None:
            continue
        if clip.path not in headers:
            try:
                headers[clip.path] = header(clip.path)
            except AudioError:
                headers[clip.path] = None
        if (size := headers[clip.path]) is not None:
            try:
                segment_samples(*size, clip.start, clip.end, name=clip.path)
            except AudioError as problem:
                raise DatasetError(f"{where}: {problem}") from problem


def _segment_notes(clips: Sequence[Clip], *, where: str) -> list[str]:
    """Return a note where segments of one file may be both in training and in test: they have no group."""
    n_files = len({clip.path for clip in clips})
    if n_files == len(clips) or any(clip.group for clip in clips):
        return []
    files = "1 file" if n_files == 1 else f"{n_files} files"
    return [
        f"{where}: {len(clips)} clips come from {files}, and those of one file may be in training and in "
        "test: a column `group` that names the file keeps them together"
    ]


def _unused_notes(name: str, row: Row, split_column: str) -> list[str]:
    """Return notes that name the columns that are not used, each with the one it may stand for."""
    known = ["path", "label", "group", "start", "end"]
    known += [split_column] if split_column else ["fold", "split"]
    unused = [column for column in row if column and column not in known]
    free = [column for column in known if column not in row]
    hints = {column: did_you_mean(column, free) for column in unused}
    notes = [f"{name}: column {column!r} is not used{hint}" for column, hint in hints.items() if hint]
    rest = [column for column in unused if not hints[column]]
    shown = ", ".join(map(repr, rest[:N_COLUMNS_SHOWN])) + (", ..." if len(rest) > N_COLUMNS_SHOWN else "")
    if len(rest) == 1:
        notes.append(f"{name}: column {shown} is not used")
    elif rest:
        notes.append(f"{name}: {len(rest)} columns are not used: {shown}")
    return notes


def read_rows(table: Path, *, needed: tuple[str, ...]) -> list[tuple[int, Row]]:
    """Return (line number, cells by column) of a CSV file; column names lose their case and spaces."""
    try:
        if what := special(table):
            raise DatasetError(f"{table}: is {what}, expected a CSV file: write what it gives to one")
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="", strict=True)
            columns = [name.strip().lower() for name in reader.fieldnames or []]
            reader.fieldnames = columns
            _check_columns(str(table), columns, needed)
            rows = [(n := reader.line_num, _cells(row, f"{table}, line {n}", needed)) for row in reader]
    except OSError as problem:
        raise DatasetError(f"{table}: cannot be read ({problem.strerror}): expected a CSV file") from problem
    except (UnicodeDecodeError, csv.Error) as problem:
        raise DatasetError(f"{table}: is not CSV in UTF-8 ({problem}): save it so") from problem
    if not rows:
        raise DatasetError(f"{table}: has a header but no rows: name at least two clips")
    return rows


def _cells(row: dict[str | Any, Any], where: str, needed: tuple[str, ...]) -> Row:
    """Return the cells of a row; refuse more cells than columns, and rows that a quotation mark joined."""
    if beyond := [cell for cell in row.pop(None, []) if cell.strip()]:
        raise DatasetError(
            f"{where}: has more cells than the header, such as {beyond[0][:CELL_SHOWN]!r}: put quotation "
            "marks around a cell that holds a comma"
        )
    cells = {column: cell.strip() for column, cell in row.items() if column}
    for column, cell in cells.items():
        lines = cell.splitlines()
        if len(lines) > 1 and (column in needed or max(line.count(",") for line in lines) >= len(row) - 1):
            raise DatasetError(
                f"{where}: {column} is {len(lines)} lines long, from {lines[0][:CELL_SHOWN]!r} to "
                f"{lines[-1][:CELL_SHOWN]!r}: is a quotation mark left open?"
            )
    return cells


def _check_columns(table: str, columns: Sequence[str], needed: tuple[str, ...]) -> None:
    """Raise DatasetError for two columns of one name, and where one that is needed is missing."""
    if not columns:
        raise DatasetError(f"{table}: is empty: expected a header such as path,label,fold")
    if repeated := [name for name, count in Counter(columns).items() if name and count > 1]:
        raise DatasetError(f"{table}: has two columns {repeated[0]!r}: rename or delete one")
    if missing := [name for name in needed if name.strip().lower() not in columns]:
        raise DatasetError(
            f"{table}: no column {', '.join(map(repr, missing))}; found: {', '.join(columns)}; expected a "
            f"header with {','.join(needed)}, separated by commas"
        )


def read_lists(audio: str, lists: Mapping[str, str | Path], *, name: str, tagger: Tagger) -> list[Clip]:
    """Return the clips of list files by "train", "validation" and "test", or of the one called "files".

    `audio` is put before each line as it stands. Raises DatasetError where a path has no label.
    """
    clips = []
    for part, path in lists.items():
        for line in read_list(path):
            tags = tagger(PurePath(line))
            if tags is None:
                raise DatasetError(
                    f"{path}: {line[:LINE_SHOWN]!r} has no class of {name}: check that the list belongs to it"
                )
            fold = tags.fold if part == "files" else part
            clips.append(Clip(line.lstrip("/"), expanded(audio + line), tags.label, fold, tags.group))
    return clips


def read_list(path: str | Path) -> list[str]:
    """Return the lines of a list file (UTF-8, one path per line) without blank ones."""
    try:
        if what := special(expanded(path)):
            raise DatasetError(f"{path}: is {what}, expected a text of one path per line")
        text = expanded(path).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as problem:
        raise DatasetError(
            f"{path}: cannot be read ({problem}): expected a text of one path per line"
        ) from problem
    lines = [stripped for line in text.split("\n") if (stripped := line.strip())]
    if not lines:
        raise DatasetError(f"{path}: names no clip: expected one path per line")
    return lines
