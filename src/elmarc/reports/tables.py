"""A comparison as files: text, CSV, JSON, Markdown and LaTeX, each a pure function of the comparison."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

import pandas as pd

from elmarc._io import csv_text
from elmarc.comparison.answer import not_run
from elmarc.comparison.records import Comparison, SystemScore
from elmarc.reports import wording
from elmarc.reports.latex import to_latex
from elmarc.reports.ranking_json import to_json
from elmarc.reports.terminal import to_text

__all__ = ["FORMS", "ranking", "to_csv", "to_json", "to_latex", "to_markdown", "to_text"]


def ranking(comparison: Comparison) -> pd.DataFrame:
    """Return one row a system, best first, with every number that belongs to one system.

    Returns
    -------
    DataFrame
        Accuracies lie in [0, 1]. `ties`: systems of one classifier that share a letter are not significantly
        different. `sd_seeds`: NaN for one seed. `over_mfcc`, `over_mfcc_low`, `over_mfcc_high`: the
        difference from the MFCC baseline with its interval, `over_mfcc_p` its p-value, both corrected for the
        family. `seed_0`: the accuracy with that seed, and so on. `recall_...`: of each class. What does not
        exist is NaN. `failed`, where a cell could not be run: the seeds and the reason; last come systems
        without a score.
    """
    rows = [_row(comparison, place) for place in range(len(comparison.scores))]
    for failed in comparison.failed:
        key = {"network": failed.name, "classifier": failed.classifier}
        row = next((row for row in rows if key.items() <= row.items()), None)
        if row is None:
            rows.append(row := {**key, "n_seeds": 0})
        said = f"seeds {', '.join(map(str, failed.seeds))}: {failed.reason}"
        row["failed"] = f"{row['failed']}; {said}" if "failed" in row else said
    return pd.DataFrame(rows).astype({"sd_seeds": "float64"})


def _row(comparison: Comparison, place: int) -> dict[str, Any]:
    score = comparison.scores[place]
    return {
        "network": score.name, "classifier": score.system.classifier, "accuracy": score.accuracy,
        "sd_seeds": score.deviation, "low": score.low, "high": score.high, "ties": score.ties,
        "macro_f1": score.macro_f1, "n_seeds": len(score.seeds), "n_clips": score.n_clips,
        "size": score.system.size, **score.cost, **_over_mfcc(comparison, place),
        "chance": comparison.chance, "majority": comparison.majority, **_by_seed(score),
        **{f"recall_{name}": recall for name, recall in score.recalls.items()},
    }  # fmt: skip


def _over_mfcc(comparison: Comparison, place: int) -> dict[str, float | None]:
    contrast = comparison.against_baseline(place)
    if contrast is None:
        return {}
    return {
        "over_mfcc": contrast.difference,
        "over_mfcc_low": contrast.low,
        "over_mfcc_high": contrast.high,
        "over_mfcc_p": contrast.p_value,
    }


def _by_seed(score: SystemScore) -> dict[str, float]:
    return {f"seed_{seed}": value for seed, value in zip(score.seeds, score.by_seed, strict=True)}


def to_csv(comparison: Comparison) -> str:
    """Return `ranking` as CSV text."""
    return csv_text(ranking(comparison))


def to_markdown(comparison: Comparison) -> str:
    """Return the ranking as a Markdown table: a row a network, best first, then chance."""
    shown = ("accuracy", "interval", "macro-F1", "ties")
    found = {(s.name, s.system.classifier): wording.cells(s) for s in comparison.scores}
    head = [c if key == "accuracy" else key for c in comparison.classifiers for key in shown]
    lines = [["network", *head], ["---", *(["---:"] * len(head))]]
    for name in dict.fromkeys(score.name for score in comparison.scores):
        every = [found.get((name, classifier), {}) for classifier in comparison.classifiers]
        lines.append([name, *(cells.get(key, "") for cells in every for key in shown)])
    for name, level in wording.levels(comparison).items():
        texts = (wording.percent(level) if key == "accuracy" else "" for key in shown)
        lines.append([name, *(list(texts) * len(comparison.classifiers))])
    table = "".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |\n" for line in lines)
    return table + "".join(f"\n{html.escape(sentence, quote=False)}\n" for sentence in not_run(comparison))


FORMS: dict[str, Callable[[Comparison], str]] = {
    "txt": to_text, "csv": to_csv, "json": to_json, "md": to_markdown, "tex": to_latex,
}  # fmt: skip
"""Ending -> form: the files `ranking.*` of a run."""
