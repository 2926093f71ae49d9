"""The report page: one HTML file that opens from disk, holds all it shows, and asks the network nothing.

The caller brings the clips' audio and pictures as bytes; nothing here reads a file but the page's own assets.
Every name that a file or a label could carry is escaped; a content security policy forbids the rest.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from html import escape
from importlib.resources import files
from string import Template

from elmarc._errors import ConfigError
from elmarc.comparison.compare import comparisons
from elmarc.reports import page_parts as parts
from elmarc.reports.page_data import ClipMedia, embed, island, page_data
from elmarc.results import Result

MEGABYTE = 1_000_000


def build_page(
    results: Sequence[Result], *, media: Mapping[str, Mapping[str, ClipMedia]] | None = None,
    title: str = "Which architecture is better?",
    max_audio_mb: float = 20.0, max_picture_mb: float = 10.0,
) -> str:  # fmt: skip
    """Return the page as HTML text; equal arguments give equal text.

    Parameters
    ----------
    media : data set -> clip id -> what to hear and see of a clip; clips may be missing
    max_audio_mb, max_picture_mb : how much to embed, the clips most often mistaken first; others become links

    Raises
    ------
    ConfigError
        There is no result, or the results contradict each other.
    """
    if not results:
        raise ConfigError("no result to report: run a study first")
    compared = comparisons(results)
    data = page_data(results, compared)
    embedded = embed(
        data, results, media or {}, max_audio=max_audio_mb * MEGABYTE, max_picture=max_picture_mb * MEGABYTE
    )
    script, css = _asset("page.js"), _asset("page.css")
    return Template(_asset("page.html")).substitute(
        title=escape(title),
        policy=_policy(script, css),
        css=css,
        script=script,
        navigation=parts.navigation(compared),
        sections="\n".join(parts.section(k, each) for k, each in enumerate(compared)),
        across=parts.across(compared),
        media_note=escape(embedded.note),
        footer=parts.footer(results),
        data=island(data),
        media=island(embedded.clips),
    )


def _asset(name: str) -> str:
    return files("elmarc.reports").joinpath("assets", name).read_text(encoding="utf-8")


def _policy(script: str, css: str) -> str:
    """Return a policy that runs this script and this style sheet alone and loads nothing from anywhere."""
    allowed = {"script": _hash(script), "style": _hash(css)}
    return (
        f"default-src 'none'; script-src {allowed['script']}; style-src {allowed['style']}; "
        "img-src data:; media-src data:; base-uri 'none'; form-action 'none'"
    )


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
