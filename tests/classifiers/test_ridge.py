"""Leave-one-out ridge: the closed form is what leaving clips out one by one gives."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.model_selection import LeaveOneOut, cross_val_predict

from elmarc.classifiers.ridge import LeaveOneOutRidge

PENALTIES = (0.1, 1.0, 10.0, 100.0)


@pytest.mark.parametrize("n_features", [5, 30, 80])
def test_the_penalty_is_that_of_leaving_clips_out_one_by_one(
    rng: np.random.Generator, n_features: int
) -> None:
    X = rng.normal(size=(30, n_features)) + 3
    y = X[:, :2] @ rng.normal(size=(2, 3)) + rng.normal(size=(30, 3)) + 5
    ridge = LeaveOneOutRidge(PENALTIES).fit(X, y)
    errors = [
        np.square(cross_val_predict(Ridge(alpha=a), X, y, cv=LeaveOneOut()) - y).sum() for a in PENALTIES
    ]
    assert ridge.penalty_ == PENALTIES[int(np.argmin(errors))]


@pytest.mark.parametrize("n_features", [5, 80])
@pytest.mark.parametrize("penalty", [1e-3, 1.0, 1e3])
def test_predictions_are_those_of_scikit_learns_ridge(
    rng: np.random.Generator, n_features: int, penalty: float
) -> None:
    X, y = rng.normal(size=(30, n_features)) + 3, rng.normal(size=(30, 2))
    unseen = rng.normal(size=(7, n_features)) + 3
    expected = Ridge(alpha=penalty).fit(X, y).predict(unseen)
    np.testing.assert_allclose(LeaveOneOutRidge((penalty,)).fit(X, y).predict(unseen), expected, atol=1e-9)


def test_one_target_may_be_a_vector_and_columns_may_be_constant(rng: np.random.Generator) -> None:
    X, y = np.hstack([rng.normal(size=(20, 3)), np.ones((20, 2))]), rng.normal(size=20)
    ridge = LeaveOneOutRidge().fit(X, y)
    assert ridge.predict(X).shape == (20,)
    np.testing.assert_allclose(ridge.coef_[3:], 0, atol=1e-12)


@pytest.mark.parametrize("n_features", [5, 80])
def test_it_is_scikit_learns_ridge_cv(rng: np.random.Generator, n_features: int) -> None:
    X, y = rng.normal(size=(30, n_features)) + 3, rng.normal(size=(30, 2))
    y += X[:, :2]
    ours, theirs = LeaveOneOutRidge(PENALTIES).fit(X, y), RidgeCV(alphas=PENALTIES).fit(X, y)
    assert ours.penalty_ == theirs.alpha_
    np.testing.assert_allclose(ours.predict(X), theirs.predict(X), atol=1e-9)
