"""One table: networks of the study, modules of your own, features made elsewhere, and the baseline."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import elmarc
from elmarc.cli import app
from elmarc.datasets import toy
from elmarc.results import collect

TEN_LINES = """
from torch import nn


class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv1d(96, 8, 5)

    def forward(self, x):
        return self.conv(x.transpose(1, 2)).relu()
"""
FRAMES = 1280  # what the vgg needs
AST_SIZES = {
    "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32,
    "num_mel_bins": 96, "max_length": FRAMES, "time_stride": 40, "frequency_stride": 40,
}  # fmt: skip
AST = {
    "kind": "external", "factory": "transformers:ASTModel", "output": "tokens channels",
    "options": AST_SIZES, "layers": ["layers.0", "layers.1", "pooler_output"],
}  # fmt: skip
NAMES = {"vgg", "timbral_temporal", "Tiny", "ASTModel", "elsewhere", "mfcc"}


def test_one_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("transformers")
    clips = toy.load(target="rhythm").clips[::4]  # each class, each fold
    monkeypatch.setenv("ELMARC_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    Path("models.py").write_text(TEN_LINES)
    Path("ast.json").write_text(json.dumps(AST))
    rows = [{"path": clip.path, "label": clip.label} for clip in clips]
    pd.DataFrame(rows).to_csv("clips.csv", index=False)
    spectra = np.array([np.abs(np.fft.rfft(clip.load(sr=12000)))[:4096] for clip in clips])
    X = np.log1p(spectra).reshape(len(clips), 16, -1).mean(axis=2)
    np.savez("elsewhere.npz", paths=[str(clip.path) for clip in clips], X=X)
    words = ["rank", "clips.csv", "--networks", "vgg,timbral_temporal,models.py:Tiny,ast.json"]
    words += ["--features", "elsewhere.npz", "--classifiers", "ridge"]
    words += ["--set", f"input.n_frames={FRAMES}", "--quiet", "--store", "store", "-o", "typed"]
    monkeypatch.setattr(sys, "argv", ["elmarc", *words])
    assert app.main() == 0

    table = pd.read_csv("typed/ranking.csv")
    assert set(table["network"]) == NAMES
    results = collect("typed")
    assert {(r.features, r.seed) for r in results} == {(name, seed) for name in NAMES for seed in (0, 1)}
    assert {len(r.predictions) for r in results} == {40}
    assert len({frozenset((p.id, p.fold) for p in r.predictions) for r in results}) == 1
    families = json.loads(Path("typed/ranking.json").read_text())["families"]
    assert {family["kind"]: len(family["contrasts"]) for family in families} == {"pairs": 10, "baseline": 5}

    found = elmarc.rank(
        "clips.csv",
        networks=["vgg", "timbral_temporal", "models.py:Tiny", AST],
        features=["elsewhere.npz"],
        classifiers="ridge",
        input={"n_frames": FRAMES},
        store="store",
        progress=False,
    )
    assert {s.name: s.accuracy for s in found.comparisons[0].scores} == dict(
        zip(table["network"], table["accuracy"], strict=True)
    )
