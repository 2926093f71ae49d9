from __future__ import annotations

import json
import os
import shutil
import socket
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
from tests.datasets.conftest import Write

from elmarc.audio import content_hash
from elmarc.datasets import Clip, Dataset, open_dataset, validate
from elmarc.errors import AudioError


@pytest.fixture
def damaged(folder: Path) -> Dataset:
    """A data set with every problem a clip can have, and one clip that has none."""
    (folder / "cat" / "text.wav").write_text("no sound")
    (folder / "cat" / "empty.wav").write_bytes(b"")
    sf.write(folder / "cat" / "silent.wav", np.zeros(0), 8000)
    shutil.copy(folder / "cat" / "1.wav", folder / "dog" / "copy.wav")
    data = open_dataset(folder)
    (folder / "dog" / "2.wav").unlink()
    shutil.copy(folder / "dog" / "1.wav", folder / "late.wav")
    return data


def test_all_is_well(folder: Path) -> None:
    report = validate(open_dataset(folder), decode=True)
    assert report.ok
    assert report.counts == {"cat": {"": 2}, "dog": {"": 2}}
    assert "4 clips, all usable" in str(report)


def test_every_problem_is_told_apart(damaged: Dataset) -> None:
    report = validate(damaged)
    assert not report.ok
    assert report.missing == ("dog/2.wav",)
    assert [clip for clip, _ in report.unreadable] == ["cat/text.wav"]
    assert report.zero_length == ("cat/empty.wav", "cat/silent.wav")
    assert report.duplicated == (("cat/1.wav", "dog/copy.wav"),)
    assert report.off_list == ("late.wav",)


def test_the_report_can_be_read_and_stored(damaged: Dataset) -> None:
    report = validate(damaged)
    text = str(report)
    assert "8 clips, with problems" in text
    for name in ("dog/2.wav", "text.wav", "cat/empty.wav", "cat/1.wav = dog/copy.wav", "late.wav"):
        assert name in text
    assert json.loads(json.dumps(report.to_dict()))["missing"] == ["dog/2.wav"]


def test_long_lists_are_cut(folder: Path, write_clip: Write) -> None:
    for i in range(15):
        write_clip(f"clips/cat/{i:02d}.wav")
    data = open_dataset(folder)
    for clip in data.clips[:15]:
        clip.path.unlink()
    assert "  and 5 more" in str(validate(data))


def test_decoding_finds_what_headers_hide(folder: Path) -> None:
    sf.write(folder / "cat" / "nan.wav", np.array([0.0, np.nan]), 8000, subtype="FLOAT")
    data = open_dataset(folder)
    assert validate(data).ok
    ((clip, reason),) = validate(data, decode=True).unreadable
    assert clip == "cat/nan.wav"
    assert "NaN" in reason


def test_counts_by_fold_are_a_table(folder: Path) -> None:
    data = open_dataset(folder)
    folds = ["10", "2", "2", "10"]
    clips = tuple(replace(clip, fold=fold) for clip, fold in zip(data.clips, folds, strict=True))
    report = validate(replace(data, clips=clips, split_kind="folds"))
    assert report.counts == {"cat": {"2": 1, "10": 1}, "dog": {"2": 1, "10": 1}}
    assert str(report).splitlines()[-3:] == [
        "class  fold 2  fold 10  clips",
        "cat         1        1      2",
        "dog         1        1      2",
    ]


def test_segments_are_checked_as_segments(tmp_path: Path, write_clip: Write) -> None:
    path = write_clip("long.wav", seconds=1.0)
    shutil.copy(path, tmp_path / "copy.wav")
    clips = (
        Clip("a", path, "x", end=0.5),
        Clip("b", path, "y", start=0.5),
        Clip("c", path, "y", start=0.5, end=9.0),
        Clip("d", tmp_path / "copy.wav", "x", end=0.5),
    )
    report = validate(Dataset("d", clips, ("x", "y")), decode=True)
    ((clip, reason),) = report.unreadable
    assert (clip, report.zero_length, report.missing) == ("c", (), ())
    assert "from 0.5 s to 9 s does not lie in the file" in reason
    assert report.duplicated == (("a", "d"),)


@pytest.mark.skipif(sys.platform == "win32", reason="has no such files")
@pytest.mark.parametrize("decode", [False, True])
def test_what_is_no_file_is_told_as_what_it_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch, decode: bool
) -> None:
    place = folder / "cat"
    os.mkfifo(place / "pipe.wav")
    (place / "device.wav").symlink_to("/dev/zero")
    (place / "loop.wav").symlink_to("pool.wav")
    (place / "pool.wav").symlink_to("loop.wav")
    (place / "nowhere.wav").symlink_to("nothing")
    (place / "around").symlink_to("..")
    monkeypatch.chdir(place)  # the path of a socket is short
    with socket.socket(socket.AF_UNIX) as made:
        made.bind("socket.wav")
    report = validate(open_dataset(folder), decode=decode)
    assert report.missing == ("cat/nowhere.wav",)
    told = dict(report.unreadable)
    assert told.keys() == {f"cat/{name}.wav" for name in ("pipe", "device", "loop", "pool", "socket")}
    for name in ("pipe", "device", "socket"):
        assert f"{name}.wav: is a {name}, expected an audio file" in told[f"cat/{name}.wav"]
    assert "loop.wav: cannot be read (Too many levels of symbolic links)" in told["cat/loop.wav"]
    assert not report.zero_length


def test_a_file_that_cannot_be_read_ends_no_search_for_copies(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may read every file, so the system's answer is put in here."""
    closed = folder / "cat" / "closed.wav"
    shutil.copy(folder / "cat" / "1.wav", closed)

    def refuse(path: Path) -> str:
        if path == closed:
            raise AudioError(f"{path}: cannot be read (Permission denied)")
        return content_hash(path)

    monkeypatch.setattr("elmarc.datasets.validation.content_hash", refuse)
    assert validate(open_dataset(folder)).duplicated == ()
