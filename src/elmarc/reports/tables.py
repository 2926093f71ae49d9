"""Results as tables: for the terminal, for text, CSV and Markdown, and the report of one cell."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, cast

import pandas as pd
from rich import box
from rich.table import Table
from rich.text import Text

from elmarc.comparison.answer import answer
from elmarc.comparison.records import Comparison, Family, SystemScore
from elmarc.evaluation import metrics
from elmarc.reports.published import published
from elmarc.results import Result


def ranking(comparison: Comparison) -> pd.DataFrame:
    """Return one row a system, best first, with every number behind the ranking.

    Accuracies lie in [0, 1]; `ties` holds compact letters, systems that share one not being told apart;
    `sd_seeds` is NaN for a single seed.
    """
    return pd.DataFrame([_row(score) for score in comparison.scores]).astype({"sd_seeds": "float64"})


def _row(score: SystemScore) -> dict[str, Any]:
    return {
        "network": score.name, "classifier": score.system.classifier, "accuracy": score.accuracy,
        "sd_seeds": score.deviation, "low": score.low, "high": score.high, "ties": score.ties,
        "macro_f1": score.macro_f1, "n_seeds": len(score.seeds), "n_clips": score.n_clips,
        "size": score.system.size, **score.cost,
    }  # fmt: skip


def summary(comparison: Comparison) -> pd.DataFrame:
    """Return text for reading: one row a network, best first, and four columns for each classifier.

    Accuracy is the mean and deviation over seeds, in %; then the interval, macro-F1 and the tie letters.
    """
    classifiers = list(dict.fromkeys(score.system.classifier for score in comparison.scores))
    rows: dict[str, dict[tuple[str, str], str]] = {}
    for score in comparison.scores:
        cells = rows.setdefault(score.name, {})
        cells |= {(score.system.classifier, key): text for key, text in _texts(score).items()}
    columns = pd.MultiIndex.from_product([classifiers, ["accuracy", "interval", "macro-F1", "ties"]])
    table = pd.DataFrame.from_dict(rows, orient="index").reindex(columns=columns)
    return table.fillna("").rename_axis("network")


def _texts(score: SystemScore) -> dict[str, str]:
    return {
        "accuracy": percent(score.accuracy, score.deviation),
        "interval": f"{100 * score.low:.1f}-{100 * score.high:.1f}",
        "macro-F1": f"{100 * score.macro_f1:.1f}",
        "ties": score.ties,
    }


def percent(accuracy: float, deviation: float | None = None) -> str:
    """Return an accuracy in %, with its deviation over seeds where there is one.

    >>> percent(0.8425, 0.006)
    '84.2 ± 0.6'
    """
    spread = "" if deviation is None else f" ± {100 * deviation:.1f}"
    return f"{100 * accuracy:.1f}{spread}"


def heading(comparison: Comparison) -> str:
    """Say in one line what was compared: data set, protocol, clips, seeds."""
    protocol = comparison.protocol + (f" ({comparison.note})" if comparison.note else "")
    return f"{comparison.dataset}: {protocol}, {extent(comparison)}"


def extent(comparison: Comparison) -> str:
    """Say how many clips and seeds a comparison rests on."""
    clips = sorted({score.n_clips for score in comparison.scores})
    seeds = sorted({len(score.seeds) for score in comparison.scores})
    return f"{_span(clips, 'clip')}, {_span(seeds, 'seed')}"


def _span(numbers: Sequence[int], noun: str) -> str:
    low, high = numbers[0], numbers[-1]
    return (f"{low}-{high}" if low != high else str(low)) + f" {noun}" + ("" if high == 1 else "s")


def legend(comparison: Comparison) -> str:
    """Explain the columns of `summary` in two lines."""
    share = f"{100 * comparison.confidence:.0f} %"
    return (
        f"Accuracy in %: mean ± standard deviation over seeds; interval: {share}, over clips and seeds.\n"
        "Systems that share a letter are tied: a paired test, corrected for all pairs, finds no difference."
    )


def rich_table(comparison: Comparison) -> Table:
    """Return the summary for a terminal of 80 columns: without macro-F1, which text, CSV and JSON hold."""
    frame = summary(comparison).drop(columns="macro-F1", level=1)
    table = Table(
        title=Text(heading(comparison)),
        title_justify="left",
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("network", no_wrap=True)
    for classifier, key in _columns(frame):
        first = key == "accuracy"
        header = Text(classifier if first else key)
        fold = not first  # what gives way where the terminal is narrow
        style = "bold" if first else ""
        table.add_column(header, justify="right", style=style, no_wrap=not fold, overflow="fold")
    for name, row in frame.iterrows():
        table.add_row(Text(str(name)), *map(Text, row))  # Text: a bracket in a name is no markup
    return table


def beside(compared: Sequence[Comparison]) -> pd.DataFrame:
    """Return one row a network: accuracies in % of each classifier and protocol, and the study's own.

    `compared` holds the protocols of one data set. Networks are in the order of the first protocol.
    """
    rows: dict[str, dict[str, str]] = {}
    for comparison in compared:
        for score in comparison.scores:
            cells = rows.setdefault(score.name, {})
            cells[f"{score.system.classifier} {comparison.protocol}"] = percent(
                score.accuracy, score.deviation
            )
    reference = published(compared[0].dataset)
    for row in [] if reference is None else reference.to_dict(orient="records"):
        for name in (row["network"], f"{row['network']}_2018"):
            if name in rows:
                rows[name][f"{row['classifier']} 2018"] = f"{100 * row['accuracy']:.1f}"
    columns = sorted({key for cells in rows.values() for key in cells}, key=_column_order)
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).fillna("").rename_axis("network")


def _column_order(key: str) -> tuple[bool, str, int]:
    classifier, protocol = key.rsplit(" ", 1)
    return classifier != "svm", classifier, ("nested", "paper", "2018").index(protocol)


def rich_beside(compared: Sequence[Comparison]) -> Table:
    """Return `beside` for a terminal."""
    frame = beside(compared)
    table = Table(title="accuracy in %, by protocol", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("network", no_wrap=True)
    for column in frame.columns:
        table.add_column(Text(str(column)), justify="right")
    for name, row in frame.iterrows():
        table.add_row(Text(str(name)), *map(Text, row))
    return table


def to_text(comparison: Comparison) -> str:
    """Return the summary as plain text, with heading and legend."""
    body = _flat(summary(comparison)).to_string(index=False)
    return f"{heading(comparison)}\n\n{body}\n\n{legend(comparison)}\n"


def to_markdown(comparison: Comparison) -> str:
    """Return the summary as a Markdown table."""
    frame = _flat(summary(comparison))
    lines = [list(frame.columns), ["---"] * len(frame.columns), *frame.to_numpy().tolist()]
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)


def _flat(frame: pd.DataFrame) -> pd.DataFrame:
    flat = frame.copy()
    flat.columns = pd.Index([name if key == "accuracy" else key for name, key in _columns(frame)], dtype=str)
    return flat.reset_index()


def _columns(frame: pd.DataFrame) -> list[tuple[str, str]]:
    return cast("list[tuple[str, str]]", frame.columns.tolist())


def to_csv(comparison: Comparison) -> str:
    """Return every number of the ranking as CSV text, a row a system."""
    return ranking(comparison).to_csv(index=False, lineterminator="\n")


def to_json(comparison: Comparison) -> str:
    """Return the ranking and the paired differences as JSON text; equal comparisons give equal bytes."""
    systems = [
        {**_row(s), "recalls": s.recalls, "seeds": list(s.seeds), "by_seed": list(s.by_seed)}
        for s in comparison.scores
    ]
    families = [_family(family, comparison) for family in comparison.families]
    record = {
        "dataset": comparison.dataset, "protocol": comparison.protocol, "note": comparison.note,
        "confidence": comparison.confidence, "chance": comparison.chance, "majority": comparison.majority,
        "answer": answer(comparison), "design": asdict(comparison.design), "systems": systems,
        "families": families,
    }  # fmt: skip
    return json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False) + "\n"


def _family(family: Family, comparison: Comparison) -> dict[str, Any]:
    labels = [score.label for score in comparison.scores]
    contrasts = [{**asdict(c), "a": labels[c.a], "b": labels[c.b]} for c in family.contrasts]
    return {"name": family.name, "method": family.method, "contrasts": contrasts}


def report_text(result: Result) -> str:
    """Return `report.txt` of one cell: accuracy, classification report, chosen parameters, recipe."""
    labels = [p.label for p in result.predictions]
    predicted = [p.predicted for p in result.predictions]
    note = f" ({result.protocol_note})" if result.protocol_note else ""
    folds = [f"  {f.name}: {percent(f.accuracy)} % of {f.n_test} clips, {f.params}" for f in result.folds]
    parts = [
        f"{result.dataset}: {result.label} + {result.classifier}, seed {result.seed}",
        f"protocol: {result.protocol}{note}",
        f"accuracy: {percent(result.accuracy)} %   macro-F1: {percent(result.macro_f1)} %",
        f"clips: {result.n_clips}   features: {result.n_features}",
        f"best parameters: {result.best_params}",
        "\n".join(["folds:", *folds]),
        metrics.classification_report(labels, predicted, classes=result.classes),
        "\n".join(["skipped:", *(f"  {s.id}: {s.reason}" for s in result.skipped)]) if result.skipped else "",
        "\n".join(["notes:", *(f"  {note}" for note in result.notes)]) if result.notes else "",
        "recipe: " + json.dumps(result.recipe, indent=2, ensure_ascii=False),
    ]
    return "\n\n".join(part.rstrip() for part in parts if part) + "\n"
