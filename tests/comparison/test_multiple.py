from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy import stats
from tests.comparison.test_variance import moments_of

from elmarc.comparison import multiple
from elmarc.comparison.multiple import adjust_many_to_one, adjust_pairs, infer_from, unadjusted


@pytest.mark.parametrize("n", [2, 3, 10, 20])
def test_all_pairs_is_the_studentized_range(n):
    z = np.array([0.5, 2.0, 3.0, 4.5])
    expected = stats.studentized_range.sf(np.sqrt(2) * z, n, np.inf)
    np.testing.assert_allclose(multiple.all_pairs(z, n), expected, atol=2e-6)


def test_many_to_one_agrees_with_dunnett_s_table_and_with_independence():
    equal_shares = np.full(9, 0.5)
    assert float(multiple.many_to_one(2.68, equal_shares)) == pytest.approx(0.05, abs=0.001)  # Dunnett 1964
    independent = 1 - (2 * stats.norm.cdf(2.5) - 1) ** 4
    assert float(multiple.many_to_one(2.5, np.zeros(4))) == pytest.approx(independent)


def test_letters_are_shared_exactly_by_those_not_different(rng):
    for n in (1, 2, 5, 8):
        for _ in range(20):
            upper = np.triu(rng.random((n, n)) < 0.5, 1)
            different = upper | upper.T
            display = multiple.letters(different)
            for i, j in combinations(range(n), 2):
                assert bool(set(display[i]) & set(display[j])) is not bool(different[i, j])
            assert all(display)
            assert "a" in display[0]


def test_letters_of_known_cases():
    def display(n, *pairs):
        different = np.zeros((n, n), dtype=bool)
        for a, b in pairs:
            different[a, b] = different[b, a] = True
        return multiple.letters(different)

    assert display(1) == ["a"]
    assert display(3) == ["a", "a", "a"]
    assert display(2, (0, 1)) == ["a", "b"]
    assert display(3, (0, 2)) == ["a", "ab", "b"]
    assert display(4, (0, 2), (0, 3), (1, 3)) == ["a", "ab", "bc", "c"]


def test_two_systems_need_no_adjustment():
    p = np.array([1e-6, 0.01, 0.2, 0.9])
    np.testing.assert_allclose(adjust_pairs(p, 2), p, atol=2e-6)
    np.testing.assert_allclose(adjust_many_to_one(p, np.array([0.5])), p, atol=2e-6)


@pytest.mark.parametrize("n", [3, 6, 15])
def test_adjusted_p_values_keep_the_order_and_lie_between_the_plain_and_bonferroni_s(n):
    p = np.geomspace(1e-8, 0.9, 40)
    shares = np.full(n - 1, 0.5)
    for adjusted, count in ((adjust_pairs(p, n), n * (n - 1) / 2), (adjust_many_to_one(p, shares), n - 1)):
        assert (np.diff(adjusted) >= -1e-12).all()
        assert (adjusted >= p - 1e-6).all()
        assert (adjusted <= np.minimum(count * p, 1.0) + 1e-12).all()


@pytest.mark.parametrize("alpha", [0.001, 0.05, 0.2])
def test_the_level_of_each_test_is_what_is_adjusted_to_that_of_the_family(alpha):
    for adjust in (lambda p: adjust_pairs(p, 9), lambda p: adjust_many_to_one(p, np.full(8, 0.5))):
        level = unadjusted(adjust, alpha)
        assert 0 < level < alpha
        assert adjust(np.array([level])).max() == pytest.approx(alpha, rel=1e-3)
    assert unadjusted(np.ones_like, alpha) == 0.0


def test_more_correlated_contrasts_with_a_baseline_need_less_adjustment():
    z = 2.4
    by_share = [float(multiple.many_to_one(z, np.full(6, share))) for share in (0.0, 0.3, 0.6, 0.9)]
    assert by_share == sorted(by_share, reverse=True)
    one = float(2 * stats.norm.sf(z))
    assert float(multiple.many_to_one(z, np.full(6, 1.0))) == pytest.approx(
        one, rel=0.15
    )  # a step is integrated


def test_simultaneous_intervals_hold_all_true_differences_at_once():
    """Pairs are one family, contrasts with the baseline another: each holds all its truths in 95 %."""
    rng = np.random.default_rng(11)
    means = np.array([0.7, 0.66, 0.62, 0.7, 0.5])
    held = []
    for _ in range(400):
        seeds = means[:, None] + 0.03 * rng.standard_normal((5, 3))
        clips = 0.15 * rng.uniform(-1, 1, (150, 1, 1))
        found = infer_from(moments_of(rng.random((150, 5, 3)) < seeds + clips), 4)
        held.append(
            [
                (
                    np.abs(family.estimate.value - (means[family.a] - means[family.b]))
                    <= family.half_width(0.95)
                ).all()
                for family in (found.pairs, found.baseline)
            ]
        )
    rates = np.mean(held, axis=0)
    assert ((rates >= 0.93) & (rates <= 0.995)).all()


def test_a_pair_is_tested_in_one_family_and_intervals_agree_with_p_values(rng):
    found = infer_from(moments_of(rng.random((80, 5, 3)) < np.linspace(0.3, 0.9, 5)[:, None]), 2)
    pairs = {
        (a, b) for family in (found.pairs, found.baseline) for a, b in zip(family.a, family.b, strict=True)
    }
    assert {tuple(sorted(pair)) for pair in pairs} == set(combinations(range(5), 2))
    assert (found.baseline.b == 2).all()
    for family in (found.pairs, found.baseline):
        excludes_0 = np.abs(family.estimate.value) > family.half_width(0.95)
        np.testing.assert_array_equal(excludes_0, family.p_value < 0.05)


def test_one_seed_tests_nothing_unless_no_seed_matters(rng):
    right = rng.random((60, 3, 1)) < 0.6
    assert not infer_from(moments_of(right)).can_tell
    assert infer_from(moments_of(right)).pairs.p_value.tolist() == [1.0] * 3
    assert infer_from(moments_of(right.repeat(2, axis=2))).can_tell
