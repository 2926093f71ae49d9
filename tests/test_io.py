"""Files are written whole or not at all; what killed processes left is removed, what others use stays."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from elmarc._io import clear, mark, replacing, temporary_folder, write_atomic

DEAD = "from elmarc._io import mark; print(mark())"


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write_atomic(path, "old")
    with pytest.raises(TypeError):
        write_atomic(path, 3)  # type: ignore[arg-type]
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["result.json"]


def test_folders_are_made_and_text_is_utf8(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "c.txt"
    write_atomic(path, "gëluid")
    assert path.read_bytes() == "gëluid".encode()


def test_others_may_read_the_file(tmp_path: Path) -> None:
    write_atomic(tmp_path / "x", b"1")
    plain = tmp_path / "plain"
    plain.write_bytes(b"1")
    assert (tmp_path / "x").stat().st_mode == plain.stat().st_mode


def test_threads_that_write_leave_the_umask_as_it_is(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda i: write_atomic(tmp_path / str(i), b"x", sync=False), range(400)))
        after = os.umask(0o077)
        modes = {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    finally:
        os.umask(before)
    assert (after, modes) == (0o077, {0o600})


def test_the_umask_is_never_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "umask", lambda mask: pytest.fail("the umask belongs to the whole process"))
    write_atomic(tmp_path / "x", b"1")
    assert (tmp_path / "x").read_bytes() == b"1"


def test_what_cannot_be_read_meanwhile_keeps_its_name(tmp_path: Path) -> None:
    missing = tmp_path / "missing.wav"
    with pytest.raises(FileNotFoundError) as caught, replacing(tmp_path / "a.csv") as file:
        file.write(missing.read_bytes())
    assert caught.value.filename == str(missing)
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def dead() -> str:
    """Return a mark of a process that has ended."""
    return subprocess.run(
        [sys.executable, "-c", DEAD], capture_output=True, text=True, check=True
    ).stdout.strip()


@pytest.mark.skipif(os.name != "posix", reason="whether a process runs is asked on POSIX alone")
def test_the_dead_are_told_from_the_living(tmp_path: Path, dead: str) -> None:
    gone, mine, stranger = (tmp_path / f"frontend-{name}" for name in (dead, mark(), "notes"))
    for folder in (gone, mine, stranger):
        (folder / "inside").mkdir(parents=True)
    clear(tmp_path, "frontend-*")
    assert not gone.exists()
    assert mine.exists()
    assert stranger.exists()


def test_those_of_other_machines_are_kept_for_a_week(tmp_path: Path) -> None:
    path = tmp_path / ".x.00000000-1-00000000.part"
    path.write_text("")
    clear(tmp_path, ".x.*.part")
    assert path.exists()
    os.utime(path, (1, 1))
    clear(tmp_path, ".x.*.part")
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
    with temporary_folder("elmarc-x") as folder:
        assert list(tmp_path.iterdir()) == [folder]
    assert list(tmp_path.iterdir()) == []
