"""A comparison as text, CSV, JSON, Markdown and LaTeX, and one result as text.

In ranking.json a key keeps its name and meaning within one `version`; new keys may come. Accuracies lie in
[0, 1], differences in [-1, 1]; `null` stands for what does not exist. The LaTeX table needs the package
booktabs and text in UTF-8.
"""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from elmarc import metrics
from elmarc._io import csv_text, json_text
from elmarc.comparison.answer import answer, details, not_run
from elmarc.comparison.records import Comparison, Contrast, SystemScore
from elmarc.reports import wording
from elmarc.reports.terminal import to_text
from elmarc.results import Result

VERSION = 2  # of ranking.json
ESCAPES = str.maketrans(
    {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "±": r"$\pm$"}
    | {"<": r"\textless{}", ">": r"\textgreater{}"}
    | {character: "\\" + character for character in "&%$#_{}"}
)


def ranking(comparison: Comparison) -> pd.DataFrame:
    """Return one row per system, best first, with every number that belongs to it.

    Returns
    -------
    DataFrame
        Accuracies lie in [0, 1]. `ties`: systems of one classifier that share a letter are not significantly
        different. `sd_seeds`: NaN for one seed. `over_mfcc`, `over_mfcc_low`, `over_mfcc_high`: the
        difference from the MFCC baseline with its interval, `over_mfcc_p` its p-value, both corrected for the
        family. `seed_0`: the accuracy with that seed, and so on. `recall_...`: of each class. What does not
        exist is NaN. `failed`, where a cell could not be run: the seeds and the reason; systems without a
        score come last.
    """
    rows = [_row(comparison, place) for place in range(len(comparison.scores))]
    for failed in comparison.failed:
        key = {"network": failed.name, "classifier": failed.classifier}
        row = next((row for row in rows if key.items() <= row.items()), None)
        if row is None:
            rows.append(row := {**key, "n_seeds": 0})
        text = f"seeds {', '.join(map(str, failed.seeds))}: {failed.reason}"
        row["failed"] = f"{row['failed']}; {text}" if "failed" in row else text
    return pd.DataFrame(rows).astype({"sd_seeds": "float64"})


def _row(comparison: Comparison, place: int) -> dict[str, Any]:
    score, contrast = comparison.scores[place], comparison.against_baseline(place)
    over_mfcc = contrast and {
        "over_mfcc": contrast.difference,
        "over_mfcc_low": contrast.low,
        "over_mfcc_high": contrast.high,
        "over_mfcc_p": contrast.p_value,
    }
    return {
        "network": score.name, "classifier": score.system.classifier, "accuracy": score.accuracy,
        "sd_seeds": score.deviation, "low": score.low, "high": score.high, "ties": score.ties,
        "macro_f1": score.macro_f1, "n_seeds": len(score.seeds), "n_clips": score.n_clips,
        "size": score.system.size, **score.cost, **(over_mfcc or {}),
        "chance": comparison.chance, "majority": comparison.majority,
        **{f"seed_{seed}": value for seed, value in zip(score.seeds, score.by_seed, strict=True)},
        **{f"recall_{name}": recall for name, recall in score.recalls.items()},
    }  # fmt: skip


def to_csv(comparison: Comparison) -> str:
    """Return `ranking` as CSV text."""
    return csv_text(ranking(comparison))


def to_markdown(comparison: Comparison) -> str:
    """Return the ranking as a Markdown table: a row per network, best first, then chance."""
    shown = ("accuracy", "interval", "macro-F1", "ties")
    rows = {(s.name, s.system.classifier): wording.cells(s) for s in comparison.scores}
    head = [c if key == "accuracy" else key for c in comparison.classifiers for key in shown]
    lines = [["network", *head], ["---", *(["---:"] * len(head))]]
    for name in dict.fromkeys(score.name for score in comparison.scores):
        every = [rows.get((name, classifier), {}) for classifier in comparison.classifiers]
        lines.append([name, *(cells.get(key, "") for cells in every for key in shown)])
    for name, level in wording.levels(comparison).items():
        texts = (wording.percent(level) if key == "accuracy" else "" for key in shown)
        lines.append([name, *(list(texts) * len(comparison.classifiers))])
    table = "".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |\n" for line in lines)
    return table + "".join(f"\n{html.escape(sentence, quote=False)}\n" for sentence in not_run(comparison))


def to_latex(comparison: Comparison) -> str:
    """Return the ranking as a LaTeX table with caption and label: a row per network, best first.

    Comments above it describe the tests.
    """
    classifiers = comparison.classifiers
    texts = {(score.name, score.system.classifier): wording.cells(score) for score in comparison.scores}
    keys = ("accuracy", "interval", "macro-F1", *(["ties"] if wording.has_ties(comparison) else []))
    n = len(keys)
    rows = []
    for name in dict.fromkeys(score.name for score in comparison.scores):
        cells = (texts.get((name, classifier), {}).get(key, "") for classifier in classifiers for key in keys)
        rows.append(_latex_row([escape(name), *(escape(cell).replace("-", "--") for cell in cells)]))
    last = 1 + n * len(classifiers)
    lines = [
        *(f"% {family.name}: {family.method}" for family in comparison.families),
        r"\begin{table}", r"\centering\small", rf"\caption{{{escape(caption(comparison))}}}",
        rf"\label{{{label(comparison)}}}",
        rf"\begin{{tabular}}{{l{('r' * 3 + 'l' * (n - 3)) * len(classifiers)}}}", r"\toprule",
        _latex_row(["", *(rf"\multicolumn{{{n}}}{{c}}{{{escape(c)}}}" for c in classifiers)]),
        "".join(rf"\cmidrule(lr){{{2 + n * k}-{1 + n * (k + 1)}}}" for k in range(len(classifiers))),
        _latex_row(["network", *keys * len(classifiers)]),
        r"\midrule", *rows, r"\midrule",
        *(
            rf"{escape(name)} & \multicolumn{{{last - 1}}}{{l}}{{{wording.percent(level)}}} \\"
            for name, level in wording.levels(comparison).items()
        ),
        r"\bottomrule", r"\end{tabular}",
        *(rf"\par {escape(sentence)}" for sentence in not_run(comparison)), r"\end{table}",
    ]  # fmt: skip
    return "\n".join(lines) + "\n"


def caption(comparison: Comparison) -> str:
    """Return what the table shows, in plain text: about two lines."""
    spread = " (mean ± standard deviation over seeds)" if wording.several_seeds(comparison) else ""
    share = f"{100 * comparison.confidence:.0f} %"
    ties = " Systems of one classifier that share a letter are not significantly different."
    return (
        f"{wording.heading(comparison)}. Accuracy in %{spread}, its {share} interval and macro-F1."
        f"{ties if wording.has_ties(comparison) else ''}"
    )


def label(comparison: Comparison) -> str:
    """Return the table's label, as in "tab:ranking-sounds-nested"."""
    return "tab:ranking-" + re.sub(r"[^A-Za-z0-9]+", "-", f"{comparison.dataset}-{comparison.protocol}")


def escape(text: str) -> str:
    r"""Return text that LaTeX prints as it stands.

    >>> print(escape("timbral_temporal & 50 %"))
    timbral\_temporal \& 50 \%
    """
    return text.translate(ESCAPES)


def _latex_row(cells: Sequence[str]) -> str:
    return " & ".join(cells) + r" \\"


def to_json(comparison: Comparison) -> str:
    """Return a comparison as JSON text; equal comparisons give equal bytes."""
    return json_text(document(comparison))


def document(comparison: Comparison) -> dict[str, Any]:
    """Return what `to_json` writes, as dicts, lists, numbers and text."""
    labels = [score.label for score in comparison.scores]
    return {
        "version": VERSION,
        "dataset": comparison.dataset,
        "protocol": comparison.protocol,
        "note": comparison.note,
        "answer": list(answer(comparison)),
        "details": list(details(comparison)),
        "confidence": comparison.confidence,
        "chance": comparison.chance,
        "majority": comparison.majority,
        "design": asdict(comparison.design),
        "failed": [asdict(failed) for failed in comparison.failed],
        "systems": [_system(score) for score in comparison.scores],
        "families": [
            {
                "name": family.name,
                "kind": family.kind,
                "classifier": family.classifier,
                "method": family.method,
                "members": [labels[k] for k in family.members],
                "contrasts": [_contrast(labels, contrast) for contrast in family.contrasts],
            }
            for family in comparison.families
        ],
    }


def _system(score: SystemScore) -> dict[str, Any]:
    return {
        "label": score.label, "network": score.name, "classifier": score.system.classifier,
        "size": score.system.size, "accuracy": score.accuracy, "sd_seeds": score.deviation, "low": score.low,
        "high": score.high, "ties": score.ties, "macro_f1": score.macro_f1, "n_clips": score.n_clips,
        "seeds": list(score.seeds), "by_seed": list(score.by_seed), "recalls": score.recalls,
        "cost": score.cost,
    }  # fmt: skip


def _contrast(labels: Sequence[str], contrast: Contrast) -> dict[str, Any]:
    return {
        "a": labels[contrast.a], "b": labels[contrast.b], "difference": contrast.difference,
        "low": contrast.low, "high": contrast.high, "standard_error": contrast.standard_error,
        "df": contrast.df, "p_adjusted": contrast.p_value, "differs": contrast.differs,
    }  # fmt: skip


FORMS: dict[str, Callable[[Comparison], str]] = {
    "txt": to_text, "csv": to_csv, "json": to_json, "md": to_markdown, "tex": to_latex,
}  # fmt: skip
"""Ending -> form: the files `ranking.*` of a run."""


def report_text(result: Result) -> str:
    """Return `report.txt` of one cell: accuracy, classification report, chosen parameters, definition."""
    labels = [p.label for p in result.predictions]
    predicted = [p.predicted for p in result.predictions]
    note = f" ({result.protocol_note})" if result.protocol_note else ""
    percent = wording.percent
    parts = [
        f"{result.dataset}: {result.label} + {result.classifier}, seed {result.seed}",
        f"protocol: {result.protocol}{note}",
        f"accuracy: {percent(result.accuracy)} %   macro-F1: {percent(result.macro_f1)} %",
        f"clips: {result.n_clips}   features: {result.n_features}",
        f"best parameters: {result.best_params}",
        _section(
            "folds",
            [f"{f.name}: {percent(f.accuracy)} % of {f.n_test} clips, {f.params}" for f in result.folds],
        ),
        metrics.classification_report(labels, predicted, classes=result.classes),
        _section("skipped", [f"{s.id}: {s.reason}" for s in result.skipped]),
        _section("notes", result.notes),
        "definition: " + json.dumps(result.definition, indent=2, ensure_ascii=False),
    ]
    return "\n\n".join(part.rstrip() for part in parts if part) + "\n"


def _section(title: str, lines: Sequence[str]) -> str:
    return "\n".join([f"{title}:", *(f"  {line}" for line in lines)]) if lines else ""
