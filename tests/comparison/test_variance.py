from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.proportion import proportion_confint

from elmarc.comparison.variance import (
    Estimate,
    Moments,
    accuracy,
    accuracy_interval,
    cluster_df,
    difference,
    fold_weights,
    hit_table,
    moderate,
    moments,
    n_alike,
    shared_clips,
)
from elmarc.errors import ConfigError
from elmarc.results import Prediction

A, B = np.array([0]), np.array([1])


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


def test_systems_that_no_seed_changes_get_the_paired_t_test_over_clips(rng):
    right = right_and_wrong(rng, n_units=200, n_seeds=1).repeat(3, axis=2)
    found = moments_of(right)
    estimate = difference(found, moderate(found), A, B)
    expected = stats.ttest_rel(*right[:, :2, 0].T.astype(float))
    assert estimate.p_value()[0] == pytest.approx(expected.pvalue)
    ends = expected.confidence_interval(0.95)
    assert estimate.half_width(0.95)[0] == pytest.approx((ends.high - ends.low) / 2)


def test_where_weights_decide_all_it_is_the_t_test_over_seeds():
    """Every clip alike within a seed: accuracies 0.9, 0.8, 0.7 against 0.5, 0.4, 0.3, on very many clips."""
    skills = np.array([[0.9, 0.8, 0.7], [0.5, 0.4, 0.3]])
    right = np.random.default_rng(0).random((200_000, 1, 1)) < skills
    found = moments_of(right)
    estimate = difference(found, moderate(found), A, B)
    expected = stats.ttest_ind(*skills)
    assert estimate.df[0] == pytest.approx(4.0, abs=0.05)
    assert estimate.p_value()[0] == pytest.approx(expected.pvalue, rel=0.05)


def test_an_interval_is_never_narrower_than_that_over_clips_alone(rng):
    right = right_and_wrong(rng, n_seeds=2)
    right[:, 0, 1], right[:, 1, 1] = right[::-1, 0, 0], right[::-1, 1, 0]  # accuracies do not vary at all
    found = moments_of(right[:, :2])
    estimate = difference(found, moderate(found), A, B)
    means = right[:, :2].mean(axis=2)
    over_clips = stats.sem(means[:, 0] - means[:, 1]) * stats.t.ppf(0.975, 59)
    assert estimate.half_width(0.95)[0] == pytest.approx(over_clips)


def test_the_interval_of_one_seed_s_accuracy_is_wilson_s(rng):
    right = right_and_wrong(rng, n_units=800, n_seeds=1)
    found = moments_of(right)
    low, high = accuracy_interval(accuracy(found, moderate(found)), 0.95)
    for k in range(3):
        expected = proportion_confint(right[:, k].sum(), 800, method="wilson")
        assert (low[k], high[k]) == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize("always", [True, False])
def test_an_accuracy_of_all_or_nothing_has_an_interval_too(always):
    found = moments_of(np.full((50, 1, 2), always))
    low, high = accuracy_interval(accuracy(found, moderate(found)), 0.95)
    expected = proportion_confint(50 * always, 50, method="wilson")
    assert (low[0], high[0]) == pytest.approx(expected, abs=1e-3)


def test_few_clips_claim_little():
    right = np.zeros((4, 2, 3), dtype=bool)
    right[:, 0] = True
    found = moments_of(right)
    estimate = difference(found, moderate(found), A, B)
    assert np.isfinite(estimate.p_value()).all()


def test_the_order_of_units_and_systems_changes_nothing(rng):
    right = right_and_wrong(rng)
    plain, order = moments_of(right), rng.permutation(60)
    shuffled, turned = moments_of(right[order]), moments_of(right[:, ::-1])
    for name in ("accuracy", "between", "interaction"):
        np.testing.assert_allclose(getattr(shuffled, name), getattr(plain, name))
        np.testing.assert_allclose(getattr(turned, name), getattr(plain, name)[::-1])
    np.testing.assert_allclose(turned.covariance, plain.covariance[::-1, ::-1])


def test_a_difference_turned_round_is_the_same_with_the_other_sign(rng):
    m = moments_of(right_and_wrong(rng))
    one, other = difference(m, moderate(m), A, B), difference(m, moderate(m), B, A)
    assert one.value[0] == -other.value[0]
    for name in ("standard_error", "df", "units_error"):
        assert getattr(one, name)[0] == pytest.approx(getattr(other, name)[0])
    assert one.p_value()[0] == pytest.approx(other.p_value()[0])


def test_clips_in_groups_of_one_and_equal_groups_have_the_degrees_of_freedom_of_a_t_test(rng):
    for n_groups in (5, 8, 20):
        shares = np.full(n_groups, 1 / n_groups)
        assert cluster_df(shares) == pytest.approx(n_groups - 1)
        assert n_alike(shares) == n_groups
        uneven = rng.dirichlet(np.ones(n_groups))
        assert 1.0 <= cluster_df(uneven) < n_groups - 1
        assert n_alike(uneven) <= n_groups


def test_a_group_has_the_variance_of_its_sum(rng):
    """Five clips of each group are right or wrong together: as much is known as of one clip per group."""
    right = right_and_wrong(rng, n_units=40, n_seeds=2)
    alone = moments_of(right)
    hits = np.repeat(right, 5, axis=0).reshape(200, -1) / 200
    summed = hits.reshape(40, 5, -1).sum(axis=1)
    grouped = moments(summed, np.full_like(summed, 5 / 200), [2] * 3, n_clips=200)
    np.testing.assert_allclose(grouped.covariance, alone.covariance)
    assert grouped.units_df == pytest.approx(39)


def test_p_value_and_interval_agree_at_every_level(rng):
    values = rng.normal(0, 2, 50)
    estimate = Estimate(values, np.ones(50), np.full(50, 7.3), np.full(50, 0.8), 59.0)
    for confidence in (0.5, 0.9, 0.95, 0.999):
        excludes_0 = np.abs(values) > estimate.half_width(confidence)
        np.testing.assert_array_equal(excludes_0, estimate.p_value() < 1 - confidence)


def test_nothing_is_inferred_from_too_few_groups():
    estimate = Estimate(np.array([0.5]), np.array([0.1]), np.array([3.0]), np.array([0.1]), np.nan)
    assert estimate.p_value().tolist() == [1.0]
    assert np.isinf(estimate.half_width(0.95)).all()
    assert np.isnan(accuracy_interval(estimate, 0.95)).all()


@pytest.mark.parametrize("value", [0.02, 0.5, 0.98])
def test_intervals_of_accuracies_stay_within_0_and_1_and_hold_the_value(value):
    for error in (1e-4, 0.05, 0.6):
        estimate = Estimate(np.array([value]), np.array([error]), np.array([3.0]), np.array([error]), 20.0)
        low, high = (end[0] for end in accuracy_interval(estimate, 0.95))
        assert 0.0 <= low < value < high <= 1.0
        wider = [end[0] for end in accuracy_interval(estimate, 0.95, widening=2.0)]
        assert wider[0] < low
        assert high < wider[1]


@pytest.mark.parametrize(("n_clips", "n_seeds", "sd_seeds"), [(60, 3, 0.03), (200, 2, 0.06), (200, 5, 0.0)])
def test_intervals_hold_the_true_accuracy_and_the_true_difference(n_clips, n_seeds, sd_seeds):
    """Clips and weights are drawn anew: the truth is the mean over both."""
    rng = np.random.default_rng([n_clips, n_seeds])
    means = np.array([0.75, 0.65, 0.60, 0.70])
    inside = []
    for _ in range(400):
        weights = means[:, None] + sd_seeds * rng.standard_normal((4, n_seeds))
        clips = 0.2 * rng.uniform(-1, 1, (n_clips, 1, 1))
        m = moments_of(rng.random((n_clips, 4, n_seeds)) < weights + clips)
        seeds = moderate(m)
        low, high = accuracy_interval(accuracy(m, seeds), 0.95)
        lead = difference(m, seeds, A, B)
        inside.append(
            [*(low <= means) & (means <= high), abs(lead.value[0] - 0.1) <= lead.half_width(0.95)[0]]
        )
    rates = np.mean(inside, axis=0)
    assert 0.93 <= rates[:4].mean() <= 0.99
    assert 0.92 <= rates[4] <= 0.995


def predictions(folds, right=lambda i: True, group=lambda i: ""):
    return [
        Prediction(f"{i}.wav", "a", "a" if right(i) else "b", fold, group(i)) for i, fold in enumerate(folds)
    ]


def test_every_fold_weighs_the_same():
    weights = fold_weights(predictions("xxxy"))
    assert weights.tolist() == pytest.approx([1 / 6] * 3 + [1 / 2])
    table = hit_table([[predictions("xxxy", right=lambda i: i == 3)]])
    assert table.hits.sum() == pytest.approx(0.5)  # the accuracy of the folds is 0 and 1


def test_a_table_holds_each_clip_once_with_its_group():
    one = predictions("xxyy", group=lambda i: "ab"[i // 2])
    table = hit_table([[one, one[::-1]], [one[:3]]])
    assert table.units.tolist() == [0, 0, 1, 1]
    assert table.evaluated.tolist() == [[True] * 4, [True, True, True, False]]
    hits, weights = table.per_unit(np.ones(4, dtype=bool), np.arange(3))
    assert weights.sum(axis=0) == pytest.approx([1, 1, 1])
    assert hits[:, 0].tolist() == [0.5, 0.5]
    part = table.of([1])
    assert part.weights.shape == (3, 1)
    ((mask, pairs),) = shared_clips(table.evaluated)
    assert (mask.tolist(), pairs) == ([True, True, True, False], [(0, 1)])


def test_results_that_contradict_each_other_are_refused():
    one = predictions("xy")
    other = [Prediction(p.id, "b", "b", p.fold) for p in one]
    with pytest.raises(ConfigError, match="'a' in one result and 'b' in another"):
        hit_table([[one], [other]])
    with pytest.raises(ConfigError, match="no clip in common"):
        shared_clips(np.array([[True, False], [False, True]]))
