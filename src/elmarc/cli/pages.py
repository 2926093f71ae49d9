"""The page of a run: what `elmarc report` does, and `elmarc reproduce` at its end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape

from elmarc._io import write_atomic
from elmarc.cli import console
from elmarc.cli.folders import PAGE, check_not_read, check_output
from elmarc.comparison.compare import comparisons
from elmarc.comparison.records import Comparison
from elmarc.errors import ElmarcError
from elmarc.reports.media import media_for
from elmarc.reports.page import build_page
from elmarc.results import Result, collect
from elmarc.study import build
from elmarc.study.summary import (
    comparable,
    read_failures,
    still_failed,
    without_results,
)


def report(folders: Sequence[Path], output: Path, *, embed_mb: float, force: bool, quiet: bool) -> None:
    """Write the page of folders of results."""
    files = (file for folder in folders for file in folder.rglob("result.json"))
    check_output(output, PAGE, option="--output", force=force, read=files)
    notes: list[str] = []
    results, more = comparable([result for folder in folders for result in collect(folder, notes=notes)])
    failed = still_failed([failure for folder in folders for failure in read_failures(folder)], results)
    compared = comparisons(results, failed=failed)
    for note in [*notes, *more, *without_results(failed, compared)]:
        console.note(note)
    write_page(results, compared, output, embed_mb=embed_mb)
    if not quiet:
        console.out.print(f"{escape(str(output.resolve()))}", highlight=False, soft_wrap=True)


def write_page(
    results: Sequence[Result], compared: Sequence[Comparison], output: Path, *, embed_mb: float
) -> None:
    """Write the page of results; a data set whose clips cannot be opened gets no players."""
    media, read = {}, list[Path]()
    for name in dict.fromkeys(result.dataset for result in results):
        of_set = [result for result in results if result.dataset == name]
        try:
            clips = build.open_source(of_set[0]).clips
            read += [*map(Path, map(str, of_set[0].source.values())), *(clip.path for clip in clips)]
            media[name] = media_for(of_set, clips, page_folder=output.parent)
        except ElmarcError as problem:
            console.note(f"{problem}: {name} gets no players")
    check_not_read(output, read, option="--output")
    write_atomic(output, build_page(results, compared=compared, media=media, max_media_mb=embed_mb))
