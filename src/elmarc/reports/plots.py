"""The study's figure: accuracy of each network, a group a classifier, beside MFCC and the published results.

Every plot takes data and an axes; nothing here touches pyplot or its global state, so threads may draw.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from elmarc._atomic import write_atomic
from elmarc.comparison.records import Comparison, SystemScore
from elmarc.reports.published import published

STUDY_ORDER = (
    "vgg", "7x96", "7x86", "timbral", "temporal", "timbral_temporal", "sample_level", "frame_level",
    "frame_level_many",
)  # fmt: skip
INK, MUTED, RULE = "#1b1e28", "#6a7080", "#d9dce3"
BLUE, RED, PALE = "#3a6ea5", "#c8352b", "#ffffff"


def study_figure(comparison: Comparison, *, with_published: bool = True) -> Figure:
    """Return the study's figure for one data set, with its published bars where it has any."""
    reference = published(comparison.dataset) if with_published else None
    n_bars = len({s.label for s in comparison.scores})
    figure = new_figure(width=max(5.0, 2.2 + 0.42 * n_bars), height=4.2)
    study_bars(figure.subplots(), comparison, reference=reference)
    return figure


def new_figure(*, width: float, height: float) -> Figure:
    """Return an empty figure (inches) that fits its content."""
    return Figure(figsize=(width, height), layout="constrained")


def study_bars(ax: Axes, comparison: Comparison, *, reference: pd.DataFrame | None = None) -> None:
    """Draw a group a classifier, in it a bar a network in the study's order; MFCC + SVM is a red line.

    Parameters
    ----------
    reference : columns network, classifier, accuracy, error_bar: hollow bars drawn beside the others
    """
    classifiers = list(dict.fromkeys(s.system.classifier for s in comparison.scores))
    classifiers.sort(key=lambda name: (name != "svm", name != "elm", name))
    beside, place = (0.0 if reference is None else 0.2), 0.0
    ticks: list[tuple[float, str]] = []
    for classifier in classifiers:
        bars = in_study_order([s for s in comparison.scores if s.system.classifier == classifier])
        if not bars:
            continue
        x = place + np.arange(len(bars))
        _bars(ax, x - beside, bars, width=0.8 - 2 * beside)
        _reference_bars(ax, x + beside, bars, reference)
        ax.annotate(
            plain(classifier.upper()), (float(x.mean()), 1), xycoords=ax.get_xaxis_transform(), ha="center",
            xytext=(0, 4), textcoords="offset points", color=INK, fontweight="bold", fontsize=10,
        )  # fmt: skip
        ticks += [(float(at), plain(bar.name)) for at, bar in zip(x, bars, strict=True)]
        place += len(bars) + 0.9
    ax.set_xticks([at for at, _ in ticks], [name for _, name in ticks], rotation=40, ha="right", fontsize=9)
    ax.set_xlim(-0.8, max(place - 1.1, 0.8))
    _mfcc_line(ax, comparison, reference)
    style(ax, ylabel="accuracy (%)")
    ax.set_ylim(0, 100)
    title = plain(f"{comparison.dataset}, {comparison.protocol}")
    ax.set_title(title, loc="left", fontsize=11, color=INK, pad=20)
    legend_above(ax, rise=0.06)


def in_study_order(scores: Sequence[SystemScore]) -> list[SystemScore]:
    """Return the networks as the study lists them, others after; MFCC, drawn as a line, is left out."""
    order = {name: place for place, name in enumerate(STUDY_ORDER)}
    networks = [s for s in scores if s.system.features != "mfcc"]
    return sorted(networks, key=lambda s: (order.get(_published_as(s), len(order)), s.name))


def _published_as(score: SystemScore) -> str:
    """Return the study's name of a network; with the published average of its feature maps, or without."""
    return score.system.features.removesuffix("_2018")


def _bars(ax: Axes, x: np.ndarray, bars: Sequence[SystemScore], *, width: float) -> None:
    label = "elmarc" if ax.get_legend_handles_labels()[1] == [] else "_"
    heights = [100 * bar.accuracy for bar in bars]
    ax.bar(x, heights, width, color=BLUE, label=label, zorder=2)
    spread = [100 * (bar.deviation or 0.0) for bar in bars]
    if any(spread):
        ax.errorbar(x, heights, yerr=spread, fmt="none", ecolor=INK, elinewidth=1, capsize=2.5, zorder=3)


def _reference_bars(
    ax: Axes, x: np.ndarray, bars: Sequence[SystemScore], reference: pd.DataFrame | None
) -> None:
    if reference is None:
        return
    table = reference.set_index(["network", "classifier"])
    keys = [(_published_as(bar), bar.system.classifier) for bar in bars]
    found = [(at, key) for at, key in zip(x, keys, strict=True) if key in table.index]
    if not found:
        return
    places, rows = [at for at, _ in found], 100 * table.loc[[key for _, key in found]]
    label = "published 2018" if "published 2018" not in ax.get_legend_handles_labels()[1] else "_"
    ax.bar(places, rows.accuracy, 0.4, color=PALE, edgecolor=BLUE, hatch="////", label=label, zorder=2)
    errors = rows.error_bar.fillna(0.0)
    ax.errorbar(
        places, rows.accuracy, yerr=errors, fmt="none", ecolor=MUTED, elinewidth=1, capsize=2, zorder=3
    )


def _mfcc_line(ax: Axes, comparison: Comparison, reference: pd.DataFrame | None) -> None:
    ours = [
        s.accuracy for s in comparison.scores if s.system.features == "mfcc" and s.system.classifier == "svm"
    ]
    if ours:
        ax.axhline(100 * ours[0], color=RED, lw=1.4, zorder=2.5, label="MFCC + SVM")
    if reference is not None:
        published_mfcc = reference[(reference.network == "mfcc") & (reference.classifier == "svm")].accuracy
        for accuracy in published_mfcc:
            ax.axhline(100 * accuracy, color=RED, lw=1.2, ls=":", zorder=2.5, label="MFCC + SVM, published")


def plain(text: str) -> str:
    """Return text that matplotlib draws as it stands: a dollar sign opens no formula."""
    return text.replace("$", r"\$")


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


def legend_above(ax: Axes, *, rise: float = 0.01) -> None:
    """Set the legend in one line above the right end, where no bar or mark lies."""
    if ax.get_legend_handles_labels()[0]:
        ax.legend(
            loc="lower right", bbox_to_anchor=(1, 1 + rise), ncols=6, frameon=False, fontsize=8.5,
            labelcolor=INK, borderaxespad=0, columnspacing=1.4, handletextpad=0.5,
        )  # fmt: skip


def to_svg(figure: Figure) -> str:
    """Return a figure as SVG text: equal figures give equal bytes."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": "elmarc"})
    return _renumbered(buffer.getvalue())


def _renumbered(svg: str) -> str:
    """Number the ids in the order they appear: matplotlib draws some of them at random."""
    names = {old: f"i{new}" for new, old in enumerate(dict.fromkeys(re.findall(r'\bid="([^"]+)"', svg)))}
    return re.sub(r'(\bid="|href="#|url\(#)([^")]+)', lambda m: m[1] + names.get(m[2], m[2]), svg)


def to_png(figure: Figure, *, dpi: int = 160) -> bytes:
    """Return a figure as PNG, on white."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()


def save(figure: Figure, stem: str | Path) -> tuple[Path, Path]:
    """Write `stem.png` and `stem.svg`, and return their paths."""
    png, svg = (Path(f"{stem}.{ending}") for ending in ("png", "svg"))
    write_atomic(png, to_png(figure))
    write_atomic(svg, to_svg(figure))
    return png, svg
