from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from tests.sounds import SR, write_noise
from typer.testing import CliRunner

from elmarc import RandomCNNFeatures
from elmarc.cli.app import app


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator) -> Path:
    for i, name in enumerate(("a/1.wav", "a/2.wav", "b/3.wav")):
        write_noise(tmp_path / "sounds" / name, rng, SR + 3000 * i)
    return tmp_path / "sounds"


def run(*args: object) -> str:
    result = CliRunner().invoke(app, ["extract", *map(str, args)])
    assert result.exit_code == 0, result.output
    return result.stdout


def read(path: Path) -> pd.DataFrame:
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as file:
            ids = np.repeat(file["ids"], np.diff(file["offsets"]))
            frame = pd.DataFrame(file["X"], columns=[str(name) for name in file["columns"]])
            frame.insert(0, "time_s", file["times_s"])
            frame.insert(0, "id", ids)
            return frame
    return pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)


@pytest.mark.parametrize("ending", [".npz", ".parquet", ".csv"])
@pytest.mark.parametrize("recipe", ["2018", "v2"])
def test_files_hold_what_the_transformer_gives(
    folder: Path, tmp_path: Path, ending: str, recipe: str
) -> None:
    output = tmp_path / f"frames{ending}"
    run(folder, "--network", "temporal", "--recipe", recipe, "--per-frame", "--rate", 10, "-o", output)
    paths = sorted(folder.rglob("*.wav"))
    transformer = RandomCNNFeatures("temporal", recipe=recipe).fit(paths)
    sequences = transformer.sequences(paths, rate=10)
    table = read(output)
    assert list(table.columns[:2]) == ["id", "time_s"]
    assert tuple(table.columns[2:]) == transformer.extractor_.sequencer(10).columns
    assert list(table["id"].unique()) == [path.relative_to(folder).as_posix() for path in paths]
    assert np.allclose(table["time_s"], np.concatenate([times for times, _ in sequences]))
    X = np.concatenate([X for _, X in sequences])
    assert np.array_equal(table.iloc[:, 2:].to_numpy(np.float32), X)


def test_the_definition_says_the_rate(folder: Path, tmp_path: Path) -> None:
    run(folder, "--network", "mfcc", "--per-frame", "--rate", 25, "-o", tmp_path / "frames.parquet")
    metadata = pq.read_schema(tmp_path / "frames.parquet").metadata
    definition = json.loads(metadata[b"definition"])
    assert definition["frames"] == {"rate_hz": 25.0}
    assert definition["frontend"]["kind"] == "mfcc"


def test_waveforms_of_another_rate_and_length_have_sequences(rng: np.random.Generator) -> None:
    X = [(rng.standard_normal(n).astype(np.float32) * 0.1, 16000) for n in (16000, 24000)]
    found = RandomCNNFeatures("timbral").fit(X).sequences(X, rate=20)
    assert [len(times) for times, _ in found] == [20, 30]


def test_a_bad_clip_is_left_out_and_named(folder: Path, tmp_path: Path) -> None:
    (folder / "b" / "4.wav").write_bytes(b"no audio")
    args = (folder, "--network", "temporal", "--per-frame", "-o", tmp_path / "f.npz", "--json")
    shown = json.loads(run(*args))
    assert (shown["n_clips"], [bad["id"] for bad in shown["skipped"]]) == (3, ["b/4.wav"])
    result = CliRunner().invoke(app, ["extract", *map(str, args), "--strict"])
    assert result.exit_code == 1
    assert list(tmp_path.glob(".f*")) == []


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("--rate", "10", "-o", "f.npz"), "add --per-frame"),
        (("--per-frame", "--rate", "12001", "-o", "f.npz"), "rate: found 12001, expected at most"),
        (("--per-frame", "-o", "f.txt"), ".npz, .parquet, .csv"),
    ],
)
def test_what_does_not_fit_is_refused(folder: Path, args: tuple[str, ...], words: str) -> None:
    result = CliRunner().invoke(app, ["extract", str(folder), "--network", "temporal", *args])
    assert result.exit_code == 1
    assert words in str(result.exception)
