"""The columns `start` and `end` of a table: segments of files, in seconds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from pathlib import Path

from elmarc.audio.decode import header, segment_samples
from elmarc.datasets.base import Clip
from elmarc.datasets.rows import Row
from elmarc.errors import AudioError, DatasetError

Times = tuple[float | None, float | None]


def read_times(row: Row, *, where: str) -> Times:
    """Return start and end of a row, None where the cell is empty or the column absent.

    Parameters
    ----------
    row : dict
        Cells by column.
    where : str
        What a message begins with: file and line.

    Raises
    ------
    DatasetError
        A cell is no number, or the segment begins before the file or ends before it begins.
    """
    start, end = (_seconds(name, row.get(name, ""), where) for name in ("start", "end"))
    if end is not None and end <= (start or 0.0):
        raise DatasetError(f"{where}: end {end:g} does not come after start {start or 0:g}: correct them")
    return (start or None), end


def check_times(places: Mapping[Clip, str]) -> None:
    """Refuse segments that their files do not hold; the header of such a file is read once.

    Files that are absent or cannot be read are left to whoever reads the clips.

    Parameters
    ----------
    places : mapping of Clip to str
        The clips, and where each stands: table and line.

    Raises
    ------
    DatasetError
        A segment ends beyond its file by more than 10 ms, or is shorter than a sample.
    """
    headers: dict[Path, tuple[int, int] | None] = {}
    for clip, where in places.items():
        if clip.start is None and clip.end is None:
            continue
        if clip.path not in headers:
            headers[clip.path] = _header(clip.path)
        known = headers[clip.path]
        if known is None:
            continue
        try:
            segment_samples(*known, clip.start, clip.end, name=clip.path)
        except AudioError as problem:
            raise DatasetError(f"{where}: {problem}") from problem


def segment_notes(clips: Sequence[Clip], *, where: str) -> list[str]:
    """Return a note where several segments of a file may come to train and test: they have no group."""
    n_files = len({clip.path for clip in clips})
    if n_files == len(clips) or any(clip.group for clip in clips):
        return []
    files = "1 file" if n_files == 1 else f"{n_files} files"
    return [
        f"{where}: {len(clips)} clips come from {files}, and those of one file may train and test: "
        "a column `group` that names the file keeps them together"
    ]


def _seconds(name: str, cell: str, where: str) -> float | None:
    if not cell:
        return None
    try:
        seconds = float(cell)
    except ValueError:
        seconds = float("nan")
    if not isfinite(seconds):
        raise DatasetError(f"{where}: {name} {cell!r} is not a number: expected seconds, as in 1.5")
    if seconds < 0:
        raise DatasetError(f"{where}: {name} {cell} is negative: expected seconds from the file's beginning")
    return seconds


def _header(path: Path) -> tuple[int, int] | None:
    try:
        return header(path)
    except AudioError:
        return None
