from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.datasets.conftest import Write

from elmarc.datasets import has_classes, open_clips, suggest_input_length
from elmarc.datasets.folder import open_unlabelled
from elmarc.errors import DatasetError


def test_a_nested_folder(tmp_path: Path, write_clip: Write) -> None:
    for name in ("new/a.wav", "new/deep/er/b.flac", "new/._a.wav"):
        write_clip(name)
    (tmp_path / "new" / "notes.txt").write_text("no clip")
    found = open_clips(tmp_path / "new")
    assert [(clip.id, clip.label, clip.path) for clip in found] == [
        ("a.wav", "", tmp_path / "new" / "a.wav"),
        ("deep/er/b.flac", "", tmp_path / "new" / "deep" / "er" / "b.flac"),
    ]


def test_a_file_and_files(write_clip: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, two = write_clip("x/one.wav"), write_clip("y/z/two.wav")
    assert [clip.id for clip in open_clips(str(one))] == ["one.wav"]
    assert [clip.id for clip in open_clips([two, str(one)])] == ["y/z/two.wav", "x/one.wav"]
    monkeypatch.chdir(tmp_path)
    assert [clip.id for clip in open_clips(["x/one.wav", two])] == ["x/one.wav", "y/z/two.wav"]
    assert [clip.id for clip in open_clips(iter([Path("x")]))] == ["one.wav"]


def test_only_regular_files(tmp_path: Path, write_clip: Write) -> None:
    write_clip("new/a.wav")
    os.mkfifo(tmp_path / "new" / "b.wav")
    assert [clip.id for clip in open_clips(tmp_path / "new")] == ["a.wav"]
    with pytest.raises(DatasetError, match=r"b\.wav: is a device or pipe"):
        open_clips(tmp_path / "new" / "b.wav")


def test_what_is_refused(tmp_path: Path, write_clip: Write) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="nothing is there"):
        open_clips(tmp_path / "gone")
    with pytest.raises(DatasetError, match="empty: no audio files"):
        open_clips(tmp_path / "empty")
    with pytest.raises(DatasetError, match="no files were named"):
        open_clips([])
    one = write_clip("one.wav")
    with pytest.raises(DatasetError, match=r"one\.wav is named twice"):
        open_clips([one, one])


def test_length_and_classes(tmp_path: Path, folder: Path, write_clip: Write) -> None:
    write_clip("new/sub/a.wav", seconds=0.5)
    assert suggest_input_length(open_unlabelled(tmp_path / "new")).frames_s == 0.5
    assert has_classes(folder)
    assert not has_classes(tmp_path / "new")
    assert not has_classes(tmp_path / "new" / "sub" / "a.wav")
