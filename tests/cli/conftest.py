from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

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
        code = cli._exit_code()
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return run
