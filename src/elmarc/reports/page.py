"""The report page: one self-contained HTML file that opens from disk and loads nothing.

Audio and pictures of clips come as bytes; only the page's own templates and assets are read here. Templates
escape every value, and a content security policy forbids everything else.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from matplotlib.figure import Figure

from elmarc.comparison.answer import p_value
from elmarc.comparison.compare import comparisons
from elmarc.comparison.ranks import AverageRanks, rank_across
from elmarc.comparison.records import Comparison
from elmarc.errors import ConfigError
from elmarc.reports import cost_figure, figures, page_view, wording
from elmarc.reports.page_data import ClipMedia, embed, island, page_data
from elmarc.reports.page_private import without_folders
from elmarc.reports.page_view import Made
from elmarc.reports.published import bibtex
from elmarc.results import Result

MEGABYTE = 1_000_000
SCRIPTS = (
    "base.js", "theme.js", "costs.js", "scroll.js", "tables.js", "copy.js", "clips.js", "confusion.js",
    "versus.js", "start.js",
)  # fmt: skip
STYLES = ("base.css", "tables.css", "clips.css")
THEMED = {
    figures.INK: "currentColor", figures.MUTED: "var(--muted)", figures.RULE: "var(--rule)",
    figures.BLUE: "var(--blue)", figures.RED: "var(--red)", figures.PALE: "var(--surface)",
}  # fmt: skip


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
        `comparisons(results)`, where they were computed already.
    media : mapping
        Data set -> clip id -> audio and picture of a clip; clips may be missing.
    title : str
    max_media_mb : float
        Megabytes of audio and pictures to embed, clips most often mistaken first; others become links.

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
        across=across(compared),
        media_note=embedded.note,
        made=made,
        bibtex=bibtex(made.elmarc_version) if made.elmarc_version else bibtex(),
        data=Markup(island(data)),
        media=Markup(island(embedded.clips)),
    )  # fmt: skip


@cache
def _environment() -> Environment:
    """Return templates that escape every value, and fail at a missing one."""
    environment = Environment(
        loader=PackageLoader("elmarc.reports"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {
        "accuracy": wording.percent, "points": page_view.points, "p_value": p_value,
        "shade": page_view.shade, "span": page_view.span,
    }  # fmt: skip
    environment.globals |= {"study_figure": study, "cost_figures": costs}
    return environment


def assets(names: Sequence[str]) -> Markup:
    """Return files of the folder `assets`, concatenated."""
    folder = files("elmarc.reports").joinpath("assets")
    return Markup("".join(folder.joinpath(name).read_text(encoding="utf-8") for name in names))


def policy(script: str, style: str) -> Markup:
    """Return a policy that runs only this script and this style sheet, and loads nothing."""
    return Markup(
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "img-src data:; media-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def study(comparison: Comparison, prefix: str) -> Drawn:
    """Return accuracy by network, next to the published one where there is any."""
    name = "The study’s figure" if figures.has_published_bars(comparison) else "Accuracy by network"  # noqa: RUF001
    caption = figures.study_caption(comparison)
    return drawn("study", name, figures.study_figure(comparison), f"{prefix}-study-", caption)


def costs(comparison: Comparison, prefix: str) -> list[Drawn]:
    """Return accuracy against each cost that at least two systems have."""
    known = [key for key in cost_figure.COSTS if len(cost_figure.with_cost(comparison, key)) > 1]
    return [_cost(comparison, key, prefix) for key in known]


def _cost(comparison: Comparison, key: str, prefix: str) -> Drawn:
    caption = cost_figure.cost_caption(comparison, key)
    figure = cost_figure.cost_figure(comparison, key)
    return drawn(key, cost_figure.COSTS[key], figure, f"{prefix}-{key}-", caption)


def across(compared: Sequence[Comparison]) -> list[Drawn]:
    """Return the critical-difference diagram of each protocol that covers several data sets."""
    protocols: dict[str, list[Comparison]] = defaultdict(list)
    for each in compared:
        protocols[each.protocol].append(each)
    rankings = {name: rank_across(several) for name, several in protocols.items()}
    return [_ranks(name, ranking) for name, ranking in rankings.items() if ranking is not None]


def _ranks(protocol: str, ranking: AverageRanks) -> Drawn:
    words = (
        f"Average rank of the {len(ranking.systems)} systems that the {ranking.n_datasets} data sets share, "
        "1 being best."
    )
    if ranking.cliques:
        words += " A bar joins those that Nemenyi’s test cannot separate (Demšar 2006)."  # noqa: RUF001
    return drawn(protocol, protocol, figures.rank_figure(ranking), f"cd-{protocol}-", words)


@dataclass(frozen=True)
class Drawn:
    """A figure: `key` names it among its siblings, `name` is for readers."""

    key: str
    name: str
    svg: Markup
    caption: str


def drawn(key: str, name: str, figure: Figure, prefix: str, caption: str) -> Drawn:
    """Return a figure as the page shows it; `prefix` begins the ids within it."""
    return Drawn(key, name, Markup(inline_svg(figure, prefix, caption)), caption)


def inline_svg(figure: Figure, prefix: str, words: str) -> str:
    """Return a figure as SVG with unique ids, the page's colours, and without inline styles.

    Parameters
    ----------
    prefix : str
        Of every id, so that they are unique on the page.
    words : str
        Text for screen readers.
    """
    svg = figures.to_svg(figure)
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->|<\?.*?\?>", "", svg, flags=re.S)
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg).replace("xlink:href", "href")
    svg = re.sub(r'\bid="|href="#|url\(#', lambda m: m[0] + prefix, svg)
    svg = re.sub(r' style="([^"]*)"', lambda m: _attributes(m[1]), svg)
    for colour, themed in THEMED.items():
        svg = svg.replace(colour, themed)
    root = f'<svg role="img" aria-label="{escape(words)}" stroke-linejoin="round" fill="currentColor"'
    return svg.replace("<svg", root, 1)


def _attributes(style: str) -> str:
    """Turn a style into presentation attributes.

    >>> _attributes("fill: none; stroke-width: 0.8")
    ' fill="none" stroke-width="0.8"'
    """
    pairs = (item.split(":", 1) for item in style.split(";") if ":" in item)
    return "".join(f' {name.strip()}="{value.strip()}"' for name, value in pairs)
