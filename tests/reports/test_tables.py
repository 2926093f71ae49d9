from __future__ import annotations

import io
import json
from dataclasses import replace

import pandas as pd
import pytest
from rich.console import Console
from tests.simulated import simulated_result

from elmarc.comparison.compare import compare
from elmarc.reports import tables
from elmarc.reports.published import published
from elmarc.results import Skipped


@pytest.fixture(scope="module")
def comparison():
    cells = [("vgg", "svm", 0.9), ("vgg", "elm", 0.6), ("mfcc", "svm", 0.7)]
    return compare([simulated_result(f, c, skill=s, seed=k) for f, c, s in cells for k in range(3)])


def test_csv_holds_every_system_with_its_numbers(comparison):
    table = pd.read_csv(io.StringIO(tables.to_csv(comparison)))
    assert list(table.network) == [s.name for s in comparison.scores]
    assert table.accuracy.is_monotonic_decreasing
    assert (table.n_seeds == 3).all()
    assert ((table.low < table.accuracy) & (table.accuracy < table.high)).all()


def test_summary_has_a_row_a_network_and_leaves_out_what_was_not_run(comparison):
    table = tables.summary(comparison)
    assert list(table.index) == ["vgg", "mfcc"]
    assert table.loc["vgg", ("svm", "ties")] == comparison.scores[0].ties
    assert table.loc["mfcc", ("elm", "accuracy")] == ""


def test_every_form_shows_mean_and_deviation(comparison):
    best = comparison.scores[0]
    expected = tables.percent(best.accuracy, best.deviation)
    console = Console(width=140, file=io.StringIO())
    console.print(tables.rich_table(comparison))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    for text in (shown, tables.to_text(comparison), tables.to_markdown(comparison)):
        assert expected in text
        assert "mfcc" in text


def test_a_narrow_terminal_cuts_no_accuracy(comparison):
    console = Console(width=48, file=io.StringIO())
    console.print(tables.rich_table(comparison))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    assert "…" not in shown
    assert all(tables.percent(s.accuracy, s.deviation) in shown for s in comparison.scores)


def test_json_is_strict_and_holds_each_pair_once(comparison):
    record = json.loads(tables.to_json(comparison))
    assert len(record["systems"]) == 3
    assert [len(family["contrasts"]) for family in record["families"]] == [1, 1]  # vgg and mfcc, with svm
    assert tables.to_json(comparison) == tables.to_json(comparison)


def test_one_seed_shows_no_deviation():
    single = compare([simulated_result()])
    assert "±" not in tables.to_text(single).split("\n\n")[1]
    assert json.loads(tables.to_json(single))["systems"][0]["sd_seeds"] is None
    assert "1 seed" in tables.heading(single)


def test_markup_in_names_is_text():
    hostile = compare([replace(simulated_result(), features="[red]|x")])
    console = Console(width=140, file=io.StringIO())
    console.print(tables.rich_table(hostile))
    assert "[red]|x" in console.file.getvalue()  # type: ignore[attr-defined]
    assert r"[red]\|x" in tables.to_markdown(hostile)


def test_report_of_a_cell_holds_scores_parameters_and_recipe():
    result = replace(
        simulated_result(protocol="paper"), protocol_note="optimistic", skipped=[Skipped("x.wav", "empty")]
    )
    text = tables.report_text(result)
    for expected in ("paper (optimistic)", "macro avg", "x.wav: empty", '"network": "vgg"', "{'C': 1}"):
        assert expected in text
    assert f"accuracy: {100 * result.accuracy:.1f} %" in text


def test_published_results_are_those_of_the_paper():
    gtzan = published("gtzan")
    assert len(gtzan) == 19
    assert gtzan.accuracy.between(0.3, 0.7).all()
    mfcc = gtzan[gtzan.network == "mfcc"]
    assert mfcc.accuracy.item() == pytest.approx(0.5344)
    assert published("my sounds") is None
