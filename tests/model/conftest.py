"""Clips of three kinds of noise, in memory and in files, and a model of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.sounds import noises, write

from elmarc import RandomCNNFeatures, SoundClassifier
from elmarc.classifiers import CLASSIFIERS
from elmarc.datasets.base import Clip


def classifier(
    network: Any = "7x96",  # the fastest on sounds this short
    classifier: Any = "ridge",
    *,
    standardise: Any = None,
    random_state: Any = 0,
    recipe: str = "v2",
    **options: Any,
) -> SoundClassifier:
    """Return a classifier of the features of a small network, with options of `RandomCNNFeatures`."""
    options = {"size": "small", **options}
    features = RandomCNNFeatures(network, recipe=recipe, random_state=random_state, **options)
    return SoundClassifier(features, classifier, standardise=standardise, random_state=random_state)


@pytest.fixture(scope="module", autouse=True)
def small_grids() -> Iterator[None]:
    """Leave two candidates where the study's grids have many."""
    with pytest.MonkeyPatch.context() as patch:
        few = {
            "elm": {"n_hidden": [50, 100]},
            "svm": {"gamma": ["auto"], "C": [1, 8]},
            "linear_svm": {"C": [0.1, 1]},
        }
        for name, grid in few.items():
            patch.setitem(CLASSIFIERS, name, replace(CLASSIFIERS[name], grid=grid))
        yield


@pytest.fixture(scope="session")
def sounds() -> tuple[np.ndarray, list[str]]:
    return noises(45, seed=0)


@pytest.fixture(scope="session")
def fitted(sounds) -> Callable[..., SoundClassifier]:
    """Fit a small model of `sounds`; each set of options once."""
    made: dict[str, SoundClassifier] = {}

    def fit(network: Any = "7x96", **options: Any) -> SoundClassifier:
        key = f"{network} {options}"
        if key not in made:
            made[key] = classifier(network, n_workers=1, **options).fit(*sounds)
        return made[key]

    return fit


@pytest.fixture
def clips(sounds, tmp_path: Path) -> tuple[Clip, ...]:
    """The same in files, in five folds."""
    made = []
    for i, (y, label) in enumerate(zip(*sounds, strict=True)):
        path = write(tmp_path / f"{i}.wav", y, subtype="FLOAT")
        made.append(Clip(id=path.name, path=path, label=label, fold=str(i // 9)))
    return tuple(made)
