from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pytest
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar
from statsmodels.stats.multitest import multipletests

from elmarc.comparison import paired

PAIR = np.array([[0, 1]])


def test_holm_agrees_with_statsmodels(rng):
    for size in (1, 2, 45):
        p = rng.random(size) ** 3
        np.testing.assert_allclose(paired.holm(p), multipletests(p, method="holm")[1], rtol=1e-12)


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (0, 5), (9, 1), (12, 12), (30, 17)])
def test_mcnemar_agrees_with_statsmodels_and_the_binomial_test(only_a, only_b):
    p = float(paired.mcnemar(only_a, only_b))
    table = [[50, only_a], [only_b, 40]]
    assert p == pytest.approx(float(statsmodels_mcnemar(table, exact=True).pvalue))
    if only_a + only_b:
        assert p == pytest.approx(stats.binomtest(only_a, only_a + only_b).pvalue)


def test_sign_flips_are_exact_where_they_are_few(rng):
    values = rng.normal(size=(9, 2))
    difference = values[:, 0] - values[:, 1]
    sums = np.array([np.dot(signs, difference) for signs in product([1, -1], repeat=9)])
    expected = np.mean(np.abs(sums) >= abs(difference.sum()) - 1e-12)
    assert paired.sign_flip_test(values, PAIR)[0] == pytest.approx(expected, abs=0)


def test_drawn_sign_flips_approach_mcnemar_on_right_and_wrong(rng):
    values = (rng.random((300, 2)) < [0.62, 0.52]) / 300.0
    a, b = values.T > 0
    exact = float(paired.mcnemar(np.sum(a & ~b), np.sum(b & ~a)))
    drawn = paired.sign_flip_test(values, PAIR, n_resamples=20_000, seed=3)[0]
    assert 0.001 < exact < 0.3
    assert drawn == pytest.approx(exact, abs=4 * np.sqrt(exact / 20_000))


def test_sign_flips_depend_on_the_seed_alone(rng):
    values, pairs = rng.normal(size=(70, 4)), np.array(list(combinations(range(4), 2)))
    first = paired.sign_flip_test(values, pairs, seed=1)
    assert first.tobytes() == paired.sign_flip_test(values, pairs, seed=1).tobytes()
    assert first.tobytes() != paired.sign_flip_test(values, pairs, seed=2).tobytes()


def test_a_pair_s_test_does_not_depend_on_the_other_systems(rng):
    values = rng.normal(size=(70, 4))
    alone = paired.sign_flip_test(values[:, :2], PAIR)
    among = paired.sign_flip_test(values, np.array([[2, 3], [0, 1]]))
    assert alone[0] == among[1]


def test_noise_from_the_weights_widens_the_null_like_a_t_test():
    values = np.array([[1.0, 0.0], [1.0, 0.0]]) * 1e-6  # no spread over units: all of it comes from the noise
    values[0, 0] = 3.0
    values[1, 0] = -3.0 + 2.0  # observed difference 2, units alone flip to 2 or 4
    noise = paired.Noise(np.array([5.0, 0.0]), pool=np.array([0, 0]), df=np.array([4.0]))
    flips = np.array([2.0, 4.0, -2.0, -4.0])
    expected = np.mean(stats.t.sf((2 - flips) / 5, 4) + stats.t.cdf((-2 - flips) / 5, 4))
    p = paired.sign_flip_test(values, PAIR, n_resamples=40_000, noise=noise)[0]
    assert p == pytest.approx(expected, abs=0.015)


def test_bootstrap_counts_are_draws_with_replacement():
    counts = np.concatenate(list(paired.bootstrap_counts(50, 4000, seed=0)))
    assert counts.shape == (4000, 50)
    assert (counts.sum(axis=1) == 50).all()
    assert counts.var() == pytest.approx(1 - 1 / 50, rel=0.02)  # binomial(50, 1/50)


def test_interval_of_an_accuracy_is_near_the_normal_approximation():
    n, right = 400, 300
    hits = np.arange(n) < right
    replicates = np.concatenate([c @ hits / n for c in paired.bootstrap_counts(n, 20_000, seed=5)])
    low, high = paired.interval(replicates)
    half = 1.96 * np.sqrt(0.75 * 0.25 / n)
    assert float(low) == pytest.approx(0.75 - half, abs=0.004)
    assert float(high) == pytest.approx(0.75 + half, abs=0.004)


def test_letters_are_shared_exactly_by_those_not_different(rng):
    for n in (1, 2, 5, 8):
        for _ in range(20):
            upper = np.triu(rng.random((n, n)) < 0.5, 1)
            different = upper | upper.T
            display = paired.letters(different)
            for i, j in combinations(range(n), 2):
                assert bool(set(display[i]) & set(display[j])) is not bool(different[i, j])
            assert all(display)
            assert "a" in display[0]
