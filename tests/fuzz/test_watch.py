"""The watchman sees what he is there for: a fuzz test that cannot fail says nothing."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tests.fuzz import watch
from tests.fuzz.watch import Fault, refusal, watched

from elmarc.errors import StoreError

on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc")


def test_what_does_nothing_is_let_pass(tmp_path: Path) -> None:
    with watched(tmp_path):
        (tmp_path / "own").write_text("x")
        (tmp_path / "own").unlink()
        np.ones(10**6)


def test_a_module_that_is_first_needed_within_is_let_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    inside, name = tmp_path / "inside", "needed_when_something_is_read"
    inside.mkdir()
    (tmp_path / f"{name}.py").write_text("x = 1")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    with watched(inside):
        __import__(name)
    assert not sys.dont_write_bytecode
    del sys.modules[name]


def test_code_that_runs_is_seen(tmp_path: Path) -> None:
    with pytest.raises(Fault, match=r"os\.system"), watched(tmp_path):
        os.system("true")
    with pytest.raises(Fault, match=r"subprocess\.Popen"), watched(tmp_path):
        subprocess.run(["true"], check=True)
    with pytest.raises(Fault, match="import"), watched(tmp_path), pytest.raises(ImportError):
        __import__(watch.CANARY)


def test_a_file_elsewhere_is_seen(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    with pytest.raises(Fault, match="to write"), watched(inside):
        (tmp_path / "outside").write_text("x")
    with pytest.raises(Fault, match=r"os\.remove"), watched(inside):
        (tmp_path / "outside").unlink()


def _keep_busy(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def test_a_hang_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "MOST_S", 0.05)
    with pytest.raises(Fault, match="took"), watched(tmp_path):
        _keep_busy(0.1)
    monkeypatch.setattr(watch, "HANGS_S", 0.05)
    with pytest.raises(Fault, match="still at work"), watched(tmp_path):
        time.sleep(60)


def _take_memory(n_bytes: int) -> None:
    """Take pages of the system: an array may find room that was freed before."""
    with mmap.mmap(-1, n_bytes) as pages:
        pages.write(b"x" * n_bytes)


@on_linux
def test_memory_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "MOST_BYTES", 5 * 10**7)
    with pytest.raises(Fault, match="MB"), watched(tmp_path):
        _take_memory(8 * 10**7)
    with pytest.raises(MemoryError), watched(tmp_path):
        np.empty(10**10)


@pytest.mark.parametrize("text", ["", " ", "x" * 30_000, "<list object at 0x7f00>", "Traceback (most recent"])
def test_a_message_that_says_nothing_is_seen(text: str) -> None:
    with pytest.raises(Fault):
        refusal(StoreError(text))
    assert refusal(StoreError("a.wav: damaged")) == "refused"
