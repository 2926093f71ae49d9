"""Figures of a comparison: paired differences, accuracy against cost, ranks over data sets."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from elmarc.comparison.ranks import Ranking
from elmarc.comparison.records import Comparison, SystemScore
from elmarc.reports.plots import BLUE, INK, MUTED, PALE, RED, legend_above, new_figure, plain, style

COSTS = {
    "multiply_adds_per_clip": "multiply-adds a clip",
    "s_per_clip": "seconds a clip",
    "n_parameters": "parameters",
}
MARKERS = "osD^vPX*"


def difference_figure(comparison: Comparison) -> Figure:
    """Return the matrix of paired differences as a figure sized to its systems."""
    side = 2.4 + 0.62 * len(comparison.scores)
    figure = new_figure(width=side + 0.8, height=side)
    difference_matrix(figure.subplots(), comparison)
    return figure


def difference_matrix(ax: Axes, comparison: Comparison) -> None:
    """Draw how many points the row is better than the column, with its interval; shaded where significant."""
    n = len(comparison.scores)
    contrasts = [c for family in comparison.families if family.kind == "pairs" for c in family.contrasts]
    strongest = max((abs(c.difference) for c in contrasts), default=1e-9)
    for c in contrasts:
        shade = 0.15 + 0.7 * abs(c.difference) / strongest if c.differs else 0.0
        x, i = n - c.b, c.a  # worst first: each row's cells begin beside its name
        ax.add_patch(Rectangle((x - 0.5, i - 0.5), 1, 1, facecolor=BLUE, alpha=shade, edgecolor="none"))
        ink = PALE if shade > 0.6 else INK if c.differs else MUTED
        words = f"{100 * c.difference:+.1f}"
        weight = "bold" if c.differs else "normal"
        ax.text(x, i - 0.1, words, ha="center", fontsize=8, color=ink, fontweight=weight)
        ends = f"{100 * c.low:.1f} to {100 * c.high:.1f}"
        ax.text(x, i + 0.25, ends, ha="center", fontsize=5.2, color=ink)
    labels = [plain(score.label) for score in comparison.scores]
    ax.set_xticks(range(1, n), labels[:0:-1], rotation=45, ha="left", fontsize=8)
    ax.set_yticks(range(n - 1), labels[:-1], fontsize=8)
    ax.set(xlim=(0.5, n - 0.5), ylim=(n - 1.5, -0.5), aspect="equal")
    ax.xaxis.tick_top()
    ax.tick_params(length=0, labelcolor=INK)
    ax.spines[:].set_visible(False)
    ax.patch.set_alpha(0.0)
    ax.set_xlabel(
        f"accuracy of row minus column, in points, {100 * comparison.confidence:.0f} % interval;\n"
        "shaded: different by a paired test, corrected for all pairs of a classifier",
        fontsize=8, color=MUTED,
    )  # fmt: skip


def pareto_front(costs: Sequence[float], accuracies: Sequence[float]) -> NDArray[np.bool_]:
    """Mark the systems that no other beats in accuracy at the same cost or less.

    >>> pareto_front([1, 2, 3], [0.5, 0.4, 0.6]).tolist()
    [True, False, True]
    """
    cost, accuracy = np.asarray(costs, dtype=float), np.asarray(accuracies, dtype=float)
    as_good = (cost[:, None] <= cost) & (accuracy[:, None] >= accuracy)
    better = (cost[:, None] < cost) | (accuracy[:, None] > accuracy)
    return np.asarray(~(as_good & better).any(axis=0))


def with_cost(comparison: Comparison, cost: str) -> list[SystemScore]:
    """Return the systems whose cost is known and above nothing, so that it has a place on a log axis."""
    return [score for score in comparison.scores if score.cost.get(cost, 0.0) > 0]


def cost_figure(comparison: Comparison, cost: str = "multiply_adds_per_clip") -> Figure:
    """Return accuracy against one cost as a figure."""
    figure = new_figure(width=7.2, height=4.4)
    cost_scatter(figure.subplots(), comparison, cost)
    return figure


def cost_scatter(ax: Axes, comparison: Comparison, cost: str = "multiply_adds_per_clip") -> None:
    """Draw accuracy against a cost, the Pareto front as a line through full marks, MFCC as a red line.

    Parameters
    ----------
    cost : "multiply_adds_per_clip", "s_per_clip" or "n_parameters"
    """
    scores = with_cost(comparison, cost)
    x = np.array([score.cost[cost] for score in scores])
    y = np.array([100 * score.accuracy for score in scores])
    front = pareto_front(x.tolist(), y.tolist())
    ax.set_xscale("log")
    ax.minorticks_off()
    style(ax, xlabel=COSTS.get(cost, cost), ylabel="accuracy (%)")
    _front_line(ax, x[front], y[front])
    classifiers = sorted({score.system.classifier for score in scores}, key=lambda c: (c != "svm", c))
    for k, classifier in enumerate(classifiers):
        for on_front in (False, True):
            chosen = [
                i for i, s in enumerate(scores) if s.system.classifier == classifier and front[i] == on_front
            ]
            face, marker = (BLUE if on_front else PALE), MARKERS[k % len(MARKERS)]
            ax.scatter(x[chosen], y[chosen], s=42, marker=marker, facecolor=face, edgecolor=BLUE, zorder=3)
        ax.scatter(
            [], [], marker=MARKERS[k % len(MARKERS)], facecolor=PALE, edgecolor=BLUE, label=plain(classifier)
        )
    _baselines(ax, [s for s in comparison.scores if s.system.features == "mfcc" and s not in scores])
    _label_best(ax, scores, x, y)
    legend_above(ax)


def _front_line(ax: Axes, x: NDArray[np.float64], y: NDArray[np.float64]) -> None:
    order = np.argsort(x)
    ax.plot(
        x[order], y[order], drawstyle="steps-post", color=BLUE, lw=1.2, ls=(0, (4, 2)), label="Pareto front"
    )


def _baselines(ax: Axes, scores: Sequence[SystemScore]) -> None:
    for score in scores:
        if score.system.classifier == "svm":
            ax.axhline(100 * score.accuracy, color=RED, lw=1.2, label="MFCC + SVM")
            return


def _label_best(
    ax: Axes, scores: Sequence[SystemScore], x: NDArray[np.float64], y: NDArray[np.float64]
) -> None:
    """Name each network once, at its best mark, moving a name up or down where another would lie under it."""
    ax.margins(x=0.16, y=0.08)
    best = {score.name: k for k, score in reversed(list(enumerate(scores)))}  # scores are best first
    wide = 0.3 * max(float(np.ptp(np.log10(x))), 0.1) if len(x) else 0.0
    step = 0.045 * max(float(np.ptp(y)), 1.0) if len(y) else 0.0
    taken: list[tuple[float, float]] = []
    for name, k in sorted(best.items(), key=lambda item: item[1]):
        at = float(np.log10(x[k]))
        near = [height for other, height in taken if abs(other - at) < wide]
        moves = (y[k] + step * shift for shift in (0, 0.5, -0.5, 1, -1, 1.5, -1.5, 2, -2, 2.5, -2.5))
        place = float(next((m for m in moves if all(abs(m - height) >= step for height in near)), y[k]))
        taken.append((at, place))
        if abs(place - y[k]) > step:
            ax.plot([x[k]] * 2, [y[k], place], color=MUTED, lw=0.6, zorder=1)
        ax.annotate(
            plain(name), (x[k], place), xytext=(4, 4), textcoords="offset points", fontsize=8, color=INK
        )


def rank_figure(ranking: Ranking) -> Figure:
    """Return the critical-difference diagram as a figure sized to its systems."""
    rows = (len(ranking.systems) + 1) // 2
    figure = new_figure(width=8.0, height=1.5 + 0.24 * (rows + len(ranking.cliques)))
    critical_difference_diagram(figure.subplots(), ranking)
    return figure


def critical_difference_diagram(ax: Axes, ranking: Ranking) -> None:
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
