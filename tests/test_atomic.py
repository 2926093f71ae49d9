from __future__ import annotations

from pathlib import Path

import pytest

from elmarc._atomic import write_atomic


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
