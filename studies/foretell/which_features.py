"""Which features of the untrained networks predict best: all, one layer, or as many of each network?

    python -m studies.foretell.which_features runs/foretell --store STORE

The folder is that of `python -m studies.foretell`. For each data set and recipe, ridge scores the
architectures of the study's first seed on a part of their features. The table has Spearman's correlation with
the trained accuracy, and the points lost by training the first alone. First and last layer are those of VGGs
and waveform networks; the others are one layer, which is kept.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from elmarc.features.store import FeatureStore
from studies.foretell.how_many_clips import Features, features_of, rankings

DEEP = ("vgg", "sample_level", "frame_level")  # how their names begin
N_FEW, DRAWS = 32, 5


def layer(own: Features, name: str, *, last: bool) -> np.ndarray:
    """Return which columns are of the first or the last layer."""
    layers = [column.split("/")[0] for column in own.columns]
    wanted = layers[-1 if last else 0]
    return np.array([not name.startswith(DEEP) or found == wanted for found in layers])


def few(own: Features, _: str, *, draw: int) -> np.ndarray:
    """Return 32 columns drawn at random, or all where there are fewer."""
    n = len(own.columns)
    return np.sort(np.random.default_rng(draw).choice(n, size=min(n, N_FEW), replace=False))


PARTS: dict[str, list[Callable[[Features, str], np.ndarray]]] = {
    "all": [lambda own, name: np.arange(len(own.columns))],
    "first layer": [lambda own, name: layer(own, name, last=False)],
    "last layer": [lambda own, name: layer(own, name, last=True)],
    f"{N_FEW} at random, mean of {DRAWS} draws": [partial(few, draw=draw) for draw in range(DRAWS)],
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("--store", type=Path, required=True)
    given = parser.parse_args()
    store = FeatureStore(given.store)
    print("| data set | recipe | features | Spearman | first 1 loses |\n|---|---|---|---|---|")
    for recipe in ("2018", "v2"):
        trained, untrained = rankings(given.study, recipe)
        for dataset, results in untrained.items():
            names = sorted(results)
            truth = np.array([trained[dataset][name] for name in names])
            known = [features_of(results[name], store) for name in names]
            everyone = np.arange(len(known[0].labels))
            for what, choices in PARTS.items():
                found = []
                for choose in choices:
                    parts = [
                        replace(own, X=own.X[:, choose(own, name)])
                        for own, name in zip(known, names, strict=True)
                    ]
                    scores = np.array([own.accuracy(everyone) for own in parts])
                    found.append((spearmanr(scores, truth).statistic, truth.max() - truth[scores.argmax()]))
                rho, lost = np.mean(found, axis=0)
                print(f"| {dataset} | {recipe} | {what} | {rho:.2f} | {100 * lost:.1f} |", flush=True)


if __name__ == "__main__":
    main()
