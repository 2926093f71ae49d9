"""One set of results with groups, seen on the terminal, in ranking.json and on the page: the same numbers."""

from __future__ import annotations

import json
import re
import sys
from html import unescape
from pathlib import Path

import pytest
from tests.simulated import simulated_result

from elmarc.cli import app as cli
from elmarc.cli import console
from elmarc.comparison.compare import comparisons
from elmarc.reports.page_view import p_value
from elmarc.results import Result
from elmarc.study.summary import write_summary


@pytest.fixture(scope="module")
def grouped() -> list[Result]:
    return [
        simulated_result(name, classifier, skill=skill, seed=seed, n_clips=240, group_size=8)
        for name, skill in (("vgg", 0.8), ("timbral", 0.6), ("mfcc", 0.5))
        for classifier in ("svm", "elm")
        for seed in range(3)
    ]


@pytest.fixture
def shown(
    grouped: list[Result], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> tuple[str, dict, str]:
    """Return what terminal, ranking.json and page hold; the page is made of the stored results alone."""
    monkeypatch.setattr(console, "out", console.PlainConsole(width=160))
    compared = comparisons(grouped)
    console.show_results(compared, grouped)
    terminal = capsys.readouterr().out
    write_summary(compared, tmp_path)
    for number, result in enumerate(grouped):
        result.save(tmp_path / "cells" / str(number))
    monkeypatch.setattr(
        sys, "argv", ["elmarc", "report", str(tmp_path), "-o", str(tmp_path / "page.html"), "-q"]
    )
    assert cli.main() == 0
    record = json.loads((tmp_path / "ranking.json").read_text(encoding="utf-8"))
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    return terminal, record, page.replace("−", "-").replace("–", "-").replace("\\u2212", "-")  # noqa: RUF001


def rows(page: str) -> dict[tuple[str, str], list[str]]:
    """Return the text of each cell of the page's ranking, by network and classifier."""
    table = page[page.index('<table class="ranking"') :]
    found = {}
    for row in re.findall(r'<tr role="row".*?</tr>', table[: table.index("<tfoot")], flags=re.S)[1:]:
        cells = re.findall(r"<(?:td|th) .*?</(?:td|th)>", row, flags=re.S)
        texts = [unescape(re.sub(r"<[^>]*>", "", cell)).strip() for cell in cells]
        found[texts[1], texts[2]] = texts
    return found


def test_scores_are_equal(shown):
    terminal, record, page = shown
    on_page = rows(page)
    assert len(on_page) == len(record["systems"]) == 6
    for system in record["systems"]:
        cells = on_page[system["network"], system["classifier"]]
        place, network, _, accuracy, interval, macro_f1, _, ties = cells
        assert accuracy == f"{100 * system['accuracy']:.1f} ± {100 * system['sd_seeds']:.1f}"
        assert interval == f"{100 * system['low']:.1f}-{100 * system['high']:.1f}"
        assert macro_f1 == f"{100 * system['macro_f1']:.1f}"
        assert ties == system["ties"]
        (line,) = [text for text in terminal.splitlines() if re.match(rf"\W*{network}\s+\d", text)]
        assert re.search(rf"{re.escape(accuracy)}\s+{re.escape(interval)}\s+{macro_f1}\s+{ties}\b", line)
        assert int(place) == 1 + record["systems"].index(system)


def test_contrasts_are_equal(shown):
    _, record, page = shown
    data = json.loads(re.search(r'id="data">(.*?)</script>', page)[1])
    systems = [system["label"] for system in data["sections"][0]["systems"]]
    sentences = data["sections"][0]["contrasts"]
    on_page = rows(page)
    for family in record["families"]:
        for contrast in family["contrasts"]:
            difference = f"{100 * contrast['difference']:+.1f}"
            if family["kind"] == "baseline":
                assert on_page[tuple(contrast["a"].split(" + "))][6] == difference
            places = sorted(systems.index(contrast[side]) for side in ("a", "b"))
            said = sentences[f"{places[0]} {places[1]}"]
            assert f"{contrast['a']} minus {contrast['b']}: {difference} points" in said
            assert f"{100 * contrast['low']:.1f} to {100 * contrast['high']:.1f}" in said
            assert p_value(contrast["p_adjusted"]) in said
            assert f"{contrast['df']:.0f} degrees of freedom" in said


def test_answers_are_equal(shown):
    terminal, record, page = shown
    said = " ".join(terminal.split())
    text = unescape(page)
    for sentence in record["answer"]:
        assert f"<p>{sentence}</p>" in text
        assert sentence in said
