from __future__ import annotations

from pathlib import Path

import pytest
from tests.datasets.conftest import Write

from elmarc.datasets import open_dataset
from elmarc.errors import DatasetError
from elmarc.evaluation.splits import Lists, dataset_splits


def test_a_sub_folder_is_a_class(folder: Path) -> None:
    data = open_dataset(folder)
    assert data.name == "clips"
    assert data.classes == ("cat", "dog")
    assert [(clip.id, clip.label) for clip in data.clips] == [
        ("cat/1.wav", "cat"), ("cat/2.wav", "cat"), ("dog/1.wav", "dog"), ("dog/2.wav", "dog"),
    ]  # fmt: skip
    assert (data.split_kind, data.folds_to_make) == ("none", 2)


@pytest.mark.parametrize("suffix", ["wav", "WAV", "flac", "ogg", "Mp3", "au", "aiff", "aif"])
def test_every_kind_of_audio_counts_whatever_its_case(folder: Path, write_clip: Write, suffix: str) -> None:
    write_clip(f"clips/cat/more.{suffix}", seconds=0.2)
    assert f"cat/more.{suffix}" in {clip.id for clip in open_dataset(folder).clips}


def test_hidden_files_and_other_files_are_no_clips(folder: Path) -> None:
    for name in ("cat/._1.wav", "cat/notes.txt", ".git/x.wav", "cat/.cache/x.wav"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"no sound")
    assert len(open_dataset(folder)) == 4


def test_clips_may_lie_deeper_and_a_class_may_be_a_link(folder: Path, write_clip: Write) -> None:
    write_clip("clips/cat/session 1/a.wav")
    write_clip("elsewhere/b.wav")
    (folder / "hen").symlink_to(folder.parent / "elsewhere")
    found = {clip.id: clip.label for clip in open_dataset(folder).clips}
    assert found["cat/session 1/a.wav"] == "cat"
    assert found["hen/b.wav"] == "hen"


@pytest.mark.parametrize("part", ["", "train/"])
def test_links_below_a_class_folder_are_named(tmp_path: Path, write_clip: Write, part: str) -> None:
    for name in ("train/cat/1.wav", "train/dog/1.wav", "test/cat/1.wav", "test/dog/1.wav"):
        write_clip(f"clips/{name}")
    write_clip("elsewhere/b.wav")
    folder = tmp_path / "clips" if part else tmp_path / "clips" / "train"
    before = open_dataset(folder)
    (tmp_path / "clips" / "train" / "cat" / "more").symlink_to(tmp_path / "elsewhere")
    data = open_dataset(folder)
    assert data.clips == before.clips
    (note,) = set(data.notes) - set(before.notes)
    assert note.startswith("1 links to folders below the class folders are not followed, such as ")
    assert f" {part}cat/more: clips behind them were left out" in note


@pytest.mark.parametrize("name", ["Über-Jäger", "a b'\"&<img src=x>", "日本", "50% [x]*?", "-rf", "#1"])
def test_odd_characters_survive(folder: Path, write_clip: Write, name: str) -> None:
    write_clip(f"clips/{name}/{name}.wav")
    data = open_dataset(folder)
    assert name in data.classes
    assert any(clip.id == f"{name}/{name}.wav" and clip.path.is_file() for clip in data.clips)


def test_a_name_that_is_not_utf8_can_be_stored(folder: Path, write_clip: Write) -> None:
    odd = folder / "cat" / b"\xe9.wav".decode("utf-8", "surrogateescape")
    odd.write_bytes((folder / "cat" / "1.wav").read_bytes())
    clip = next(clip for clip in open_dataset(folder).clips if "xe9" in clip.id)
    assert clip.id.encode() == b"cat/\\xe9.wav"
    assert clip.path.is_file()


def test_clips_beside_the_class_folders_are_told_of(folder: Path, write_clip: Write) -> None:
    write_clip("clips/stray.wav")
    data = open_dataset(folder)
    assert len(data) == 4
    assert "1 clips lie outside the class folders" in data.notes[0]


def test_an_empty_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"no audio files \(.*\): expected one sub-folder per class"):
        open_dataset(tmp_path)


def test_clips_without_class_folders_are_an_error(tmp_path: Path, write_clip: Write) -> None:
    write_clip("1.wav")
    with pytest.raises(DatasetError, match="1 clips lie in no class folder"):
        open_dataset(tmp_path)


def test_one_class_is_an_error(tmp_path: Path, write_clip: Write) -> None:
    write_clip("cat/1.wav")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DatasetError, match="only one class, 'cat'"):
        open_dataset(tmp_path)


def test_there_are_no_more_folds_than_the_smallest_class_has_clips(tmp_path: Path, write_clip: Write) -> None:
    for label, n in (("a", 12), ("b", 12)):
        for i in range(n):
            write_clip(f"{label}/{i}.wav")
    assert open_dataset(tmp_path).folds_to_make == 10
    for i in range(3):
        write_clip(f"c/{i}.wav")
    assert open_dataset(tmp_path).folds_to_make == 3


def parts(write_clip: Write, *names: str, classes: tuple[str, ...] = ("cat", "dog")) -> None:
    for name in names:
        for label in classes:
            write_clip(f"{name}/{label}/1.wav")


@pytest.mark.parametrize("names", [("train", "validation", "test"), ("Training", "Val", "TEST")])
def test_train_validation_and_test_are_lists(
    tmp_path: Path, write_clip: Write, names: tuple[str, ...]
) -> None:
    parts(write_clip, *names)
    (tmp_path / "docs").mkdir()
    data = open_dataset(tmp_path)
    assert (data.split_kind, data.classes) == ("lists", ("cat", "dog"))
    found = {clip.id: (clip.label, clip.fold) for clip in data.clips}
    for name, part in zip(names, ("train", "validation", "test"), strict=True):
        assert found[f"{name}/cat/1.wav"] == ("cat", part)
    assert isinstance(dataset_splits(data), Lists)


def test_train_and_test_are_enough(tmp_path: Path, write_clip: Write) -> None:
    parts(write_clip, "train", "test")
    write_clip("train/stray.wav")
    data = open_dataset(tmp_path)
    assert {clip.fold for clip in data.clips} == {"train", "test"}
    assert "1 clips lie outside the class folders" in data.notes[0]
    split = dataset_splits(data)
    assert isinstance(split, Lists)
    assert (len(split.train), len(split.validation), len(split.test)) == (2, 0, 2)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("train", "val"), "found folders train, val, but none of test clips: call one `test`"),
        (("train", "test", "dev", "val"), "two of them for the same list.*CSV file path,label,split"),
        (("train", "test", "noise"), "found folders test, train, lists it seems, next to noise"),
    ],
)
def test_lists_that_are_not_whole_are_refused(
    tmp_path: Path, write_clip: Write, names: tuple[str, ...], message: str
) -> None:
    parts(write_clip, *names)
    with pytest.raises(DatasetError, match=message):
        open_dataset(tmp_path)


def test_lists_without_class_folders_are_refused(tmp_path: Path, write_clip: Write) -> None:
    parts(write_clip, "train")
    write_clip("test/1.wav")
    with pytest.raises(DatasetError, match=r"test: clips of the test list .*expected test/CLASS/clip\.wav"):
        open_dataset(tmp_path)


def test_a_class_may_be_called_train(tmp_path: Path, write_clip: Write) -> None:
    for label in ("bus", "train"):
        write_clip(f"{label}/1.wav")
        write_clip(f"{label}/2.wav")
    data = open_dataset(tmp_path)
    assert (data.split_kind, data.classes) == ("none", ("bus", "train"))
