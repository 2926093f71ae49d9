"""Scores of predictions: macro-F1, recall of each class, confusion matrix, report.

Labels are strings; `classes` gives the order of rows and columns, and may name classes without held-out
clips. Such a class has no recall, and counts in macro-F1 only if it was predicted. scikit-learn is imported
where it is needed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pandas as pd


def macro_f1(labels: Sequence[str], predicted: Sequence[str]) -> float:
    """Return the mean of the classes' F1, in [0, 1]: every class counts the same, however few its clips.

    >>> macro_f1(["a", "a", "a", "b"], ["a", "a", "a", "a"])  # a: 6/7, b: 0
    0.42857142857142855
    """
    n_true, n_predicted = Counter(labels), Counter(predicted)
    hits = Counter(label for label, other in zip(labels, predicted, strict=True) if label == other)
    names = sorted(n_true | n_predicted)
    return float(np.mean([2 * hits[name] / (n_true[name] + n_predicted[name]) for name in names]))


def recalls(labels: Sequence[str], predicted: Sequence[str], *, classes: Sequence[str]) -> dict[str, float]:
    """Return, for each class with a clip, the share of its clips that were recognised."""
    n_true = Counter(labels)
    hits = Counter(label for label, other in zip(labels, predicted, strict=True) if label == other)
    return {name: hits[name] / n_true[name] for name in classes if n_true[name]}


def confusion(labels: Sequence[str], predicted: Sequence[str], *, classes: Sequence[str]) -> pd.DataFrame:
    """Return the counts of clips: a row for each true class, a column for each predicted one."""
    counts = Counter(zip(labels, predicted, strict=True))
    return pd.DataFrame(
        [[counts[true, other] for other in classes] for true in classes],
        index=pd.Index(classes, name="true"),
        columns=pd.Index(classes, name="predicted"),
    )


def classification_report(labels: Sequence[str], predicted: Sequence[str], *, classes: Sequence[str]) -> str:
    """Return scikit-learn's table of precision, recall, F1 and number of clips for each class."""
    from sklearn import metrics

    seen = set(labels) | set(predicted)
    present = [name for name in classes if name in seen]
    return str(metrics.classification_report(labels, predicted, labels=present, digits=3, zero_division=0.0))
