"""Correlations are scipy's, and intervals of simulated rankings hold the true correlation in 93 to 97 %."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from elmarc.agreement import correlation
from elmarc.agreement.scores import Side, unit_counts

N_RANKINGS, N = 1000, 30


def rankings(rng, shape, rho, *, uneven=False):
    """Return scores of known correlation; `uneven`: poor architectures scatter more, as where some fail."""
    x = rng.standard_normal(shape)
    width = np.where(x < 0, 1.4, 0.5) if uneven else 1.0
    return x, rho * x + np.sqrt(1 - rho**2) * width * rng.standard_normal(shape)


def coverage(estimates, truth):
    return np.mean([e.low <= truth <= e.high for e in estimates])


def test_values_are_those_of_scipy(rng):
    x, y = rng.integers(0, 6, size=(2, 5, 12)).astype(float)  # with ties
    for a, b, r, tau in zip(x, y, correlation.spearman(x, y), correlation.kendall(x, y), strict=True):
        assert r == pytest.approx(stats.spearmanr(a, b).statistic, abs=1e-12)
        assert tau == pytest.approx(stats.kendalltau(a, b).statistic, abs=1e-12)


@pytest.mark.parametrize("rho", [0.0, 0.6, 0.9])
def test_intervals_hold_the_truth_of_normal_scores(rho):
    x, y = rankings(np.random.default_rng(1), (N_RANKINGS, N), rho)
    pairs = list(zip(x, y, strict=True))
    spearman = coverage(
        [correlation.spearman_estimate(a, b) for a, b in pairs], 6 / np.pi * np.arcsin(rho / 2)
    )
    kendall = coverage([correlation.kendall_estimate(a, b) for a, b in pairs], 2 / np.pi * np.arcsin(rho))
    assert 0.93 <= spearman <= 0.97
    assert 0.93 <= kendall <= 0.97


def test_intervals_hold_the_truth_where_poor_architectures_scatter_more():
    rng = np.random.default_rng(2)
    x, y = rankings(rng, (N_RANKINGS, N), 0.7, uneven=True)
    many = rankings(rng, (300, 500), 0.7, uneven=True)
    truth = correlation.spearman(*many).mean(), correlation.kendall(many[0][:, :80], many[1][:, :80]).mean()
    pairs = list(zip(x, y, strict=True))
    assert 0.93 <= coverage([correlation.spearman_estimate(a, b) for a, b in pairs], truth[0]) <= 0.97
    assert 0.93 <= coverage([correlation.kendall_estimate(a, b) for a, b in pairs], truth[1]) <= 0.97


def residual(x, given):
    """Return what the ranks of covariates leave over of x's; for too many scores to project."""
    ranks = [stats.rankdata(v) - (len(v) + 1) / 2 for v in given]
    own = stats.rankdata(x) - (len(x) + 1) / 2
    return own - np.transpose(ranks) @ np.linalg.lstsq(np.transpose(ranks), own, rcond=None)[0]


@pytest.mark.parametrize("rho", [0.0, 0.7])
def test_partial_intervals_hold_the_truth_given_what_both_follow_from(rho):
    rng = np.random.default_rng(3)

    def draw(n):
        given = rng.standard_normal((3, n))
        x, y = rankings(rng, n, rho)
        return x + given[0], y + given[0] - given[1], given

    x, y, given = draw(20_000)
    left = [residual(v, given) for v in (x, y)]
    truth = correlation.pearson(*left)
    estimates = [correlation.spearman_estimate(*pair, given=c) for *pair, c in (draw(N) for _ in range(500))]
    assert abs(truth - 6 / np.pi * np.arcsin(rho / 2)) < 0.05
    assert 0.93 <= coverage(estimates, truth) <= 0.97


def test_the_ceiling_holds_the_truth():
    rng = np.random.default_rng(4)
    skill, luck = rng.standard_normal((600, 1, N)), rng.standard_normal((600, 3, N))
    truth = 6 / np.pi * np.arcsin(0.8 / 2)
    estimates = [correlation.ceiling_estimate(s) for s in np.sqrt(0.8) * skill + np.sqrt(0.2) * luck]
    assert 0.93 <= coverage(estimates, truth) <= 0.97


def heard(rng, n_sets, n_clips=60, n=N, taste=1.5):
    """Return right and wrong [n_sets, 2, n_clips, 2 n] of both sides; two seeds each."""
    skill = rng.standard_normal((n_sets, 1, 1, n))
    likes = rng.standard_normal((n_sets, 1, 1, n))
    clips = rng.standard_normal((n_sets, 1, n_clips, 1))  # some clips suit some architectures, on both sides
    own = rng.standard_normal((n_sets, 2, 1, n))
    logit = (0.4 * skill + 0.3 * own + taste * likes * clips).repeat(2, axis=-1)
    return rng.random(logit.shape) < 1 / (1 + np.exp(-logit))


def test_intervals_count_that_all_architectures_heard_the_same_clips():
    """Clips that suit some architectures move both sides together: other clips give another correlation."""
    rng = np.random.default_rng(5)
    scores = heard(rng, 400, n=200).mean(axis=2).reshape(400, 2, 200, 2).mean(axis=-1)
    truth = correlation.spearman(scores[:, 0], scores[:, 1]).mean()
    found, without = [], []
    for hits in heard(rng, 300).astype(float):
        x, y = (Side(h, np.ones_like(h), (2,) * N) for h in hits)
        counts = unit_counts(60, rng, 60)
        draws = [(x.drawn(counts, apart=apart), y.drawn(counts, apart=apart)) for apart in (False, True)]
        shared = correlation.shared_variance(correlation.spearman, draws)
        found.append(correlation.spearman_estimate(x.score, y.score, shared=shared))
        without.append(correlation.spearman_estimate(x.score, y.score))
    assert 0.93 <= coverage(found, truth) <= 0.97
    assert np.mean([e.high - e.low for e in found]) >= np.mean([e.high - e.low for e in without])


def test_too_few_architectures_and_constant_scores_have_no_interval():
    few = correlation.spearman_estimate(np.arange(11.0), np.arange(11.0))
    assert (few.value, few.low, few.high) == (pytest.approx(1.0), None, None)
    flat = correlation.kendall_estimate(np.ones(12), np.arange(12.0))
    assert np.isnan(flat.value)
    assert flat.low is None


def test_the_interval_of_a_perfect_ranking_holds_one_with_two_neighbours_exchanged():
    perfect = correlation.spearman_estimate(np.arange(12.0), np.arange(12.0))
    exchanged = correlation.spearman(np.arange(12.0), np.array([1.0, 0.0, *range(2, 12)]))
    assert perfect.low < exchanged < 1.0


def test_intervals_hold_the_truth_of_the_fewest_architectures_at_a_strong_correlation():
    x, y = rankings(np.random.default_rng(7), (500, correlation.LEAST), 0.95)
    estimates = [correlation.kendall_estimate(a, b) for a, b in zip(x, y, strict=True)]
    assert 0.93 <= coverage(estimates, 2 / np.pi * np.arcsin(0.95)) < 0.985  # coarse steps: on the safe side


@pytest.mark.parametrize("n_given", [1, 2, 3])
def test_a_partial_correlation_takes_two_degrees_of_freedom(rng, n_given):
    """With none, what covariates leave over lies on a line: it is 1 or -1, whatever the scores."""
    for n in range(n_given + 2, n_given + 7):
        values = []
        for _ in range(50):
            x, y, *given = rng.standard_normal((n_given + 2, n))
            found = correlation.spearman_estimate(x, y, given=np.array(given))
            assert found.df == n - correlation.n_free(np.array(given)) - 2
            assert found.df >= 2 or np.isnan(found.value)
            values.append(abs(found.value))
        if n - n_given - 2 >= 2:
            assert np.nanmean(np.array(values) > 0.999) < 0.2


def test_covariates_that_follow_from_others_take_no_degree_of_freedom(rng):
    x, y, one = rng.standard_normal((3, 6))
    found = correlation.spearman_estimate(x, y, given=np.array([one, 2 * one, np.ones(6)]))
    assert found.df == 3
    assert found.value == pytest.approx(correlation.spearman_estimate(x, y, given=one[None]).value)
