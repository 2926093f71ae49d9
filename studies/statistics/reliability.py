"""How far the probabilities of a `SoundClassifier` can be believed, on clips that took no part in its fit.

    python -m studies.statistics.reliability --data ../shared/data --figure docs/figures/reliability.png

Every official fold of ESC-10, and every speaker of 600 spoken digits, is held out once; hyper-parameters and
scale come from the other clips alone. Three ways from decision values to probabilities:

- as they are: the softmax of the values, or the shares that the classifier itself gives;
- calibrated: elmarc's;
- sigmoid: scikit-learn's `CalibratedClassifierCV` with one sigmoid a class, five folds.

Expected calibration error: the mean gap between the confidence in the predicted class and the share of clips
that are right, over ten bins of equal width, weighted by their clips.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.metrics import log_loss

from elmarc import RandomCNNFeatures, open_dataset
from elmarc.classifiers import CLASSIFIERS, make_classifier
from elmarc.classifiers.calibration import decision_values, probabilities
from elmarc.datasets.base import Dataset
from elmarc.features.recipes import settings
from elmarc.model.learning import Calibrated, Units, learn

WAYS = ("as they are", "calibrated", "sigmoid")
N_BINS = 10
EVERY = 5  # of the spoken digits: 600 clips
DRAWN = ("ridge", "elm", "svm")
Shares = NDArray[np.float64]


@dataclass(frozen=True)
class Material:
    """Features, class numbers, and the fold and group of each clip."""

    name: str
    X: NDArray[np.float32]
    y: NDArray[np.intp]
    units: Units
    parts: NDArray[np.str_]


def material(data: Dataset, *, store: str | None) -> Material:
    X = RandomCNNFeatures(recipe="v2", store=store).fit_transform(data)
    folds, groups = (tuple(getattr(clip, name) or "" for clip in data.clips) for name in ("fold", "group"))
    labels = tuple(clip.label for clip in data.clips)
    _, y = np.unique(labels, return_inverse=True)
    return Material(
        data.name, X, y, Units(labels, folds, groups), np.asarray(folds if all(folds) else groups)
    )


def held_out(of: Material, classifier: str) -> Iterator[tuple[str, NDArray[np.intp], Shares]]:
    """Yield way, rows and probabilities for each part that is held out."""
    options = settings("v2", frontend=None, network=None, classifier=classifier)["classifier"]
    spec = make_classifier(classifier, **options)
    for part in np.unique(of.parts):
        train, test = np.flatnonzero(of.parts != part), np.flatnonzero(of.parts == part)
        found = learn(spec, of.X[train], of.y[train], of.units.of(train), n_jobs=2)
        values = decision_values(found.estimator, of.X[test])
        yield "as they are", test, probabilities(values, 1.0)
        yield "calibrated", test, probabilities(values, found.scale)
        yield "sigmoid", test, sigmoid(found, of.X[train], of.y[train], of.X[test])


def sigmoid(found: Calibrated, X: Any, y: Any, new: Any) -> Shares:
    model = CalibratedClassifierCV(clone(found.estimator), method="sigmoid", ensemble=False)
    return np.asarray(model.fit(X, y).predict_proba(new))


def calibration_error(y: NDArray[np.intp], shares: Shares) -> float:
    return float(sum(n / len(y) * abs(sure - right) for sure, right, n in bins(y, shares)))


def bins(y: NDArray[np.intp], shares: Shares) -> list[tuple[float, float, int]]:
    """Return mean confidence, share of right clips and number of clips of each bin that has some."""
    sure, right = shares.max(axis=1), shares.argmax(axis=1) == y
    places = np.minimum((sure * N_BINS).astype(int), N_BINS - 1)
    members = [places == k for k in range(N_BINS)]
    return [(sure[own].mean(), right[own].mean(), int(own.sum())) for own in members if own.any()]


def shares_of(of: Material, classifier: str) -> dict[str, Shares]:
    found = {way: np.zeros((len(of.y), of.y.max() + 1)) for way in WAYS}
    for way, rows, shares in held_out(of, classifier):
        found[way][rows] = shares
    return found


def table_row(of: Material, classifier: str, by_way: dict[str, Shares]) -> str:
    right = np.mean(by_way["calibrated"].argmax(axis=1) == of.y)
    errors = [f"{100 * calibration_error(of.y, by_way[way]):.1f}" for way in WAYS]
    losses = [f"{log_loss(of.y, by_way[way]):.3f}" for way in WAYS]
    return "| " + " | ".join([of.name, classifier, f"{100 * right:.1f}", *errors, *losses]) + " |"


def draw(axes: Any, y: NDArray[np.intp], by_way: dict[str, Shares], title: str) -> None:
    axes.plot([0, 1], [0, 1], color="0.7", lw=1)
    for way, marker in zip(WAYS[:2], "o^", strict=True):
        sure, right, n = np.transpose(bins(y, by_way[way]))
        line = axes.plot(sure, right, lw=1, label=way)[0]
        axes.scatter(sure, right, s=150 * n / n.sum() + 4, marker=marker, color=line.get_color())
    axes.set(
        title=title,
        xlabel="confidence",
        ylabel="share that is right",
        xlim=(0, 1.02),
        ylim=(0, 1.02),
        aspect="equal",
    )


def main() -> None:
    """Print the table, and draw the figure where one is asked for."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--store")
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--classifiers", default=",".join(CLASSIFIERS))
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    digits = open_dataset(options.data / "fsdd" / "fsdd.csv")
    sets = (
        open_dataset("esc10", audio=options.data / "esc10"),
        replace(digits, name="digits", clips=digits.clips[::EVERY]),
    )
    heads = [f"{measure}: {way}" for measure in ("error", "log loss") for way in WAYS]
    print("| " + " | ".join(["data", "classifier", "accuracy", *heads]) + " |")
    print("|" + "---|" * (3 + len(heads)))
    _, axes = plt.subplots(len(sets), len(DRAWN), figsize=(8, 5.4), sharex=True, sharey=True)
    for row, data in zip(axes, sets, strict=True):
        of = material(data, store=options.store)
        for name in options.classifiers.split(","):
            by_way = shares_of(of, name)
            print(table_row(of, name, by_way), flush=True)
            if name in DRAWN:
                draw(row[DRAWN.index(name)], of.y, by_way, f"{of.name}, {name}")
    axes[0, 0].legend(fontsize=7, loc="upper left")
    if options.figure:
        plt.tight_layout()
        plt.savefig(options.figure, dpi=110)


if __name__ == "__main__":
    main()
