from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from elmarc._errors import ConfigError
from elmarc.comparison import ranks

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
    assert ranking.chi2 == pytest.approx(9.28, abs=5e-3)
    assert ranking.f_statistic == pytest.approx(3.69, abs=5e-3)
    assert ranking.critical_difference == pytest.approx(1.25, abs=5e-3)
    assert ranks.critical_difference(4, 14, alpha=0.10) == pytest.approx(1.12, abs=5e-3)


@pytest.mark.parametrize(("k", "q"), [(2, 1.960), (5, 2.728), (10, 3.164)])
def test_nemenyi_s_q_is_demsar_s_table_5(k, q):
    assert ranks.critical_difference(k, 6) == pytest.approx(q * np.sqrt(k * (k + 1) / 36), abs=1e-3)


def test_friedman_agrees_with_scipy_where_there_are_no_ties(rng):
    scores = rng.random((8, 5))
    assert ranks.rank_systems(scores, tuple("abcde")).chi2 == pytest.approx(
        stats.friedmanchisquare(*scores.T).statistic
    )


def test_cliques_join_systems_within_the_critical_difference():
    ranking = ranks.Ranking(tuple("abcd"), (3.4, 1.0, 2.0, 4.5), 9, 1.2, 0.05, 0, 0, 1)
    assert ranking.cliques == [(0, 1), (2, 3)]  # ranks 1, 2, 3.4, 4.5


def test_one_system_always_best_is_no_error():
    ranking = ranks.rank_systems([[0.9, 0.1]] * 4, ("a", "b"))
    assert ranking.ranks == (1.0, 2.0)
    assert ranking.p_value == 0.0


def test_one_data_set_cannot_be_ranked_over():
    with pytest.raises(ConfigError, match="2 data sets"):
        ranks.rank_systems([[0.9, 0.1]], ("a", "b"))
