"""Clips that can be read and should not be trusted are named by every command that hears them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tests.cli.conftest import Run, rank
from tests.sounds import SR, tone, write

LOUD = "peaks far above 1, such as high/loud.wav (peak "
SILENT = "nothing but silence, such as low/silent.wav (all samples are 0)"
CONSTANT = "one constant value, such as low/constant.wav (0.25)"
CUT = "cut short, such as high/cut.wav (50 % of what its header states)"
SHORT = ("peaks far above 1", "nothing but silence", "one constant value", "cut short")
NAMED = (f"1 of 16 clips: {LOUD}", f"1 of 16 clips: {SILENT}", f"1 of 16 clips: {CONSTANT}")


def halved(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


@pytest.fixture
def odd(folder: Path, rng: np.random.Generator) -> Path:
    """Twelve good clips, and four that are odd."""
    write(folder / "high" / "loud.wav", tone(3000, rng) * 32768, subtype="FLOAT")
    halved(write(folder / "high" / "cut.wav", tone(3000, rng, seconds=1)))
    write(folder / "low" / "silent.wav", np.zeros(SR // 2))
    write(folder / "low" / "constant.wav", np.full(SR // 2, 0.25))
    return folder


def flat(text: str) -> str:
    return " ".join(text.split())


def test_rank_and_run_name_them_also_when_features_are_stored(elmarc: Run, odd: Path) -> None:
    code, _, first = rank(elmarc, odd, "--store", "store", "--classifiers", "knn")
    assert code == 0
    for said in (*NAMED, f"1 of 16 clips: {CUT}"):
        assert flat(first).count(said) == 1
    Path("one.yaml").write_text(f"data: {odd}\nnetwork: {{kind: temporal, n_filters: 4}}\nclassifier: knn")
    for _ in range(2):  # the second time from result.json
        code, _, again = elmarc("run", "one.yaml", "--store", "store", "-o", "again")
        assert code == 0
        for said in (*NAMED, f"1 of 16 clips: {CUT}"):
            assert said in flat(again)
    extract = ("extract", odd, "--network", "temporal", "--n-filters", 4, "--store", "store")
    stored = elmarc(*extract, "-o", "f.npz")
    assert "0 computed" in stored[1]
    for said in (*NAMED, f"1 of 16 clips: {CUT}"):
        assert said in flat(stored[2])


def test_extract_over_time_fit_and_predict_name_them(elmarc: Run, odd: Path) -> None:
    code, _, err = elmarc(
        "extract", odd, "--network", "temporal", "--n-filters", 4, "--per-frame", "-o", "f.npz"
    )
    assert code == 0
    for said in (*NAMED, f"1 of 16 clips: {CUT}"):
        assert said in flat(err)
    code, _, err = elmarc("fit", odd, "--network", "temporal", "--set", "network.n_filters=4",
                          "--set", "network.size=null", "-o", "m.elmarc")  # fmt: skip
    assert code == 0, err
    for said in (*SHORT, "clips/high/loud.wav (peak", "clips/high/cut.wav (50 %"):
        assert flat(err).count(said) == 1
    for options in ((), ("--window", "0.2")):
        code, _, err = elmarc("predict", "m.elmarc", odd, *options)
        assert code == 0, err
        for said in SHORT:
            assert flat(err).count(said) == 1


def test_validate_lists_them_when_it_decodes(elmarc: Run, odd: Path) -> None:
    code, out, _ = elmarc("datasets", "validate", odd, "--json")
    assert (code, json.loads(out)["odd"]) == (0, None)
    code, out, _ = elmarc("datasets", "validate", odd, "--decode", "--json")
    assert code == 0
    found = {row["id"]: row["what"] for row in json.loads(out)["odd"]}
    assert sorted(found) == ["high/cut.wav", "high/loud.wav", "low/constant.wav", "low/silent.wav"]
    assert found["high/cut.wav"] == "cut short (50 % of what its header states)"
    assert "odd: 4" in elmarc("datasets", "validate", odd, "--decode")[1]


def test_good_clips_are_not_named(elmarc: Run, folder: Path) -> None:
    code, _, err = elmarc("extract", folder, "--network", "temporal", "--n-filters", 4, "-o", "f.npz")
    assert code == 0
    assert "note:" not in err
    assert "odd: none" in elmarc("datasets", "validate", folder, "--decode")[1]


def test_odd_clips_leave_the_rows_of_the_others_alone(elmarc: Run, odd: Path) -> None:
    """The rows of the twelve are the same bytes with and without them."""
    extract = ("--network", "temporal", "--n-filters", 4, "--set", "input.seconds=0.5")
    assert elmarc("extract", odd, *extract, "-o", "with.npz")[0] == 0
    shutil.copytree(odd, "good")
    for name in ("high/loud", "high/cut", "low/silent", "low/constant"):
        Path("good", f"{name}.wav").unlink()
    assert elmarc("extract", "good", *extract, "--store", "other", "-o", "without.npz")[0] == 0
    with np.load("with.npz") as found, np.load("without.npz") as expected:
        kept = np.isin(found["ids"], expected["ids"])
        assert kept.sum() == 12
        assert found["X"][kept].tobytes() == expected["X"].tobytes()
