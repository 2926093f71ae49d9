"""Commands run in this process, on twelve tones in two class folders."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.sounds import write_tones

from elmarc.classifiers import CLASSIFIERS
from elmarc.cli import app as cli

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def elmarc(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, undrawn: None
) -> Run:
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
def few_candidates(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave two candidates where the study's grids have many."""
    few = {"elm": {"n_hidden": [50, 100]}, "svm": {"gamma": ["auto"], "C": [1, 8]}}
    for name, grid in few.items():
        monkeypatch.setitem(CLASSIFIERS, name, replace(CLASSIFIERS[name], grid=grid))


@pytest.fixture
def folder(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Twelve clips of low and high tones in two class folders."""
    return write_tones(tmp_path / "clips", rng)


def rank(elmarc: Run, data: Path, *options: object) -> tuple[int, str, str]:
    quick = ("--networks", "temporal", "--set", "network.n_filters=4", "--set", "network.size=null")
    return elmarc("rank", data, *quick, "--classifiers", "ridge,knn", "--seeds", 1, "-o", "out", *options)
