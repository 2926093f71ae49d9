from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from tests.simulated import simulated_result

from elmarc.comparison import ranks
from elmarc.comparison.compare import compare
from elmarc.comparison.ranks import rank_across
from elmarc.errors import ConfigError

# Table 6 of Demšar (2006): AUC of C4.5 with two parameters tuned or not, on 14 data sets
DEMSAR = np.array(
    [
        [0.763, 0.768, 0.771, 0.798], [0.599, 0.591, 0.590, 0.569], [0.954, 0.971, 0.968, 0.967],
        [0.628, 0.661, 0.654, 0.657], [0.882, 0.888, 0.886, 0.898], [0.936, 0.931, 0.916, 0.931],
        [0.661, 0.668, 0.609, 0.685], [0.583, 0.583, 0.563, 0.625], [0.775, 0.838, 0.866, 0.875],
        [1.000, 1.000, 1.000, 1.000], [0.940, 0.962, 0.965, 0.962], [0.619, 0.666, 0.614, 0.669],
        [0.972, 0.981, 0.9751, 0.975], [0.957, 0.978, 0.946, 0.970],
    ]
)  # fmt: skip


def test_demsar_s_example():
    ranking = ranks.rank_systems(DEMSAR, ("C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf"))
    assert ranking.ranks == pytest.approx((3.143, 2.000, 2.893, 1.964), abs=5e-4)
    assert ranking.chi2 == pytest.approx(10.228, abs=5e-4)  # Demšar's 9.28 is not corrected for his 11 ties
    assert ranking.f_statistic == pytest.approx(13 * 10.228 / (14 * 3 - 10.228), abs=5e-3)
    assert ranking.critical_difference == pytest.approx(1.25, abs=5e-3)
    assert ranks.critical_difference(4, 14, alpha=0.10) == pytest.approx(1.12, abs=5e-3)


@pytest.mark.parametrize(("k", "q"), [(2, 1.960), (5, 2.728), (10, 3.164)])
def test_nemenyi_s_q_is_demsar_s_table_5(k, q):
    assert ranks.critical_difference(k, 6) == pytest.approx(q * np.sqrt(k * (k + 1) / 36), abs=1e-3)


def test_friedman_is_corrected_for_ties(rng):
    scores = rng.integers(0, 4, (12, 5)) / 4
    table = np.array([stats.rankdata(-row) for row in scores])
    squares = ((table - 3.0) ** 2).sum()
    by_hand = 4 * 12**2 * ((table.mean(axis=0) - 3.0) ** 2).sum() / squares  # Conover 1999, section 5.8
    ranking = ranks.rank_systems(scores, tuple("abcde"))
    assert ranking.chi2 == pytest.approx(by_hand)
    f = 11 * by_hand / (12 * 4 - by_hand)
    assert ranking.f_statistic == pytest.approx(f)
    assert ranking.p_value == pytest.approx(stats.f.sf(f, 4, 44))


def test_two_systems_are_the_sign_test():
    scores = np.array([[0.9, 0.1], [0.8, 0.2], [0.3, 0.7], [0.5, 0.5], [0.6, 0.4]])
    assert ranks.rank_systems(scores, ("a", "b")).chi2 == pytest.approx((3 - 1) ** 2 / 4)


def test_systems_that_tie_everywhere_do_not_differ():
    for k in (2, 3):
        ranking = ranks.rank_systems(np.full((3, k), 0.5), tuple("abc"[:k]))
        assert (ranking.chi2, ranking.p_value) == (0.0, 1.0)


def test_cliques_join_systems_within_the_critical_difference():
    ranking = ranks.AverageRanks(tuple("abcd"), (3.4, 1.0, 2.0, 4.5), 9, 1.2, 0.05, 0, 0, 1)
    assert ranking.cliques == [(0, 1), (2, 3)]  # ranks 1, 2, 3.4, 4.5


def test_one_system_always_best_is_no_error():
    ranking = ranks.rank_systems([[0.9, 0.1]] * 4, ("a", "b"))
    assert ranking.ranks == (1.0, 2.0)
    assert ranking.p_value == 0.0


def test_data_sets_that_share_no_two_systems_give_no_ranks():
    birds = compare([simulated_result("vgg", dataset="birds"), simulated_result("timbral", dataset="birds")])
    music = compare([simulated_result("vgg", dataset="music"), simulated_result("temporal", dataset="music")])
    assert rank_across([birds, music]) is None
    assert rank_across([birds]) is None
    assert rank_across([]) is None


def test_one_data_set_cannot_be_ranked_over():
    with pytest.raises(ConfigError, match="2 data sets"):
        ranks.rank_systems([[0.9, 0.1]], ("a", "b"))
