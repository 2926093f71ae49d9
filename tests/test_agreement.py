"""Correlations are scipy's, intervals hold the truth in 93 to 97 %, results are matched by architecture."""

from __future__ import annotations

import io
import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from tests.simulated import SKILLS, side, simulated_result, trained

from elmarc.agreement.matching import VERSION, agreements, answer, to_csv, to_json, to_text
from elmarc.agreement.rankings import (
    LEAST,
    Estimate,
    Loss,
    Side,
    Truth,
    first,
    losses_elsewhere,
    regret,
    shared_variance,
    shortest,
    spearman,
    spearman_estimate,
    unit_counts,
)
from elmarc.errors import ConfigError

N_RANKINGS, N = 1000, 30
MEAN, SD = 0.55, 0.08  # of accuracies


def rankings(rng, shape, rho, *, uneven=False):
    """Return scores of known correlation; `uneven`: poor architectures scatter more, as where some fail."""
    x = rng.standard_normal(shape)
    width = np.where(x < 0, 1.4, 0.5) if uneven else 1.0
    return x, rho * x + np.sqrt(1 - rho**2) * width * rng.standard_normal(shape)


def coverage(estimates, truth):
    return np.mean([e.low <= truth <= e.high for e in estimates])


def test_correlations_are_those_of_scipy(rng):
    x, y = rng.integers(0, 6, size=(2, 5, 12)).astype(float)  # with ties
    for a, b, r in zip(x, y, spearman(x, y), strict=True):
        assert r == pytest.approx(stats.spearmanr(a, b).statistic, abs=1e-12)


def test_a_correlation_depends_only_on_the_order(rng):
    x, y = rng.standard_normal((2, 15))
    plain = spearman_estimate(x, y)
    assert spearman_estimate(np.exp(x), 3 * y - 1) == plain
    order = rng.permutation(15)
    moved = spearman_estimate(x[order], y[order])
    assert [moved.value, moved.low, moved.high] == pytest.approx([plain.value, plain.low, plain.high])
    turned, swapped = spearman_estimate(-x, y), spearman_estimate(y, x)
    assert [-turned.value, -turned.high, -turned.low] == pytest.approx([plain.value, plain.low, plain.high])
    assert [swapped.value, swapped.low] == pytest.approx([plain.value, plain.low])


def test_more_shared_variance_and_more_confidence_widen_an_interval(rng):
    x, y = rankings(rng, 20, 0.6)
    plain, shared, sure = (
        spearman_estimate(x, y, **how) for how in ({}, {"shared": 0.05}, {"confidence": 0.99})
    )
    assert shared.low < plain.low < plain.high < shared.high
    assert sure.low < plain.low < plain.high < sure.high


@pytest.mark.parametrize("rho", [0.0, 0.6, 0.9])
def test_intervals_hold_the_truth_of_normal_scores(rho):
    x, y = rankings(np.random.default_rng(1), (N_RANKINGS, N), rho)
    estimates = [spearman_estimate(a, b) for a, b in zip(x, y, strict=True)]
    assert 0.93 <= coverage(estimates, 6 / np.pi * np.arcsin(rho / 2)) <= 0.97


def test_intervals_hold_the_truth_where_poor_architectures_scatter_more():
    rng = np.random.default_rng(2)
    x, y = rankings(rng, (N_RANKINGS, N), 0.7, uneven=True)
    truth = spearman(*rankings(rng, (300, 500), 0.7, uneven=True)).mean()
    assert 0.93 <= coverage([spearman_estimate(a, b) for a, b in zip(x, y, strict=True)], truth) <= 0.97


def simulated_hits(rng, n_sets, n_clips=60, n=N, taste=1.5):
    """Return right and wrong [n_sets, 2, n_clips, 2 n] of both sides; two seeds each."""
    skill = rng.standard_normal((n_sets, 1, 1, n))
    likes = rng.standard_normal((n_sets, 1, 1, n))
    clips = rng.standard_normal((n_sets, 1, n_clips, 1))  # some clips suit some architectures, on both sides
    own = rng.standard_normal((n_sets, 2, 1, n))
    logit = (0.4 * skill + 0.3 * own + taste * likes * clips).repeat(2, axis=-1)
    return rng.random(logit.shape) < 1 / (1 + np.exp(-logit))


def test_intervals_count_that_all_architectures_are_tested_on_the_same_clips():
    """Clips that suit some architectures move both sides together: other clips give another"""
    rng = np.random.default_rng(5)
    scores = simulated_hits(rng, 400, n=200).mean(axis=2).reshape(400, 2, 200, 2).mean(axis=-1)
    truth = spearman(scores[:, 0], scores[:, 1]).mean()
    found, without = [], []
    for hits in simulated_hits(rng, 300).astype(float):
        x, y = (Side(h, np.ones_like(h), (2,) * N) for h in hits)
        counts = unit_counts(60, rng, 60)
        shared = shared_variance(spearman, x, y, counts)
        found.append(spearman_estimate(x.score, y.score, shared=shared))
        without.append(spearman_estimate(x.score, y.score))
    assert 0.93 <= coverage(found, truth) <= 0.97
    assert np.mean([e.high - e.low for e in found]) >= np.mean([e.high - e.low for e in without])


def test_resampled_units_give_the_score_where_each_is_drawn_once(rng):
    hits = rng.random((20, 6)).round()
    one = Side(hits, np.ones_like(hits), (2, 3, 1))
    once = np.ones((1, 20))
    assert one.resampled(once)[0] == pytest.approx(one.score)
    assert one.resampled(once, apart=True)[0] == pytest.approx(one.score)
    assert one.score == pytest.approx([hits[:, :2].mean(), hits[:, 2:5].mean(), hits[:, 5].mean()])
    counts = unit_counts(20, rng, 50)
    assert (counts.sum(axis=1) == 20).all()
    rotated = np.stack([np.roll(counts, k, axis=0) @ hits for k in range(3)])
    apart = one.resampled(counts, apart=True)
    assert apart[:, 1] == pytest.approx(rotated[1][:, 2:5].mean(axis=1) / 20)


def test_a_side_s_error_is_the_variance_of_its_score_over_clips_and_seeds():
    """Probabilities differ between clips and between draws of the weights; both are drawn anew each time."""
    rng = np.random.default_rng(3)
    scores, variances = [], []
    for _ in range(1500):
        p = 0.7 + 0.2 * rng.uniform(-1, 1, (60, 1)) + 0.05 * rng.standard_normal((1, 6))
        hits = (rng.random((60, 6)) < p).astype(float)
        one = Side(hits, np.ones_like(hits), (3, 3))
        scores.append(one.score)
        variances.append(one.standard_error**2)
    assert np.mean(variances, axis=0) == pytest.approx(np.var(scores, axis=0), rel=0.1)


def test_too_few_architectures_and_constant_scores_have_no_interval():
    few = spearman_estimate(np.arange(LEAST - 1.0), np.arange(LEAST - 1.0))
    assert (few.value, few.low, few.high) == (pytest.approx(1.0), None, None)
    flat = spearman_estimate(np.ones(LEAST), np.arange(float(LEAST)))
    assert np.isnan(flat.value)
    assert flat.low is None
    assert str(flat) == ""


def test_the_interval_of_a_perfect_ranking_holds_one_with_two_neighbours_exchanged():
    perfect = spearman_estimate(np.arange(12.0), np.arange(12.0))
    exchanged = spearman(np.arange(12.0), np.array([1.0, 0.0, *range(2, 12)]))
    assert perfect.low < exchanged < 1.0


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


def test_the_shortest_interval_holds_its_share(rng):
    draws = rng.standard_normal(500)
    low, high = shortest(draws, 0.9)
    assert np.mean((draws >= low) & (draws <= high)) == pytest.approx(0.9, abs=0.003)
    assert high - low <= np.subtract(*np.quantile(draws, [0.95, 0.05])) + 1e-9


def test_regrets_do_not_depend_on_the_scale_of_the_untrained_score(rng):
    untrained, trained_ = both_sides(rng, 12, 0.6)
    same = [
        regret(scale * untrained + 1, trained_, np.eye(12) * 1e-4, k=1, rng=np.random.default_rng(0))
        for scale in (1.0, 7.0)
    ]
    assert same[0].here.value == pytest.approx(same[1].here.value)
    assert same[0].expected.high == pytest.approx(same[1].expected.high)


@pytest.fixture(scope="module")
def agreement():
    return agreements(side() + side(SKILLS[::-1], "elm"), trained())[0]


def test_a_ranking_of_the_same_skills_agrees_and_its_opposite_does_not(agreement):
    best, opposite = agreement.predictors
    assert agreement.best is best
    assert (best.name, opposite.name) == ("svm, 2018", "elm, 2018")
    assert best.spearman.low > 0.3
    assert opposite.spearman.high < -0.2
    assert opposite.regrets[1].expected.low > 0.1
    assert best.regrets[3].here.high < 0.1
    assert agreement.n_seeds == (2, 2)


def test_the_first_three_never_lose_more_than_the_first(agreement):
    for one, three in ((p.regrets[1], p.regrets[3]) for p in agreement.predictors):
        assert three.here.value <= one.here.value
        assert three.expected.value <= one.expected.value
        assert three.measured <= one.measured


def test_equal_results_give_equal_numbers_in_any_order(agreement):
    untrained = side() + side(SKILLS[::-1], "elm")
    assert agreements(untrained, trained()) == [agreement]
    assert agreements(untrained[::-1], trained()[::-1]) == [agreement]


def test_scores_are_those_of_the_results(agreement):
    results = {(r.features, r.seed): r.accuracy for r in side()}
    means = [np.mean([results[name, seed] for seed in (0, 1)]) for name in agreement.architectures]
    assert agreement.best.scores == pytest.approx(means)
    assert all(0 < error < 0.1 for error in agreement.best.errors + agreement.trained_errors)


def test_the_baseline_and_networks_of_one_side_are_left_out():
    untrained = [*side(), simulated_result("mfcc", "svm", n_clips=80)]
    found = agreements(untrained, trained(SKILLS[:11]))[0]
    assert len(found.architectures) == 11
    assert found.notes == (
        "trained lacks 1 architectures that others have, such as net11: they are left out",
    )


@pytest.mark.parametrize(
    ("untrained", "train", "message"),
    [
        (side(dataset="other"), trained(), "no data set has both"),
        (side(), side(SKILLS[:3], "trained"), "expected at least 4"),
        (side(), trained() + side(classifier="long"), "of several kinds"),
        (side(clips_key="a"), trained(clips_key="b"), "different clips"),
        (
            side() + [replace(r, definition={"other": 1}) for r in side(seeds=1)],
            trained(),
            "results of two definitions",
        ),
    ],
)
def test_what_does_not_belong_together_is_refused(untrained, train, message):
    with pytest.raises(ConfigError, match=message):
        agreements(untrained, train)


def test_clips_that_one_side_lacks_are_left_out():
    short = [replace(result, predictions=result.predictions[:60]) for result in trained()]
    (found,) = agreements(side(), short)
    assert found.n_units == 60
    assert found.notes == ("20 clips are left out: not all architectures have predictions for them",)


def test_networks_of_other_size_under_one_name_are_noted():
    larger = [replace(r, cost={"n_parameters": 2 * r.cost["n_parameters"]}) for r in trained()]
    (found,) = agreements(side(), larger)
    assert (
        "12 architectures, such as net0, have other numbers of parameters under svm, 2018" in found.notes[0]
    )


def test_the_answer_says_what_the_interval_says(agreement):
    def first_line(estimate):
        best = replace(agreement.best, spearman=estimate)
        return answer(replace(agreement, predictors=(best,)))[0]

    assert first_line(Estimate(0.6, 0.2, 0.8, 12)).endswith("(95 % CI 0.20 to 0.80, significant)")
    assert first_line(Estimate(-0.6, -0.8, -0.1, 12)).endswith("(95 % CI -0.80 to -0.10, significant)")
    assert first_line(Estimate(0.4, -0.1, 0.7, 12)).endswith("(95 % CI -0.10 to 0.70, not significant)")
    assert first_line(Estimate(0.4, None, None, 8)).endswith("(no interval: it takes 12)")
    assert "no correlation" in first_line(Estimate(np.nan, None, None, 12))
    assert "best of 2 scores" in " ".join(answer(agreement))
    assert "best of 1" not in " ".join(answer(agreements(side(), trained())[0]))


def test_text_csv_and_json_hold_the_numbers_of_the_record(agreement):
    few = [replace(result, dataset="other") for result in side(SKILLS[::3])]
    (small,) = agreements(few, [replace(result, dataset="other") for result in trained(SKILLS[::3])])
    both = [agreement, small]
    table = pd.read_csv(io.StringIO(to_csv(both)))
    assert table["predictor"].tolist() == ["svm, 2018", "elm, 2018", "svm, 2018"]
    best, row = agreement.best, table.iloc[0]
    assert (row["spearman_low"], row["lost_3_high"]) == pytest.approx(
        (best.spearman.low, best.regrets[3].expected.high)
    )
    document = json.loads(to_json(both), parse_constant=pytest.fail)
    assert document["version"] == VERSION
    record = document["agreements"][0]["predictors"][0]
    assert record["spearman"]["value"] == best.spearman.value
    assert record["regrets"]["1"]["here"]["high"] == best.regrets[1].here.high
    assert document["agreements"][1]["predictors"][0]["spearman"]["low"] is None
    text = to_text(both)
    assert f"svm, 2018  {best.spearman}" in text
    assert str(best.regrets[1].expected) in text
    assert "nan" not in text


def test_json_writes_null_for_a_correlation_that_does_not_exist(agreement):
    undefined = replace(agreement.best, spearman=Estimate(np.nan, None, None, 12))
    (record,) = json.loads(to_json([replace(agreement, predictors=(undefined,))]))["agreements"]
    assert record["predictors"][0]["spearman"]["value"] is None


def test_losses_are_shown_in_points():
    assert str(Loss(0.021, 0.0, 0.0404)) == "2.1 (0.0 to 4.0)"
