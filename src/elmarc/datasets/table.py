"""A CSV file with a header: `path,label`, and if need be `fold` or `split`, `group`, and `start,end`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePath

from elmarc._errors import DatasetError
from elmarc.datasets.base import (
    PARTS,
    Clip,
    Dataset,
    OnMissing,
    SplitKind,
    classes_of,
    folds_for,
    present,
    segment_text,
)
from elmarc.datasets.files import existing_folder
from elmarc.datasets.groups import torn_notes
from elmarc.datasets.labels import check_no_numbers, check_one_label, combined_notes
from elmarc.datasets.rows import Row, read_rows, unused_notes
from elmarc.datasets.segments import check_times, read_times, segment_notes


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
        validation, test), `group` (clips that must not be torn apart), `start` and `end` (seconds: the clip
        is that segment of the file). A note names the columns that are not used.
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
    table = Path(table).expanduser()
    folder = existing_folder(audio_dir, name=table.name) if audio_dir else table.parent
    rows = list(read_rows(table, needed=("path", "label", *([fold_column] if fold_column else []))))
    kind, column = _split(table, rows[0][1], fold_column)
    clips = [_clip(table, line, row, folder, kind, column) for line, row in rows]
    check_no_numbers([clip.label for clip in clips], where=str(table))
    found, notes = present(clips, source=str(table), on_missing=on_missing)
    check_times({clip: line for clip, (line, _) in zip(clips, rows, strict=True)}, table=table)
    return Dataset(
        name=table.stem,
        clips=found,
        classes=classes_of(found),
        split_kind=kind,
        n_folds=folds_for(found),
        notes=(*_notes(table, rows[0][1], column, found), *notes),
        n_expected=len(clips),
        audio_dir=folder if audio_dir else None,
    )


def _split(table: Path, row: Row, fold_column: str | None) -> tuple[SplitKind, str]:
    """Return the kind of split and the column that holds it."""
    if fold_column:
        return "folds", fold_column.strip().lower()
    named = [column for column in ("fold", "split") if column in row]
    if len(named) == 2:
        raise DatasetError(
            f"{table}: has both columns, fold and split: rename one of them, or give fold_column"
        )
    if not named:
        return "none", ""
    return ("folds" if named == ["fold"] else "lists"), named[0]


def _notes(table: Path, row: Row, column: str, clips: Sequence[Clip]) -> list[str]:
    """Return what a reader of the scores should know of the table."""
    used = ["path", "label", "group", "start", "end", *([column] if column else [])]
    known = [*used, *(() if column else ("fold", "split"))]
    unused = unused_notes(table.name, list(row), [name for name in used if name in row], known)
    combined = combined_notes((clip.label for clip in clips), where=table.name)
    if column:
        pairs = [clip.group for clip in clips], [clip.fold for clip in clips]
        return [*unused, *combined, *torn_notes(*pairs, where=table.name)]
    return [*unused, *combined, *segment_notes(clips, where=table.name)]


def _clip(table: Path, line: int, row: Row, folder: Path, kind: SplitKind, column: str) -> Clip:
    where = f"{table}, line {line}"
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
        fold=_part(table, line, row[column]) if kind == "lists" else row[column] if column else None,
        group=row.get("group") or None,
        start=start,
        end=end,
    )


def _part(table: Path, line: int, text: str) -> str:
    if text.lower() not in PARTS:
        raise DatasetError(
            f"{table}, line {line}: split {text!r} is unknown: expected train, validation or test"
        )
    return PARTS[text.lower()]
