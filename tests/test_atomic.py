from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from elmarc._atomic import replacing, write_atomic


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
