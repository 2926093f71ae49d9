"""The rows of a CSV file with a header."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from elmarc._choices import did_you_mean
from elmarc._names import special
from elmarc.errors import DatasetError

Row: TypeAlias = dict[str, str]
N_SHOWN = 6  # columns named in a note
SHOWN = 60  # characters of a cell in a message


def read_rows(table: Path, *, needed: tuple[str, ...]) -> Iterator[tuple[int, Row]]:
    """Yield (line number, cells by column) of a CSV file; column names lose their case and spaces.

    Parameters
    ----------
    table : Path
        UTF-8, comma-separated.
    needed : tuple of str
        Columns that have to be there.

    Raises
    ------
    DatasetError
        The file cannot be read, lacks a column, or has no rows.
    """
    try:
        if what := special(table):
            raise DatasetError(f"{table}: is {what}, expected a CSV file: write what it gives to one")
        with table.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, restval="", strict=True)
            columns = [name.strip().lower() for name in reader.fieldnames or []]
            reader.fieldnames = columns
            check_columns(str(table), columns, needed)
            rows = [(n := reader.line_num, _cells(row, f"{table}, line {n}", needed)) for row in reader]
    except OSError as problem:
        raise DatasetError(f"{table}: cannot be read ({problem.strerror}): expected a CSV file") from problem
    except (UnicodeDecodeError, csv.Error) as problem:
        raise DatasetError(f"{table}: is not CSV in UTF-8 ({problem}): save it so") from problem
    if not rows:
        raise DatasetError(f"{table}: has a header but no rows: name at least two clips")
    yield from rows


def _cells(row: dict[str | Any, Any], where: str, needed: tuple[str, ...]) -> Row:
    """Return the cells of a row; refuse what was not meant as one row: part of it would be lost unsaid."""
    beyond = [cell for cell in row.pop(None, []) if cell.strip()]
    if beyond:
        raise DatasetError(
            f"{where}: has more cells than the header, such as {beyond[0][:SHOWN]!r}: put quotation marks "
            "around a cell that holds a comma"
        )
    cells = {column: cell.strip() for column, cell in row.items() if column}
    for column, cell in cells.items():
        lines = cell.splitlines()
        if len(lines) > 1 and (column in needed or max(line.count(",") for line in lines) >= len(row) - 1):
            raise DatasetError(
                f"{where}: {column} is {len(lines)} lines long, from {lines[0][:SHOWN]!r} to "
                f"{lines[-1][:SHOWN]!r}: is a quotation mark left open?"
            )
    return cells


def check_columns(table: str, columns: Sequence[str], needed: tuple[str, ...]) -> None:
    """Refuse columns of one name, and the lack of one that is needed. Raises DatasetError."""
    if not columns:
        raise DatasetError(f"{table}: is empty: expected a header such as path,label,fold")
    twice = [name for name in dict.fromkeys(columns) if name and list(columns).count(name) > 1]
    if twice:
        raise DatasetError(f"{table}: has two columns {twice[0]!r}: rename or delete one")
    missing = [name for name in needed if name.lower() not in columns]
    if missing:
        raise DatasetError(
            f"{table}: no column {', '.join(map(repr, missing))}; found: {', '.join(columns)}; expected a "
            f"header with {','.join(needed)}, separated by commas"
        )


def unused_notes(name: str, columns: Sequence[str], used: Sequence[str], known: Sequence[str]) -> list[str]:
    """Return notes that name the columns nobody reads, each with the known one it may stand for.

    >>> unused_notes("a.csv", ["path", "folds", "mood"], used=["path"], known=["path", "fold"])
    ["a.csv: column 'folds' is not used; did you mean 'fold'?", "a.csv: column 'mood' is not used"]
    """
    free = [column for column in known if column not in used]
    unused = [column for column in columns if column and column not in used]
    hints = {column: did_you_mean(column, free) for column in unused}
    notes = [f"{name}: column {column!r} is not used{hint}" for column, hint in hints.items() if hint]
    rest = [column for column in unused if not hints[column]]
    shown = ", ".join(map(repr, rest[:N_SHOWN])) + (", ..." if len(rest) > N_SHOWN else "")
    if len(rest) == 1:
        notes.append(f"{name}: column {shown} is not used")
    elif rest:
        notes.append(f"{name}: {len(rest)} columns are not used: {shown}")
    return notes
