"""Scores of a set of predictions: accuracy, macro-F1, recall of each class, confusion matrix.

Conventions
-----------
Labels are strings; `classes` gives the order of rows and columns, and may name classes of which no clip was
held out. Such a class has no recall, and takes no part in macro-F1 unless some clip was taken for it.
"""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from sklearn import metrics


def accuracy(labels: Sequence[str], predicted: Sequence[str]) -> float:
    """Return the share of clips whose predicted class is the true one, in [0, 1]."""
    return float(metrics.accuracy_score(labels, predicted))


def macro_f1(labels: Sequence[str], predicted: Sequence[str]) -> float:
    """Return the mean of the classes' F1, in [0, 1]: every class counts the same, however few its clips.

    >>> macro_f1(["a", "a", "a", "b"], ["a", "a", "a", "a"])  # a: 6/7, b: 0
    0.42857142857142855
    """
    return float(metrics.f1_score(labels, predicted, average="macro", zero_division=0.0))


def recalls(labels: Sequence[str], predicted: Sequence[str], *, classes: Sequence[str]) -> dict[str, float]:
    """Return, for each class with a clip, the share of its clips that were recognised."""
    present = [name for name in classes if name in set(labels)]
    values = metrics.recall_score(labels, predicted, labels=present, average=None, zero_division=0.0)
    return dict(zip(present, map(float, values), strict=True))


def confusion(labels: Sequence[str], predicted: Sequence[str], *, classes: Sequence[str]) -> pd.DataFrame:
    """Return the counts of clips: a row for each true class, a column for each predicted one."""
    counts = metrics.confusion_matrix(labels, predicted, labels=list(classes))
    return pd.DataFrame(
        counts, index=pd.Index(classes, name="true"), columns=pd.Index(classes, name="predicted")
    )


def classification_report(labels: Sequence[str], predicted: Sequence[str], *, classes: Sequence[str]) -> str:
    """Return scikit-learn's table of precision, recall, F1 and number of clips for each class."""
    seen = set(labels) | set(predicted)
    present = [name for name in classes if name in seen]
    return str(metrics.classification_report(labels, predicted, labels=present, digits=3, zero_division=0.0))
