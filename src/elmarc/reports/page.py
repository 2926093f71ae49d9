"""The report page: one HTML file that opens from disk, holds all it shows, and asks the network nothing.

The caller brings the clips' audio and pictures as bytes; nothing here reads a file but the page's own
templates and assets. Templates escape every value; a content security policy forbids the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache

from jinja2 import Environment
from markupsafe import Markup

from elmarc.comparison.answer import p_value
from elmarc.comparison.compare import comparisons
from elmarc.comparison.records import Comparison
from elmarc.errors import ConfigError
from elmarc.reports import page_figures, page_view, wording
from elmarc.reports.citation import bibtex
from elmarc.reports.page_data import ClipMedia, embed, island, page_data
from elmarc.reports.page_frame import STYLES, assets, environment, policy
from elmarc.reports.page_made import Made
from elmarc.reports.page_private import without_folders
from elmarc.results import Result

MEGABYTE = 1_000_000
SCRIPTS = (
    "base.js", "theme.js", "costs.js", "scroll.js", "tables.js", "copy.js", "clips.js", "confusion.js",
    "versus.js", "start.js",
)  # fmt: skip


def build_page(
    results: Sequence[Result], *, compared: Sequence[Comparison] | None = None,
    media: Mapping[str, Mapping[str, ClipMedia]] | None = None,
    title: str = "Which architecture is better?", max_media_mb: float = 20.0,
) -> str:  # fmt: skip
    """Return the page as HTML text; equal arguments give equal text.

    Parameters
    ----------
    results : sequence of Result
    compared : sequence of Comparison or None
        What `comparisons(results)` gave, where it was computed already.
    media : mapping
        Data set -> clip id -> what to hear and see of a clip; clips may be missing.
    title : str
    max_media_mb : float
        How much audio and pictures to embed, the clips most often mistaken first; others become links.

    Raises
    ------
    ConfigError
        There is no result, or the results contradict each other.
    """
    if not results:
        raise ConfigError("no result to report: run a study first")
    compared = comparisons(results) if compared is None else compared
    compared = [without_folders(each, results) for each in compared]
    sections = page_view.sections(results, compared)
    data = page_data(results, sections)
    embedded = embed(data, results, media or {}, max_bytes=max_media_mb * MEGABYTE)
    script, style = assets(SCRIPTS), assets(STYLES)
    made = Made(results)
    return _environment().get_template("page.html.j2").render(
        title=title,
        policy=policy(script, style),
        style=style,
        script=script,
        sections=sections,
        across=page_figures.across(compared),
        media_note=embedded.note,
        made=made,
        bibtex=bibtex(made.elmarc_version) if made.elmarc_version else bibtex(),
        data=Markup(island(data)),
        media=Markup(island(embedded.clips)),
    )  # fmt: skip


@cache
def _environment() -> Environment:
    made = environment()
    made.filters |= {
        "accuracy": wording.percent, "points": page_view.points, "p_value": p_value,
        "shade": page_view.shade, "span": page_view.span,
    }  # fmt: skip
    made.globals |= {"study_figure": page_figures.study, "cost_figures": page_figures.costs}
    return made
