"""Data sets of other packages through the command line: what is said, and which splits are used."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from tests.cli.conftest import Run, rank

QUICK = ("--network", "temporal", "--n-filters", 4, "--quiet")


@pytest.fixture
def saved(folder: Path, tmp_path: Path) -> str:
    """Write the twelve tones as splits of a Hugging Face data set, and return its name."""
    hf = pytest.importorskip("datasets")
    paths = sorted(folder.rglob("*.wav"))
    data = hf.Dataset.from_dict(
        {"audio": list(map(str, paths)), "pitch": [path.parent.name for path in paths]}
    )
    data = data.cast_column("audio", hf.Audio(decode=False)).class_encode_column("pitch")
    parts = {"one": [0, 1, 2, 6, 7, 8], "two": [3, 4, 5, 9, 10, 11]}
    hf.DatasetDict({name: data.select(rows) for name, rows in parts.items()}).save_to_disk(tmp_path / "hub")
    return f"hf:{tmp_path / 'hub'}"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_hugging_face_goes_through_rank_and_extract(elmarc: Run, saved: str, tmp_path: Path) -> None:
    code, _, error = rank(elmarc, Path(saved), "--recipe", "v2")
    assert code == 0, error
    results = [json.loads(path.read_text()) for path in (tmp_path / "out").rglob("result.json")]
    assert {result["n_clips"] for result in results} == {12}
    assert {len(result["folds"]) for result in results} == {2}  # its splits, not ten made of them
    code, _, error = elmarc("extract", saved, "--split", "two", "-o", "two.csv", *QUICK)
    assert code == 0, error
    table = pd.read_csv(tmp_path / "two.csv")
    assert table["label"].tolist() == ["high"] * 3 + ["low"] * 3


@pytest.mark.parametrize("package", ["mirdata", "soundata"])
def test_packages_are_opened_where_audio_says(
    elmarc: Run, folder: Path, monkeypatch: pytest.MonkeyPatch, package: str, tmp_path: Path
) -> None:
    def initialize(name: str, data_home: str) -> SimpleNamespace:
        paths = sorted(Path(data_home).rglob("*.wav"))
        tracks = {p.stem: SimpleNamespace(audio_path=str(p), genre=p.parent.name) for p in paths}
        return SimpleNamespace(name=name, load_tracks=lambda: tracks)

    monkeypatch.setitem(sys.modules, package, SimpleNamespace(initialize=initialize))
    code, out, error = elmarc("datasets", "validate", f"{package}:gtzan_genre", "--audio", folder, "--json")
    assert code == 0, error
    assert json.loads(out)["n_clips"] == 12
    code, _, error = elmarc("extract", f"{package}:mine", "--audio", folder, "-o", "a.csv", *QUICK)
    assert code == 2
    assert "mine: which attribute holds the label? Name it as label (--set data.label=...); found:" in error
    assert "genre" in error
    named = ("--set", "data.label=genre")
    code, _, error = elmarc("extract", f"{package}:mine", "--audio", folder, *named, "-o", "a.csv", *QUICK)
    assert code == 0, error
    assert pd.read_csv(tmp_path / "a.csv")["label"].tolist() == ["high"] * 6 + ["low"] * 6


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("clips", "--split", "train"), "split: clips does not take it: leave it out"),
        (("hf:a/b", "--audio", "clips"), "audio: hf:a/b does not take it: leave it out"),
        (("mirdata:gtzan_genre", "--target", "rhythm"), "target: mirdata:gtzan_genre does not take it"),
    ],
)
def test_options_that_belong_to_others(elmarc: Callable[..., tuple[int, str, str]], options: tuple[str, ...],
                                       message: str) -> None:  # fmt: skip
    code, _, error = elmarc("rank", *options)
    assert code == 2
    assert message in error
