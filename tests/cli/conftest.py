"""Commands run in this process, on twelve tones in two class folders."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf

from elmarc.cli import app as cli

SR = 12000
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def elmarc(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """Run a command in this process; return (exit code, stdout, stderr)."""
    monkeypatch.setenv("ELMARC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)

    def run(*args: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["elmarc", *map(str, args)])
        code = cli.main()
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run


def tone(hz: float, rng: np.random.Generator, seconds: float = 0.5) -> np.ndarray:
    t = np.arange(int(seconds * SR)) / SR
    return (0.3 * np.sin(2 * np.pi * hz * t) + 0.01 * rng.standard_normal(t.size)).astype(np.float32)


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Twelve clips of low and high tones in two class folders."""
    for i in range(12):
        label, hz = ("low", 300) if i % 2 else ("high", 3000)
        path = tmp_path / "clips" / label / f"{i:02d}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        sf.write(path, tone(hz + 20 * i, rng), SR)
    return tmp_path / "clips"


def rank(elmarc: Run, data: Path, *options: object) -> tuple[int, str, str]:
    quick = ("--networks", "temporal", "--set", "network.n_filters=4", "--set", "network.size=null")
    return elmarc("rank", data, *quick, "--classifiers", "ridge,knn", "--seeds", 1, "-o", "out", *options)
