"""A small part of the simulation in docs/statistics.md: the level is held, and differences are found."""

from __future__ import annotations

import numpy as np
import pytest
from studies.statistics.false_claims import Draws, level, power

N = 150


@pytest.mark.parametrize("grouped", [False, True])
@pytest.mark.parametrize(
    ("spread", "n_seeds"), [(0.0, 2), (0.02, 2), (0.02, 3), (0.1, 2), (0.1, 3), (0.05, 1)]
)
def test_false_claims_and_intervals(grouped, spread, n_seeds):
    rates = []
    for repetition in range(N):
        draws = Draws(np.random.default_rng([7, repetition]), 160, grouped)
        right, skill = draws.right(spread)
        rates.append(level(draws.moments(right[:, :10, :n_seeds]), skill[:10, :n_seeds]))
    mean = {key: np.mean([rate[key] for rate in rates]) for key in rates[0]}
    allowed = 0.05 + 2.6 * np.sqrt(0.05 * 0.95 / N)
    assert mean["pairs"] <= (allowed if n_seeds > 1 else 0.0)
    assert mean["baseline"] <= (allowed if n_seeds > 1 else 0.0)
    assert 0.92 < mean["accuracy"] < 0.985
    assert 0.92 < mean["difference"] < 0.985


def test_ten_points_are_found_with_three_seeds_and_twenty_with_two():
    found = []
    for repetition in range(N):
        draws = Draws(np.random.default_rng([8, repetition]), 400, grouped=False)
        found.append([power(draws, gap, 20, seeds)["best"] for gap, seeds in ((0.1, 3), (0.2, 2))])
    ten, twenty = np.mean(found, axis=0)
    assert ten > 0.87  # 0.9 and more in the long run
    assert twenty > 0.98
