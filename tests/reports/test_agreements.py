"""Agreements in words, tables, files and figures say what the records say, and nothing more."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace
from html import unescape

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure
from tests.simulated import SKILLS, side, trained

from elmarc.agreement.agree import agreements
from elmarc.agreement.answer import answer, estimate_text
from elmarc.agreement.correlation import Estimate
from elmarc.reports import figures, plots_agreement
from elmarc.reports.agreements import legend, to_csv, to_json, to_text
from elmarc.reports.page_agreement import agreement_page


@pytest.fixture(scope="module")
def agreement():
    untrained = side() + side(SKILLS[::-1], "elm")
    return agreements(untrained, trained(), short=side(classifier="trained", seeds=1))[0]


@pytest.fixture(scope="module")
def bare():
    """Four architectures, one seed, no times, no costs: little is known."""

    def few(classifier):
        found = side(SKILLS[::3], classifier, seeds=1, timings={})
        return [replace(result, cost=None, n_features=40) for result in found]

    return agreements(few("svm"), few("trained"))[0]


def with_best(agreement, **changes):
    first, *others = agreement.foretellers
    return replace(agreement, foretellers=(replace(first, **changes), *others))


def test_the_first_sentence_claims_what_the_interval_holds(agreement):
    assert "foretells the trained one: Spearman 0.9" in answer(agreement)[0]
    spread = with_best(agreement, spearman=Estimate(0.4, -0.1, 0.7, 12))
    assert "is not shown to foretell" in answer(spread)[0]
    assert "runs against" in answer(with_best(agreement, spearman=Estimate(-0.6, -0.8, -0.1, 12)))[0]
    assert "tells nothing" in answer(with_best(agreement, spearman=Estimate(np.nan, None, None, 12)))[0]


def test_what_was_chosen_among_several_is_said_to_be(agreement):
    assert "the best of 2 untrained scores" in " ".join(answer(agreement))
    alone = agreements(side(), trained())[0]
    assert "the best of" not in " ".join(answer(alone))


def test_what_is_not_known_is_not_said(bare):
    said = " ".join(answer(bare))
    assert "too few to say how sure that is. Intervals need 12." in said
    assert "needs two trained seeds" in said
    assert "times as long" not in said
    text = to_text([bare])
    assert "nan" not in text
    assert not re.search(r"^ *ranked by.*(partial|seeds|sooner)", text, re.MULTILINE)
    assert "partial: " not in text


@pytest.mark.parametrize("width", [60, 80, 200])
def test_the_table_has_every_foreteller_and_keeps_the_width(agreement, width):
    text = to_text([agreement], width=width)
    assert max(map(len, text.splitlines())) <= width
    wide = to_text([agreement], width=200)
    for foreteller in agreement.foretellers:
        assert len(re.findall(rf"^ {re.escape(foreteller.name)}  ", wide, re.MULTILINE)) == 1


def test_csv_and_json_hold_the_numbers_of_the_record(agreement, bare):
    found = [agreement, replace(bare, dataset="other")]
    table = pd.read_csv(io.StringIO(to_csv(found)))
    assert len(table) == sum(len(one.foretellers) for one in found)
    row = table.iloc[0]
    assert row["foreteller"] == agreement.best.name
    assert (row["spearman_low"], row["lost_3_high"]) == pytest.approx(
        (agreement.best.spearman.low, agreement.best.regrets[3].expected.high)
    )
    document = json.loads(to_json(found))
    best = document["agreements"][0]["foretellers"][0]
    assert best["spearman"]["value"] == agreement.best.spearman.value
    assert best["regrets"]["1"]["here"]["high"] == agreement.best.regrets[1].here.high
    assert best["times_sooner"] == pytest.approx(agreement.times_sooner(agreement.best))
    assert document["agreements"][0]["trained"] == list(agreement.trained)
    assert document["agreements"][1]["foretellers"][0]["spearman"]["low"] is None


def test_json_writes_null_for_a_correlation_that_does_not_exist(agreement):
    undefined = with_best(agreement, spearman=Estimate(np.nan, None, None, 12))
    best = json.loads(to_json([undefined]))["agreements"][0]["foretellers"][0]
    assert best["spearman"]["value"] is None


def test_a_panel_marks_what_its_foreteller_puts_first(agreement):
    ax = Figure().subplots()
    plots_agreement.agreement_scatter(ax, agreement, agreement.best)
    _, red = (c.get_offsets() for c in ax.collections if len(c.get_offsets()) in (3, 9))
    scores = np.array(agreement.best.scores)
    assert sorted(red[:, 0]) == pytest.approx(sorted(100 * scores)[-3:])
    first = np.argsort(-scores, kind="stable")[:3]
    assert sorted(red[:, 1]) == pytest.approx(sorted(100 * np.array(agreement.trained)[first]))


def test_bars_are_intervals_of_both_sides(agreement):
    ax = Figure().subplots()
    plots_agreement.agreement_scatter(ax, agreement, agreement.best)
    across, up = (bars.get_segments() for bars in ax.containers[0].lines[2])
    assert np.ptp(across[0][:, 0]) == pytest.approx(2 * 1.96 * 100 * agreement.best.errors[0], rel=1e-3)
    assert np.ptp(up[0][:, 1]) == pytest.approx(2 * 1.96 * 100 * agreement.trained_errors[0], rel=1e-3)


def test_figures_have_a_panel_each_and_equal_bytes(agreement):
    both = [plots_agreement.agreement_figure(agreement) for _ in range(2)]
    titled = [ax for ax in both[0].axes if ax.get_title(loc="left")]
    assert len(titled) == min(len(agreement.foretellers), plots_agreement.MOST_PANELS)
    assert len({figures.to_svg(figure) for figure in both}) == 1
    assert "12 architectures" in plots_agreement.agreement_caption(agreement)


def test_the_page_says_what_the_terminal_says_and_runs_nothing(agreement):
    hostile = replace(agreement, dataset="<script>alert(1)</script>")
    page = agreement_page([agreement, hostile])
    assert page == agreement_page([agreement, hostile])
    assert "<script" not in page
    assert "script-src 'none'" in page
    text = unescape(page).replace("\N{NO-BREAK SPACE}", " ")
    for said in (*answer(agreement), *legend(agreement), estimate_text(agreement.best.spearman)):
        assert said in text
    assert page.count("<svg") == 2
