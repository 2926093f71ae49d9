from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from elmarc.errors import ConfigError, StoreError
from elmarc.features.matrix import FeatureMatrix


@pytest.fixture
def matrix(rng: np.random.Generator) -> FeatureMatrix:
    return FeatureMatrix(
        X=rng.standard_normal((3, 2)).astype(np.float32),
        ids=("a.wav", "b,c.wav", "ü.wav"),
        labels=("x", "y", "x"),
        folds=("1", "2", ""),
        groups=("", "", ""),
        columns=("conv/0/mean", "conv/1/mean"),
        definition={"seed": 1},
    )


def test_npz_round_trip(matrix: FeatureMatrix, tmp_path: Path) -> None:
    again = FeatureMatrix.load(matrix.save(tmp_path / "f.npz"))
    assert np.array_equal(again.X, matrix.X)
    assert (again.ids, again.labels, again.folds) == (matrix.ids, matrix.labels, matrix.folds)
    assert (again.columns, again.definition) == (matrix.columns, matrix.definition)


@pytest.mark.parametrize(("ending", "read"), [("csv", pd.read_csv), ("parquet", pd.read_parquet)])
def test_other_tools_read_the_same_numbers(matrix: FeatureMatrix, tmp_path: Path, ending: str, read) -> None:
    frame = read(matrix.save(tmp_path / f"f.{ending}"))
    assert list(frame["id"]) == list(matrix.ids)
    np.testing.assert_allclose(frame[list(matrix.columns)].to_numpy(), matrix.X, rtol=1e-6)


def test_an_unknown_ending_is_refused(matrix: FeatureMatrix, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"f\.mat: cannot write \.mat"):
        matrix.save(tmp_path / "f.mat")


def test_pickles_are_refused_and_never_opened(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "exploded",))

    path = tmp_path / "features.pkl"
    path.write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(StoreError, match=r"Pickles.*Extract again"):
        FeatureMatrix.load(path)
    assert not (tmp_path / "exploded").exists()


def test_joining_puts_columns_side_by_side(matrix: FeatureMatrix) -> None:
    joined = matrix.join(matrix)
    assert joined.X.shape == (3, 4)
    assert joined.columns == matrix.columns * 2


def test_joining_other_clips_is_refused(matrix: FeatureMatrix) -> None:
    other = FeatureMatrix(matrix.X, ("p", "q", "r"), *([("",) * 3] * 3), matrix.columns)
    with pytest.raises(ValueError, match="other clips"):
        matrix.join(other)


@pytest.mark.parametrize("ending", ["npz", "parquet", "csv", "pt"])
def test_every_form_comes_back_to_the_last_bit(matrix: FeatureMatrix, tmp_path: Path, ending: str) -> None:
    odd = replace(matrix, labels=("NA", "1", "x"), ids=("1", "null", "ü.wav"))  # words that pandas would read
    again = FeatureMatrix.load(odd.save(tmp_path / f"f.{ending}"))
    assert again.X.dtype == np.float32
    assert np.array_equal(again.X, odd.X)
    for name in ("ids", "labels", "folds", "groups", "columns"):
        assert getattr(again, name) == getattr(odd, name)
    assert again.definition == ({} if ending == "csv" else odd.definition)


def test_a_torch_program_reads_what_was_written(matrix: FeatureMatrix, tmp_path: Path) -> None:
    held = torch.load(matrix.save(tmp_path / "f.pt"), weights_only=True)
    assert torch.equal(held["X"], torch.from_numpy(matrix.X))
    assert held["ids"] == list(matrix.ids)


def test_it_shows_itself_in_one_short_line_and_escapes_names(matrix: FeatureMatrix) -> None:
    assert repr(matrix) == "<FeatureMatrix: 3 clips x 2 features, 2 classes>"
    shown = replace(matrix, ids=("<b>", "2", "3"))._repr_html_()
    assert "&lt;b&gt;" in shown
    assert "<b>" not in shown
