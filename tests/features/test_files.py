"""Files of other programs: which vector is whose is read, or refused; it is never guessed."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from elmarc.errors import StoreError
from elmarc.features.matrix import FeatureMatrix

IDS = ["a.wav", "b.wav", "c.wav"]
X = np.arange(12, dtype=np.float64).reshape(3, 4) / 7


def npz(path: Path, **arrays) -> Path:
    np.savez(path, **arrays)
    return path


def pt(path: Path, held: object) -> Path:
    torch.save(held, path)
    return path


def csv(path: Path, frame: pd.DataFrame, **options) -> Path:
    frame.to_csv(path, **options)
    return path


def parquet(path: Path, frame: pd.DataFrame, **options) -> Path:
    frame.to_parquet(path, **options)
    return path


FRAME = pd.DataFrame(X, columns=list("wxyz"))
READ = {
    "npz, array and ids": lambda at: npz(at / "f.npz", embeddings=X, filenames=np.array(IDS)),
    "npz, one array of any name": lambda at: npz(at / "f.npz", clap=X, Names=np.array(IDS)),
    "npz, one array a clip": lambda at: npz(at / "f.npz", **dict(zip(IDS, X, strict=True))),
    "pt, tensor and ids": lambda at: pt(at / "f.pt", {"features": torch.from_numpy(X), "ids": IDS}),
    "pt, one tensor a clip": lambda at: pt(
        at / "f.pt", {name: torch.from_numpy(x) for name, x in zip(IDS, X, strict=True)}
    ),
    "csv": lambda at: csv(at / "f.csv", FRAME.assign(file=IDS, fold=1), index=False),
    "csv, numbered rows": lambda at: csv(at / "f.csv", FRAME.assign(file=IDS)),
    "csv, index": lambda at: csv(at / "f.csv", FRAME.set_axis(IDS)),
    "parquet": lambda at: parquet(at / "f.parquet", FRAME.assign(path=IDS, start=0.5)),
    "parquet, index": lambda at: parquet(at / "f.parquet", FRAME.set_axis(IDS)),
    "parquet, a list a row": lambda at: parquet(
        at / "f.parquet", pd.DataFrame({"filename": IDS, "embedding": list(X)})
    ),
}


@pytest.mark.parametrize("made", READ.values(), ids=READ)
def test_vectors_and_ids_are_found_by_name(tmp_path: Path, made) -> None:
    read = FeatureMatrix.load(made(tmp_path))
    assert read.ids == tuple(IDS)
    assert read.labels == ("", "", "")
    np.testing.assert_array_equal(read.X, X.astype(np.float32))


def test_half_precision_is_read(tmp_path: Path) -> None:
    half = torch.from_numpy(X).bfloat16()
    read = FeatureMatrix.load(pt(tmp_path / "f.pt", {"X": half, "ids": IDS}))
    np.testing.assert_array_equal(read.X, half.float().numpy())


def test_labels_are_read_where_there_are(tmp_path: Path) -> None:
    read = FeatureMatrix.load(npz(tmp_path / "f.npz", X=X, ids=IDS, label=["p", "q", "p"]))
    assert read.labels == ("p", "q", "p")


REFUSED = {
    "no ids": (lambda at: npz(at / "f.npz", X=X), r"3 vectors, but 0 ids \(X \(3, 4\)\).*one of X, "),
    "fewer ids": (lambda at: npz(at / "f.npz", X=X, ids=IDS[:2]), "3 vectors, but 2 ids"),
    "two arrays": (lambda at: npz(at / "f.npz", p=X, q=X, ids=IDS), r"found 2 arrays of shape"),
    "an id twice": (lambda at: npz(at / "f.npz", X=X, ids=["a", "b", "a"]), "a is named twice"),
    "over time": (lambda at: npz(at / "f.npz", X=X[..., None], ids=IDS), r"\(3, 4, 1\).*mean over time"),
    "complex": (lambda at: npz(at / "f.npz", X=X * 1j, ids=IDS), "holds complex128"),
    "objects": (lambda at: npz(at / "f.npz", X=X, ids=np.array(IDS, dtype=object)), "Save ids as text"),
    "a bare tensor": (lambda at: pt(at / "f.pt", torch.from_numpy(X)), "found a Tensor without ids"),
    "other lengths": (
        lambda at: pt(at / "f.pt", {"a": torch.zeros(2), "b": torch.zeros(3)}), r"shapes \(2,\), \(3,\)"
    ),
    "text among numbers": (
        lambda at: csv(at / "f.csv", FRAME.assign(path=IDS, remark="ok")), "column 'remark' holds no numbers"
    ),
}  # fmt: skip


@pytest.mark.parametrize(("made", "message"), REFUSED.values(), ids=REFUSED)
def test_what_is_unclear_is_refused_with_what_was_seen(tmp_path: Path, made, message: str) -> None:
    with pytest.raises(StoreError, match=message):
        FeatureMatrix.load(made(tmp_path))


def test_a_tensor_file_that_would_run_code_is_refused(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "exploded",))

    torch.save({"X": torch.zeros(1, 2), "ids": ["a"], "more": Bomb()}, tmp_path / "f.pt")
    with pytest.raises(StoreError, match="Pickles"):
        FeatureMatrix.load(tmp_path / "f.pt")
    assert not (tmp_path / "exploded").exists()


def text(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(lines))
    return path


def tar(path: Path) -> Path:
    """Write what torch would unpack into a temporary folder."""
    with tarfile.open(path, "w") as held:
        held.addfile(tarfile.TarInfo("storages"))
    return path


def beyond_letters() -> np.ndarray:
    """Return an array of texts whose letters Python does not know."""
    return (0x7FFFFF00 + np.arange(len(X), dtype=np.uint32)).view("<U1")


DAMAGED = {
    "no zip": (lambda at: text(at / "f.npz", "PK"), "not a feature file"),
    "columns of others": (lambda at: npz(at / "f.npz", X=X, ids=IDS, columns=["a"]), "names 1 columns, .* 4"),
    "definition": (lambda at: npz(at / "f.npz", X=X, ids=IDS, definition="{"), "its definition is damaged"),
    "no letters": (lambda at: npz(at / "f.npz", X=X, ids=beyond_letters()), "ids holds what is no text"),
    "a definition of none": (
        lambda at: npz(at / "f.npz", X=X, ids=IDS, definition=beyond_letters()[:1].reshape(())),
        "its definition is damaged",
    ),
    "a list": (lambda at: npz(at / "f.npz", X=X, ids=IDS, definition="[1]"), "its definition is damaged"),
    "cells": (
        lambda at: text(at / "f.csv", "id,x,y", "a.wav,p,1,2", "b.wav,q,1,2"),
        "more cells than its header",
    ),
    "more": (
        lambda at: text(at / "f.csv", "x,y", "a.wav,p,1,2", "b.wav,q,1,2"),
        "more cells than its header",
    ),
    "ids of lists": (lambda at: pt(at / "f.pt", {"X": torch.ones(2, 4), "ids": [[1], [1, 2]]}), "no text"),
    "a tar": (lambda at: tar(at / "f.pt"), "a tar, as torch wrote before 2017"),
    "no table": (lambda at: text(at / "f.parquet", "PAR1"), "not a feature file"),
}


@pytest.mark.parametrize("kind", DAMAGED)
def test_what_is_damaged_is_refused(tmp_path: Path, kind: str) -> None:
    made, message = DAMAGED[kind]
    with pytest.raises(StoreError, match=message):
        FeatureMatrix.load(made(tmp_path))


def test_errors_of_other_packages_are_refusals(tmp_path: Path, rng: np.random.Generator) -> None:
    """zlib.error, TokenError, SystemError and ArrowException have nothing in common."""
    np.savez_compressed(tmp_path / "whole.npz", X=X, ids=IDS)
    whole = (tmp_path / "whole.npz").read_bytes()
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= int(rng.integers(1, 256))
        (tmp_path / "f.npz").write_bytes(damaged)
        try:
            assert np.array_equal(FeatureMatrix.load(tmp_path / "f.npz").X, X.astype(np.float32))
        except StoreError:
            continue


@pytest.mark.parametrize("suffix", [".npz", ".parquet", ".pt"])
def test_a_small_file_that_fills_the_memory_is_refused(tmp_path: Path, suffix: str) -> None:
    path, many = tmp_path / f"f{suffix}", 10**6
    if suffix == ".npz":
        with (
            zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
            archive.open("X.npy", "w") as part,
        ):
            for _ in range(60):
                part.write(bytes(10**7))
    elif suffix == ".parquet":
        repeated = pa.DictionaryArray.from_arrays(pa.array(np.zeros(many, np.int8)), pa.array([1.5]))
        pq.write_table(pa.table({f"f{k}": repeated for k in range(200)}), path, store_schema=False)
    else:
        torch.save({"X": torch.zeros(1, 1).expand(many, 500), "ids": IDS}, path)
    with pytest.raises(StoreError, match=r"that stand for|repeats a few numbers"):
        FeatureMatrix.load(path)
