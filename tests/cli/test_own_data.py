"""Data of one's own, from the command line to the result."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests import sounds
from tests.cli.conftest import Run
from tests.sounds import tone

from elmarc.results import Result, collect

KINDS_HZ = (300, 3000)


@pytest.fixture
def table(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Twenty clips of two classes; a header and the rows are still to be written."""
    for i in range(20):
        sounds.write(tmp_path / f"{i}.wav", tone(KINDS_HZ[i % 2], rng, 0.2))
    return tmp_path / "clips.csv"


def write(table: Path, header: str, cells: list[str]) -> Path:
    rows = [f"{i}.wav,{'ab'[i % 2]},{cell}" for i, cell in enumerate(cells)]
    table.write_text("\n".join([f"path,label,{header}", *rows]))
    return table


def rank(elmarc: Run, data: Path, *options: str) -> tuple[int, str]:
    quick = ("--networks", "temporal", "--set", "network.n_filters=4", "--set", "network.size=null")
    code, out, err = elmarc("rank", data, *quick, "--classifiers", "knn", "-o", "out", *options)
    return code, out + err


def baseline() -> Result:
    return next(result for result in collect("out") if result.features == "mfcc")


def test_one_group_is_refused_before_any_feature_is_computed(elmarc: Run, table: Path) -> None:
    code, said = rank(elmarc, write(table, "group", ["rex"] * 20))
    assert code != 0
    assert "clips: column `group`: all clips are of one group, 'rex'" in said
    assert "Traceback" not in said
    assert not list(Path().rglob("*.safetensors"))


def test_more_folds_than_groups_are_refused(elmarc: Run, table: Path) -> None:
    data = write(table, "group", [str(i // 2 % 4) for i in range(20)])
    code, said = rank(elmarc, data, "--set", "data.n_folds=5")
    assert code != 0
    assert "4 groups (a clip without one counts as one), too few for 5 folds: ask for at most 4" in said
    assert not list(Path().rglob("*.safetensors"))


def test_clips_without_a_group_stand_alone(elmarc: Run, table: Path) -> None:
    data = write(table, "group", ["x"] * 2 + ["y"] * 2 + [""] * 16)
    code, said = rank(elmarc, data, "--set", "data.n_folds=5")
    assert code == 0, said
    assert all(3 <= fold.n_test <= 5 for fold in baseline().folds)  # of 20 clips; 16 made one group once


def test_segments_of_files_are_ranked_as_clips(elmarc: Run, tmp_path: Path, rng: np.random.Generator) -> None:
    for i in range(5):
        sounds.write(tmp_path / f"{i}.wav", np.concatenate([tone(hz, rng) for hz in KINDS_HZ]))
    rows = [
        f"{i}.wav,{label},{times},{i}"
        for i in range(5)
        for label, times in (("low", ",0.5"), ("high", "0.5,"))
    ]
    (tmp_path / "clips.csv").write_text("\n".join(["path,label,start,end,group", *rows]))
    code, said = rank(elmarc, tmp_path / "clips.csv")
    assert code == 0, said
    assert baseline().accuracy == 1.0
    assert {row.id for row in baseline().predictions} >= {"0.wav#0-0.5", "4.wav#0.5-"}


def test_a_folder_of_train_and_test_is_ranked_on_its_test_list(
    elmarc: Run, tmp_path: Path, rng: np.random.Generator
) -> None:
    for part, n in (("Train", 6), ("test", 3)):
        for i in range(n):
            for kind in (0, 1):
                path = tmp_path / "clips" / part / "ab"[kind] / f"{i}.wav"
                sounds.write(path, tone(KINDS_HZ[kind], rng, 0.2))
    code, said = rank(elmarc, tmp_path / "clips")
    assert code == 0, said
    assert {row.id for row in baseline().predictions} == {f"test/{k}/{i}.wav" for k in "ab" for i in range(3)}
    assert baseline().protocol_note == "selected inside the training list: there is no validation list"


def test_a_column_that_is_not_used_is_told_of(elmarc: Run, table: Path) -> None:
    data = write(table, "folds", [str(i % 5) for i in range(20)])
    code, said = rank(elmarc, data)
    assert code == 0, said
    assert "column 'folds' is not used; did you mean 'fold'?" in said
    code, _, err = elmarc("extract", data, "-o", "features.npz", "--network", "mfcc")
    assert code == 0, err
    assert "column 'folds' is not used" in err
