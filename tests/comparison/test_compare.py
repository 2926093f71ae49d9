from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.simulated import CLASSES, result_of, simulated_result

from elmarc.comparison.compare import compare, comparisons
from elmarc.comparison.ranks import rank_across
from elmarc.errors import ConfigError
from elmarc.results import Prediction

SKILLS = {"vgg": 0.9, "timbral": 0.85, "frame_level": 0.3}


@pytest.fixture(scope="module")
def results():
    return [
        simulated_result(features, skill=skill, seed=seed)
        for features, skill in SKILLS.items()
        for seed in range(3)
    ]


def test_the_ranking_holds_the_means_and_deviations_of_the_results(results):
    compared = compare(results)
    assert [s.accuracy for s in compared.scores] == sorted(
        (s.accuracy for s in compared.scores), reverse=True
    )
    for score in compared.scores:
        own = [r.accuracy for r in results if r.features == score.system.features]
        assert score.accuracy == pytest.approx(np.mean(own))
        assert score.deviation == pytest.approx(np.std(own, ddof=1))
        assert score.seeds == (0, 1, 2)
        assert score.low < score.accuracy < score.high


def test_contrasts_agree_with_the_ranking(results):
    compared = compare(results)
    (family,) = compared.families
    assert [(c.a, c.b) for c in family.contrasts] == [(0, 1), (0, 2), (1, 2)]
    for c in family.contrasts:
        expected = compared.scores[c.a].accuracy - compared.scores[c.b].accuracy
        assert c.difference == pytest.approx(expected, abs=1e-8)
        assert c.low < c.difference < c.high
        assert c.differs is (c.p_value <= 0.05)
        assert compared.contrast(c.a, c.b) is c


def test_neighbours_tie_and_the_worst_does_not(results):
    best, second, worst = compare(results).scores
    assert set(best.ties) & set(second.ties)
    assert not set(best.ties) & set(worst.ties)


def test_equal_input_gives_equal_records_in_any_order(results):
    assert compare(results) == compare(results[::-1])


def test_one_seed_tells_no_network_from_another(results):
    compared = compare([r for r in results if r.seed == 0])
    assert not compared.design.can_tell
    assert not any(c.differs for family in compared.families for c in family.contrasts)
    assert {(c.low, c.high) for family in compared.families for c in family.contrasts} == {(None, None)}
    assert compared.design.more_seeds == 3
    assert "three times (3 seeds)" in compared.design.advice[0]
    assert {s.ties for s in compared.scores} == {""}
    assert compared.scores[0].deviation is None


def test_interval_of_one_seed_is_near_the_normal_approximation():
    result = simulated_result(n_clips=800, skill=0.75)
    (score,) = compare([result]).scores
    half = 1.96 * np.sqrt(result.accuracy * (1 - result.accuracy) / 800)
    assert score.low == pytest.approx(result.accuracy - half, abs=0.004)
    assert score.high == pytest.approx(result.accuracy + half, abs=0.004)


def test_spread_over_seeds_widens_intervals_and_blurs_differences():
    def systems(spread):
        return [
            simulated_result(f, skill=skill, seed=s, shift=spread * (s - 1), n_clips=400)
            for f, skill in (("a", 0.80), ("b", 0.60))
            for s in range(3)
        ]

    steady, shaky = compare(systems(0.0)), compare(systems(0.2))
    assert np.ptp([shaky.scores[0].low, shaky.scores[0].high]) > 1.5 * np.ptp(
        [steady.scores[0].low, steady.scores[0].high]
    )
    assert steady.contrast(0, 1).p_value < 0.05 < 0.1 < shaky.contrast(0, 1).p_value


def test_false_alarms_stay_near_five_percent_when_networks_vary_with_their_weights(rng):
    """Two equally good networks, whose accuracy varies by 3 points from draw to draw, on 300 clips."""
    alarms = 0
    for _ in range(120):
        shifts = rng.normal(0, 0.03, size=(2, 3))
        cells = [
            _coin_result(rng, "ab"[k], seed, 0.6 + shift)
            for k, of_network in enumerate(shifts)
            for seed, shift in enumerate(of_network)
        ]
        alarms += compare(cells).contrast(0, 1).differs
    assert alarms <= 12  # 6 expected, 12 is 2.5 standard deviations above


def _coin_result(rng, features, seed, skill, n=300):
    said = np.where(rng.random(n) < skill, "dog", "rain")
    return result_of(
        [Prediction(str(i), "dog", str(p), "test") for i, p in enumerate(said)],
        features=features, seed=seed, classes=CLASSES,
    )  # fmt: skip


def test_a_system_that_draws_nothing_gets_no_noise_from_the_others():
    fixed = [replace(simulated_result("mfcc", seed=0, skill=0.6), seed=s) for s in range(3)]
    other = [replace(simulated_result("lpc", seed=0, skill=0.4), seed=s) for s in range(3)]
    shaky = [simulated_result("vgg", seed=s, skill=0.7, shift=0.2 * (s - 1)) for s in range(3)]
    alone, among = compare(fixed + other), compare(fixed + other + shaky)
    names = [s.system.features for s in among.scores]
    one = alone.contrast(0, 1)
    same = among.contrast(names.index("mfcc"), names.index("lpc"))
    assert (same.difference, same.standard_error, same.df) == (one.difference, one.standard_error, one.df)


def test_unequal_folds_count_alike():
    predictions = [
        Prediction(str(i), "dog", "dog" if i < 30 else "rain", "1" if i < 30 else "2") for i in range(40)
    ]
    (score,) = compare([result_of(predictions, classes=CLASSES)]).scores
    assert score.accuracy == 0.5
    assert score.low < 0.5 < score.high


def test_groups_of_clips_are_resampled_together():
    predictions = [Prediction(f"{i}", "dog", "dog" if (i // 20) % 2 else "rain", "test") for i in range(200)]
    of_singers = [replace(p, group=f"singer {i // 20}") for i, p in enumerate(predictions)]
    (alone,) = compare([result_of(predictions, classes=CLASSES)]).scores
    (grouped,) = compare([result_of(of_singers, classes=CLASSES)]).scores
    assert grouped.accuracy == alone.accuracy
    assert grouped.high - grouped.low > 2.5 * (alone.high - alone.low)


def test_pairs_are_compared_on_the_clips_both_have_judged():
    full = simulated_result("temporal", skill=0.6)
    part = simulated_result("vgg", skill=0.8)
    part = result_of(part.predictions[:60] + part.predictions[90:], classes=CLASSES, features="vgg")
    compared = compare([full, part])
    common = {p.id for p in part.predictions}
    by_name = {
        r.features: result_of([p for p in r.predictions if p.id in common], classes=CLASSES).accuracy
        for r in (full, part)
    }
    first, second = (s.system.features for s in compared.scores)
    assert compared.contrast(0, 1).difference == pytest.approx(by_name[first] - by_name[second], abs=0.02)
    assert {s.n_clips for s in compared.scores} == {120, 90}


def test_names_tell_apart_what_differs_and_no_more():
    base = simulated_result()
    small = replace(base, size="small", n_filters=120)
    fixed = replace(base, recipe="v2", definition={"network": "vgg", "compat": None, "seed": 0})
    names = {s.name for s in compare([base, small, fixed]).scores}
    assert names == {"vgg (large) (2018)", "vgg (small)", "vgg (large) (v2)"}
    assert compare([base]).scores[0].name == "vgg"


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (simulated_result(dataset="music"), "comparisons"),
        (replace(simulated_result(), predictions=simulated_result(skill=0.1).predictions), "keep one"),
        (result_of([Prediction("dog/000.wav", "sea", "sea", "1")], classes=CLASSES), "keep one"),
        (result_of([Prediction("dog/000.wav", "sea", "sea", "1")], classes=CLASSES, features="x"), "'sea'"),
        (result_of([Prediction("other", "sea", "sea", "1")], classes=CLASSES, features="x"), "no clip in"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_said(other, message):
    with pytest.raises(ConfigError, match=message):
        compare([simulated_result(), other])


def test_a_sweep_is_compared_data_set_by_data_set_and_ranked_over_them(results):
    datasets = ["birds", "music", "sounds"]
    sweep = [replace(r, dataset=d) for d in datasets for r in results] + [
        replace(results[0], protocol="paper")
    ]
    compared = comparisons(sweep)
    assert [(c.dataset, c.protocol) for c in compared] == [
        ("birds", "nested"), ("music", "nested"), ("sounds", "nested"), ("sounds", "paper"),
    ]  # fmt: skip
    ranking = rank_across(compared[:3])
    assert ranking.systems[int(np.argmax(ranking.ranks))] == "frame_level + svm"
    assert ranking.n_datasets == 3


def test_two_seeds_are_enough_where_the_difference_is_plain() -> None:
    """Two systems of two seeds leave two degrees of freedom; 60 points are no chance all the same."""
    cells = [
        simulated_result(name, skill=skill, seed=seed, shift=shift, n_clips=160)
        for name, skill in (("temporal", 0.87), ("7x96", 0.27))
        for seed, shift in ((0, 0.02), (1, -0.02))
    ]
    assert compare(cells).contrast(0, 1).p_value < 0.01


def test_results_of_other_clips_are_not_compared() -> None:
    one, other = simulated_result("vgg", clips_key="a"), simulated_result("temporal", clips_key="b")
    with pytest.raises(ConfigError, match="of different clips"):
        compare([one, other])


@pytest.mark.parametrize("name", ["vgg", "mfcc"])
def test_a_single_system_has_no_contrast(name):
    single = compare([simulated_result(name, seed=seed) for seed in range(2)])
    assert single.families == ()
    assert single.scores[0].ties == "a"
    assert single.design.detectable is None
