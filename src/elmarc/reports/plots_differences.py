"""Paired differences between the systems of each classifier, as shaded tables."""

from __future__ import annotations

import textwrap

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from elmarc._errors import ConfigError
from elmarc.comparison.records import Comparison, Contrast, Family
from elmarc.reports.plots import BLUE, INK, MUTED, new_figure, plain

CELL, SMALL_CELL = 0.58, 0.42  # inches
CHARACTERS = 13  # an inch, of the words below a matrix
WITH_INTERVALS = 12  # systems; with more, the cells hold the difference alone


def pair_families(comparison: Comparison) -> list[Family]:
    """Return the families of all pairs: one a classifier that has several systems."""
    return [family for family in comparison.families if family.kind == "pairs" and family.contrasts]


def difference_figure(comparison: Comparison) -> Figure:
    """Return a matrix of paired differences for each classifier, sized to its systems.

    Raises
    ------
    ConfigError
        No classifier has two systems; `pair_families` says so beforehand.
    """
    families = pair_families(comparison)
    if not families:
        raise ConfigError("paired differences need two systems of one classifier: found none")
    sizes = [len(family.members) for family in families]
    cell = CELL if max(sizes) <= WITH_INTERVALS else SMALL_CELL
    figure = new_figure(width=3.2 + cell * max(sizes), height=sum(1.9 + cell * n for n in sizes))
    axes = figure.subplots(len(families), squeeze=False, height_ratios=[3 + n for n in sizes])
    for ax, family in zip(axes[:, 0], families, strict=True):
        difference_matrix(ax, comparison, family)
    return figure


def difference_matrix(ax: Axes, comparison: Comparison, family: Family) -> None:
    """Draw how many points the row is better than the column; shaded and bold where the test says so.

    Parameters
    ----------
    family : Family
        All pairs of its members; the interval stands below each difference where there is room.
    """
    n = len(family.members)
    place = {member: k for k, member in enumerate(family.members)}
    strongest = max(*(abs(contrast.difference) for contrast in family.contrasts), 1e-9)
    for contrast in family.contrasts:
        row, column = place[contrast.a], n - place[contrast.b]  # worst first: cells begin beside the name
        _cell(ax, contrast, column, row, strongest, interval=n <= WITH_INTERVALS)
    names = [plain(comparison.scores[member].name) for member in family.members]
    ax.set_xticks(range(1, n), names[:0:-1], rotation=45, ha="left", fontsize=8)
    ax.set_yticks(range(n - 1), names[:-1], fontsize=8)
    ax.set(xlim=(0.5, n - 0.5), ylim=(n - 1.5, -0.5), aspect="equal")
    ax.xaxis.tick_top()
    ax.tick_params(length=0, labelcolor=INK)
    ax.spines[:].set_visible(False)
    ax.patch.set_alpha(0.0)
    interval = f", {100 * comparison.confidence:.0f} % interval" if n <= WITH_INTERVALS else ""
    words = (
        f"{family.classifier.upper()}: accuracy of row minus column, in points{interval}. "
        f"Shaded: they differ ({family.method})."
    )
    width = int(CHARACTERS * ax.figure.bbox.width / ax.figure.dpi)
    ax.set_xlabel(textwrap.fill(plain(words), width), fontsize=8, color=MUTED)


def _cell(ax: Axes, contrast: Contrast, x: int, y: int, strongest: float, *, interval: bool) -> None:
    shade = 0.12 + 0.48 * abs(contrast.difference) / strongest if contrast.differs else 0.0
    ax.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=BLUE, alpha=shade, edgecolor="none"))
    ink = INK if contrast.differs else MUTED
    weight = "bold" if contrast.differs else "normal"
    up = 0.12 if interval else 0.0
    ax.text(
        x, y - up, f"{100 * contrast.difference:+.1f}", ha="center", va="center", fontsize=8, color=ink,
        fontweight=weight,
    )  # fmt: skip
    if interval and contrast.low is not None and contrast.high is not None:
        ends = f"{100 * contrast.low:.1f} to {100 * contrast.high:.1f}"
        ax.text(x, y + 0.24, ends, ha="center", va="center", fontsize=5.2, color=ink)
