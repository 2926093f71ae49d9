"""What all figures share: colours, axes, legends, and how they become SVG, PDF and PNG.

Every plot takes data and an axes; nothing touches pyplot, so threads may draw.
"""

from __future__ import annotations

import io
import re
from pathlib import Path
from threading import Lock

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from elmarc._io import write_atomic
from elmarc._names import printable
from elmarc.comparison.records import Comparison
from elmarc.reports.wording import levels, percent

CREATOR = "elmarc"  # what pictures say of themselves
ENDINGS = ("png", "svg", "pdf")
INK, MUTED, RULE = "#1b1e28", "#6a7080", "#d9dce3"
BLUE, RED, PALE = "#3a6ea5", "#c8352b", "#ffffff"
LEGEND_WIDTH, LEGEND_SIZE = 1.9, 8.5  # inches of a column, points of its text
CASED = [withStroke(linewidth=3.0, foreground=PALE)]  # so that a line shows on bars without colour, too
SETTINGS = Lock()  # held while matplotlib's settings, which all threads share, differ
Floats = NDArray[np.float64]


def new_figure(*, width: float, height: float) -> Figure:
    """Return an empty figure (inches) that fits its content."""
    return Figure(figsize=(width, height), layout="constrained")


def plain(text: str) -> str:
    """Return text that matplotlib draws as it stands: a dollar sign opens no formula, all can be printed."""
    return printable(text, keep="\n").replace("$", r"\$")


def style(ax: Axes, *, xlabel: str = "", ylabel: str = "") -> None:
    """Give an axes the look of every figure here: no box, faint horizontal rules, dark text."""
    ax.patch.set_alpha(0.0)
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.spines["bottom"].set_color(MUTED)
    ax.tick_params(colors=MUTED, labelcolor=INK, length=0)
    ax.grid(axis="y", color=RULE, lw=0.8, zorder=0)
    ax.set_axisbelow(True)
    ax.set_xlabel(xlabel, color=INK)
    ax.set_ylabel(ylabel, color=INK)


def head(ax: Axes, title: str, *, gap: float = 4.0) -> None:
    """Set the legend above the axes, where no bar or mark lies, and the title above the legend.

    Parameters
    ----------
    gap : float
        Points left free above the axes, for other text.
    """
    entries = sorted(
        zip(*ax.get_legend_handles_labels(), strict=True), key=lambda e: isinstance(e[0], Line2D)
    )
    columns = max(1, int(ax.figure.bbox.width / ax.figure.dpi / LEGEND_WIDTH))
    rows = -(-len(entries) // columns)
    if entries:
        ax.legend(
            *zip(*entries, strict=True), loc="lower left", bbox_to_anchor=(0, 1), ncols=columns,
            frameon=False, fontsize=LEGEND_SIZE, labelcolor=INK, borderaxespad=gap / LEGEND_SIZE, borderpad=0,
            columnspacing=1.4, handletextpad=0.5,
        )  # fmt: skip
    if title:
        pad = gap + 1.55 * LEGEND_SIZE * rows + 3
        ax.set_title(plain(title), loc="left", fontsize=11, color=INK, pad=pad)


def level_lines(ax: Axes, comparison: Comparison) -> None:
    """Draw chance, and the largest class where it differs, as lines across an axes of accuracies in %."""
    for (name, level), dashes in zip(levels(comparison).items(), ((4, 2), (1, 1.5)), strict=False):
        ax.axhline(
            100 * level, color=INK, lw=1.1, ls=(0, dashes), zorder=2.6, path_effects=CASED,
            label=f"{name}: {percent(level)} %",
        )  # fmt: skip


def to_svg(figure: Figure) -> str:
    """Return a figure as SVG text: equal figures give equal bytes."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": CREATOR})
    return _renumbered(buffer.getvalue())


def _renumbered(svg: str) -> str:
    """Number the ids in the order they appear: matplotlib draws some of them at random."""
    names = {old: f"i{new}" for new, old in enumerate(dict.fromkeys(re.findall(r'\bid="([^"]+)"', svg)))}
    return re.sub(r'(\bid="|href="#|url\(#)([^")]+)', lambda m: m[1] + names.get(m[2], m[2]), svg)


def to_png(figure: Figure, *, dpi: int = 160) -> bytes:
    """Return a figure as PNG, on white."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, facecolor="white", metadata={"Software": CREATOR})
    return buffer.getvalue()


def to_pdf(figure: Figure) -> bytes:
    """Return a figure as PDF: equal figures give equal bytes.

    Its fonts are TrueType: publishers refuse matplotlib's default, Type 3.
    """
    buffer = io.BytesIO()
    metadata = {"Creator": CREATOR, "CreationDate": None}
    with SETTINGS, mpl.rc_context({"pdf.fonttype": 42}):
        figure.savefig(buffer, format="pdf", transparent=True, metadata=metadata)
    return buffer.getvalue()


def names(*stems: str) -> list[str]:
    """Return the names of the files that `save` writes."""
    return [f"{stem}.{ending}" for stem in stems for ending in ENDINGS]


def save(figure: Figure, stem: str | Path) -> tuple[Path, Path, Path]:
    """Write `stem.png`, `stem.svg` and `stem.pdf`, and return their paths."""
    png, svg, pdf = (Path(f"{stem}.{ending}") for ending in ENDINGS)
    write_atomic(png, to_png(figure))
    write_atomic(svg, to_svg(figure))
    write_atomic(pdf, to_pdf(figure))
    return png, svg, pdf
