"""From a ranking to labels of new clips: real sounds, through files and processes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from scipy.stats import binomtest
from tests.cli.conftest import Run

import elmarc as library
from elmarc.cli import fit
from elmarc.datasets import open_clips
from elmarc.study import build
from elmarc.study.request import Fit

CLASSES = ("001 - Dog bark", "002 - Rain", "003 - Sea waves", "009 - Rooster")
N_FITTED, N_HELD_OUT = 20, 12  # of each


@pytest.fixture
def folders(tmp_path: Path, data_dir: Path) -> tuple[Path, Path]:
    """Four classes of ESC-10, and other clips of theirs, without labels; links."""
    fitted, new = tmp_path / "fitted", tmp_path / "new"
    new.mkdir()
    for name in CLASSES:
        label = name.split(" - ")[1]
        (fitted / label).mkdir(parents=True)
        clips = sorted((data_dir / "esc10" / name).iterdir())
        for clip in clips[:N_FITTED]:
            (fitted / label / clip.name).symlink_to(clip)
        for clip in clips[-N_HELD_OUT:]:
            (new / f"{label}-{clip.name}").symlink_to(clip)
    return fitted, new


@pytest.mark.data
@pytest.mark.drawn
def test_a_ranking_becomes_a_model_that_keeps_what_it_promised(
    elmarc: Run, folders: tuple[Path, Path]
) -> None:
    fitted, new = folders
    options = ("--networks", "temporal,timbral", "--classifiers", "ridge", "--seeds", 1, "--recipe", "v2")
    assert elmarc("rank", fitted, *options, "-o", "out")[0] == 0
    code, out, err = elmarc("fit", "--from", "out", "-o", "m.elmarc", "--json")
    assert code == 0, err
    expected = json.loads(out)["expected"]

    config = fit.from_ranking(Path("out"), Fit(data=None)).config
    data = build.dataset(config.data)
    model = build.sound_classifier(config, build.extractor(config, data)[0]).fit(data)
    in_memory = model.predict(open_clips(new)).tolist()

    command = [sys.executable, "-m", "elmarc", "predict", "m.elmarc", "new", "--json", "-q", "--no-unknown"]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    clips = json.loads(said.stdout)["clips"]
    labels = [clip["label"] for clip in clips]
    assert labels == in_memory
    assert labels == library.load("m.elmarc").predict(open_clips(new)).tolist()

    truth = [Path(clip["file"]).name.split("-")[0] for clip in clips]
    assert len(truth) == N_HELD_OUT * len(CLASSES)
    n_right = sum(label == true for label, true in zip(labels, truth, strict=True))
    held_out = binomtest(n_right, len(truth)).proportion_ci(method="wilson")
    assert held_out.low <= expected["accuracy"] <= held_out.high
    assert expected["interval"][0] > expected["chance"] == 0.25
