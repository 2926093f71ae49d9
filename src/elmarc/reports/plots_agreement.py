"""Trained accuracy against what foretells it, a panel a foreteller, with intervals."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import special

from elmarc.agreement.answer import estimate_text
from elmarc.agreement.records import Agreement, Foreteller
from elmarc.agreement.regret import first
from elmarc.reports.figures import BLUE, INK, MUTED, PALE, RED, new_figure, plain, style

MOST_PANELS, COLUMNS = 9, 3
FIRST = 3  # architectures in red


def agreement_figure(agreement: Agreement) -> Figure:
    """Return a panel for each foreteller, the best untrained score first, at most nine.

    Parameters
    ----------
    agreement : Agreement
    """
    chosen = agreement.foretellers[:MOST_PANELS]
    columns = min(COLUMNS, len(chosen))
    rows = -(-len(chosen) // columns)
    figure = new_figure(width=1.2 + 3.4 * columns, height=0.7 + 3.1 * rows)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, foreteller in zip(panels, chosen, strict=False):
        agreement_scatter(ax, agreement, foreteller)
    for ax in panels[len(chosen) :]:
        ax.set_axis_off()
    for ax in panels[::columns]:
        ax.set_ylabel("accuracy, trained (%)", color=INK)
    title = f"{agreement.dataset}; red: the {FIRST} put first"
    figure.suptitle(plain(title), x=0.01, ha="left", fontsize=11, color=INK)
    return figure


def agreement_caption(agreement: Agreement) -> str:
    """Say what `agreement_figure` shows.

    Parameters
    ----------
    agreement : Agreement
    """
    left_out = len(agreement.foretellers) - MOST_PANELS
    parts = [
        f"Trained accuracy of {len(agreement.architectures)} architectures on {agreement.dataset} against "
        "what foretells it.",
        f"Red: the {FIRST} that it puts first. Bars: {100 * agreement.confidence:.0f} % intervals over seeds "
        "and clips.",
    ]
    return " ".join(parts + [f"{left_out} more foretellers are not drawn."] * (left_out > 0))


def agreement_scatter(ax: Axes, agreement: Agreement, foreteller: Foreteller) -> None:
    """Draw one foreteller: a mark an architecture, in red those that it puts first.

    Parameters
    ----------
    ax : Axes
    agreement : Agreement
    foreteller : Foreteller
        One of `agreement.foretellers`.
    """
    x, errors = np.array(foreteller.scores), np.array(foreteller.errors)
    y, y_errors = 100 * np.array(agreement.trained), 100 * np.array(agreement.trained_errors)
    is_accuracy = foreteller.kind != "control"
    if is_accuracy:
        x, errors = 100 * x, 100 * errors
    half = float(special.ndtri(0.5 + agreement.confidence / 2))
    red = np.isin(np.arange(len(x)), first(x, FIRST))
    style(ax, xlabel=f"{plain(foreteller.name)}{' (%)' if is_accuracy else ''}")
    ax.errorbar(
        x, y, xerr=half * errors if is_accuracy else None, yerr=half * y_errors, fmt="none",
        ecolor=MUTED, elinewidth=0.6, alpha=0.6, zorder=2,
    )  # fmt: skip
    for colour, shown in ((BLUE, ~red), (RED, red)):
        ax.scatter(x[shown], y[shown], s=24, facecolor=colour, edgecolor=PALE, linewidth=0.6, zorder=3)
    if not is_accuracy and x.min() > 0 and x.max() > 30 * x.min():
        ax.set_xscale("log")
    said = estimate_text(foreteller.spearman) or "not defined"
    ax.set_title(f"Spearman {said}", loc="left", fontsize=9, color=INK)
