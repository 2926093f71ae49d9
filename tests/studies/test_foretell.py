"""The study: further correlations, controls, NASWOT, times, and its files and figures."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure
from scipy import stats
from studies.foretell import report
from studies.foretell.compare import (
    ceiling_estimate,
    comparisons,
    kendall,
    kendall_estimate,
    n_free,
    partial_estimate,
)
from studies.foretell.naswot import alike, naswot
from tests.simulated import SKILLS, side, trained
from tests.test_agreement import coverage, rankings

from elmarc.agreement.rankings import LEAST, pearson
from elmarc.networks import build_network
from elmarc.reports import figures

N = 30


def test_kendall_is_scipy_s(rng):
    x, y = rng.integers(0, 6, size=(2, 5, 12)).astype(float)  # with ties
    for a, b, tau in zip(x, y, kendall(x, y), strict=True):
        assert tau == pytest.approx(stats.kendalltau(a, b).statistic, abs=1e-12)


@pytest.mark.parametrize("rho", [0.0, 0.6, 0.9])
def test_kendall_s_intervals_hold_the_truth(rho):
    x, y = rankings(np.random.default_rng(1), (1000, N), rho)
    estimates = [kendall_estimate(a, b) for a, b in zip(x, y, strict=True)]
    assert 0.93 <= coverage(estimates, 2 / np.pi * np.arcsin(rho)) <= 0.97


def test_kendall_s_intervals_hold_the_truth_where_poor_architectures_scatter_more():
    rng = np.random.default_rng(2)
    x, y = rankings(rng, (1000, N), 0.7, uneven=True)
    truth = kendall(*rankings(rng, (2000, 80), 0.7, uneven=True)).mean()
    assert 0.93 <= coverage([kendall_estimate(a, b) for a, b in zip(x, y, strict=True)], truth) <= 0.97


def test_kendall_of_a_constant_score_does_not_exist():
    flat = kendall_estimate(np.ones(12), np.arange(12.0))
    assert np.isnan(flat.value)
    assert flat.low is None


def residual(x, given):
    """Return what the ranks of covariates leave over of x's; for too many scores to project."""
    ranks = [stats.rankdata(v) - (len(v) + 1) / 2 for v in given]
    own = stats.rankdata(x) - (len(x) + 1) / 2
    return own - np.transpose(ranks) @ np.linalg.lstsq(np.transpose(ranks), own, rcond=None)[0]


@pytest.mark.parametrize("rho", [0.0, 0.7])
def test_partial_intervals_hold_the_truth_given_what_both_follow_from(rho):
    rng = np.random.default_rng(3)

    def draw(n):
        given = rng.standard_normal((3, n))
        x, y = rankings(rng, n, rho)
        return x + given[0], y + given[0] - given[1], given

    x, y, given = draw(20_000)
    left = [residual(v, given) for v in (x, y)]
    truth = pearson(*left)
    estimates = [partial_estimate(*pair, c) for *pair, c in (draw(N) for _ in range(500))]
    assert abs(truth - 6 / np.pi * np.arcsin(rho / 2)) < 0.05
    assert 0.93 <= coverage(estimates, truth) <= 0.97


def test_the_ceiling_holds_the_truth():
    rng = np.random.default_rng(4)
    skill, luck = rng.standard_normal((600, 1, N)), rng.standard_normal((600, 3, N))
    truth = 6 / np.pi * np.arcsin(0.8 / 2)
    estimates = [ceiling_estimate(s) for s in np.sqrt(0.8) * skill + np.sqrt(0.2) * luck]
    assert 0.93 <= coverage(estimates, truth) <= 0.97


def test_intervals_hold_the_truth_of_the_fewest_architectures_at_a_strong_correlation():
    x, y = rankings(np.random.default_rng(7), (500, LEAST), 0.95)
    estimates = [kendall_estimate(a, b) for a, b in zip(x, y, strict=True)]
    assert 0.93 <= coverage(estimates, 2 / np.pi * np.arcsin(0.95)) < 0.985  # coarse steps: on the safe side


@pytest.mark.parametrize("n_given", [1, 2, 3])
def test_a_partial_correlation_takes_two_degrees_of_freedom(rng, n_given):
    """With none, what covariates leave over lies on a line: it is 1 or -1, whatever the scores."""
    for n in range(n_given + 2, n_given + 7):
        values = []
        for _ in range(50):
            x, y, *given = rng.standard_normal((n_given + 2, n))
            found = partial_estimate(x, y, np.array(given))
            assert found.df == n - n_free(np.array(given)) - 2
            assert found.df >= 2 or np.isnan(found.value)
            values.append(abs(found.value))
        if n - n_given - 2 >= 2:
            assert np.nanmean(np.array(values) > 0.999) < 0.2


def test_covariates_that_follow_from_others_take_no_degree_of_freedom(rng):
    x, y, one = rng.standard_normal((3, 6))
    found = partial_estimate(x, y, np.array([one, 2 * one, np.ones(6)]))
    assert found.df == 3
    assert found.value == pytest.approx(partial_estimate(x, y, one[None]).value)


def test_naswot_is_the_log_determinant_of_shared_units(rng):
    network = build_network("timbral_temporal", n_filters=4, seed=3)
    inputs = rng.standard_normal((5, 40, 96)).astype(np.float32)
    codes = np.concatenate(
        [(m > 0).flatten(1).numpy() for m in network(torch.from_numpy(inputs)).values()], axis=1
    )
    shared = (codes[:, None] == codes[None]).sum(axis=2)
    assert naswot(network, inputs) == pytest.approx(np.log(np.linalg.det(shared.astype(float))))


def test_many_units_are_counted_exactly(rng):
    bits = rng.integers(0, 2, size=(3, 200_003))
    shared = (bits[:, None] == bits[None]).sum(axis=2)
    assert np.array_equal(alike([np.packbits(row) for row in bits], bits.shape[1]), shared)


def test_clips_of_equal_codes_have_no_score(rng):
    one = rng.standard_normal((40, 96)).astype(np.float32)
    assert naswot(build_network("temporal", n_filters=4), [one, one]) is None


@pytest.fixture(scope="module")
def comparison():
    return comparisons(side() + side(SKILLS[::-1], "elm"), trained(), short=side(SKILLS, "trained", seeds=1))[
        0
    ]


def named(comparison, name):
    return next(p for p in comparison.predictors if p.name == name)


def test_controls_and_short_training_come_after_untrained_scores(comparison):
    kinds = [p.kind for p in comparison.predictors]
    assert kinds == sorted(kinds, key=("untrained", "short", "control").index)
    assert comparison.predictors[0].kendall.low > 0.2
    assert named(comparison, "number of parameters").spearman.high < -0.5
    assert "number of parameters" not in named(comparison, "number of parameters").given
    assert named(comparison, "short training").spearman.value > 0.8
    assert named(comparison, "spread over seeds (svm, 2018)").ceiling is None


def test_partial_correlation_is_given_all_covariates(comparison):
    best = comparison.predictors[0]
    assert best.given == ("number of parameters", "multiply-adds", "number of features")
    assert abs(best.partial.value) < best.spearman.value  # parameters follow the skill here


@pytest.mark.parametrize(("n", "n_given"), [(5, 2), (6, 3), (7, 3)])
def test_few_architectures_have_no_partial_correlation(n, n_given):
    """Where three covariates leave no degree of freedom, the correlation would be 1 or -1."""
    (few,) = comparisons(side(SKILLS[:n]), trained(SKILLS[:n]))
    partial = few.predictors[0].partial
    assert (partial.n_given, partial.df) == (n_given, n - n_given - 2)
    assert np.isnan(partial.value) == (n - n_given < 4)


def test_time_and_ceiling(comparison):
    assert comparison.trained_ceiling.value > 0.8
    assert comparison.predictors[0].seconds == pytest.approx(12 * 2 * 3.0)
    assert comparison.times_faster(comparison.predictors[0]) == pytest.approx(101 / 3)


def test_features_from_a_store_have_no_known_time():
    (stored,) = comparisons(side(timings={"extract_s": 0.0, "classify_s": 1.0}), trained())
    assert stored.times_faster(stored.predictors[0]) is None


def test_a_proxy_is_a_control_or_a_note_says_why_not():
    ranks = {f"net{k}": float(k) for k in range(len(SKILLS))}
    proxies = {"NASWOT": lambda r: ranks[r.features], "other": lambda r: {**ranks, "net3": None}[r.features]}
    (both,) = comparisons(side(), trained(), proxies=proxies)
    control = named(both, "NASWOT")
    assert control.kind == "control"
    assert control.scores == tuple(ranks[name] for name in both.architectures)
    assert control.spearman.value > 0.8
    assert both.notes == ("other is left out: 1 architectures, such as net3, have none",)


def test_files_and_figures_hold_the_numbers_of_the_record(comparison, tmp_path: Path):
    report.write([comparison], tmp_path)
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {f"agreement.{e}" for e in ("csv", "json", "txt")} | set(figures.names("scatter-sounds"))
    table = pd.read_csv(io.StringIO((tmp_path / "agreement.csv").read_text()))
    assert len(table) == len(comparison.predictors)
    best = comparison.predictors[0]
    assert table["partial"][0] == pytest.approx(best.partial.value)
    (document,) = json.loads((tmp_path / "agreement.json").read_text())["comparisons"]
    assert document["trained"] == list(comparison.trained)
    text = (tmp_path / "agreement.txt").read_text()
    assert all(p.name in text and str(p.spearman) in text for p in comparison.predictors)


def test_a_panel_marks_the_first_architectures_and_both_intervals(comparison):
    best = comparison.predictors[0]
    ax = Figure().subplots()
    report.scatter(ax, comparison, best)
    _, red = (c.get_offsets() for c in ax.collections if len(c.get_offsets()) in (3, 9))
    assert sorted(red[:, 0]) == pytest.approx(sorted(100 * np.array(best.scores))[-3:])
    across, up = (bars.get_segments() for bars in ax.containers[0].lines[2])
    assert np.ptp(across[0][:, 0]) == pytest.approx(2 * 1.96 * 100 * best.errors[0], rel=1e-3)
    assert np.ptp(up[0][:, 1]) == pytest.approx(2 * 1.96 * 100 * comparison.trained_errors[0], rel=1e-3)
    titled = [a for a in report.scatter_figure(comparison).axes if a.get_title(loc="left")]
    assert len(titled) == min(len(comparison.predictors), report.MOST_PANELS)
