"""The accuracy of each network, a group a classifier, beside MFCC, chance and the published results.

It has the form of the study's figures.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from elmarc.comparison.records import Comparison, SystemScore
from elmarc.reports.plots import (
    BLUE,
    CASED,
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
from elmarc.reports.published import SOURCE, published_bar, study_place
from elmarc.reports.wording import several_seeds

SIDE_BY_SIDE = 24  # bars in one row; with more, each classifier gets a row of its own
FEWEST_BARS = 6  # the width of an axes, in bars: fewer stand in its middle


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
    files = " and each file of features" if any(score.is_foreign for score in comparison.scores) else ""
    parts = [f"Accuracy of each network{files} with each classifier."]
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
    """Say whether `study_figure` shows networks of the study beside these: only then is it the study's."""
    return any(_published(comparison, score) for score in comparison.scores if not score.is_baseline)


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
    """Order classifiers as the study does, others after."""
    return sorted(classifiers, key=lambda name: (name != "svm", name != "elm", name))


def in_study_order(comparison: Comparison, classifier: str) -> list[SystemScore]:
    """Return a classifier's networks as the study lists them, others after; MFCC, a line, is left out."""
    scores = [s for s in comparison.scores if s.system.classifier == classifier and not s.is_baseline]
    return sorted(scores, key=lambda s: (study_place(s.system.features), s.name))


def _published(comparison: Comparison, score: SystemScore) -> tuple[float, float] | None:
    return published_bar(comparison.dataset, score.system.features, score.system.classifier)


def _published_mfcc(comparison: Comparison, classifier: str) -> tuple[float, float] | None:
    """Return the study's MFCC with a classifier, where any system here has a number of the study."""
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
    arms = np.array([_arms(bar) for bar in bars]).reshape(-1, 2)
    known = np.isfinite(arms).all(axis=1)
    if known.any():
        ax.errorbar(
            at[known], np.array(heights)[known], yerr=arms[known].T, fmt="none", ecolor=INK, elinewidth=1,
            capsize=2.5, zorder=3, label=_once(ax, f"{100 * confidence:.0f} % interval"),
        )  # fmt: skip
    if any(bar.deviation is not None for bar in bars):
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


def _arms(bar: SystemScore) -> tuple[float, float]:
    """Return how far the interval reaches below and above a bar, in %; NaN where there is none."""
    if bar.low is None or bar.high is None:
        return np.nan, np.nan
    return 100 * max(bar.accuracy - bar.low, 0.0), 100 * max(bar.high - bar.accuracy, 0.0)


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
