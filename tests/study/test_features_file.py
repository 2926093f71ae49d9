"""Features read from a file are those that were asked for, or refused."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.study.conftest import cells

from elmarc.errors import ConfigError
from elmarc.features.matrix import FeatureMatrix
from elmarc.study import build
from elmarc.study.group import run_group
from elmarc.study.spec import Experiment


@pytest.fixture
def matrix(tones: Path) -> FeatureMatrix:
    """Return the features of the experiment `asking()`."""
    (config,) = cells(tones)
    data = build.dataset(config.data)
    extractor, _ = build.extractor(config, data)
    return extractor.extract(data.clips).matrix


def asking(tones: Path, path: Path, **keys) -> list[Experiment]:
    return cells(tones, features_file=str(path), **keys)


def test_features_of_the_same_clips_give_the_same_result(
    tones: Path, tmp_path: Path, matrix: FeatureMatrix
) -> None:
    order = list(range(len(matrix)))[::-1]  # rows are found by clip, not by place
    shuffled = replace(
        matrix, X=matrix.X[order], ids=matrix.ids[::-1], labels=matrix.labels[::-1],
        folds=matrix.folds[::-1], groups=matrix.groups[::-1],
    )  # fmt: skip
    (read,) = run_group(asking(tones, shuffled.save(tmp_path / "f.npz")))
    (extracted,) = run_group(cells(tones))
    assert read.predictions == extracted.predictions
    assert read.notes[0] == "features read from f.npz, not extracted"


def changed(matrix: FeatureMatrix, case: str) -> FeatureMatrix:
    match case:
        case "other clips":
            return replace(matrix, ids=("other.wav", *matrix.ids[1:]))
        case "other labels":
            return replace(matrix, labels=matrix.labels[::-1])
        case _:
            return matrix


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("other clips", r"1 clips of the data set are not in the file \(high/0.wav\); 1 clips of the file"),
        ("other labels", "8 labels differ .*high/0.wav is 'low' in the file and 'high' in the data set"),
    ],
)
def test_a_file_about_other_clips_is_refused(
    tones: Path, tmp_path: Path, matrix: FeatureMatrix, case: str, message: str
) -> None:
    path = changed(matrix, case).save(tmp_path / "f.npz")
    with pytest.raises(ConfigError, match=message):
        run_group(asking(tones, path))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"seed": 1}, "network.seed is 0 in the file, 1 in the configuration"),
        ({"network": {"kind": "timbral", "n_filters": 4}}, "network"),
        ({"frontend": {"kind": "logmel", "n_fft": 1024}}, "frontend.n_fft is 512 in the file, 1024"),
        ({"pooling": ["mean", "std"]}, "pooling"),
    ],
)
def test_a_file_of_other_features_is_refused(
    tones: Path, tmp_path: Path, matrix: FeatureMatrix, keys: dict, message: str
) -> None:
    path = matrix.save(tmp_path / "f.npz")
    with pytest.raises(ConfigError, match=message):
        run_group(asking(tones, path, **keys))


def test_without_a_network_a_file_of_any_features_names_the_result(
    tones: Path, tmp_path: Path, matrix: FeatureMatrix
) -> None:
    joined = matrix.join(matrix).save(tmp_path / "two_networks.npz")
    (result,) = run_group(asking(tones, joined, network=None))
    assert result.features == "two_networks"
    assert result.n_features == 2 * matrix.X.shape[1]


def test_folds_are_the_data_sets_and_a_note_says_so(
    tones: Path, tmp_path: Path, matrix: FeatureMatrix
) -> None:
    other = replace(matrix, groups=tuple(f"g{i}" for i in range(len(matrix))))
    (result,) = run_group(asking(tones, other.save(tmp_path / "f.npz")))
    assert {p.group for p in result.predictions} == {""}
    assert "f.npz has other folds or groups: those of clips were used" in result.notes


def test_a_changed_file_is_another_cell(tones: Path, tmp_path: Path, matrix: FeatureMatrix) -> None:
    from elmarc.study.cells import make_cells

    path = matrix.save(tmp_path / "f.npz")
    before = make_cells(asking(tones, path), tmp_path)[0].folder
    replace(matrix, X=matrix.X + np.float32(1)).save(path)
    assert make_cells(asking(tones, path), tmp_path)[0].folder != before
