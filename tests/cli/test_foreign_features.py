"""Features made elsewhere stand in the table of `elmarc rank`, on the same folds and in the same tests."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.cli.conftest import Run, rank

from elmarc.features.matrix import FeatureMatrix
from elmarc.results import collect

pytestmark = pytest.mark.usefixtures("few_candidates")


@pytest.fixture
def openl3(folder: Path, tmp_path: Path) -> Path:
    """Return a file that tells the two classes apart, its ids the names of the clips' files."""
    paths = sorted(folder.rglob("*.wav"))
    rng = np.random.default_rng(1)
    X = rng.standard_normal((12, 5)) + 6.0 * np.array([[path.parent.name == "low"] for path in paths])
    table = pd.DataFrame(X, columns=[f"e{k}" for k in range(5)])
    table.insert(0, "file", [path.name for path in paths])
    table.to_csv(tmp_path / "openl3.csv", index=False)
    return tmp_path / "openl3.csv"


@pytest.mark.drawn
def test_one_table_with_the_same_folds(elmarc: Run, folder: Path, openl3: Path) -> None:
    files = ("--features", openl3, "--features", f"mine={openl3}")
    code, out, err = rank(elmarc, folder, *files, "--classifiers", "svm,ridge", "--seeds", 2)
    assert code == 0, err
    assert "openl3" in out
    assert "found by the file name of each clip" in err
    table = pd.read_csv("out/ranking.csv")
    assert set(table["network"]) == {"temporal", "mfcc", "openl3", "mine"}
    assert len(table) == 8
    found = {(r.features, r.classifier, r.seed): r for r in collect("out")}
    folds = {tuple((p.id, p.fold) for p in sorted(r.predictions, key=lambda p: p.id)) for r in found.values()}
    assert len(folds) == 1
    assert found["openl3", "svm", 0].accuracy == 1.0
    assert found["openl3", "svm", 0].predictions == found["openl3", "svm", 1].predictions
    families = json.loads(Path("out/ranking.json").read_text())["families"]
    assert "networks and files against mfcc, with svm" in {family["name"] for family in families}


def test_with_one_seed_nothing_is_borrowed_and_nothing_claimed(
    elmarc: Run, folder: Path, openl3: Path
) -> None:
    code, _, err = rank(elmarc, folder, "--features", openl3, "--classifiers", "svm")
    assert code == 0, err
    assert "With one seed" in Path("out/ranking.txt").read_text(encoding="utf-8")
    table = pd.read_csv("out/ranking.csv")
    assert table["ties"].isna().all()
    assert (table["over_mfcc_p"].dropna() == 1.0).all()


def test_a_file_that_wins_has_no_command_that_extracts_it(elmarc: Run, folder: Path, openl3: Path) -> None:
    _, out, _ = rank(elmarc, folder, "--features", openl3, "--classifiers", "svm", "--no-baseline")
    assert "elmarc report" in out
    table = pd.read_csv("out/ranking.csv")
    assert table["network"][0] == "openl3"
    assert "elmarc extract" not in out


def test_a_mismatch_ends_the_command_before_any_work(elmarc: Run, folder: Path, openl3: Path) -> None:
    next(folder.rglob("*.wav")).rename(folder / "low" / "new.wav")
    code, _, err = rank(elmarc, folder, "--features", openl3)
    assert code == 2
    assert "no vector for 1 of 12 clips" in err
    assert not Path("out/cells").exists()


def test_features_in_the_form_of_pytorch(elmarc: Run, folder: Path) -> None:
    code, _, err = elmarc("extract", folder, "--network", "mfcc", "-o", "ours.pt")
    assert code == 0, err
    assert FeatureMatrix.load("ours.pt").X.shape[0] == 12
    code, _, err = rank(elmarc, folder, "--features", "ours.pt", "--classifiers", "ridge")
    assert code == 0, err
    by_name = {r.features: r for r in collect("out")}
    assert by_name["ours"].predictions == by_name["mfcc"].predictions  # the same vectors, the same folds
