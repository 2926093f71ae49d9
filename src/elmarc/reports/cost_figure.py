"""Accuracy against cost, with the Pareto front."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from elmarc.comparison.records import Comparison, SystemScore
from elmarc.reports.figures import (
    BLUE,
    INK,
    MUTED,
    PALE,
    RED,
    Floats,
    head,
    level_lines,
    new_figure,
    plain,
    style,
)  # fmt: skip

COSTS = {
    "multiply_adds_per_clip": "multiply-adds per clip",
    "s_per_clip": "seconds per clip",
    "n_parameters": "parameters",
}
OF_NETWORKS = ("multiply_adds_per_clip", "n_parameters")  # the MFCC baseline has none
MARKERS = "osD^vPX*"
NAME_SIZE = 8.0  # points
OFFSETS = [(6, 6), (-6, 6), (6, -1), (-6, -1), (0, 10), (0, -10)] + [
    (side, rise) for rise in (14, -14, 24, -24, 34, -34, 44, -44) for side in (8, -8)
]  # of a name from its mark, in points, the best first
Box = tuple[float, float, float, float]  # left, bottom, right, top


def pareto_front(costs: Sequence[float], accuracies: Sequence[float]) -> NDArray[np.bool_]:
    """Mark the systems, (n_systems,), that no other beats in accuracy at the same cost or less.

    >>> pareto_front([1, 2, 3], [0.5, 0.4, 0.6]).tolist()
    [True, False, True]
    """
    cost, accuracy = np.asarray(costs, dtype=float), np.asarray(accuracies, dtype=float)
    as_good = (cost[:, None] <= cost) & (accuracy[:, None] >= accuracy)
    better = (cost[:, None] < cost) | (accuracy[:, None] > accuracy)
    return np.asarray(~(as_good & better).any(axis=0))


def with_cost(comparison: Comparison, cost: str) -> list[SystemScore]:
    """Return the systems to draw for a cost: none where no network's cost is known."""
    known = [score for score in comparison.scores if score.cost.get(cost, 0.0) > 0]
    if all(score.is_baseline for score in known):
        return []
    return [s for s in comparison.scores if s in known or (s.is_baseline and cost in OF_NETWORKS)]


def cost_figure(comparison: Comparison, cost: str = "multiply_adds_per_clip") -> Figure:
    """Return accuracy against one cost as a figure, larger for many networks."""
    crowd = min(1.5, max(1.0, len({score.name for score in with_cost(comparison, cost)}) / 12))
    figure = new_figure(width=7.6 * crowd, height=5.2 * crowd)
    cost_scatter(figure.subplots(), comparison, cost)
    return figure


def cost_caption(comparison: Comparison, cost: str) -> str:
    """Return the caption of `cost_figure`."""
    shown = with_cost(comparison, cost)
    parts = [
        f"Accuracy against {COSTS.get(cost, cost)}.",
        "Full marks lie on the Pareto front: nothing as cheap is better.",
    ]
    if any(score.deviation is not None for score in shown):
        parts.append("Small dots: single seeds.")
    if any(score.is_baseline for score in shown):
        parts.append("Red: MFCC" + (", which has no network." if cost in OF_NETWORKS else "."))
    elif any(score.is_baseline for score in comparison.scores):
        parts.append("MFCC is left out: its cost was not measured.")
    return " ".join(parts)


def cost_scatter(ax: Axes, comparison: Comparison, cost: str = "multiply_adds_per_clip") -> None:
    """Draw accuracy against one of COSTS, the Pareto front as a line through full marks, MFCC in red.

    MFCC has no multiply-adds or parameters of a network: it is left of the break in the axis.
    """
    scores = with_cost(comparison, cost)
    costs = np.array([score.cost.get(cost, 0.0) for score in scores])
    y = np.array([100 * score.accuracy for score in scores])
    style(ax, xlabel=COSTS.get(cost, cost), ylabel="accuracy (%)")
    ax.set_xscale("log")
    if scores:
        x = _places(ax, costs)
        front = pareto_front(costs.tolist(), y.tolist())
        order = np.argsort(x[front])
        ax.plot(
            x[front][order],
            y[front][order],
            drawstyle="steps-post",
            color=BLUE,
            lw=1.2,
            ls=(0, (4, 2)),
            label="Pareto front" if front.sum() > 1 else "_",
        )
        _marks(ax, scores, x, y, front)
        level_lines(ax, comparison)
        _label_best(ax, scores, x, y)
    head(ax, f"{comparison.dataset}, {comparison.protocol}")


def _places(ax: Axes, costs: Floats) -> Floats:
    """Return the places of costs on the log axis, zero left of a break, and set its ticks."""
    low, high = costs[costs > 0].min(), costs.max()
    ticks = _ticks(low, high)
    names = [_short(tick) for tick in ticks]
    if costs.min() > 0:
        ax.set_xticks(ticks, names)
    else:
        step = max(high / low, 10.0) ** 0.16
        ax.axvline(low / step**0.6, color=MUTED, lw=0.8, ls=(0, (1, 2)))
        ax.set_xticks([low / step, *ticks], ["no\nnetwork", *names])
        costs = np.where(costs > 0, costs, low / step)
    ax.minorticks_off()
    return costs


def _ticks(low: float, high: float) -> list[float]:
    """Return round numbers from about `low` to about `high`."""
    decades = range(int(np.floor(np.log10(low))) - 1, int(np.ceil(np.log10(high))) + 1)
    steps = (1.0,) if high / low > 300 else (1.0, 2.0, 5.0)
    ticks = [step * 10.0**decade for decade in decades for step in steps]
    near = [tick for tick in ticks if low / 1.1 <= tick <= high * 1.3]
    return near if len(near) > 1 else sorted({low, high})


def _short(value: float) -> str:
    """Return a number as a tick shows it.

    >>> [_short(x) for x in (0.02, 5000, 2e8, 1e10)]
    ['0.02', '5 k', '200 M', '10 G']
    """
    for size, letter in ((1e9, " G"), (1e6, " M"), (1e3, " k"), (1.0, "")):
        if value >= size:
            return f"{value / size:.3g}{letter}"
    return f"{value:.2g}"


def _marks(ax: Axes, scores: Sequence[SystemScore], x: Floats, y: Floats, front: NDArray[np.bool_]) -> None:
    classifiers = sorted({s.system.classifier for s in scores}, key=lambda c: (c != "svm", c != "elm", c))
    for k, score in enumerate(scores):
        marker = MARKERS[classifiers.index(score.system.classifier) % len(MARKERS)]
        colour = RED if score.is_baseline else BLUE
        face = colour if front[k] else PALE
        ax.scatter(x[k], y[k], s=42, marker=marker, facecolor=face, edgecolor=colour, zorder=3)
        if score.deviation is not None:
            ax.scatter(
                [x[k]] * len(score.by_seed), [100 * value for value in score.by_seed], s=5, color=colour,
                linewidth=0, alpha=0.6, zorder=2,
            )  # fmt: skip
    for k, classifier in enumerate(classifiers):
        ax.scatter(
            [], [], marker=MARKERS[k % len(MARKERS)], facecolor=PALE, edgecolor=BLUE, label=plain(classifier)
        )


def _label_best(ax: Axes, scores: Sequence[SystemScore], x: Floats, y: Floats) -> None:
    """Label each network once, at its best mark, where the label overlaps the fewest others."""
    ax.margins(x=0.12, y=0.08)
    ax.autoscale_view()
    marks = ax.transData.transform(np.column_stack([x, y])) * 72 / ax.figure.dpi  # in points
    taken = [(at - 4, up - 4, at + 4, up + 4) for at, up in marks]
    right = ax.transAxes.transform((1, 1))[0] * 72 / ax.figure.dpi
    best = {score.name: k for k, score in reversed(list(enumerate(scores)))}  # scores are best first
    for name, k in sorted(best.items(), key=lambda item: item[1]):
        width = NAME_SIZE * 0.62 * len(name)
        choices = [_box(marks[k], width, *offset) for offset in OFFSETS]
        crowding = [
            sum(_overlap(box, other) for other in taken) + 20 * max(0.0, box[2] - right) + 2 * place
            for place, box in enumerate(choices)
        ]
        chosen = int(np.argmin(crowding))
        taken.append(choices[chosen])
        dx, dy = OFFSETS[chosen]
        ax.annotate(
            plain(name), (x[k], y[k]), xytext=(dx, dy), textcoords="offset points", fontsize=NAME_SIZE,
            color=INK, ha="left" if dx > 0 else "right" if dx < 0 else "center", va="center", zorder=4,
            arrowprops={"arrowstyle": "-", "color": MUTED, "lw": 0.5, "shrinkA": 0, "shrinkB": 3}
            if abs(dy) > 12
            else None,
        )  # fmt: skip


def _box(mark: Floats, width: float, dx: float, dy: float) -> Box:
    """Return the corners of a name at an offset from its mark, in points."""
    left = mark[0] + (dx if dx > 0 else dx - width if dx < 0 else -width / 2)
    return left, mark[1] + dy - NAME_SIZE / 2, left + width, mark[1] + dy + NAME_SIZE / 2


def _overlap(a: Box, b: Box) -> float:
    """Return the area that two boxes share."""
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
