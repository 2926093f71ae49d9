"""The accuracy that `fit` expects, and its probabilities, against clips that took no part.

    python -m studies.statistics.expectation --data ../shared/data --draws 15

From each set, clips are drawn at random, as many of each class and in random order; the model is fitted on
them, and all others are new. Gaussian classes with as many new clips as one likes show what is left where
clips are independent.

Expected calibration error as in `studies.statistics.reliability`; `by chance` is that of labels drawn from
the very probabilities, which no calibration can be below: there are few clips in a bin.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from elmarc import RandomCNNFeatures, open_dataset
from elmarc.classifiers import make_classifier
from elmarc.classifiers.calibration import decision_values, probabilities
from elmarc.evaluation.search import SearchWorkspace
from elmarc.model.learning import Units, expect, learn
from studies.statistics.reliability import calibration_error

SETS = ("esc10", "drum_styles/drum_styles.csv", "fsdd/fsdd.csv")
MOST_CLIPS = 600  # of a set
EACH = (5, 10, 20)  # clips of each class to fit on
GAUSSIAN = {"two classes": (2, 12, 1.5), "five classes": (5, 12, 3.0), "five, 200 features": (5, 200, 5.0)}
N_NEW = 2000
HEAD = (
    "| set | clips | expected | reached | difference | interval holds | reached less | confidence - reached "
    "| error | by chance |"
)
Drawn = tuple[NDArray[Any], NDArray[np.intp], NDArray[Any], NDArray[np.intp]]
Draw = Callable[[int, np.random.Generator], Drawn]


def of_set(path: Path) -> Draw:
    data = open_dataset(path)
    chosen = np.random.default_rng(0).permutation(len(data.clips))[:MOST_CLIPS]
    clips = [data.clips[i] for i in sorted(chosen)]
    X = RandomCNNFeatures(recipe="v2").fit_transform(clips)
    _, y = np.unique([clip.label for clip in clips], return_inverse=True)

    def draw(n_each: int, rng: np.random.Generator) -> Drawn:
        own = [rng.permutation(np.flatnonzero(y == k))[:n_each] for k in range(y.max() + 1)]
        fitted = rng.permutation(np.concatenate(own))
        new = np.setdiff1d(np.arange(len(y)), fitted)
        return X[fitted], y[fitted], X[new], y[new]

    return draw


def gaussian(n_classes: int, n_features: int, distance: float) -> Draw:
    def draw(n_each: int, rng: np.random.Generator) -> Drawn:
        means = rng.normal(size=(n_classes, n_features)) * distance / np.sqrt(n_features)
        y, new = np.arange(n_classes * n_each) % n_classes, rng.integers(n_classes, size=N_NEW)
        X, new_X = (means[of] + rng.normal(size=(len(of), n_features)) for of in (y, new))
        return X, y, new_X, new

    return draw


def one(drawn: Drawn, rng: np.random.Generator) -> tuple[float, ...]:
    X, y, new_X, new_y = drawn
    spec = make_classifier("ridge", standardise="squashed")
    alone = Units(tuple(map(str, y)), ("",) * len(y), ("",) * len(y))
    work = SearchWorkspace(X)
    fitted, expected = learn(spec, X, y, alone, workspace=work), expect(spec, X, alone, workspace=work)
    assert expected is not None
    assert expected.low is not None
    assert expected.high is not None
    shares = probabilities(decision_values(fitted.estimator, new_X), fitted.scale)
    likely = (shares.cumsum(axis=1) < rng.random((len(shares), 1))).sum(axis=1).clip(0, shares.shape[1] - 1)
    reached = float(np.mean(shares.argmax(axis=1) == new_y))
    holds, less = expected.low <= reached <= expected.high, reached < expected.low
    errors = calibration_error(new_y, shares), calibration_error(likely, shares)
    return expected.accuracy, reached, holds, less, shares.max(axis=1).mean(), *errors


def rows(name: str, draw: Draw, n_draws: int) -> Iterator[str]:
    for n_each in EACH:
        rng = np.random.default_rng(n_each)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = np.array([one(draw(n_each, rng), rng) for _ in range(n_draws)]).T
        gap = found[0] - found[1]
        values = [f"{100 * value:.1f}" for value in found[:2].mean(axis=1)]
        values.append(f"{100 * gap.mean():+.1f} ± {100 * gap.std(ddof=1) / np.sqrt(n_draws):.1f}")
        values += [f"{100 * share:.0f} %" for share in found[2:4].mean(axis=1)]
        values.append(f"{100 * (found[4] - found[1]).mean():+.1f}")
        values += [f"{100 * value:.1f}" for value in found[5:].mean(axis=1)]
        yield f"| {name} | {n_each} a class | {' | '.join(values)} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, help="folder of the sets; without it, Gaussian classes alone")
    parser.add_argument("--draws", type=int, default=15)
    given = parser.parse_args()
    print(HEAD + "\n|" + "---|" * 10)
    for name, design in GAUSSIAN.items():
        for row in rows(name, gaussian(*design), 4 * given.draws):
            print(row, flush=True)
    for name in SETS if given.data else ():
        for row in rows(name.partition("/")[0], of_set(given.data / name), given.draws):
            print(row, flush=True)


if __name__ == "__main__":
    main()
