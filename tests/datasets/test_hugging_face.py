"""Data sets of Hugging Face, made here: nothing is asked of the hub."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from elmarc.datasets import Dataset, open_dataset
from elmarc.errors import DatasetError

hf = pytest.importorskip("datasets")
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the package's own


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELMARC_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(hf.config, "HF_DATASETS_CACHE", tmp_path / "hub")
    monkeypatch.setattr(hf.config, "HF_DATASETS_OFFLINE", True)
    hf.disable_progress_bars()


def held(folder: Path, **columns: Any) -> Any:
    """Return the four clips of `folder` by their paths, with class numbers for labels."""
    paths = sorted(map(str, folder.rglob("*.wav")))
    data = hf.Dataset.from_dict({"audio": paths, "label": [0, 0, 1, 1], **columns})
    names = hf.ClassLabel(names=["dog", "cat"])  # not in the order of the alphabet
    return data.cast_column("audio", hf.Audio(decode=False)).cast_column("label", names)


def as_bytes(data: Any) -> Any:
    """Return the same with the files' bytes in place of their paths, as sets of the hub have them."""
    return sounding(data, [{"bytes": Path(row["audio"]["path"]).read_bytes(), "path": None} for row in data])


def sounding(data: Any, sounds: list[Any]) -> Any:
    """Return the same with other sounds, which are stored and not encoded."""
    other = data.remove_columns("audio").add_column("audio", sounds)
    return other.cast_column("audio", hf.Audio(decode=False))


def test_files_are_used_where_they_lie_and_numbers_become_names(folder: Path) -> None:
    data = open_dataset(held(folder))
    assert [clip.path for clip in data.clips] == sorted(folder.rglob("*.wav"))
    assert [clip.label for clip in data.clips] == ["dog", "dog", "cat", "cat"]
    assert data.classes == ("dog", "cat")  # in the order of the class numbers
    assert (data.split_kind, data.folds_to_make) == ("none", 2)


def test_audio_that_would_be_decoded_is_not(folder: Path) -> None:
    decoding = held(folder).cast_column("audio", hf.Audio(sampling_rate=4000))
    assert [clip.duration_s() for clip in open_dataset(decoding).clips] == [0.01] * 4


def test_bytes_sound_as_their_files_do_and_are_written_once(folder: Path, tmp_path: Path) -> None:
    from_files, from_bytes = open_dataset(held(folder)), open_dataset(as_bytes(held(folder)))
    for a, b in zip(from_files.clips, from_bytes.clips, strict=True):
        assert a.path.read_bytes() == b.path.read_bytes()
        assert (a.load() == b.load()).all()
    written = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache" / "hf").iterdir()}
    again = open_dataset(as_bytes(held(folder)))
    assert again.clips == from_bytes.clips
    assert written == {path: path.stat().st_mtime_ns for path in (tmp_path / "cache" / "hf").iterdir()}
    assert [clip.id for clip in again.clips] == ["000000", "000001", "000002", "000003"]


def test_fold_and_group_columns_are_kept(folder: Path) -> None:
    columns = {"fold": [1, 2, 1, 2], "group": ["a", None, "b", ""]}
    data = open_dataset(held(folder, **columns))
    assert data.split_kind == "folds"
    assert [clip.fold for clip in data.clips] == ["1", "2", "1", "2"]
    assert [clip.group for clip in data.clips] == ["a", None, "b", None]
    named = open_dataset(held(folder, part=[1, 2, 1, 2], take=list("xxyy")), fold="part", group="take")
    assert [clip.fold for clip in named.clips] == ["1", "2", "1", "2"]
    assert [clip.group for clip in named.clips] == ["x", "x", "y", "y"]


def splits(folder: Path, *names: str) -> Any:
    return hf.DatasetDict({name: held(folder).select([i, i + 2]) for i, name in enumerate(names)})


def test_the_splits_of_a_dictionary_are_lists_or_folds(folder: Path) -> None:
    lists = open_dataset(splits(folder, "train", "test"))
    assert lists.split_kind == "lists"
    assert [(clip.fold, clip.label) for clip in lists.clips] == [
        ("train", "dog"), ("train", "cat"), ("test", "dog"), ("test", "cat"),
    ]  # fmt: skip
    folds = open_dataset(splits(folder, "fold1", "fold2"))
    assert (folds.split_kind, {clip.fold for clip in folds.clips}) == ("folds", {"fold1", "fold2"})
    one = open_dataset(splits(folder, "train", "test"), split="test")
    assert (one.split_kind, len(one)) == ("none", 2)


def test_an_unknown_split_is_named(folder: Path) -> None:
    with pytest.raises(DatasetError, match="no split 'dev': found train, test"):
        open_dataset(splits(folder, "train", "test"), split="dev")
    with pytest.raises(DatasetError, match="found splits train, other: expected train, validation and test"):
        open_dataset(splits(folder, "train", "other"))
    with pytest.raises(DatasetError, match="found splits train, validation, expected train and test"):
        open_dataset(splits(folder, "train", "validation"))


def same_clips(one: Dataset, other: Dataset) -> bool:
    return [(clip.label, clip.load().tolist()) for clip in one.clips] == [
        (clip.label, clip.load().tolist()) for clip in other.clips
    ]


def test_by_name_what_was_saved_and_what_lies_in_a_parquet_file(folder: Path, tmp_path: Path) -> None:
    data = held(folder)
    data.save_to_disk(tmp_path / "saved")
    splits(folder, "train", "test").save_to_disk(tmp_path / "splits")
    as_bytes(data).to_parquet(tmp_path / "four.parquet")
    for name in ("saved", "four.parquet"):
        opened = open_dataset(f"hf:{tmp_path / name}")
        assert same_clips(opened, open_dataset(data))
        assert opened.name == name
    assert open_dataset(f"hf:{tmp_path / 'splits'}").split_kind == "lists"
    assert len(open_dataset(f"hf:{tmp_path / 'splits'}", split="train")) == 2


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda data: data.rename_column("label", "mood").remove_columns("mood"),
            "no column label; name it as",
        ),
        (lambda data: data.remove_columns("audio"), "no column of type Audio; decoded samples are not taken"),
        (lambda data: data.rename_column("label", "x"), "no column label; name it as label; found: audio, x"),
        (lambda data: data.to_iterable_dataset(), "is streamed: load it with streaming=False"),
    ],
)
def test_what_cannot_be_told_is_refused_with_what_was_found(folder: Path, change: Any, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        open_dataset(change(held(folder).cast_column("label", hf.Value("int64"))))


def test_several_labels_a_clip_are_refused(folder: Path) -> None:
    tags = held(folder, tags=[["wet", "loud"], ["wet"], ["dry"], ["dry"]])
    with pytest.raises(DatasetError, match=r"column 'tags' holds several labels .*multi-label data is not"):
        open_dataset(tags, label="tags")


def test_columns_and_options_that_are_not_there(folder: Path) -> None:
    with pytest.raises(DatasetError, match="no column 'genre'; found: audio, label"):
        open_dataset(held(folder), label="genre")
    with pytest.raises(DatasetError, match="audio: a Dataset does not take it"):
        open_dataset(held(folder), audio=folder)


def test_a_class_number_without_a_class(folder: Path) -> None:
    unknown = held(folder).map(lambda row, i: {"label": -1 if i == 2 else 0}, with_indices=True)
    with pytest.raises(DatasetError, match=r"row 2 has \[None\] for 'label': expected one label"):
        open_dataset(unknown)


def test_clips_that_only_the_hub_has(folder: Path) -> None:
    remote = sounding(held(folder), [{"bytes": None, "path": "hf://datasets/a/b/1.wav"}] * 4)
    with pytest.raises(DatasetError, match=r"row 0: its audio is a remote file, hf://.*without streaming"):
        open_dataset(remote)


def test_a_name_that_cannot_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise ConnectionError("the hub cannot be reached")

    monkeypatch.setattr(hf, "load_dataset", gone)
    with pytest.raises(DatasetError, match=re.escape("hf:a/b: cannot be loaded: the hub cannot be reached")):
        open_dataset("hf:a/b")
