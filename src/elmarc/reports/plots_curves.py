"""Learning curves of a network that was trained: what each epoch gave, fold by fold."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from elmarc.reports.plots import BLUE, MUTED, RED, head, new_figure, style

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


def _draw(ax: Axes, curves: pd.DataFrame, column: str, colours: dict[float, str]) -> None:
    for rate, of_rate in curves.groupby("learning_rate"):
        colour = colours[float(str(rate))]
        for epochs, values in _folds(of_rate, column):
            ax.plot(epochs, values, color=colour, lw=0.8, alpha=0.3)
        mean = of_rate.groupby("epoch")[column].mean()
        ax.plot(mean.index, mean, color=colour, lw=2.0, label=f"learning rate {rate:g}")


def _folds(curves: pd.DataFrame, column: str) -> Iterator[tuple[pd.Series, pd.Series]]:
    for _, fold in curves.groupby("fold"):
        yield fold["epoch"], fold[column]
