"""A matplotlib figure as SVG for the page: ids of its own, the page's colours, no inline styles."""

from __future__ import annotations

import re
from html import escape

from matplotlib.figure import Figure

from elmarc.reports import plots

THEMED = {
    plots.INK: "currentColor", plots.MUTED: "var(--muted)", plots.RULE: "var(--rule)",
    plots.BLUE: "var(--blue)", plots.RED: "var(--red)", plots.PALE: "var(--surface)",
}  # fmt: skip


def inline_svg(figure: Figure, prefix: str, words: str) -> str:
    """Return a figure with ids of its own, the page's colours, and no style that the policy would refuse.

    Parameters
    ----------
    prefix : str
        Begins every id, so that two figures of a page share none.
    words : str
        What a screen reader says in place of the figure.
    """
    svg = plots.to_svg(figure)
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
