"""The study's comparisons as a table, CSV and JSON, and a scatter plot of each data set."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import special

from elmarc._io import csv_text, json_text, write_atomic
from elmarc.agreement.matching import regret_columns, with_ends
from elmarc.agreement.rankings import first
from elmarc.reports import figures
from elmarc.reports.figures import BLUE, INK, MUTED, PALE, RED, new_figure, plain, style
from studies.foretell.compare import Comparison, Predictor

MOST_PANELS, COLUMNS = 9, 3
N_FIRST = 3  # architectures in red
ESTIMATES = ("spearman", "kendall", "partial", "ceiling")


def write(compared: Sequence[Comparison], folder: Path) -> None:
    """Write `agreement.txt`, `.csv` and `.json` of all data sets, and a scatter plot of each."""
    document = {"comparisons": [asdict(comparison) for comparison in compared]}
    write_atomic(folder / "agreement.json", json_text(document))
    write_atomic(folder / "agreement.csv", csv_text(to_frame(compared)))
    write_atomic(folder / "agreement.txt", to_text(compared))
    for comparison in compared:
        name = re.sub(r"[/\\]", "-", comparison.dataset)
        figures.save(scatter_figure(comparison), folder / f"scatter-{name}")


def to_text(compared: Sequence[Comparison]) -> str:
    """Return a table of correlations and losses for each data set."""
    return "\n".join(map(_section, compared))


def _section(comparison: Comparison) -> str:
    rows = {
        predictor.name: {
            "Spearman": str(predictor.spearman),
            "partial": str(predictor.partial or ""),
            "seeds": str(predictor.ceiling or ""),
            **{f"first {k}: lost": str(regret.expected) for k, regret in predictor.regrets.items()},
            "faster": "" if (times := comparison.times_faster(predictor)) is None else f"{times:.1f} x",
        }
        for predictor in comparison.predictors
    }
    n_architectures = len(comparison.architectures)
    heading = f"{comparison.dataset}: {n_architectures} architectures, {comparison.n_units} clips"
    ceiling = f"seeds of the trained side: {comparison.trained_ceiling or 'one'}"
    table = pd.DataFrame.from_dict(rows, orient="index").to_string()
    return "\n".join([heading, ceiling, *comparison.notes, "", table, ""])


def to_frame(compared: Sequence[Comparison]) -> pd.DataFrame:
    """Return one row per data set and predictor; the ends of each interval have columns of their own."""
    return pd.DataFrame([_row(comparison, p) for comparison in compared for p in comparison.predictors])


def _row(comparison: Comparison, predictor: Predictor) -> dict[str, Any]:
    row = {
        "dataset": comparison.dataset, "trained": comparison.trained_name, "predictor": predictor.name,
        "kind": predictor.kind, "n_architectures": len(comparison.architectures),
    }  # fmt: skip
    estimates = {key: getattr(predictor, key) for key in ESTIMATES}
    for key, estimate in (estimates | {"trained_ceiling": comparison.trained_ceiling}).items():
        row |= with_ends(key, estimate)
    row["given"] = ", ".join(predictor.given)
    row |= regret_columns(predictor.regrets) | {
        "seconds": predictor.seconds,
        "trained_seconds": sum(comparison.trained_seconds) or None,
    }
    return row | {"times_faster": comparison.times_faster(predictor)}


def scatter_figure(comparison: Comparison) -> Figure:
    """Return trained accuracy against each predictor, at most nine panels, the best untrained score first."""
    chosen = comparison.predictors[:MOST_PANELS]
    columns = min(COLUMNS, len(chosen))
    rows = -(-len(chosen) // columns)
    figure = new_figure(width=1.2 + 3.4 * columns, height=0.7 + 3.1 * rows)
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for ax, predictor in zip(panels, chosen, strict=False):
        scatter(ax, comparison, predictor)
    for ax in panels[len(chosen) :]:
        ax.set_axis_off()
    for ax in panels[::columns]:
        ax.set_ylabel("accuracy, trained (%)", color=INK)
    title = f"{comparison.dataset}; red: the first {N_FIRST}"
    figure.suptitle(plain(title), x=0.01, ha="left", fontsize=11, color=INK)
    return figure


def scatter(ax: Axes, comparison: Comparison, predictor: Predictor) -> None:
    """Draw trained accuracy against one predictor with intervals; its first architectures are red."""
    x, errors = np.array(predictor.scores), np.array(predictor.errors)
    y, y_errors = 100 * np.array(comparison.trained), 100 * np.array(comparison.trained_errors)
    is_accuracy = predictor.kind != "control"
    if is_accuracy:
        x, errors = 100 * x, 100 * errors
    half = float(special.ndtri(0.5 + comparison.confidence / 2))
    red = np.isin(np.arange(len(x)), first(x, N_FIRST))
    style(ax, xlabel=f"{plain(predictor.name)}{' (%)' if is_accuracy else ''}")
    ax.errorbar(
        x, y, xerr=half * errors if is_accuracy else None, yerr=half * y_errors, fmt="none",
        ecolor=MUTED, elinewidth=0.6, alpha=0.6, zorder=2,
    )  # fmt: skip
    for colour, shown in ((BLUE, ~red), (RED, red)):
        ax.scatter(x[shown], y[shown], s=24, facecolor=colour, edgecolor=PALE, linewidth=0.6, zorder=3)
    if not is_accuracy and x.min() > 0 and x.max() > 30 * x.min():
        ax.set_xscale("log")
    ax.set_title(f"Spearman {predictor.spearman}", loc="left", fontsize=9, color=INK)
