"""Clips that belong together: one comparison, and every place that shows it shows its numbers."""

from __future__ import annotations

import io
import json
import re
from dataclasses import replace

import pytest
from rich.console import Console
from tests.simulated import simulated_result

from elmarc.comparison.compare import compare
from elmarc.reports import terminal
from elmarc.reports.page import build_page
from elmarc.study.summary import write_summary


def results(group_size: int):
    return [
        simulated_result(name, skill=skill, seed=seed, n_clips=240, group_size=group_size)
        for name, skill in (("vgg", 0.8), ("timbral", 0.6), ("mfcc", 0.5))
        for seed in range(3)
    ]


def test_clips_of_one_recording_widen_every_interval():
    grouped = compare(results(group_size=8))
    alone = compare([_without_groups(r) for r in results(group_size=8)])
    for one, other in zip(grouped.scores, alone.scores, strict=True):
        assert one.accuracy == other.accuracy
        assert one.high - one.low > 1.5 * (other.high - other.low)
    assert (grouped.design.grouped, grouped.design.n_units) == (True, 30)


def test_terminal_file_and_page_state_equal_numbers_for_a_set_with_groups(tmp_path):
    of_groups = results(group_size=8)
    comparison = compare(of_groups)
    assert write_summary([comparison], tmp_path) == []
    console = Console(width=140, file=io.StringIO())
    console.print(terminal.ranking(comparison))
    shown = console.file.getvalue()  # type: ignore[attr-defined]
    record = json.loads((tmp_path / "ranking.json").read_text(encoding="utf-8"))
    page = build_page(of_groups, compared=[comparison]).replace("−", "-")  # noqa: RUF001 -- the page's minus
    for score, system in zip(comparison.scores, record["systems"], strict=True):
        assert (system["low"], system["high"]) == (score.low, score.high)
        ends = f"{100 * score.low:.1f}", f"{100 * score.high:.1f}"
        assert "-".join(ends) in shown
        assert re.search("[-–]".join(map(re.escape, ends)), page)  # noqa: RUF001 -- the page's dash
    for family, said in zip(comparison.families, record["families"], strict=True):
        for contrast, row in zip(family.contrasts, said["contrasts"], strict=True):
            assert row["p_adjusted"] == contrast.p_value
            assert f"{100 * contrast.low:.1f} to {100 * contrast.high:.1f}" in page or family.kind != "pairs"


def _without_groups(result):
    return replace(result, predictions=[replace(p, group="") for p in result.predictions])


def test_results_that_disagree_on_groups_cannot_be_compared():
    with pytest.raises(ValueError, match="groups"):
        compare([simulated_result("vgg", group_size=8), simulated_result("timbral", group_size=4)])
