"""Intervals of the regret hold the true loss, here and in the space, in 93 to 97 %."""

from __future__ import annotations

import numpy as np
import pytest

from elmarc.agreement.regret import Truth, first, losses_elsewhere, regret

N = 30
MEAN, SD = 0.55, 0.08  # of accuracies


def both_sides(rng, shape, rho):
    untrained = rng.standard_normal(shape)
    trained = rho * untrained + np.sqrt(1 - rho**2) * rng.standard_normal(shape)
    return untrained, MEAN + SD * trained


@pytest.mark.parametrize(("rho", "k", "noise"), [(0.0, 1, 0.3), (0.6, 1, 0.5), (0.6, 3, 0.3)])
def test_intervals_hold_the_true_loss(rho, k, noise):
    rng = np.random.default_rng([6, k])
    untrained, true = both_sides(rng, (10_000, N), rho)
    order = np.argsort(-untrained, axis=1)[:, :k]
    expected = (true.max(axis=1) - np.take_along_axis(true, order, axis=1).max(axis=1)).mean()
    error = (SD * noise) ** 2 * (np.eye(N) + 0.5)  # clips move all alike
    held, luck = [], []
    for _ in range(600):
        untrained, true = both_sides(rng, N, rho)
        measured = true + np.linalg.cholesky(error) @ rng.standard_normal(N)
        found = regret(untrained, measured, error, k=k, rng=rng)
        lost = true.max() - true[first(untrained, k)].max()
        inside = found.here.low <= lost <= found.here.high or np.isclose(lost, found.here.low)
        held.append([found.expected.low <= expected <= found.expected.high, inside])
        luck.append([found.measured - lost, found.here.value - lost])
    assert np.all((np.mean(held, axis=0) >= 0.93) & (np.mean(held, axis=0) <= 0.97))
    plain, ours = np.mean(luck, axis=0)
    assert abs(ours) < plain  # the plain difference counts luck as loss


def test_a_ranking_that_is_right_loses_nothing():
    scores = np.linspace(0.3, 0.9, 12)
    found = regret(scores, scores, np.eye(12) * 1e-8, k=1, rng=np.random.default_rng(0))
    assert found.measured == 0.0
    assert found.here.high == 0.0
    assert found.expected.high < 0.01


def test_the_opposite_ranking_loses_the_whole_range():
    scores = np.linspace(0.3, 0.9, 12)
    found = regret(-scores, scores, np.eye(12) * 1e-8, k=1, rng=np.random.default_rng(0))
    assert found.measured == pytest.approx(0.6)
    assert found.here.low == pytest.approx(0.6, abs=0.01)


def test_a_score_that_is_constant_has_a_regret_of_no_slope():
    found = regret(
        np.ones(12), np.linspace(0.3, 0.9, 12), np.eye(12) * 1e-4, k=3, rng=np.random.default_rng(0)
    )
    assert found.expected.low > 0


def test_accuracies_in_two_groups_lose_no_more_than_there_is():
    rng = np.random.default_rng(0)
    scores = np.where(np.arange(N) < 15, 0.3, 0.97) + 0.02 * rng.random(N)
    found = regret(rng.standard_normal(N), scores, np.eye(N) * 1e-4, k=1, rng=rng)
    for loss in (found.expected, found.here):
        assert 0 <= loss.low <= loss.value <= loss.high <= 1


@pytest.mark.parametrize(("mean", "size", "rho"), [(0.55, 0.08, 0.6), (0.8, 0.3, 0.5), (0.2, 0.5, -0.3)])
def test_elsewhere_counts_that_no_accuracy_passes_one(mean, size, rho):
    true = Truth(np.empty(0), *(np.array([v]) for v in (mean, size * rho, size * np.sqrt(1 - rho**2))))
    rng = np.random.default_rng(1)
    untrained = rng.standard_normal((100_000, 12))
    trained = rho * untrained + np.sqrt(1 - rho**2) * rng.standard_normal(untrained.shape)
    trained = np.clip(mean + size * trained, 0, 1)
    chosen = np.take_along_axis(trained, untrained.argmax(axis=1)[:, None], axis=1)
    lost = (trained.max(axis=1) - chosen[:, 0]).mean()
    assert losses_elsewhere(true, 12, 1)[0] == pytest.approx(lost, abs=0.02 * size)  # it has 4,000 draws
