"""`elmarc agreement`: folders of results in, sentences, tables and figures out; misfits are refused."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
from tests.cli.conftest import Run
from tests.simulated import SKILLS, side, trained

from elmarc.results import Result, collect


def write(results: Sequence[Result], folder: str) -> None:
    for number, result in enumerate(results):
        result.save(Path(folder) / "cells" / str(number))


def test_it_writes_tables_and_figures_and_says_what_was_found(elmarc: Run) -> None:
    write([*side(), *side(dataset="b/other")], "rank")
    write([*trained(), *trained(dataset="b/other")], "trained")
    write(trained(seeds=1), "short")
    code, out, err = elmarc("agreement", "rank", "trained", "--short", "short", "-o", "out")
    assert code == 0, err
    assert out.count("foretells the trained one") == 2
    assert "short training" in out
    figures = {
        f"scatter-{name}.{ending}" for name in ("sounds", "b-other") for ending in ("png", "svg", "pdf")
    }
    best = [
        max(r.accuracy for r in collect(folder) if r.dataset == "sounds") for folder in ("rank", "trained")
    ]
    assert best[0] > 0.8 < best[1]
    assert (
        len(re.findall(r"Best without training: net\d+ \(svm, 2018\), \d\d\.\d %; best trained: net", out))
        == 2
    )
    assert (
        set(os.listdir("out"))
        == {f"agreement.{ending}" for ending in ("csv", "html", "json", "txt")} | figures
    )
    table = pd.read_csv("out/agreement.csv")
    assert list(table.groupby("dataset")["kind"].nunique()) == [2, 3]
    assert "foretells the trained one" in " ".join(Path("out/agreement.txt").read_text().split())


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
    assert "at least 2 untrained and 1 trained seeds" in out


def test_naswot_is_computed_from_the_clips_once(elmarc: Run, folder: Path) -> None:
    sizes = [{"kind": "temporal", "n_filters": n, "name": f"n{n}"} for n in (4, 8, 12, 16)]
    Path("space.yaml").write_text(json.dumps({"networks": sizes}))
    code, _, err = elmarc(
        "rank", folder, "--networks", "space.yaml", "--classifiers", "ridge", "--seeds", 1, "-o", "rank"
    )
    assert code == 0, err
    for result in collect("rank"):
        replace(result, classifier="trained").save(Path("trained") / result.features)
    for folder_written in ("out", "again"):
        code, out, err = elmarc("agreement", "rank", "trained", "--naswot", "-o", folder_written)
        assert code == 0, err
        assert " NASWOT " in out
    scores = json.loads(Path("rank/naswot.json").read_text())
    assert len(scores) == 4
    assert Path("out/agreement.json").read_text() == Path("again/agreement.json").read_text()
    (first,) = (p for p in folder.rglob("*.wav") if p.stem == "00")
    first.write_bytes(next(p for p in folder.rglob("*.wav") if p.stem == "02").read_bytes())
    Path("rank/naswot.json").unlink()
    code, _, err = elmarc("agreement", "rank", "trained", "--naswot", "-o", "out")
    assert code == 2
    assert "its clips have changed" in err
