"""Nothing that is written follows PYTHONHASHSEED, which decides in which order a set of texts is read."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from tests.cli.conftest import Run
from tests.sounds import write_tones

LABELS = ("1", "01", "001", "0001", "x")  # the order of numbers does not tell the first four apart
SMALL = ("--set", "network.n_filters=4", "--set", "network.size=null", "--set", "data.n_folds=2")
TRAIN = (
    "train",
    "clips",
    "--networks",
    "vgg",
    *SMALL,
    "--seeds",
    1,
    "--epochs",
    2,
    "--learning-rates",
    "0.01",
)
COMMANDS = [
    ("extract", "clips", "--network", "temporal", "--n-filters", 4, "-o", "features.npz"),
    (
        "rank",
        "clips",
        "--networks",
        "temporal",
        *SMALL,
        "--classifiers",
        "ridge,knn",
        "--seeds",
        1,
        "-o",
        "ranked",
    ),
    ("fit", "--from", "ranked", "-o", "model.elmarc"),
    (*TRAIN, "-o", "trained"),
]
SCRIPT = """
import json, sys
from elmarc.cli import app
from elmarc.reports import figures
figures.save = lambda *_: ()  # no picture is compared
for words in json.loads(sys.argv[1]):
    sys.argv = ["elmarc", *map(str, words)]
    assert app.main() == 0, words
"""
OF_THE_RUN = ("timings", "environment", "created", "command")
KINDS = (".npz", ".elmarc", ".safetensors", ".csv", ".txt")


def written(folder: Path) -> dict[str, Any]:
    """Return what a reader of the files meets, by name."""
    files = {str(file.relative_to(folder)): file for file in folder.rglob("*") if file.is_file()}
    found: dict[str, Any] = {name: file.read_bytes() for name, file in files.items() if name.endswith(KINDS)}
    for name, file in files.items():
        if name.endswith("result.json"):
            document = json.loads(file.read_text())
            found[name] = [(key, value) for key, value in document.items() if key not in OF_THE_RUN]
        elif name.endswith("ranking.csv"):
            found[name] = pd.read_csv(file, dtype=str).drop(columns="s_per_clip", errors="ignore").to_csv()
    return found


def test_four_hash_seeds_write_the_same_bytes(
    elmarc: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    """Extracted, ranked, fitted and trained; the training was begun by another process, and goes on."""
    classes = {label: 300.0 * (i + 1) for i, label in enumerate(LABELS)}
    write_tones(tmp_path / "clips", rng, n=20, classes=classes, step_hz=10, seconds=0.2)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("elmarc.cli.console.Live.on_epoch", stop)
        assert elmarc(*TRAIN, "-o", "begun")[0] != 0
    assert list((tmp_path / "begun").rglob("*.safetensors"))
    assert elmarc(*TRAIN, "-o", "whole")[0] == 0
    places = [tmp_path / str(seed) for seed in range(4)]
    running = []
    for place in places:
        shutil.copytree(tmp_path / "begun", place / "trained")
        (place / "clips").symlink_to(tmp_path / "clips")
        env = {**os.environ, "PYTHONHASHSEED": place.name, "ELMARC_CACHE": f"{place}-cache"}
        words = [sys.executable, "-c", SCRIPT, json.dumps(COMMANDS)]
        running.append(
            subprocess.Popen(words, cwd=place, env=env, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
        )
    said = [process.communicate()[1].decode() for process in running]
    assert [process.returncode for process in running] == [0] * 4, said
    found = [written(place) for place in places]
    for other in found[1:]:
        assert other.keys() == found[0].keys()
        assert [name for name, value in found[0].items() if other[name] != value] == []
    trained = {name: value for name, value in found[0].items() if name.endswith(".safetensors")}
    whole = {f"trained/{name}": value for name, value in written(tmp_path / "whole").items()}
    assert trained == {name: value for name, value in whole.items() if name.endswith(".safetensors")}
    (classes,) = {
        tuple(dict(rows)["classes"]) for name, rows in found[0].items() if name.endswith("result.json")
    }
    assert classes == ("0001", "001", "01", "1", "x")
