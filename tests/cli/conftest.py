"""Commands run in this process, on twelve tones in two class folders."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.sounds import write_tones

from elmarc.cli import app as cli

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


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Twelve clips of low and high tones in two class folders."""
    return write_tones(tmp_path / "clips", rng)


def rank(elmarc: Run, data: Path, *options: object) -> tuple[int, str, str]:
    quick = ("--networks", "temporal", "--set", "network.n_filters=4", "--set", "network.size=null")
    return elmarc("rank", data, *quick, "--classifiers", "ridge,knn", "--seeds", 1, "-o", "out", *options)
