"""The accuracies published in 2018, to be drawn beside one's own; data/README.md says how they were read."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import pandas as pd

SOURCE = "Pons & Serra 2018, arXiv:1805.00237, about 3,500 features"


@cache
def _all() -> pd.DataFrame:
    with files("elmarc.reports").joinpath("data", "paper_results.csv").open(encoding="utf-8") as file:
        table = pd.read_csv(file)
    table[["accuracy", "error_bar"]] /= 100.0
    return table


def published(dataset: str) -> pd.DataFrame | None:
    """Return the study's results on a data set, or None where it has none.

    Columns: network, classifier, accuracy and error_bar in [0, 1] (the latter NaN where none was drawn).

    >>> published("gtzan").query("network == 'vgg' and classifier == 'svm'").accuracy.item()
    0.596
    """
    table = _all()
    rows = table[table.dataset == dataset].drop(columns="dataset").reset_index(drop=True)
    return None if rows.empty else rows
