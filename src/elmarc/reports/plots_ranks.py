"""Ranks over several data sets as a critical-difference diagram (Demšar 2006)."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from elmarc.comparison.ranks import AverageRanks
from elmarc.reports.plots import BLUE, INK, MUTED, new_figure, plain


def rank_figure(ranking: AverageRanks) -> Figure:
    """Return the critical-difference diagram as a figure sized to its systems."""
    rows = (len(ranking.systems) + 1) // 2
    figure = new_figure(width=8.0, height=1.5 + 0.24 * (rows + len(ranking.cliques)))
    critical_difference_diagram(figure.subplots(), ranking)
    return figure


def critical_difference_diagram(ax: Axes, ranking: AverageRanks) -> None:
    """Draw average ranks on a line, best on the left; bars join those that Nemenyi's test cannot separate."""
    order = np.argsort(ranking.ranks, kind="stable")
    ranks = np.asarray(ranking.ranks)[order]
    names = [plain(ranking.systems[k]) for k in order]
    n, half = len(names), (len(names) + 1) // 2
    top = 0.45 * len(ranking.cliques) + 0.6
    for place, (rank, name) in enumerate(zip(ranks, names, strict=True)):
        left = place < half
        row = top + (place if left else n - 1 - place)
        edge = 0.8 if left else n + 0.2
        ax.plot([rank, rank, edge], [0, row, row], color=MUTED, lw=0.9, clip_on=False)
        text = f"{name}  {rank:.2f}" if left else f"{rank:.2f}  {name}"
        ax.text(edge + (-0.05 if left else 0.05), row, text, ha="right" if left else "left", va="center",
                fontsize=9, color=INK)  # fmt: skip
    for level, (first, last) in enumerate(ranking.cliques):
        ax.plot([ranks[first] - 0.04, ranks[last] + 0.04], [0.45 * (level + 1)] * 2, color=BLUE, lw=4,
                solid_capstyle="round", zorder=3)  # fmt: skip
    _rank_axis(ax, n, ranking.critical_difference)
    ax.set(xlim=(0.8, n + 0.2), ylim=(top + half - 0.3, -1.9))
    ax.set_title(
        f"average rank over {ranking.n_datasets} data sets; Friedman p = {ranking.p_value:.2g}",
        fontsize=9, color=MUTED, loc="center",
    )  # fmt: skip


def _rank_axis(ax: Axes, n: int, width: float) -> None:
    ax.set_axis_off()
    ax.plot([1, n], [0, 0], color=INK, lw=1.2)
    for rank in range(1, n + 1):
        ax.plot([rank, rank], [0, -0.15], color=INK, lw=1)
        ax.text(rank, -0.3, str(rank), ha="center", va="bottom", fontsize=8, color=INK)
    ax.plot([1, 1, 1 + width, 1 + width], [-1.05, -1.2, -1.2, -1.05], color=INK, lw=1)
    ax.text(
        1 + width / 2,
        -1.3,
        f"critical difference {width:.2f}",
        ha="center",
        va="bottom",
        fontsize=8,
        color=INK,
    )
