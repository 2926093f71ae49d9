"""The grids are those of the 2018 study, and names are checked."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid

from elmarc.classifiers import CLASSIFIERS, make_classifier
from elmarc.classifiers.grids import Scaling
from elmarc.errors import ConfigError


def test_svm_grid_is_the_studys() -> None:
    candidates = list(ParameterGrid(make_classifier("svm").grid))
    gammas = {params["gamma"] for params in candidates if params["kernel"] == "rbf"}

    assert len(candidates) == 32
    assert gammas == {2**-3, 2**-5, 2**-7, 2**-9, 2**-11, 2**-13, "auto"}
    assert {params["C"] for params in candidates if params["kernel"] == "linear"} == {0.1, 2, 8, 32}


@pytest.mark.parametrize(
    ("name", "grid"),
    [
        ("linear_svm", {"C": [0.1, 1, 2]}),
        ("elm", {"n_hidden": [100, 250, 500, 1200, 1800, 2500]}),
        ("knn", {"n_neighbors": [1, 3, 5, 10, 20, 30, 50, 100]}),
        ("mlp", {}),
        ("linear", {}),
    ],
)
def test_other_grids_are_the_studys(name: str, grid: object) -> None:
    assert make_classifier(name).grid == grid


@pytest.mark.parametrize("standardise", [False, True, "squashed"])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_every_candidate_can_be_set(name: str, standardise: Scaling) -> None:
    spec = make_classifier(name, standardise=standardise)
    for params in ParameterGrid(spec.grid):
        clone(spec.estimator).set_params(**params)


def test_squashed_features_are_bounded_and_keep_their_order(rng: np.random.Generator) -> None:
    X = rng.normal(100, 5, size=(50, 3)).astype(np.float32)
    X[7] = 1e6
    first = make_classifier("svm", standardise="squashed").estimator[:-1].fit(X)
    squashed = first.transform(X)
    assert squashed.dtype == np.float32
    assert np.abs(squashed).max() <= 1
    np.testing.assert_array_equal(squashed.argsort(axis=0, kind="stable"), X.argsort(axis=0, kind="stable"))
    np.testing.assert_allclose(squashed, np.tanh((X - X.mean(axis=0)) / X.std(axis=0) / 2), rtol=1e-4)


def test_classifiers_do_not_share_a_grid() -> None:
    make_classifier("knn").grid["n_neighbors"].append(7)

    assert 7 not in make_classifier("knn").grid["n_neighbors"]


def test_ridge_chooses_its_penalty_among_many(rng: np.random.Generator) -> None:
    y = np.arange(60) % 3
    X = rng.normal(size=(3, 100))[y] + rng.normal(size=(60, 100))

    assert make_classifier("ridge").estimator.fit(X[:45], y[:45]).score(X[45:], y[45:]) > 0.9


def test_unknown_name_lists_the_known() -> None:
    with pytest.raises(ConfigError, match="unknown classifier 'svn': did you mean 'svm'"):
        make_classifier("svn")


def test_the_elm_alone_has_a_ridge(rng: np.random.Generator) -> None:
    plain, ridged = make_classifier("elm"), make_classifier("elm", ridge=True)
    assert plain.estimator.regressor is None
    assert ridged.grid == plain.grid
    X, y = rng.normal(size=(40, 5)), np.arange(40) % 2
    fitted = ridged.estimator.set_params(n_hidden=500).fit(X, y)
    assert fitted.weights_.std() == pytest.approx(5**-0.5, rel=0.1)
    assert fitted.regressor_.penalty_ > 0
    with pytest.raises(ConfigError, match="ridge is an option of the elm alone, not of svm"):
        make_classifier("svm", ridge=True)
