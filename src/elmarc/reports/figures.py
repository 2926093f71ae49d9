"""Figures of a ranking: bars, paired differences, ranks, learning curves; as SVG, PDF and PNG.

Every plot takes data and an axes; nothing uses pyplot, so threads may draw.
"""

from __future__ import annotations

import io
import re
import textwrap
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from threading import Lock

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Rectangle
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray

from elmarc._io import write_atomic
from elmarc._names import printable
from elmarc.comparison.ranks import AverageRanks
from elmarc.comparison.records import Comparison, Contrast, SystemScore
from elmarc.errors import ConfigError
from elmarc.reports.published import SOURCE, published_bar, study_place
from elmarc.reports.wording import levels, percent, points, several_seeds, span

CREATOR = "elmarc"  # in the metadata of pictures
INK, MUTED, RULE = "#1b1e28", "#6a7080", "#d9dce3"
BLUE, RED, PALE = "#3a6ea5", "#c8352b", "#ffffff"
LEGEND_WIDTH, LEGEND_SIZE = 1.9, 8.5  # inches of a column, points of its text
CASED = [withStroke(linewidth=3.0, foreground=PALE)]  # lines stand out on bars also without colour
SETTINGS = Lock()  # for changes of matplotlib's settings, which all threads share
Floats = NDArray[np.float64]


def new_figure(*, width: float, height: float) -> Figure:
    """Return an empty figure (inches) that fits its content."""
    return Figure(figsize=(width, height), layout="constrained")


def plain(text: str) -> str:
    """Return text for matplotlib: dollar signs open no formula, and all characters are printable."""
    return printable(text, keep="\n").replace("$", r"\$")


def style(ax: Axes, *, xlabel: str = "", ylabel: str = "") -> None:
    """Style an axes: no box, faint horizontal rules, dark text."""
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
    """Put the legend `gap` points above the axes, and the title above the legend."""
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
    """Draw chance, and the largest class where it differs, as lines; accuracies are in %."""
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
    """Number the ids in order of appearance: matplotlib makes some of them at random."""
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


FORMS: dict[str, Callable[[Figure], str | bytes]] = {"png": to_png, "svg": to_svg, "pdf": to_pdf}


def names(*stems: str) -> list[str]:
    """Return the names of the files that `save` writes."""
    return [f"{stem}.{ending}" for stem in stems for ending in FORMS]


def save(figure: Figure, stem: str | Path) -> list[Path]:
    """Write a figure in every form, as `stem.png` and so on, and return the paths."""
    paths = [Path(f"{stem}.{ending}") for ending in FORMS]
    for path, form in zip(paths, FORMS.values(), strict=True):
        write_atomic(path, form(figure))
    return paths


SIDE_BY_SIDE = 24  # bars in one row; with more, each classifier gets a row of its own
FEWEST_BARS = 6  # the width of an axes, in bars: fewer stand in its middle


def study_figure(comparison: Comparison) -> Figure:
    """Return the accuracies of one comparison as bars, next to the published ones where there are any."""
    names = _in_order(comparison.classifiers)
    counts = [len(in_study_order(comparison, name)) for name in names]
    rows = [names] if sum(counts) <= SIDE_BY_SIDE else [[name] for name in names]
    n_bars = max(counts) if len(rows) > 1 else sum(counts)
    same_names = len({tuple(s.name for s in in_study_order(comparison, name)) for name in names}) == 1
    height = 1.3 + 3.1 * len(rows) - (0.9 * (len(rows) - 1) if same_names else 0)
    figure = new_figure(width=max(5.4, 2.2 + 0.42 * n_bars), height=height)
    axes = figure.subplots(len(rows), squeeze=False)[:, 0]
    for ax, members in zip(axes, rows, strict=True):
        study_bars(ax, comparison, members, headed=ax is axes[0])
        if same_names and ax is not axes[-1]:
            ax.tick_params(labelbottom=False)
    return figure


def study_caption(comparison: Comparison) -> str:
    """Return the caption of `study_figure`."""
    nouns = {score.noun for score in comparison.scores}
    more = {"rival": " and rival", "feature file": " and each file of features"}
    others = "".join(words for noun, words in more.items() if noun in nouns)
    parts = [f"Accuracy of each network{others} with each classifier."]
    if several_seeds(comparison):
        parts.append("Bars: mean over seeds; dots: single seeds.")
    if any(score.low is not None for score in comparison.scores):
        parts.append(f"Error bars: {100 * comparison.confidence:.0f} % intervals, those of the ranking.")
    if any(score.is_baseline for score in comparison.scores):
        parts.append("Red line: MFCC with the same classifier.")
    if has_published_bars(comparison):
        parts.append(f"Hatched bars: {SOURCE}, with the error bars published.")
    if any(_published_mfcc(comparison, classifier) for classifier in comparison.classifiers):
        parts.append(f"Dotted red line: MFCC of {SOURCE}.")
    return " ".join(parts)


def has_published_bars(comparison: Comparison) -> bool:
    """Return whether `study_figure` shows published bars."""
    return any(_published(comparison, score) for score in comparison.scores if not score.is_baseline)


def study_bars(
    ax: Axes, comparison: Comparison, classifiers: Sequence[str] | None = None, *, headed: bool = True
) -> None:
    """Draw a group of bars per classifier, by default of all, networks in the study's order.

    MFCC is a red line. `headed`: whether title and legend stand above.
    """
    place, ticks = 0.0, list[tuple[float, str]]()
    for classifier in _in_order(comparison.classifiers) if classifiers is None else classifiers:
        bars = in_study_order(comparison, classifier)
        x = place + np.arange(len(bars), dtype=np.float64)
        _bars(ax, x, bars, [_published(comparison, bar) for bar in bars], comparison.confidence)
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
    """Return classifiers in the study's order, others last."""
    return sorted(classifiers, key=lambda name: (name != "svm", name != "elm", name))


def in_study_order(comparison: Comparison, classifier: str) -> list[SystemScore]:
    """Return a classifier's networks in the study's order, others last; without MFCC."""
    scores = [s for s in comparison.scores if s.system.classifier == classifier and not s.is_baseline]
    return sorted(scores, key=lambda s: (study_place(s.system.features), s.name))


def _published(comparison: Comparison, score: SystemScore) -> tuple[float, float] | None:
    return published_bar(comparison.dataset, score.system.features, score.system.classifier)


def _published_mfcc(comparison: Comparison, classifier: str) -> tuple[float, float] | None:
    """Return the published MFCC of a classifier, where any system has a published accuracy."""
    if not any(_published(comparison, score) for score in comparison.scores):
        return None
    return published_bar(comparison.dataset, "mfcc", classifier)


def _bars(
    ax: Axes, x: Floats, bars: Sequence[SystemScore], reference: Sequence[tuple[float, float] | None],
    confidence: float,
) -> None:  # fmt: skip
    paired = any(reference)
    at, width = (x - 0.2, 0.4) if paired else (x, 0.8)
    heights = [100 * bar.accuracy for bar in bars]
    ax.bar(at, heights, width, color=BLUE, label=_once(ax, "elmarc") if paired else "_", zorder=2)
    arms = [
        (place, height, 100 * max(bar.accuracy - bar.low, 0.0), 100 * max(bar.high - bar.accuracy, 0.0))
        for place, height, bar in zip(at, heights, bars, strict=True)
        if bar.low is not None and bar.high is not None
    ]
    if arms:
        places, centres, *ends = np.array(arms).T
        ax.errorbar(
            places, centres, yerr=ends, fmt="none", ecolor=INK, elinewidth=1, capsize=2.5, zorder=3,
            label=_once(ax, f"{100 * confidence:.0f} % interval"),
        )  # fmt: skip
    if any(bar.deviation is not None for bar in bars):
        left = at - width / 4
        dots = [(place, 100 * value) for place, bar in zip(left, bars, strict=True) for value in bar.by_seed]
        places, accuracies = np.array(dots).T
        ax.scatter(
            places, accuracies, s=9, facecolor=PALE, edgecolor=INK, linewidth=0.6,
            label=_once(ax, "one seed"), zorder=4,
        )  # fmt: skip
    published = [(place, *bar) for place, bar in zip(x + 0.2, reference, strict=True) if bar is not None]
    if published:
        places, accuracies, errors = np.array(published).T
        label = _once(ax, "published 2018")
        ax.bar(places, 100 * accuracies, 0.4, color=PALE, edgecolor=BLUE, hatch="////", label=label, zorder=2)
        ax.errorbar(
            places, 100 * accuracies, yerr=100 * errors, fmt="none", ecolor=MUTED, elinewidth=1, capsize=2,
            zorder=3,
        )  # fmt: skip


def _mfcc_lines(ax: Axes, comparison: Comparison, classifier: str, left: float, right: float) -> None:
    """Draw the MFCC baseline of a classifier across its bars; the published one is dotted."""
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
    """Return a label, or one that the legend leaves out where it has this label already."""
    return "_" if label in ax.get_legend_handles_labels()[1] else label


CELL, SMALL_CELL = 0.58, 0.42  # inches
CHARACTERS = 13  # per inch of the text below a matrix
WITH_INTERVALS = 12  # systems; with more, cells show the difference only


def with_pairs(comparison: Comparison) -> list[str]:
    """Return the classifiers that have several systems."""
    return [name for name in comparison.classifiers if len(comparison.members(name)) > 1]


def difference_figure(comparison: Comparison) -> Figure:
    """Return a matrix of paired differences for each classifier, sized to its systems.

    Raises
    ------
    ConfigError
        No classifier has two systems, see `with_pairs`.
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
    """Draw the differences of row minus column in points, with intervals where there is room.

    Significant ones are shaded and bold.
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
    tested = any(contrast.low is not None for contrast in contrasts.values())
    interval = f", {100 * comparison.confidence:.0f} % interval" if tested and n <= WITH_INTERVALS else ""
    shaded = (
        f"Shaded: significant ({comparison.method(classifier)})."
        if tested
        else "Not tested: see the ranking."
    )
    text = f"{classifier.upper()}: accuracy of row minus column, in points{interval}. {shaded}"
    width = int(CHARACTERS * ax.figure.bbox.width / ax.figure.dpi)
    ax.set_xlabel(textwrap.fill(plain(text), width), fontsize=8, color=MUTED)


def _cell(ax: Axes, contrast: Contrast, x: int, y: int, strongest: float, *, interval: bool) -> None:
    shade = 0.12 + 0.48 * abs(contrast.difference) / strongest if contrast.differs else 0.0
    ax.add_patch(Rectangle((x - 0.5, y - 0.5), 1, 1, facecolor=BLUE, alpha=shade, edgecolor="none"))
    ink, weight = (INK, "bold") if contrast.differs else (MUTED, "normal")
    ends = span(contrast) if interval else ""
    centre = y - 0.12 if ends else y
    text = points(contrast.difference)
    ax.text(x, centre, text, ha="center", va="center", fontsize=8, color=ink, fontweight=weight)
    if ends:
        ax.text(x, y + 0.24, ends, ha="center", va="center", fontsize=5.2, color=ink)


def rank_figure(ranking: AverageRanks) -> Figure:
    """Return the critical-difference diagram as a figure sized to its systems."""
    rows = (len(ranking.systems) + 1) // 2
    figure = new_figure(width=8.0, height=1.5 + 0.24 * (rows + len(ranking.cliques)))
    critical_difference_diagram(figure.subplots(), ranking)
    return figure


def critical_difference_diagram(ax: Axes, ranking: AverageRanks) -> None:
    """Draw average ranks on a line, best on the left; bars join ranks that do not differ significantly."""
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
    ax.set_axis_off()
    ax.plot([1, n], [0, 0], color=INK, lw=1.2)
    for rank in range(1, n + 1):
        ax.plot([rank, rank], [0, -0.15], color=INK, lw=1)
        ax.text(rank, -0.3, str(rank), ha="center", va="bottom", fontsize=8, color=INK)
    width = ranking.critical_difference
    ax.plot([1, 1, 1 + width, 1 + width], [-1.05, -1.2, -1.2, -1.05], color=INK, lw=1)
    text = f"critical difference {width:.2f}"
    ax.text(1 + width / 2, -1.3, text, ha="center", va="bottom", fontsize=8, color=INK)
    ax.set(xlim=(0.8, n + 0.2), ylim=(top + half - 0.3, -1.9))
    ax.set_title(
        f"average rank over {ranking.n_datasets} data sets; Friedman p = {ranking.p_value:.2g}",
        fontsize=9, color=MUTED, loc="center",
    )  # fmt: skip


COLOURS = (BLUE, RED, "#3f8f5b", "#8a5aa8", MUTED)  # of the learning rates, in turn
INNER, OUTER = "inner", "outer"


def curves_figure(curves: pd.DataFrame) -> Figure:
    """Return learning curves as a figure: faint lines are folds, strong ones their mean.

    Parameters
    ----------
    curves : DataFrame
        As `curves.csv` has it: fold, part, learning_rate, epoch, loss, and on inner folds
        validation_accuracy in [0, 1].
    """
    is_chosen = bool((curves["part"] == INNER).any())
    figure = new_figure(width=9.0 if is_chosen else 5.0, height=3.4)
    axes = figure.subplots(1, 1 + is_chosen, squeeze=False)[0]
    colours = dict(zip(sorted(curves["learning_rate"].unique()), COLOURS * len(curves), strict=False))
    _draw(axes[0], curves[curves["part"] == OUTER], "loss", colours)
    style(axes[0], xlabel="epoch", ylabel="loss on augmented training clips")
    head(axes[0], "")
    if is_chosen:
        inner = curves[curves["part"] == INNER]
        _draw(axes[1], inner.assign(percent=100 * inner["validation_accuracy"]), "percent", colours)
        style(axes[1], xlabel="epoch", ylabel="accuracy on inner folds, %")
        head(axes[1], "")
    return figure


def race_figure(standings: pd.DataFrame, untrained: dict[str, float]) -> Figure:
    """Return a race as a figure: accuracy on the held-out fold at each rung, lines that end where one is out.

    Parameters
    ----------
    standings : DataFrame
        network, epochs, accuracy in [0, 1], passes.
    untrained : dict
        Name and accuracy of a system that needs no training: a line.
    """
    figure = new_figure(width=6.5, height=3.8)
    ax = figure.subplots()
    last = standings[standings["epochs"] == standings["epochs"].max()].iloc[0]["network"]
    for name, line in standings.groupby("network", sort=False):
        won = name == last
        ax.plot(
            line["epochs"], 100 * line["accuracy"], marker="o", ms=4 if won else 3, lw=2.2 if won else 1.0,
            color=BLUE if won else MUTED, alpha=1.0 if won else 0.6, zorder=3 if won else 2,
            label=plain(f"{name}, the winner") if won else None,
        )  # fmt: skip
    for name, accuracy in untrained.items():
        ax.axhline(100 * accuracy, color=RED, lw=1.4, ls="--", label=plain(f"{name}, untrained"))
    style(ax, xlabel="epochs", ylabel="accuracy on the fold that chooses, %")
    ax.set_xticks(sorted(standings["epochs"].unique()))
    head(ax, "")
    return figure


def _draw(ax: Axes, curves: pd.DataFrame, column: str, colours: dict[float, str]) -> None:
    for rate, of_rate in curves.groupby("learning_rate"):
        colour = colours[float(str(rate))]
        for _, fold in of_rate.groupby("fold"):
            ax.plot(fold["epoch"], fold[column], color=colour, lw=0.8, alpha=0.3)
        mean = of_rate.groupby("epoch")[column].mean()
        ax.plot(mean.index, mean, color=colour, lw=2.0, label=f"learning rate {rate:g}")
