"""The page of a run: what `elmarc report` does, and `elmarc reproduce` at its end."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.markup import escape

from elmarc._atomic import write_atomic
from elmarc._errors import ElmarcError
from elmarc.cli import console
from elmarc.cli.folders import check_file
from elmarc.comparison.compare import comparisons
from elmarc.comparison.records import Comparison
from elmarc.experiments import studies
from elmarc.experiments.media import media_for
from elmarc.experiments.summary import (
    read_failures,
    read_results,
    still_failed,
    tell_apart,
    without_results,
)
from elmarc.reports.page import build_page
from elmarc.results import Result


def report(folders: Sequence[Path], output: Path, *, embed_mb: float, quiet: bool) -> None:
    """Write the page of folders of results."""
    check_file(output, option="--output")
    read = [read_results(folder) for folder in folders]
    results, more = tell_apart([result for found, _ in read for result in found])
    failed = still_failed([failure for folder in folders for failure in read_failures(folder)], results)
    compared = comparisons(results, failed=failed)
    for note in [*(note for _, notes in read for note in notes), *more, *without_results(failed, compared)]:
        console.note(note)
    write_page(results, compared, output, embed_mb=embed_mb)
    if not quiet:
        console.out.print(f"{escape(str(output.resolve()))}", highlight=False, soft_wrap=True)


def write_page(
    results: Sequence[Result], compared: Sequence[Comparison], output: Path, *, embed_mb: float
) -> None:
    """Write the page of results; a data set whose clips cannot be opened gets no players."""
    media = {}
    for name in dict.fromkeys(result.dataset for result in results):
        of_set = [result for result in results if result.dataset == name]
        try:
            clips = studies.open_source(of_set[0]).clips
            media[name] = media_for(of_set, clips, page_folder=output.parent)
        except ElmarcError as problem:
            console.note(f"{problem}: {name} gets no players")
    write_atomic(output, build_page(results, compared=compared, media=media, max_media_mb=embed_mb))
