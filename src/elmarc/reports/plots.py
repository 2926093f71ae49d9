"""The accuracy of each network, a group a classifier, beside MFCC, chance and the published results.

It has the form of the study's figures. Every plot takes data and an axes; nothing here touches pyplot or its
global state, so threads may draw.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from elmarc._atomic import write_atomic
from elmarc.comparison.records import Comparison, SystemScore
from elmarc.reports.published import SOURCE, published_bar, study_place
from elmarc.reports.wording import levels, percent, several_seeds

INK, MUTED, RULE = "#1b1e28", "#6a7080", "#d9dce3"
BLUE, RED, PALE = "#3a6ea5", "#c8352b", "#ffffff"
LEGEND_WIDTH, LEGEND_SIZE = 1.9, 8.5  # inches of a column, points of its text
SIDE_BY_SIDE = 24  # bars in one row; with more, each classifier gets a row of its own
FEWEST_BARS = 6  # the width of an axes, in bars: fewer stand in its middle
CASED = [withStroke(linewidth=3.0, foreground=PALE)]  # so that a line shows on bars without colour, too
Floats = NDArray[np.float64]


def study_figure(comparison: Comparison) -> Figure:
    """Return the accuracies of one comparison as bars, beside published bars where the study has them."""
    names = _in_order(comparison.classifiers)
    counts = [len(in_study_order(comparison, name)) for name in names]
    rows = [names] if sum(counts) <= SIDE_BY_SIDE else [[name] for name in names]
    n_bars = max(counts) if len(rows) > 1 else sum(counts)
    alike = len({tuple(s.name for s in in_study_order(comparison, name)) for name in names}) == 1
    height = 1.3 + 3.1 * len(rows) - (0.9 * (len(rows) - 1) if alike else 0)
    figure = new_figure(width=max(5.4, 2.2 + 0.42 * n_bars), height=height)
    axes = figure.subplots(len(rows), squeeze=False)[:, 0]
    for ax, members in zip(axes, rows, strict=True):
        study_bars(ax, comparison, members, headed=ax is axes[0])
        if alike and ax is not axes[-1]:
            ax.tick_params(labelbottom=False)
    return figure


def study_caption(comparison: Comparison) -> str:
    """Say what `study_figure` shows of this comparison, and nothing that it does not."""
    parts = ["Accuracy of each network with each classifier."]
    if several_seeds(comparison):
        parts.append("Bars: mean over seeds; dots: single seeds; error bars: standard deviation over seeds.")
    if any(score.is_baseline for score in comparison.scores):
        parts.append("Red line: MFCC with the same classifier.")
    published = [
        words
        for words, found in (
            ("hatched bars", any(_published(comparison, s) for s in comparison.scores if not s.is_baseline)),
            ("dotted red line", any(_published_mfcc(comparison, c) for c in comparison.classifiers)),
        )
        if found
    ]
    if published:
        parts.append(f"{' and '.join(published).capitalize()}: {SOURCE}.")
    return " ".join(parts)


def new_figure(*, width: float, height: float) -> Figure:
    """Return an empty figure (inches) that fits its content."""
    return Figure(figsize=(width, height), layout="constrained")


def study_bars(
    ax: Axes, comparison: Comparison, classifiers: Sequence[str] | None = None, *, headed: bool = True
) -> None:
    """Draw a group a classifier, in it a bar a network in the study's order; MFCC is a red line.

    Parameters
    ----------
    classifiers : sequence of str
        Those to draw; None draws all.
    headed : bool
        Whether title and legend stand above.
    """
    place, ticks = 0.0, list[tuple[float, str]]()
    for classifier in _in_order(comparison.classifiers) if classifiers is None else classifiers:
        bars = in_study_order(comparison, classifier)
        x = place + np.arange(len(bars), dtype=np.float64)
        _bars(ax, x, bars, [_published(comparison, bar) for bar in bars])
        _mfcc_lines(ax, comparison, classifier, place - 0.5, place + max(len(bars), 1) - 0.5)
        ax.annotate(
            plain(classifier.upper()), (place + (max(len(bars), 1) - 1) / 2, 1), color=INK, fontsize=10,
            xycoords=ax.get_xaxis_transform(), ha="center", xytext=(0, 4), textcoords="offset points",
            fontweight="bold",
        )  # fmt: skip
        ticks += [(float(at), plain(bar.name)) for at, bar in zip(x, bars, strict=True)]
        place += max(len(bars), 1) + 0.9
    ax.set_xticks([at for at, _ in ticks], [name for _, name in ticks], rotation=40, ha="right", fontsize=9)
    spare = max(0.0, (FEWEST_BARS - place) / 2)
    ax.set_xlim(-0.8 - spare, place - 1.1 + spare)
    level_lines(ax, comparison)
    style(ax, ylabel="accuracy (%)")
    ax.set_ylim(0, 100)
    if headed:
        head(ax, f"{comparison.dataset}, {comparison.protocol}", gap=18)


def _in_order(classifiers: Sequence[str]) -> list[str]:
    """Order classifiers as the study does, others after."""
    return sorted(classifiers, key=lambda name: (name != "svm", name != "elm", name))


def in_study_order(comparison: Comparison, classifier: str) -> list[SystemScore]:
    """Return a classifier's networks as the study lists them, others after; MFCC, a line, is left out."""
    scores = [s for s in comparison.scores if s.system.classifier == classifier and not s.is_baseline]
    return sorted(scores, key=lambda s: (study_place(s.system.features), s.name))


def _published(comparison: Comparison, score: SystemScore) -> tuple[float, float] | None:
    return published_bar(comparison.dataset, score.system.features, score.system.classifier)


def _published_mfcc(comparison: Comparison, classifier: str) -> tuple[float, float] | None:
    return published_bar(comparison.dataset, "mfcc", classifier)


def _bars(
    ax: Axes, x: Floats, bars: Sequence[SystemScore], reference: Sequence[tuple[float, float] | None]
) -> None:
    paired = any(reference)
    at, width = (x - 0.2, 0.4) if paired else (x, 0.8)
    heights = [100 * bar.accuracy for bar in bars]
    ax.bar(at, heights, width, color=BLUE, label=_once(ax, "elmarc") if paired else "_", zorder=2)
    spread = [100 * (bar.deviation or 0.0) for bar in bars]
    if any(spread):
        ax.errorbar(at, heights, yerr=spread, fmt="none", ecolor=INK, elinewidth=1, capsize=2.5, zorder=3)
        _seed_dots(ax, at - width / 4, bars)
    published = [(place, *bar) for place, bar in zip(x + 0.2, reference, strict=True) if bar is not None]
    if published:
        places, accuracies, errors = np.array(published).T
        label = _once(ax, "published 2018")
        ax.bar(places, 100 * accuracies, 0.4, color=PALE, edgecolor=BLUE, hatch="////", label=label, zorder=2)
        ax.errorbar(
            places, 100 * accuracies, yerr=100 * errors, fmt="none", ecolor=MUTED, elinewidth=1, capsize=2,
            zorder=3,
        )  # fmt: skip


def _seed_dots(ax: Axes, x: Floats, bars: Sequence[SystemScore]) -> None:
    dots = [(at, 100 * value) for at, bar in zip(x, bars, strict=True) for value in bar.by_seed]
    places, accuracies = np.array(dots).T
    ax.scatter(
        places, accuracies, s=9, facecolor=PALE, edgecolor=INK, linewidth=0.6, label=_once(ax, "one seed"),
        zorder=4,
    )  # fmt: skip


def _mfcc_lines(ax: Axes, comparison: Comparison, classifier: str, left: float, right: float) -> None:
    """Draw the MFCC baseline of a classifier across its bars, and its published accuracy dotted."""
    baselines = [s for s in comparison.scores if s.is_baseline and s.system.classifier == classifier]
    for score in baselines:
        ax.plot(
            [left, right], [100 * score.accuracy] * 2, color=RED, lw=1.6, zorder=2.5, path_effects=CASED,
            label=_once(ax, "MFCC"),
        )  # fmt: skip
    reference = _published_mfcc(comparison, classifier)
    if reference is not None:
        ax.plot(
            [left, right], [100 * reference[0]] * 2, color=RED, lw=1.4, ls=":", zorder=2.5,
            path_effects=CASED, label=_once(ax, "MFCC, published"),
        )  # fmt: skip


def _once(ax: Axes, label: str) -> str:
    """Return a label for the legend, or one that it leaves out where it has this one already."""
    return "_" if label in ax.get_legend_handles_labels()[1] else label


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
