from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint
from tests.comparison.test_variance import moments_of, right_and_wrong

from elmarc.comparison import variance
from elmarc.comparison.variance import moderate

A, B = np.array([0]), np.array([1])


def test_systems_that_no_seed_changes_get_the_paired_t_test_over_clips(rng):
    right = right_and_wrong(rng, n_units=200, n_seeds=1).repeat(3, axis=2)
    found = moments_of(right)
    estimate = variance.difference(found, moderate(found), A, B)
    expected = stats.ttest_rel(*right[:, :2, 0].T.astype(float))
    assert estimate.p_value()[0] == pytest.approx(expected.pvalue)
    ends = expected.confidence_interval(0.95)
    assert estimate.half_width(0.95)[0] == pytest.approx((ends.high - ends.low) / 2)


def test_where_weights_decide_all_it_is_the_t_test_over_seeds():
    """Every clip alike within a seed: accuracies 0.9, 0.8, 0.7 against 0.5, 0.4, 0.3, on very many clips."""
    skills = np.array([[0.9, 0.8, 0.7], [0.5, 0.4, 0.3]])
    right = np.random.default_rng(0).random((200_000, 1, 1)) < skills
    found = moments_of(right)
    estimate = variance.difference(found, moderate(found), A, B)
    expected = stats.ttest_ind(*skills)
    assert estimate.df[0] == pytest.approx(4.0, abs=0.05)
    assert estimate.p_value()[0] == pytest.approx(expected.pvalue, rel=0.05)


def test_an_interval_is_never_narrower_than_that_over_clips_alone(rng):
    right = right_and_wrong(rng, n_seeds=2)
    right[:, 0, 1], right[:, 1, 1] = right[::-1, 0, 0], right[::-1, 1, 0]  # accuracies do not vary at all
    found = moments_of(right[:, :2])
    estimate = variance.difference(found, moderate(found), A, B)
    means = right[:, :2].mean(axis=2)
    over_clips = stats.sem(means[:, 0] - means[:, 1]) * stats.t.ppf(0.975, 59)
    assert estimate.half_width(0.95)[0] == pytest.approx(over_clips)


def test_the_interval_of_one_seed_s_accuracy_is_wilson_s(rng):
    right = right_and_wrong(rng, n_units=800, n_seeds=1)
    found = moments_of(right)
    low, high = variance.accuracy_interval(variance.accuracy(found, moderate(found)), 0.95)
    for k in range(3):
        expected = proportion_confint(right[:, k].sum(), 800, method="wilson")
        assert (low[k], high[k]) == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize("always", [True, False])
def test_an_accuracy_of_all_or_nothing_has_an_interval_too(always):
    found = moments_of(np.full((50, 1, 2), always))
    low, high = variance.accuracy_interval(variance.accuracy(found, moderate(found)), 0.95)
    expected = proportion_confint(50 * always, 50, method="wilson")
    assert (low[0], high[0]) == pytest.approx(expected, abs=1e-3)


def test_few_clips_claim_little():
    right = np.zeros((4, 2, 3), dtype=bool)
    right[:, 0] = True
    found = moments_of(right)
    estimate = variance.difference(found, moderate(found), A, B)
    assert np.isfinite(estimate.p_value()).all()
