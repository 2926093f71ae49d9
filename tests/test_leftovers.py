"""What killed processes leave behind is removed, and what living ones work with is not."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from elmarc import _leftovers
from elmarc._atomic import write_atomic

DEAD = "import elmarc._leftovers as l; print(l.mark())"


@pytest.fixture
def dead() -> str:
    """A mark of a process that has ended."""
    return subprocess.run(
        [sys.executable, "-c", DEAD], capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.mark.skipif(os.name != "posix", reason="whether a process runs is asked on POSIX alone")
def test_the_dead_are_told_from_the_living(tmp_path: Path, dead: str) -> None:
    gone, mine, stranger = (tmp_path / f"frontend-{name}" for name in (dead, _leftovers.mark(), "notes"))
    for folder in (gone, mine, stranger):
        (folder / "inside").mkdir(parents=True)
    _leftovers.clear(tmp_path, "frontend-*")
    assert not gone.exists()
    assert mine.exists()
    assert stranger.exists()


def test_those_of_other_machines_are_kept_for_a_week(tmp_path: Path) -> None:
    path = tmp_path / ".x.00000000-1-00000000.part"
    path.write_text("")
    _leftovers.clear(tmp_path, ".x.*.part")
    assert path.exists()
    os.utime(path, (1, 1))
    _leftovers.clear(tmp_path, ".x.*.part")
    assert not path.exists()


@pytest.mark.skipif(os.name != "posix", reason="whether a process runs is asked on POSIX alone")
def test_a_file_that_is_written_again_loses_its_unfinished_neighbour(tmp_path: Path, dead: str) -> None:
    (tmp_path / f".result[1].json.{dead}.part").write_text("half")
    write_atomic(tmp_path / "result[1].json", "whole")
    assert [path.name for path in tmp_path.iterdir()] == ["result[1].json"]


@pytest.mark.skipif(os.name != "posix", reason="whether a process runs is asked on POSIX alone")
def test_a_temporary_folder_clears_those_of_the_dead(
    tmp_path: Path, dead: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / f"elmarc-x-{dead}-abc" / "inside").mkdir(parents=True)
    with _leftovers.temporary_folder("elmarc-x") as folder:
        assert list(tmp_path.iterdir()) == [folder]
    assert list(tmp_path.iterdir()) == []
