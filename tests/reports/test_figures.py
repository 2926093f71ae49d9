from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from itertools import combinations

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from tests.reports.made import NETWORKS, STUDY, made
from tests.simulated import simulated_result

from elmarc.comparison.compare import compare
from elmarc.comparison.ranks import rank_across
from elmarc.errors import ConfigError
from elmarc.reports import cost_figure, figures, wording

COSTS = list(cost_figure.COSTS)


@pytest.fixture(scope="module")
def comparison():
    return made(NETWORKS, ("elm", "svm"), n_seeds=3)


def bars_of(ax):
    return [c.datavalues.tolist() for c in ax.containers if getattr(c, "datavalues", None) is not None]


def lines_of(ax):
    return {line.get_label(): line for line in ax.lines}


def test_bars_stand_in_the_study_s_order_with_svm_first(comparison):
    ax = Figure().subplots()
    figures.study_bars(ax, comparison)
    assert [t.get_text() for t in ax.get_xticklabels()] == ["vgg", "temporal", "frame_level"] * 2
    assert [t.get_text() for t in ax.texts] == ["SVM", "ELM"]
    heights = {s.label: 100 * s.accuracy for s in comparison.scores}
    assert bars_of(ax)[0] == pytest.approx(
        [heights[f"{name} + svm"] for name in ("vgg", "temporal", "frame_level")]
    )


@pytest.mark.parametrize("n_seeds", [1, 2, 3])
def test_error_bars_are_the_intervals_of_the_table(n_seeds):
    results = [
        simulated_result(name, skill=skill, seed=seed, n_clips=80)
        for name, skill in NETWORKS.items()
        for seed in range(n_seeds)
    ]
    comparison = compare(results)
    ax = Figure().subplots()
    figures.study_bars(ax, comparison)
    drawn = np.array([segment[:, 1] for segment in ax.containers[1].lines[2][0].get_segments()])
    own = figures.in_study_order(comparison, "svm")
    assert drawn == pytest.approx(np.array([[100 * s.low, 100 * s.high] for s in own]))
    assert "95 % intervals" in figures.study_caption(comparison)


@pytest.mark.parametrize("seed", range(4))
def test_an_interval_in_the_differences_leaves_out_zero_if_and_only_if_it_is_shaded(seed):
    rng = np.random.default_rng(seed)
    skills = {name: rng.uniform(0.4, 0.9) for name in ("vgg", "temporal", "timbral", "7x86", "mfcc")}
    cells = [
        simulated_result(name, skill=skill, seed=s, n_clips=100)
        for name, skill in skills.items()
        for s in (0, 1)
    ]
    figure = figures.difference_figure(compare(cells))
    (ax,) = figure.axes
    texts = {(t.get_position()[0], round(t.get_position()[1])): [] for t in ax.texts}
    for t in ax.texts:
        texts[t.get_position()[0], round(t.get_position()[1])].append(t)
    shaded = {
        (patch.get_x() + 0.5, round(patch.get_y() + 0.5)) for patch in ax.patches if patch.get_alpha() > 0
    }
    assert len(texts) == 10
    assert len({at in shaded for at in texts}) == 2
    for at, (difference, interval) in texts.items():
        low, high = map(float, interval.get_text().split(" to "))
        assert low <= float(difference.get_text()) <= high
        assert (low > 0 or high < 0) is (at in shaded)


def test_one_seed_draws_no_interval_of_a_difference():
    cells = [simulated_result(name, skill=skill) for name, skill in NETWORKS.items()]
    (ax,) = figures.difference_figure(compare(cells)).axes
    assert len(ax.texts) == 6
    assert "interval" not in ax.get_xlabel()
    assert "Not tested" in ax.get_xlabel()


@pytest.mark.parametrize(
    ("difference", "text"), [(0.0312, "+3.1"), (-0.0002, "-0.02"), (0.0, "0.0"), (-1e-6, "-1e-04")]
)
def test_a_difference_that_is_not_nothing_is_not_shown_as_nothing(difference, text):
    assert wording.points(difference) == text


def test_each_seed_is_a_dot_on_its_bar(comparison):
    ax = Figure().subplots()
    figures.study_bars(ax, comparison)
    dots = np.vstack([c.get_offsets() for c in ax.collections if isinstance(c, PathCollection)])
    drawn = [s for s in comparison.scores if not s.is_baseline]
    assert sorted(dots[:, 1]) == pytest.approx(sorted(100 * v for s in drawn for v in s.by_seed))


def test_one_seed_has_no_dots_and_no_word_of_them():
    ax = Figure().subplots()
    figures.study_bars(ax, made())
    assert not [c for c in ax.collections if isinstance(c, PathCollection)]
    assert "one seed" not in ax.get_legend_handles_labels()[1]
    assert "seed" not in figures.study_caption(made())
    assert "single seeds" in figures.study_caption(made(n_seeds=2))


def test_mfcc_is_a_red_line_across_the_bars_of_its_classifier(comparison):
    ax = Figure().subplots()
    figures.study_bars(ax, comparison)
    red = [line for line in ax.lines if line.get_color() == figures.RED]
    accuracies = {s.system.classifier: 100 * s.accuracy for s in comparison.scores if s.is_baseline}
    assert [line.get_ydata()[0] for line in red] == pytest.approx([accuracies["svm"], accuracies["elm"]])
    assert red[0].get_xdata()[1] < red[1].get_xdata()[0]
    assert ax.get_legend_handles_labels()[1].count("MFCC") == 1


def test_chance_and_the_largest_class_are_lines_in_every_figure_of_accuracies():
    comparison = made(chance=0.1, majority=0.3)
    scatters = [partial(cost_figure.cost_scatter, cost=cost) for cost in COSTS]
    for draw in (figures.study_bars, *scatters):
        ax = Figure().subplots()
        draw(ax, comparison)
        lines = lines_of(ax)
        assert lines["chance: 10.0 %"].get_ydata()[0] == pytest.approx(10)
        assert lines["largest class: 30.0 %"].get_ydata()[0] == pytest.approx(30)
        assert ax.get_ylim()[0] < 10
        ax = Figure().subplots()
        draw(ax, made(chance=0.25, majority=0.25))
        assert "chance, largest class: 25.0 %" in lines_of(ax)


def test_published_bars_stand_beside_ours_where_the_study_has_them():
    ax = Figure().subplots()
    figures.study_bars(
        ax, made(NETWORKS, ("elm", "svm"), dataset="urbansound8k")
    )  # it has no temporal network
    drawn = bars_of(ax)
    assert [round(v, 1) for v in drawn[1]] == [70.8, 38.6]
    assert [round(v, 1) for v in drawn[3]] == [66.8, 42.0]
    assert {"elmarc", "published 2018", "MFCC, published"} <= set(ax.get_legend_handles_labels()[1])


def test_caption_and_legend_speak_of_the_study_only_where_it_has_numbers():
    of_others, of_study = made(STUDY), made(STUDY, dataset="gtzan")
    only_elm = made({"vgg": 0.6}, ("elm",), dataset="gtzan")
    not_in_study = made({"conformer": 0.6}, ("svm",), dataset="gtzan")
    assert figures.has_published_bars(of_study)
    assert not any(figures.has_published_bars(c) for c in (of_others, not_in_study))
    assert "2018" not in figures.study_caption(of_others)
    assert "Hatched bars: Pons & Serra 2018" in figures.study_caption(of_study)
    assert "Dotted red line: MFCC of Pons & Serra 2018" in figures.study_caption(of_study)
    assert "Hatched bars: Pons & Serra 2018" in figures.study_caption(only_elm)
    assert "2018" not in figures.study_caption(not_in_study)
    for comparison in (of_others, not_in_study):
        ax = Figure().subplots()
        figures.study_bars(ax, comparison)
        assert not {"elmarc", "published 2018"} & set(ax.get_legend_handles_labels()[1])
    assert "MFCC" not in figures.study_caption(only_elm)


@pytest.mark.parametrize("n_networks", [1, 2, 9])
def test_the_longest_legend_leaves_room_for_the_bars(n_networks):
    names = [name for name in STUDY if name != "mfcc"][:n_networks]
    networks = {name: STUDY[name] for name in [*names, "mfcc"]}
    figure = figures.study_figure(made(networks, n_seeds=3, dataset="gtzan", chance=0.1, majority=0.13))
    figure.draw_without_rendering()  # matplotlib warns, and the test fails, where an axes collapses
    width, height = figure.get_size_inches() * figure.dpi
    legend = figure.axes[0].get_legend().get_window_extent()
    assert figure.axes[0].get_window_extent().height > 0.35 * height
    assert legend.x1 < width


def test_many_bars_stand_in_a_row_for_each_classifier():
    twenty = {f"net{k} (recipe {k})": 0.9 - k / 50 for k in range(20)}
    assert len(figures.study_figure(made(twenty)).axes) == 1
    figure = figures.study_figure(made(twenty, ("svm", "elm", "ridge"), n_seeds=2))
    assert len(figure.axes) == 3
    assert [ax.texts[0].get_text() for ax in figure.axes] == ["SVM", "ELM", "RIDGE"]
    assert max(figure.get_size_inches()) < 12


@pytest.mark.parametrize("draw", [figures.study_figure, figures.difference_figure, cost_figure.cost_figure])
def test_equal_figures_are_equal_bytes_also_from_threads(comparison, draw):
    with ThreadPoolExecutor(4) as pool:
        svgs = set(pool.map(lambda _: figures.to_svg(draw(comparison)), range(4)))
    assert len(svgs) == 1
    assert figures.to_png(draw(comparison)) == figures.to_png(draw(comparison))
    assert figures.to_pdf(draw(comparison)) == figures.to_pdf(draw(comparison))
    assert not re.search(r"[\"#]m[0-9a-f]{10}\b", svgs.pop())  # matplotlib's random ids


def test_drawing_leaves_matplotlib_s_settings_alone(comparison, tmp_path):
    before = dict(mpl.rcParams)
    png, svg, pdf = figures.save(figures.study_figure(comparison), tmp_path / "figure")
    assert dict(mpl.rcParams) == before
    assert png.read_bytes().startswith(b"\x89PNG")
    assert pdf.read_bytes().startswith(b"%PDF")
    assert b"/Type3" not in pdf.read_bytes()
    assert "<svg" in svg.read_text(encoding="utf-8")


def test_ids_in_svg_still_resolve(comparison):
    svg = figures.to_svg(figures.study_figure(comparison))
    used = set(re.findall(r'(?:href="#|url\(#)([^")]+)', svg))
    assert used
    assert used <= set(re.findall(r'\bid="([^"]+)"', svg))


def test_pareto_front_holds_exactly_the_undominated(rng):
    cost, accuracy = rng.integers(1, 8, 40), rng.integers(1, 8, 40)
    front = cost_figure.pareto_front(cost, accuracy)
    for i in range(40):
        as_good = (cost <= cost[i]) & (accuracy >= accuracy[i])
        dominated = (as_good & ((cost < cost[i]) | (accuracy > accuracy[i]))).any()
        assert front[i] != dominated


@pytest.mark.parametrize("cost", COSTS)
def test_cost_scatter_names_each_network_once_and_mfcc_is_a_point(comparison, cost):
    ax = Figure().subplots()
    cost_figure.cost_scatter(ax, comparison, cost)
    assert sorted(t.get_text() for t in ax.texts) == sorted(NETWORKS)
    red = [c for c in ax.collections if len(c.get_offsets()) == 1 and is_red(c)]
    accuracies = sorted(100 * s.accuracy for s in comparison.scores if s.is_baseline)
    assert sorted(c.get_offsets()[0, 1] for c in red) == pytest.approx(accuracies)
    assert "MFCC is left out" not in cost_figure.cost_caption(comparison, cost)


def is_red(points):
    return np.allclose(points.get_edgecolor()[0], to_rgba(figures.RED))


@pytest.mark.parametrize("cost", ["multiply_adds_per_clip", "n_parameters"])
def test_mfcc_without_a_network_stands_left_of_all_and_begins_the_front(comparison, cost):
    ax = Figure().subplots()
    cost_figure.cost_scatter(ax, comparison, cost)
    front = lines_of(ax)["Pareto front"]
    best = max(s.accuracy for s in comparison.scores if s.is_baseline)
    assert front.get_xdata()[0] < min(s.cost[cost] for s in comparison.scores if not s.is_baseline)
    assert front.get_ydata()[0] == pytest.approx(100 * best)
    assert ax.get_xticklabels()[0].get_text() == "no\nnetwork"
    assert "no network" in cost_figure.cost_caption(comparison, cost)


def test_mfcc_that_was_not_timed_is_left_out_with_a_word(comparison):
    untimed = [s if not s.is_baseline else replace(s, cost={}) for s in comparison.scores]
    untimed = replace(comparison, scores=tuple(untimed))
    assert not any(s.is_baseline for s in cost_figure.with_cost(untimed, "s_per_clip"))
    assert "MFCC is left out" in cost_figure.cost_caption(untimed, "s_per_clip")


def test_there_is_no_cost_picture_of_mfcc_alone():
    assert cost_figure.with_cost(made({"mfcc": 0.5}), "n_parameters") == []
    assert cost_figure.with_cost(made({"mfcc": 0.5}), "s_per_clip") == []
    assert cost_figure.with_cost(made({"vgg": 0.5}, timed=False), "s_per_clip") == []


def test_names_in_the_cost_picture_do_not_lie_on_each_other():
    comparison = made(STUDY, ("svm", "elm"), n_seeds=2)
    figure = cost_figure.cost_figure(comparison, "s_per_clip")
    figure.draw_without_rendering()
    boxes = [t.get_window_extent() for t in figure.axes[0].texts]
    overlaps = [(a, b) for k, a in enumerate(boxes) for b in boxes[:k] if a.overlaps(b)]
    assert not overlaps


@pytest.mark.parametrize("value", [(3.0, 3.0), (1.0, 2e6), (0.011, 0.013), (4.1e8, 9e8)])
def test_a_cost_axis_always_has_ticks(value):
    low, high = value
    ticks = cost_figure._ticks(low, high)
    assert ticks
    assert len(ticks) <= 10
    assert all(low / 1.2 < tick < high * 1.4 for tick in ticks)


def test_difference_matrices_are_of_one_classifier_and_bold_where_the_test_says_so(comparison):
    classifiers = figures.with_pairs(comparison)
    figure = figures.difference_figure(comparison)
    assert len(figure.axes) == len(classifiers) == 2
    for ax, name in zip(figure.axes, classifiers, strict=True):
        pairs = list(combinations(comparison.members(name), 2))
        significant = [c for c in (comparison.contrast(*pair) for pair in pairs) if c.differs]
        bold = [t.get_text() for t in ax.texts if t.get_fontweight() == "bold"]
        assert len(ax.texts) == 2 * len(pairs) == 12
        assert sorted(bold) == sorted(f"{100 * c.difference:+.1f}" for c in significant)
        assert comparison.families[0].corrected_over in ax.get_xlabel()
        assert name.upper() in ax.get_xlabel()


def test_a_difference_stands_where_its_row_and_column_are_named(comparison):
    ax = Figure().subplots()
    figures.difference_matrix(ax, comparison, "svm")
    columns = {at: t.get_text() for at, t in zip(ax.get_xticks(), ax.get_xticklabels(), strict=True)}
    rows = {at: t.get_text() for at, t in zip(ax.get_yticks(), ax.get_yticklabels(), strict=True)}
    shown = {
        (rows[round(t.get_position()[1])], columns[t.get_position()[0]]): t.get_text()
        for t in ax.texts
        if "to" not in t.get_text()
    }
    names = [s.name for s in comparison.scores]
    pairs = combinations(comparison.members("svm"), 2)
    of_pairs = {(a, b): 100 * comparison.contrast(a, b).difference for a, b in pairs}
    assert shown == {(names[a], names[b]): f"{points:+.1f}" for (a, b), points in of_pairs.items()}


def test_large_matrices_leave_the_intervals_out_and_do_not_speak_of_them():
    ax = figures.difference_figure(made({f"net{k}": 0.9 - k / 50 for k in range(20)})).axes[0]
    assert len(ax.texts) == 190
    assert "% interval" not in ax.get_xlabel()


def test_systems_of_different_classifiers_alone_have_no_differences_to_show():
    lone = made({"vgg": 0.7}, ("svm", "elm"))
    assert figures.with_pairs(lone) == []
    with pytest.raises(ConfigError, match="two systems of one classifier"):
        figures.difference_figure(lone)


def test_rank_diagram_names_every_system(comparison):
    ranking = rank_across([comparison, replace(comparison, dataset="music")])
    ax = figures.rank_figure(ranking).axes[0]
    text = " ".join(t.get_text() for t in ax.texts)
    assert all(s.label in text for s in comparison.scores)
    assert f"critical difference {ranking.critical_difference:.2f}" in text


def test_a_dollar_sign_in_a_name_is_no_mathematics():
    odd = replace(made({"q$\\x$": 0.4, "a$x_{$b": 0.8}), dataset="$\\frac{$")
    assert figures.to_svg(figures.study_figure(odd))
    assert figures.to_svg(figures.difference_figure(odd))
    assert figures.to_svg(cost_figure.cost_figure(odd))
