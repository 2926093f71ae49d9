"""Names from the wild: not UTF-8, with control characters, with markup, or such as spreadsheets calculate."""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from tests.cli.conftest import Run, rank
from tests.simulated import simulated_result

from elmarc.features.matrix import FeatureMatrix
from elmarc.results import collect

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems refuse the names")
NAMES = (
    b"caf\xe9.wav", b"\xff\xfe.wav", b"esc\x1b[31m.wav", b"new\nline.wav", b"tab\t.wav", b"bell\x07.wav",
    b"a[red]b.wav", b"[].wav", b"=1+1.wav", b"@SUM(A1).wav", b"-x.wav",
    "\u202egnp.wav".encode(), b"a,\".wav",
)  # fmt: skip
SHOWN = (
    r"caf\xe9.wav",
    r"\xff\xfe.wav",
    r"esc\x1b[31m.wav",
    r"new\x0aline.wav",
    "a[red]b.wav",
    r"\u202egnp.wav",
)
CLASS = r"=hi\xe9[red]\x1b[31m"


@pytest.fixture
def wild(folder: Path) -> Path:
    """Clips of wild names in a class of a wild name."""
    clips = sorted((folder / "low").iterdir())
    for i, name in enumerate(NAMES):
        place = os.fsencode(folder / "low") + b"/" + name
        data = bytearray(clips[i % len(clips)].read_bytes())
        data[-2] = i  # no two are equal
        Path(os.fsdecode(place)).write_bytes(data)
    (folder / "high").rename(os.fsdecode(os.fsencode(folder) + b"/=hi\xe9[red]\x1b[31m"))
    return folder


def files_below(folder: str) -> list[Path]:
    return [
        path for path in Path(folder).rglob("*") if path.suffix in (".csv", ".json", ".txt", ".md", ".html")
    ]


@pytest.mark.drawn
def test_clips_of_any_name_are_read_and_shown_escaped(elmarc: Run, wild: Path) -> None:
    code, out, err = rank(elmarc, wild, "--json")
    assert code == 0, err
    json.loads(out.encode(), parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
    assert "\x1b" not in out + err
    found = collect("out")[0]
    assert found.n_clips == 12 + len(NAMES)
    assert not found.skipped
    assert {f"low/{name}" for name in SHOWN} <= {prediction.id for prediction in found.predictions}
    assert set(found.classes) == {CLASS, "low"}
    code, _, err = elmarc("report", "out", "-o", "out/page.html")
    assert code == 0, err
    for path in files_below("out"):
        assert b"\x1b" not in path.read_bytes(), path
        path.read_text(encoding="utf-8")


def test_no_cell_of_a_csv_file_is_a_formula(elmarc: Run, wild: Path) -> None:
    rank(elmarc, wild)
    assert elmarc("extract", wild, "--network", "temporal", "-o", "out/f.csv")[0] == 0
    assert elmarc("fit", wild, "--network", "temporal", "-o", "m.elmarc")[0] == 0
    assert elmarc("predict", "m.elmarc", wild, "-o", "out/p.csv")[0] == 0
    tables = [path.read_text(encoding="utf-8") for path in files_below("out") if path.suffix == ".csv"]
    assert len(tables) >= 5
    assert sum(f"'{CLASS}" in table for table in tables) >= 4
    cells = [cell for table in tables for line in table.splitlines() for cell in line.split(",")]
    assert not [cell for cell in cells if cell.startswith(("=", "@", "+"))]
    back = FeatureMatrix.load("out/f.csv")
    assert set(back.labels) == {CLASS, "low"}
    assert f"{CLASS}/00.wav" in back.ids


def test_a_bad_clip_of_a_wild_name_is_named(elmarc: Run, wild: Path) -> None:
    (wild / "low" / os.fsdecode(b"caf\xe9.wav")).write_bytes(b"RIFF")
    code, out, err = rank(elmarc, wild)
    assert code == 0, err
    assert r"skipped low/caf\xe9.wav:" in err
    (out + err).encode()


def test_a_folder_that_results_cannot_name_is_refused(elmarc: Run, folder: Path) -> None:
    wild = folder.with_name(os.fsdecode(b"d\xe9\x1b"))
    folder.rename(wild)
    code, _, err = rank(elmarc, wild)
    assert code == 2
    assert r"d\xe9\x1b cannot be written into results: rename it" in " ".join(err.split())


def test_a_copy_that_cannot_be_opened_by_its_name_costs_no_clip(elmarc: Run, folder: Path) -> None:
    shutil.copy(folder / "low" / "01.wav", folder / "low" / "z.raw")
    rows = "".join(f"{path.relative_to(folder)},{path.parent.name}\n" for path in sorted(folder.rglob("*.*")))
    Path("clips.csv").write_text(f"path,label\n{rows}")
    code, _, err = elmarc("extract", "clips.csv", "--audio", folder, "--network", "temporal", "-o", "f.npz")
    assert code == 0, err
    assert "low/01.wav" in FeatureMatrix.load("f.npz").ids


def test_no_result_of_others_moves_the_terminal(elmarc: Run) -> None:
    for network in ("vgg", "temporal"):
        simulated_result(network, n_clips=16, n_folds=2, dataset="\x1b[31mred").save(Path("run") / network)
    code, out, err = elmarc("report", "run", "-o", "page.html")
    assert code == 0
    assert "\x1b" not in out + err
    assert r"\x1b[31mred" in err
