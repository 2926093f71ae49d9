"""Clips that come in groups (speakers, recordings): tests and intervals over few groups and unequal ones."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy import linalg, stats
from studies.statistics.few_groups import rates
from tests.simulated import result_of, simulated_result

from elmarc.comparison.answer import answer, details
from elmarc.comparison.compare import Power, compare, score_alone
from elmarc.comparison.variance import cluster_df, moments
from elmarc.reports.page import build_page
from elmarc.results import Prediction
from elmarc.study.summary import write_summary


def speakers(name, accuracies, n_clips=60, seed=0):
    """Return a result with one share of right clips a speaker, on `n_clips` clips each, or so many."""
    sizes = np.broadcast_to(n_clips, len(accuracies))
    predictions = [
        Prediction(
            f"{speaker}/{i}", "dog", "dog" if i < round(size * accuracy) else "sea", "test", f"s{speaker}"
        )
        for speaker, (accuracy, size) in enumerate(zip(accuracies, sizes, strict=True))
        for i in range(size)
    ]
    return result_of(predictions, features=name, seed=seed, classes=["dog", "sea"])


def both_seeds(name, accuracies, n_clips=60):
    return [speakers(name, accuracies, n_clips, seed) for seed in range(2)]


BETTER = np.array([0.75, 0.60, 0.45, 0.80, 0.70, 0.60])
WORSE = np.array([0.10, 0.35, 0.15, 0.20, 0.25, 0.20])


@pytest.mark.parametrize("n", [5, 6])
def test_speakers_with_equally_many_clips_get_the_paired_t_test_over_speakers(n):
    """Six speakers, 65 % against 21 %, ahead for each of them, is significant."""
    compared = compare(both_seeds("vgg", BETTER[:n]) + both_seeds("mfcc", WORSE[:n]))
    contrast = compared.contrast(0, 1)
    expected = stats.ttest_rel(BETTER[:n], WORSE[:n])
    ends = expected.confidence_interval(0.95)
    assert contrast.p_value == pytest.approx(expected.pvalue, rel=1e-3)
    assert (contrast.low, contrast.high) == pytest.approx((ends.low, ends.high), abs=1e-6)
    assert contrast.differs


def test_an_accuracy_s_interval_is_as_wide_as_the_t_interval_over_speakers():
    (score,) = compare(both_seeds("vgg", BETTER)).scores
    half = stats.sem(BETTER) * stats.t.ppf(0.975, 5)
    assert score.high - score.low == pytest.approx(2 * half, rel=0.06)  # Wilson's is drawn in a little
    assert score.low < BETTER.mean() - 0.8 * half


def test_variance_and_degrees_of_freedom_are_those_of_cr2(rng):
    """Bell and McCaffrey (2002), written out clip by clip as in Pustejovsky and Tipton (2018)."""
    sizes = np.array([40, 3, 12, 25, 28, 31])
    group = np.repeat(np.arange(6), sizes)
    right = (rng.random(len(group)) < rng.random(6)[group]).astype(float)
    design = np.ones((len(group), 1))
    hat = design @ np.linalg.pinv(design)
    residual = right - hat @ right
    variance, columns = 0.0, []
    for g in range(6):
        own = group == g
        adjust = linalg.fractional_matrix_power((np.eye(len(group)) - hat)[np.ix_(own, own)], -0.5).real
        score = (np.linalg.pinv(design)[:, own] @ adjust).ravel()
        variance += float((score @ residual[own]) ** 2)
        columns.append((np.eye(len(group)) - hat)[:, own] @ score)
    products = np.transpose(columns).T @ np.transpose(columns)
    df = np.trace(products) ** 2 / (products**2).sum()
    sums = np.bincount(group, right)[:, None]
    found = moments(sums, sizes[:, None].astype(float), [1], n_clips=len(group))
    assert found.covariance[0, 0] == pytest.approx(variance)
    assert found.units_df == pytest.approx(df) == pytest.approx(cluster_df(sizes / sizes.sum()))


def test_a_group_for_each_clip_is_no_group():
    plain = [simulated_result(name, seed=seed) for name in ("vgg", "mfcc") for seed in range(2)]
    alone = [replace(r, predictions=[replace(p, group=p.id) for p in r.predictions]) for r in plain]
    assert compare(alone) == compare(plain)


FEW = {
    "three": ([60, 60, 60], "3 groups: too few"),
    "one": ([60], "1 group: too few"),
    "four": ([60, 60, 60, 60], "4 groups: too few"),
    "one holds half": (
        [300, *[60] * 5],
        "the largest with 50 % of them, which count as 3 of equal size",
    ),
}


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(("sizes", "reason"), FEW.values(), ids=FEW)
def test_too_few_groups_give_no_interval_and_no_test_and_say_what_it_takes(sizes, reason, tmp_path):
    n = len(sizes)
    results = both_seeds("vgg", BETTER[:n], sizes) + both_seeds("mfcc", WORSE[:n], sizes)
    compared = compare(results)
    assert {(s.low, s.high, s.ties) for s in compared.scores} == {(None, None, "")}
    assert {(c.low, c.high, c.differs) for f in compared.families for c in f.contrasts} == {
        (None, None, False)
    }
    assert not compared.design.can_tell
    text = " ".join((*answer(compared), *details(compared)))
    assert "no interval" in text
    assert reason in text
    assert "It takes 5 groups" in text
    assert write_summary([compared], tmp_path) == []
    record = json.loads((tmp_path / "ranking.json").read_text(encoding="utf-8"), parse_constant=pytest.fail)
    assert {system["low"] for system in record["systems"]} == {None}
    assert "none" in build_page(results, compared=[compared])
    alone = score_alone(results[0].predictions, n_classes=2)
    assert (alone.low, alone.high) == (None, None)


def test_more_seeds_of_few_groups_are_not_taken_for_more_groups():
    """The variance over six groups has 5 degrees of freedom, whatever the seeds."""
    parts = {"critical": 1.96, "weights": 0.0, "noise": 0.0, "units": 1e-3, "n_seeds": 2, "df": 5.0}
    of_groups = Power(**parts, groups_df=5.0)
    assert of_groups.detectable(10) == of_groups.detectable(2) > Power(**parts).detectable(10)


N = 400
ALLOWED = 0.05 + 2.6 * np.sqrt(0.05 * 0.95 / N)


@pytest.mark.parametrize(
    ("sizes", "n_groups", "own_class"),
    [("equal", 5, False), ("equal", 6, True), ("four to one", 10, False), ("four to one", 10, True)],
)
def test_few_groups_hold_the_level_and_their_intervals_the_truth(sizes, n_groups, own_class):
    """A small part of docs/lab/few-groups.md."""
    found = rates(sizes, n_groups, own_class=own_class, repetitions=N)
    assert found["three seeds, false claims"] <= ALLOWED
    assert 0.93 <= found["three seeds, accuracies"] <= 0.99
    assert 0.93 <= found["three seeds, differences"] <= 0.99
    assert found["three seeds, 20 points are significant"] > (0.55 if n_groups < 10 else 0.85)


def test_a_group_of_half_of_the_clips_is_not_taken_for_one_of_many():
    found = rates("one holds half", 20, own_class=False, repetitions=N)
    assert found["differences: CR1, t"] < 0.85
    assert 0.93 <= found["differences: CR2, Satterthwaite (chosen)"] <= 0.97
    assert "three seeds, accuracies" not in found
