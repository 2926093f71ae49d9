"""`elmarc agreement`: folders of results in, text and tables out; misfits are refused."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from tests.cli.conftest import Run
from tests.simulated import SKILLS, side, trained

from elmarc.results import Result


def write(results: Sequence[Result], folder: str) -> None:
    for number, result in enumerate(results):
        result.save(Path(folder) / "cells" / str(number))


def test_it_writes_what_it_prints_and_tables(elmarc: Run) -> None:
    write([*side(), *side(dataset="b/other")], "rank")
    write([*trained(), *trained(dataset="b/other")], "trained")
    code, out, err = elmarc("agreement", "rank", "trained", "-o", "out")
    assert code == 0, err
    assert out.count("svm, 2018: Spearman 0.9") == 2
    assert set(os.listdir("out")) == {f"agreement.{ending}" for ending in ("csv", "json", "txt")}
    table = pd.read_csv("out/agreement.csv")
    assert sorted(table["dataset"]) == ["b/other", "sounds"]
    assert table["spearman"].min() > 0.9
    text = Path("out/agreement.txt").read_text()
    assert " ".join(text.split()) in " ".join(out.split())
    assert elmarc("agreement", "rank", "trained", "-o", "out")[0] == 0  # its own files are replaced


def test_json_is_what_the_file_holds(elmarc: Run) -> None:
    write(side(), "rank")
    write(trained(), "trained")
    code, out, err = elmarc("agreement", "rank", "trained", "-o", "out", "--json")
    assert code == 0, err
    assert json.loads(out) == json.loads(Path("out/agreement.json").read_text())


def test_sides_that_share_nothing_are_refused_by_name(elmarc: Run) -> None:
    write(side(), "rank")
    write(trained(dataset="other"), "elsewhere")
    write(trained(SKILLS[:3]), "few")
    write([*trained(), *side(classifier="longer")], "several")
    for folder, message in {
        "elsewhere": "no data set has both",
        "few": "expected at least 4",
        "several": "of several kinds",
        "nowhere": "no result.json below it",
    }.items():
        code, out, err = elmarc("agreement", "rank", folder, "-o", "out")
        assert code == 2
        assert not out
        assert folder in err
        assert message in " ".join(err.split())


def test_damaged_results_are_named_and_left_out(elmarc: Run) -> None:
    write(side(), "rank")
    write(trained(), "trained")
    Path("trained/cells/0/result.json").write_text("{")
    code, out, err = elmarc("agreement", "rank", "trained", "-o", "out")
    assert code == 0
    assert "1 results are left out" in err
    assert "at least 2 untrained and 1 trained seeds" in " ".join(out.split())
