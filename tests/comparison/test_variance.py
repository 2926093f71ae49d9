from __future__ import annotations

import numpy as np
import pytest

from elmarc.comparison.variance import Moments, moderate, moments


def right_and_wrong(rng, n_units=60, n_systems=3, n_seeds=4):
    difficulty = rng.normal(size=(n_units, 1, 1))
    return difficulty + rng.normal(size=(n_units, n_systems, n_seeds)) < 0.3


def moments_of(right: np.ndarray) -> Moments:
    n_units, n_systems, n_seeds = right.shape
    hits = right.reshape(n_units, -1) / n_units
    return moments(hits, np.full_like(hits, 1 / n_units), [n_seeds] * n_systems)


def between_only(values, df: int) -> Moments:
    """Moments of which only the variances between seeds matter."""
    k = len(values)
    nothing, no = np.zeros(k), np.zeros(k, dtype=bool)
    return Moments(nothing, np.eye(k), np.asarray(values), nothing, np.full(k, df + 1), no, 100, 99.0)


def test_the_parts_are_those_of_a_two_way_analysis_of_variance(rng):
    right = right_and_wrong(rng)
    found = moments_of(right)
    n, _, s = right.shape
    for k in range(3):
        x = right[:, k].astype(float)
        by_seed = x.mean(axis=0)
        rest = x - x.mean(axis=1, keepdims=True) - by_seed + x.mean()
        assert found.accuracy[k] == pytest.approx(x.mean())
        assert found.between[k] == pytest.approx(by_seed.var(ddof=1))
        assert found.interaction[k] == pytest.approx((rest**2).sum() / ((n - 1) * (s - 1)) / n)
    means = right.mean(axis=2)
    np.testing.assert_allclose(found.covariance, np.cov(means.T) / n, rtol=1e-9)


def test_a_system_that_no_seed_changes_is_fixed_but_equal_accuracies_alone_are_no_proof(rng):
    right = right_and_wrong(rng, n_seeds=2)
    right[:, 0, 1] = right[:, 0, 0]
    right[:, 1, 1] = right[::-1, 1, 0]  # as many right, but others
    found = moments_of(right)
    assert found.fixed.tolist() == [True, False, False]
    assert found.between[1] == pytest.approx(0.0, abs=1e-12)
    assert (found.n_seeds[0], found.interaction[0]) == (1, 0.0)
    assert found.interaction[1] > 0.0


def test_a_table_of_like_variances_earns_more_degrees_of_freedom_than_one_of_unlike(rng):
    like = moderate(between_only(rng.chisquare(2, 20) / 2, df=2))
    unlike = moderate(between_only(rng.chisquare(2, 20) / 2 * np.resize([0.01, 1.0, 100.0], 20), df=2))
    assert like.df.min() > 2 * unlike.df.max()


def test_borrowing_pulls_towards_the_mean_and_never_claims_more_than_the_table_holds():
    found = moderate(between_only([1.0, 4.0], df=1))
    assert 1.0 < found.value[0] < 2.5 < found.value[1] < 4.0
    assert found.value.mean() == pytest.approx(2.5)
    assert found.df.tolist() == [2.0, 2.0]


def test_a_single_seed_borrows_all_and_nothing_is_known_where_all_have_one():
    several = between_only([1.0, 2.0, 0.0], df=2)
    lone = Moments(**{**several.__dict__, "n_seeds": np.array([3, 3, 1])})
    assert moderate(lone).value[2] == pytest.approx(1.5)
    assert moderate(between_only([0.0, 0.0], df=0)).df.tolist() == [0.0, 0.0]
