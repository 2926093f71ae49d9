"""Paired differences between the systems of each classifier with the intervals tested, as shaded tables."""

from __future__ import annotations

import textwrap
from itertools import combinations

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from elmarc.comparison.records import Comparison, Contrast
from elmarc.errors import ConfigError
from elmarc.reports.plots import BLUE, INK, MUTED, new_figure, plain
from elmarc.reports.wording import points, span

CELL, SMALL_CELL = 0.58, 0.42  # inches
CHARACTERS = 13  # an inch, of the words below a matrix
WITH_INTERVALS = 12  # systems; with more, the cells hold the difference alone


def with_pairs(comparison: Comparison) -> list[str]:
    """Return the classifiers that have several systems."""
    return [name for name in comparison.classifiers if len(comparison.members(name)) > 1]


def difference_figure(comparison: Comparison) -> Figure:
    """Return a matrix of paired differences for each classifier, sized to its systems.

    Raises
    ------
    ConfigError
        No classifier has two systems; `with_pairs` says so beforehand.
    """
    classifiers = with_pairs(comparison)
    if not classifiers:
        raise ConfigError("paired differences need two systems of one classifier: found none")
    sizes = [len(comparison.members(name)) for name in classifiers]
    cell = CELL if max(sizes) <= WITH_INTERVALS else SMALL_CELL
    figure = new_figure(width=3.2 + cell * max(sizes), height=sum(1.9 + cell * n for n in sizes))
    axes = figure.subplots(len(classifiers), squeeze=False, height_ratios=[3 + n for n in sizes])
    for ax, name in zip(axes[:, 0], classifiers, strict=True):
        difference_matrix(ax, comparison, name)
    return figure


def difference_matrix(ax: Axes, comparison: Comparison, classifier: str) -> None:
    """Draw how many points the row is better than the column; shaded and bold where that is significant.

    Parameters
    ----------
    classifier : str
        Whose systems; the interval stands below each difference where there is room.
    """
    members = comparison.members(classifier)
    n = len(members)
    pairs = {(a, b): comparison.contrast(members[a], members[b]) for a, b in combinations(range(n), 2)}
    contrasts = {at: contrast for at, contrast in pairs.items() if contrast}
    strongest = max(*(abs(contrast.difference) for contrast in contrasts.values()), 1e-9)
    for (row, place), contrast in contrasts.items():  # worst first: cells begin beside the name
        _cell(ax, contrast, n - place, row, strongest, interval=n <= WITH_INTERVALS)
    names = [plain(comparison.scores[member].name) for member in members]
    ax.set_xticks(range(1, n), names[:0:-1], rotation=45, ha="left", fontsize=8)
    ax.set_yticks(range(n - 1), names[:-1], fontsize=8)
    ax.set(xlim=(0.5, n - 0.5), ylim=(n - 1.5, -0.5), aspect="equal")
    ax.xaxis.tick_top()
    ax.tick_params(length=0, labelcolor=INK)
    ax.spines[:].set_visible(False)
    ax.patch.set_alpha(0.0)
    tested = [contrast for contrast in contrasts.values() if contrast.low is not None]
    interval = f", {100 * comparison.confidence:.0f} % interval" if tested and n <= WITH_INTERVALS else ""
    shaded = (
        f"Shaded: significant ({comparison.method(classifier)})."
        if tested
        else "Not tested: see the ranking."
    )
    words = f"{classifier.upper()}: accuracy of row minus column, in points{interval}. {shaded}"
    width = int(CHARACTERS * ax.figure.bbox.width / ax.figure.dpi)
    ax.set_xlabel(textwrap.fill(plain(words), width), fontsize=8, color=MUTED)


def _cell(ax: Axes, contrast: Contrast, x: int, y: int, strongest: float, *, interval: bool) -> None:
    shade = 0.12 + 0.48 * abs(contrast.difference) / strongest if contrast.differs else 0.0
    ax.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=BLUE, alpha=shade, edgecolor="none"))
    ink = INK if contrast.differs else MUTED
    weight = "bold" if contrast.differs else "normal"
    ends = span(contrast) if interval else ""
    up = 0.12 if ends else 0.0
    ax.text(
        x, y - up, points(contrast.difference), ha="center", va="center", fontsize=8, color=ink,
        fontweight=weight,
    )  # fmt: skip
    if ends:
        ax.text(x, y + 0.24, ends, ha="center", va="center", fontsize=5.2, color=ink)
