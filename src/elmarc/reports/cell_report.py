"""report.txt: what one cell of a study gave, for reading."""

from __future__ import annotations

import json

from elmarc.evaluation import metrics
from elmarc.reports.wording import percent
from elmarc.results import Result


def report_text(result: Result) -> str:
    """Return `report.txt` of one cell: accuracy, classification report, chosen parameters, definition."""
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
        "definition: " + json.dumps(result.definition, indent=2, ensure_ascii=False),
    ]
    return "\n\n".join(part.rstrip() for part in parts if part) + "\n"
