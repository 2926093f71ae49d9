"""What could not be run is named in the answer, in every file and on the page, and in the exit code."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
from tests.cli.conftest import Run

RELAYED = """
from torch import nn

class Mine(nn.Module):
    elmarc = {{"input": "1 time bands"}}

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3)

    def forward(self, x):
        {guard}
        return self.conv(x).relu()
"""
BROKEN = RELAYED.format(guard="raise RuntimeError('no such kernel, see /home/anna/notes.txt')")
MENDED = RELAYED.format(guard="x = x if x.shape[-1] == 96 else x.transpose(2, 3)")
ROW = "Mine could not be run: "
FILES = {"txt": ROW, "md": ROW, "json": ROW, "csv": "no such kernel", "tex": ROW}


def test_a_network_that_cannot_be_run_is_named_everywhere(elmarc: Run, folder: Path) -> None:
    networks = "temporal,models.py:Mine"
    words = ("rank", folder, "--networks", networks, "--classifiers", "ridge,knn", "--seeds", 1, "-o", "out")
    words += ("--set", "input.n_frames=40")
    Path("models.py").write_text(BROKEN, encoding="utf-8")
    code, out, err = elmarc(*words)
    assert code == 1, err
    assert "left out Mine + ridge, knn, seed 0: the module" in err
    assert ROW in " ".join(out.split())
    for ending, named in FILES.items():
        assert named in " ".join(Path(f"out/ranking.{ending}").read_text().split()), ending
    failed = json.loads(Path("out/ranking.json").read_text())["failed"]
    assert [(f["name"], f["classifier"], f["seeds"]) for f in failed] == [
        ("Mine", "ridge", [0]),
        ("Mine", "knn", [0]),
    ]
    table = pd.read_csv("out/ranking.csv")
    assert list(table["network"][-2:]) == ["Mine", "Mine"]
    assert table["accuracy"][-2:].isna().all()
    code, _, err = elmarc("report", "out", "-o", "page.html")
    assert code == 0, err
    page = Path("page.html").read_text(encoding="utf-8")
    assert ROW in page
    assert "/home/anna" not in page

    assert elmarc(*words)[0] == 1  # run again: it is not taken for done
    Path("models.py").write_text(MENDED, encoding="utf-8")
    code, out, err = elmarc(*words)
    assert code == 0, err
    assert "could not be run" not in out
    elmarc("report", "out", "-o", "again.html")
    assert "could not be run" not in Path("again.html").read_text(encoding="utf-8")
    for ending in FILES:
        assert "could not be run" not in Path(f"out/ranking.{ending}").read_text()
    assert "failed" not in pd.read_csv("out/ranking.csv")


def test_what_ends_a_run_is_named_in_the_tables_of_what_is_finished(elmarc: Run, folder: Path) -> None:
    networks = "temporal,models.py:Mine"
    Path("models.py").write_text(BROKEN, encoding="utf-8")
    code, _, err = elmarc(
        "rank",
        folder,
        "--networks",
        networks,
        "--classifiers",
        "ridge",
        "--seeds",
        1,
        "-o",
        "out",
        "--strict",
    )
    assert code == 2
    assert "no such kernel" in err
    assert ROW in " ".join(Path("out/ranking.txt").read_text().split())


def test_a_module_that_fails_in_the_middle_ends_no_run(elmarc: Run, folder: Path) -> None:
    late = "if x.abs().mean() > 2: raise KeyError('loud')"  # trial clips are standard normal, dB are not
    Path("models.py").write_text(RELAYED.format(guard=late), encoding="utf-8")
    section = "kind: external, factory: 'models.py:Mine'"
    Path("networks.yaml").write_text(f"networks: [{{{section}}}]")
    code, _, err = elmarc(
        "rank",
        folder,
        "--networks",
        "temporal,networks.yaml",
        "--classifiers",
        "ridge",
        "--seeds",
        1,
        "--recipe",
        "2018",
        "-o",
        "out",
    )
    assert code == 1, err
    assert "Mine could not be run: the module fails on clips (" in Path("out/ranking.json").read_text()
    assert "KeyError: 'loud'" in Path("out/ranking.json").read_text()
