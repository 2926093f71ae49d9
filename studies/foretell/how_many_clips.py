"""How many clips does the untrained ranking need? A study's is repeated on parts of each class.

    python -m studies.foretell.how_many_clips runs/foretell --store STORE [--draws 5]

The folder is that of `python -m studies.foretell`. For each data set, share of the clips and draw, the
classifier and recipe that the plan names (ridge, v2) score the architectures on features of the study's first
seed. The table has mean and range over draws of Spearman's correlation with the trained accuracy on all
clips, and of the points lost by training the first alone. Each class of each fold gives the same share.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from scipy.stats import spearmanr

from elmarc.classifiers.grids import ClassifierSpec
from elmarc.evaluation.protocol import evaluate
from elmarc.evaluation.splits import keep_together, make_splits
from elmarc.features.store import FeatureStore
from elmarc.results import Result, collect
from elmarc.study import build
from elmarc.study.spec import parse_experiment

Kind: TypeAlias = Literal["folds", "lists", "none"]
SHARES = (0.25, 0.5, 1.0)
CLASSIFIER, RECIPE, SEED = "ridge", "v2", 0


@dataclass(frozen=True)
class Features:
    """Features, labels and folds of the clips of one architecture."""

    X: np.ndarray
    columns: tuple[str, ...]
    labels: np.ndarray
    folds: np.ndarray
    kind: Kind
    spec: ClassifierSpec

    def accuracy(self, rows: np.ndarray) -> float:
        """Return the nested accuracy on some clips."""
        labels, folds = self.labels[rows], self.folds[rows].tolist()
        parts = make_splits(labels.tolist(), folds, kind=self.kind, n_folds=5)
        together = keep_together([""] * len(rows), folds, kind=self.kind)
        return evaluate(self.spec, self.X[rows], labels, parts, keep_together=together).accuracy


def features_of(result: Result, store: FeatureStore) -> Features:
    """Return the features of an untrained result again; the store has most of them."""
    config = parse_experiment({"data": result.source, **result.config}, source="result.json")
    data = build.dataset(config.data)
    extractor, _ = build.extractor(config, data, store=store)
    matrix = extractor.extract(data.clips).matrix
    folds = np.array([clip.fold or "" for clip in data.clips])
    labels = np.array([clip.label for clip in data.clips])
    spec = build.classifier(config)
    return Features(matrix.X, matrix.columns, labels, folds, data.split_kind, spec)


def some(own: Features, share: float, draw: int) -> np.ndarray:
    """Return rows: so many of each class and fold, at least two."""
    rng = np.random.default_rng([draw, round(1000 * share)])
    rows = []
    cells = sorted(set(zip(own.labels.tolist(), own.folds.tolist(), strict=True)))
    for label, fold in cells:
        mine = np.flatnonzero((own.labels == label) & (own.folds == fold))
        n = len(mine) if share == 1 else max(2, round(share * len(mine)))
        rows += rng.choice(mine, size=min(n, len(mine)), replace=False).tolist()
    return np.array(sorted(rows))


def rankings(study: Path, recipe: str) -> tuple[dict[str, dict[str, float]], dict[str, dict[str, Result]]]:
    """Return each architecture's trained accuracy and its untrained result, for each data set."""
    trained: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for result in collect(study / "trained"):
        trained[result.dataset][result.features].append(result.accuracy)
    untrained: dict[str, dict[str, Result]] = defaultdict(dict)
    for result in collect(study / "rank" / recipe):
        is_trained = result.features in trained[result.dataset]
        if is_trained and (result.classifier, result.seed) == (CLASSIFIER, SEED):
            untrained[result.dataset][result.features] = result
    means = {
        dataset: {name: float(np.mean(found)) for name, found in of_a_set.items()}
        for dataset, of_a_set in trained.items()
    }
    return means, untrained


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("--draws", type=int, default=5)
    parser.add_argument("--store", type=Path, required=True)
    given = parser.parse_args()
    store = FeatureStore(given.store)
    trained, untrained = rankings(given.study, RECIPE)
    print("| data set | clips | Spearman | range | first 1 loses | range |\n|---|---|---|---|---|---|")
    for dataset, results in untrained.items():
        names = sorted(results)
        truth = np.array([trained[dataset][name] for name in names])
        known = [features_of(results[name], store) for name in names]
        numbers = {len(some(known[0], share, 0)): share for share in SHARES}  # small shares may be the same
        for n_clips, share in numbers.items():
            found = []
            for draw in range(1 if share == 1 else given.draws):
                rows = some(known[0], share, draw)
                scores = np.array([own.accuracy(rows) for own in known])
                found.append((spearmanr(scores, truth).statistic, truth.max() - truth[scores.argmax()]))
            (rho, lost), low, high = np.mean(found, axis=0), np.min(found, axis=0), np.max(found, axis=0)
            print(
                f"| {dataset} | {n_clips} | {rho:.2f} | {low[0]:.2f}, {high[0]:.2f} | {100 * lost:.1f} "
                f"| {100 * low[1]:.1f}, {100 * high[1]:.1f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
