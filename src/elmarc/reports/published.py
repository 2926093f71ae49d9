"""The study of 2018: its published accuracies (see data/README.md), and how to cite it and elmarc."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import pandas as pd

from elmarc import __version__

SOURCE = "Pons & Serra 2018, arXiv:1805.00237, about 3,500 features"


@cache
def _all() -> pd.DataFrame:
    with files("elmarc.reports").joinpath("data", "paper_results.csv").open(encoding="utf-8") as file:
        table = pd.read_csv(file)
    table[["accuracy", "error_bar"]] /= 100.0
    return table


def published(dataset: str) -> pd.DataFrame | None:
    """Return the study's results on a data set, or None where it has none.

    The columns are network, classifier, and accuracy and error_bar in [0, 1], the latter NaN where none was
    drawn.

    >>> published("gtzan").query("network == 'vgg' and classifier == 'svm'").accuracy.item()
    0.596
    """
    table = _all()
    rows = table[table.dataset == dataset].drop(columns="dataset").reset_index(drop=True)
    return None if rows.empty else rows


def published_bar(dataset: str, features: str, classifier: str) -> tuple[float, float] | None:
    """Return the study's accuracy of one system and its error bar (0 where none was drawn), or None.

    `frame_level_2018` and `frame_level` have one published number: that of the first.
    """
    table = published(dataset)
    if table is None:
        return None
    named = (table.network == features.removesuffix("_2018")) & (table.classifier == classifier)
    rows = table[named].fillna(0.0)
    return None if rows.empty else (float(rows.accuracy.item()), float(rows.error_bar.item()))


def study_place(features: str) -> int:
    """Return a network's place in the study's figures; other networks come last."""
    order = list(dict.fromkeys(_all().network))
    name = features.removesuffix("_2018")
    return order.index(name) if name in order else len(order)


STUDY = """\
@inproceedings{pons2019randomly,
  title     = {Randomly weighted {CNN}s for (music) audio classification},
  author    = {Pons, Jordi and Serra, Xavier},
  booktitle = {IEEE International Conference on Acoustics, Speech and Signal Processing (ICASSP)},
  year      = {2019},
  note      = {arXiv:1805.00237 (2018)},
}
"""


def bibtex(version: str = __version__) -> str:
    """Return the study, and the version of elmarc that made the results, as BibTeX entries."""
    software = f"""\
@software{{elmarc,
  title   = {{elmarc}},
  author  = {{{{The elmarc developers}}}},
  version = {{{version}}},
  license = {{MIT}},
}}
"""
    return f"{STUDY}\n{software}"
