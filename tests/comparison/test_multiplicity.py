from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from elmarc.comparison import multiple


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
