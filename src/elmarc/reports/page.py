"""The report page: one self-contained HTML file that opens from disk and loads nothing.

Audio and pictures of clips come as bytes; only the page's own templates and assets are read here. Templates
escape every value, and a content security policy forbids everything else.
"""

from __future__ import annotations

import base64
import hashlib
import re
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
from elmarc.comparison.ranks import rank_across
from elmarc.comparison.records import Comparison
from elmarc.errors import ConfigError
from elmarc.reports import cost_figure, figures, page_view, wording
from elmarc.reports.media import ClipMedia, embed
from elmarc.reports.published import bibtex
from elmarc.results import Result

MEGABYTE = 1_000_000
SCRIPTS = (
    "base.js", "theme.js", "costs.js", "scroll.js", "tables.js", "copy.js", "clips.js", "confusion.js",
    "versus.js", "start.js",
)  # fmt: skip
STYLES = ("base.css", "tables.css", "clips.css")
THEMED = {
    figures.INK: "currentColor",
    figures.MUTED: "var(--muted)",
    figures.RULE: "var(--rule)",
    figures.BLUE: "var(--blue)",
    figures.RED: "var(--red)",
    figures.PALE: "var(--surface)",
}


def build_page(
    results: Sequence[Result],
    *,
    compared: Sequence[Comparison] | None = None,
    media: Mapping[str, Mapping[str, ClipMedia]] | None = None,
    title: str = "Which architecture is better?",
    max_media_mb: float = 20.0,
) -> str:
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
    compared = [page_view.without_folders(each, results) for each in compared]
    sections = page_view.sections(results, compared)
    data = page_view.page_data(results, sections)
    clips = {dataset["name"]: dataset["clips"] for dataset in data["datasets"]}
    embedded, note = embed(results, clips, media or {}, max_bytes=max_media_mb * MEGABYTE)
    script, style = _assets(SCRIPTS), _assets(STYLES)
    made = page_view.Made(results)
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(style)}; "
        "img-src data:; media-src data:; base-uri 'none'; form-action 'none'"
    )
    return _environment().get_template("page.html.j2").render(
        title=title,
        policy=Markup(policy),
        style=style,
        script=script,
        sections=sections,
        across=_across(compared),
        media_note=note,
        made=made,
        bibtex=bibtex(made.elmarc_version) if made.elmarc_version else bibtex(),
        data=Markup(page_view.island(data)),
        media=Markup(page_view.island(embedded)),
    )  # fmt: skip


@cache
def _environment() -> Environment:
    """Return templates that escape every value, and fail at a missing one."""
    environment = Environment(
        loader=PackageLoader("elmarc.reports"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "accuracy": wording.percent,
        "points": page_view.points,
        "p_value": p_value,
        "shade": page_view.shade,
        "span": page_view.span,
    }
    environment.globals |= {"study_figure": _study, "cost_figures": _costs}
    return environment


def _assets(names: Sequence[str]) -> Markup:
    """Return files of the folder `assets`, concatenated."""
    folder = files("elmarc.reports").joinpath("assets")
    return Markup("".join(folder.joinpath(name).read_text(encoding="utf-8") for name in names))


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@dataclass(frozen=True)
class Drawn:
    """A figure: `key` names it among its siblings, `name` is for readers."""

    key: str
    name: str
    svg: Markup
    caption: str


def _drawn(key: str, name: str, figure: Figure, prefix: str, caption: str) -> Drawn:
    return Drawn(key, name, Markup(_inline_svg(figure, f"{prefix}-", caption)), caption)


def _study(comparison: Comparison, prefix: str) -> Drawn:
    """Return accuracy by network, next to the published one where there is any."""
    name = "The study’s figure" if figures.has_published_bars(comparison) else "Accuracy by network"  # noqa: RUF001
    figure = figures.study_figure(comparison)
    return _drawn("study", name, figure, f"{prefix}-study", figures.study_caption(comparison))


def _costs(comparison: Comparison, prefix: str) -> list[Drawn]:
    """Return accuracy against each cost that at least two systems have."""
    return [
        _drawn(
            key,
            name,
            cost_figure.cost_figure(comparison, key),
            f"{prefix}-{key}",
            cost_figure.cost_caption(comparison, key),
        )
        for key, name in cost_figure.COSTS.items()
        if len(cost_figure.with_cost(comparison, key)) > 1
    ]


def _across(compared: Sequence[Comparison]) -> list[Drawn]:
    """Return the critical-difference diagram of each protocol that covers several data sets."""
    drawn = []
    for protocol in dict.fromkeys(each.protocol for each in compared):
        ranking = rank_across([each for each in compared if each.protocol == protocol])
        if ranking is None:
            continue
        caption = (
            f"Average rank of the {len(ranking.systems)} systems that the {ranking.n_datasets} data sets "
            "share, 1 being best."
        )
        if ranking.cliques:
            caption += " A bar joins those that Nemenyi’s test cannot separate (Demšar 2006)."  # noqa: RUF001
        drawn.append(_drawn(protocol, protocol, figures.rank_figure(ranking), f"cd-{protocol}", caption))
    return drawn


def _inline_svg(figure: Figure, prefix: str, label: str) -> str:
    """Return a figure as SVG with the page's colours, without inline styles.

    `prefix` begins all ids, so that they are unique on the page; `label` is for screen readers.
    """
    svg = figures.to_svg(figure)
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->|<\?.*?\?>", "", svg, flags=re.S)
    svg = re.sub(r' xmlns(:\w+)?="[^"]*"', "", svg).replace("xlink:href", "href")
    svg = re.sub(r'\bid="|href="#|url\(#', lambda m: m[0] + prefix, svg)
    svg = re.sub(r' style="([^"]*)"', lambda m: _attributes(m[1]), svg)
    for colour, themed in THEMED.items():
        svg = svg.replace(colour, themed)
    root = f'<svg role="img" aria-label="{escape(label)}" stroke-linejoin="round" fill="currentColor"'
    return svg.replace("<svg", root, 1)


def _attributes(style: str) -> str:
    """Turn a style into presentation attributes.

    >>> _attributes("fill: none; stroke-width: 0.8")
    ' fill="none" stroke-width="0.8"'
    """
    pairs = (item.split(":", 1) for item in style.split(";") if ":" in item)
    return "".join(f' {name.strip()}="{value.strip()}"' for name, value in pairs)
