"""A new data set is one file and one line: the rest of elmarc then knows it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.datasets.conftest import Write

import elmarc

MODULE = """
from pathlib import Path

from elmarc.audio.length import InputLength
from elmarc.datasets.base import Dataset, Tags
from elmarc.datasets.files import existing_folder
from elmarc.datasets.folder import class_folder_clips

CLASSES = ("owl", "wren")
N_CLIPS = 4
CITATION = "A. Birder: Two birds. 2024"
LICENCE = "CC0-1.0"
URL = "https://example.org/birds"
INPUT_LENGTH = InputLength(frames_s=3.0, samples_s=3.0, fix_length="repeat-pad")

def load(audio_dir, *, metadata=None, on_missing="skip"):
    folder = existing_folder(audio_dir, name="birds")
    clips = class_folder_clips(folder, label_of=lambda name: name if name in CLASSES else None)
    return Dataset("birds", clips, CLASSES, n_folds=2, input_length=INPUT_LENGTH, citation=CITATION,
                   licence=LICENCE, url=URL, n_expected=N_CLIPS, audio_dir=folder)

def tagger(audio_dir, *, metadata=None):
    return lambda path: Tags(path.parent.name)
"""
ASK = """
import json, sys
import elmarc.config.loading as loading
from elmarc.datasets import DATASETS, open_dataset
from elmarc.datasets.opening import dataset_module

assert "torch" not in sys.modules
print(json.dumps({
    "known": "birds" in DATASETS,
    "opened": len(open_dataset("birds", audio=sys.argv[1])),
    "listed": dataset_module("birds").URL,
    "configured": loading.parse_experiment(
        {"data": {"kind": "named", "name": "birds", "audio": sys.argv[1]}, "network": "vgg"}).data.name,
    "in the schema": "birds" in json.dumps(loading.json_schema()),
}))
"""


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A copy of elmarc with one file and one line more."""
    source = Path(elmarc.__file__).parent
    copy = tmp_path / "src" / "elmarc"
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "datasets" / "birds.py").write_text(MODULE)
    opening = copy / "datasets" / "opening.py"
    text = opening.read_text()
    assert text.count('    "esc50",\n') == 1
    opening.write_text(text.replace('    "esc50",\n', '    "esc50",\n    "birds",\n'))
    return copy.parent


def test_one_file_and_one_line(package: Path, tmp_path: Path, write_clip: Write) -> None:
    for name in ("owl/1", "owl/2", "wren/1", "wren/2"):
        write_clip(f"birds/{name}.wav", seconds=0.2)
    found = subprocess.run(
        [sys.executable, "-c", ASK, str(tmp_path / "birds")],
        env={**os.environ, "PYTHONPATH": str(package)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not found.returncode, found.stderr
    assert json.loads(found.stdout) == {
        "known": True,
        "opened": 4,
        "listed": "https://example.org/birds",
        "configured": "birds",
        "in the schema": True,
    }
