from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from tests.simulated import simulated_result

from elmarc.comparison.compare import compare, rank_across
from elmarc.reports import plots, plots_compare
from elmarc.reports.published import published

NETWORKS = {"frame_level": 0.4, "vgg": 0.9, "temporal": 0.6, "mfcc": 0.7}


@pytest.fixture(scope="module")
def comparison():
    results = [
        simulated_result(f, c, skill=s, seed=k, cost=None if f == "mfcc" else {"n_parameters": 1000.0 * s})
        for f, s in NETWORKS.items()
        for c in ("elm", "svm")
        for k in range(2)
    ]
    return compare(results)


def test_bars_stand_in_the_study_s_order_with_svm_first(comparison):
    ax = Figure().subplots()
    plots.study_bars(ax, comparison)
    assert [t.get_text() for t in ax.get_xticklabels()] == ["vgg", "temporal", "frame_level"] * 2
    assert [t.get_text() for t in ax.texts] == ["SVM", "ELM"]
    heights = {s.label: 100 * s.accuracy for s in comparison.scores}
    assert ax.containers[0].datavalues.tolist() == pytest.approx(
        [heights[f"{name} + svm"] for name in ("vgg", "temporal", "frame_level")]
    )


def test_error_bars_are_the_deviation_over_seeds(comparison):
    ax = Figure().subplots()
    plots.study_bars(ax, comparison)
    error_bars = ax.containers[1].lines[2][0].get_segments()
    deviation = {s.label: s.deviation for s in comparison.scores}["vgg + svm"]
    assert np.ptp(error_bars[0][:, 1]) == pytest.approx(200 * deviation)


def test_mfcc_is_a_red_line_not_a_bar(comparison):
    ax = Figure().subplots()
    plots.study_bars(ax, comparison)
    (line,) = [line for line in ax.lines if line.get_label() == "MFCC + SVM"]
    accuracy = {s.label: s.accuracy for s in comparison.scores}["mfcc + svm"]
    assert line.get_color() == plots.RED
    assert list(line.get_ydata()) == [100 * accuracy] * 2


def test_published_bars_stand_beside_ours_where_the_study_has_them(comparison):
    ax = Figure().subplots()
    plots.study_bars(ax, comparison, reference=published("urbansound8k"))  # which has no temporal network
    drawn = [c.datavalues.tolist() for c in ax.containers if getattr(c, "datavalues", None) is not None]
    assert [round(v, 1) for v in drawn[1]] == [70.8, 38.6]
    assert [round(v, 1) for v in drawn[3]] == [66.8, 42.0]


@pytest.mark.parametrize("draw", [plots.study_figure, plots_compare.difference_figure])
def test_equal_figures_are_equal_bytes_also_from_threads(comparison, draw):
    with ThreadPoolExecutor(4) as pool:
        svgs = set(pool.map(lambda _: plots.to_svg(draw(comparison)), range(4)))
    assert len(svgs) == 1
    assert plots.to_png(draw(comparison)) == plots.to_png(draw(comparison))
    assert not re.search(r"[\"#]m[0-9a-f]{10}\b", svgs.pop())  # matplotlib's random ids


def test_drawing_leaves_matplotlib_s_settings_alone(comparison, tmp_path):
    before = dict(mpl.rcParams)
    png, svg = plots.save(plots.study_figure(comparison), tmp_path / "figure")
    assert dict(mpl.rcParams) == before
    assert png.read_bytes().startswith(b"\x89PNG")
    assert "<svg" in svg.read_text(encoding="utf-8")


def test_ids_in_svg_still_resolve(comparison):
    svg = plots.to_svg(plots.study_figure(comparison))
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg))
    assert used
    assert used <= set(re.findall(r'\bid="([^"]+)"', svg))


def test_pareto_front_holds_exactly_the_undominated(rng):
    cost, accuracy = rng.integers(1, 8, 40), rng.integers(1, 8, 40)
    front = plots_compare.pareto_front(cost, accuracy)
    for i in range(40):
        as_good = (cost <= cost[i]) & (accuracy >= accuracy[i])
        dominated = (as_good & ((cost < cost[i]) | (accuracy > accuracy[i]))).any()
        assert front[i] != dominated


def test_cost_scatter_names_each_network_once(comparison):
    ax = Figure().subplots()
    plots_compare.cost_scatter(ax, comparison, "n_parameters")
    assert sorted(t.get_text() for t in ax.texts) == ["frame_level", "temporal", "vgg"]
    assert "MFCC + SVM" in ax.get_legend_handles_labels()[1]


def test_difference_matrix_is_bold_where_the_test_says_so(comparison):
    ax = Figure().subplots()
    plots_compare.difference_matrix(ax, comparison)
    contrasts = [c for family in comparison.families if family.kind == "pairs" for c in family.contrasts]
    bold = [t for t in ax.texts if t.get_fontweight() == "bold"]
    assert len(ax.texts) == 2 * len(contrasts)
    assert len(bold) == sum(c.differs for c in contrasts) > 0


def test_rank_diagram_names_every_system(comparison):
    ranking = rank_across([comparison, replace(comparison, dataset="music")])
    ax = plots_compare.rank_figure(ranking).axes[0]
    text = " ".join(t.get_text() for t in ax.texts)
    assert all(s.label in text for s in comparison.scores)
    assert f"critical difference {ranking.critical_difference:.2f}" in text


def test_a_dollar_sign_in_a_name_is_no_mathematics(comparison):
    odd = compare([replace(simulated_result(), features="a$x_{$b", dataset="$\\frac{$")])
    assert plots.to_svg(plots.study_figure(odd))
    assert plots.to_svg(plots_compare.difference_figure(compare([*_two("q$\\x$")])))


def _two(name):
    return simulated_result(name, skill=0.4), simulated_result("vgg", skill=0.8)
