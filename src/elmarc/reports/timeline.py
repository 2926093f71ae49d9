"""Class probabilities and events of recordings over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from elmarc.reports.figures import BLUE, CASED, INK, PALE, RED, new_figure, plain, style
from elmarc.reports.wording import clock

MOST_CLASSES, MOST_PANELS = 20, 20
SHADES = LinearSegmentedColormap.from_list("shades", [PALE, BLUE])
ROW, FRAME, WIDTH = 0.28, 0.9, 9.0  # inches of a class, around a panel, and of the figure


@dataclass(frozen=True)
class Panel:
    """One recording."""

    title: str
    classes: Sequence[str]
    spans_s: NDArray[np.float64]  # (n_windows, 2), start and end of each window in seconds
    probabilities: NDArray[np.float64]  # (n_windows, n_classes)
    events: Sequence[tuple[float, float, str]]  # start_s, end_s, class

    @property
    def shown(self) -> list[int]:
        """The classes to draw: those with the highest probabilities, in their order."""
        best = np.argsort(-self.probabilities.max(axis=0), kind="stable")[:MOST_CLASSES]
        return sorted(best.tolist())


def timeline_figure(panels: Sequence[Panel]) -> Figure:
    """Draw a panel per recording with a row per class; darker is more probable, red lines are events."""
    heights = [FRAME + ROW * len(panel.shown) for panel in panels]
    figure = new_figure(width=WIDTH, height=sum(heights))
    axes = figure.subplots(len(panels), squeeze=False, height_ratios=heights)[:, 0]
    for ax, panel in zip(axes, panels, strict=True):
        _draw(ax, panel)
    axes[-1].set_xlabel("time (min:s); darker: more probable; red: events", color=INK)
    return figure


def _draw(ax: Axes, panel: Panel) -> None:
    shown = panel.shown
    cells = np.full((len(shown), 2 * len(panel.spans_s) - 1), np.nan)  # every other column is a gap,
    cells[:, ::2] = panel.probabilities[:, shown].T  # of no width where windows touch
    rows_at = np.arange(len(shown) + 1) - 0.5
    ax.pcolormesh(panel.spans_s.ravel(), rows_at, cells, vmin=0, vmax=1, cmap=SHADES, rasterized=True)
    rows = {panel.classes[column]: row for row, column in enumerate(shown)}
    for start, end, label in panel.events:
        if label in rows:
            ax.plot(
                [start, end], [rows[label]] * 2, color=RED, lw=2.5, solid_capstyle="butt", path_effects=CASED
            )
    style(ax)
    ax.grid(visible=False)
    ax.set_xlim(0, panel.spans_s.max())
    ax.set_ylim(len(shown) - 0.5, -0.5)
    ax.set_yticks(range(len(shown)), [plain(panel.classes[column]) for column in shown])
    ax.xaxis.set_major_locator(MaxNLocator(8, steps=[1, 1.5, 3, 6, 10]))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda seconds, _: clock(seconds)))
    ax.set_title(plain(panel.title), loc="left", fontsize=11, color=INK)
