from __future__ import annotations

from pathlib import Path

import pytest

from elmarc._errors import DatasetError
from elmarc.datasets import open_dataset, validate


def table(folder: Path, text: str, *, encoding: str = "utf-8") -> Path:
    path = folder / "clips.csv"
    path.write_text(text, encoding=encoding)
    return path


def test_paths_are_relative_to_the_file(folder: Path) -> None:
    data = open_dataset(table(folder, "path,label\ncat/1.wav,cat\ndog/1.wav,dog\n"))
    assert [(clip.id, clip.label, clip.fold) for clip in data.clips] == [
        ("cat/1.wav", "cat", None), ("dog/1.wav", "dog", None),
    ]  # fmt: skip
    assert (data.name, data.split_kind, data.n_folds) == ("clips", "none", 2)


def test_or_to_the_audio_folder_or_whole(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "csv").mkdir()
    path = table(tmp_path / "csv", f"path,label\ncat/1.wav,cat\n{folder}/dog/1.wav,dog\n")
    assert all(clip.path.is_file() for clip in open_dataset(path, audio=folder).clips)


def test_folds_and_groups(folder: Path) -> None:
    data = open_dataset(table(folder, "path,label,fold,group\ncat/1.wav,cat,1,x\ndog/1.wav,dog,b,\n"))
    assert data.split_kind == "folds"
    assert [(clip.fold, clip.group) for clip in data.clips] == [("1", "x"), ("b", None)]


def test_splits_under_their_usual_names(folder: Path) -> None:
    rows = "cat/1.wav,cat,train\ndog/1.wav,dog,Valid\ndog/2.wav,dog,test\n"
    data = open_dataset(table(folder, "path,label,split\n" + rows))
    assert data.split_kind == "lists"
    assert [clip.fold for clip in data.clips] == ["train", "validation", "test"]


def test_the_fold_column_may_have_another_name(folder: Path) -> None:
    path = table(folder, "path,label,Speaker\ncat/1.wav,cat,ann\ndog/1.wav,dog,bob\n")
    assert [clip.fold for clip in open_dataset(path, fold_column="Speaker").clips] == ["ann", "bob"]
    with pytest.raises(DatasetError, match="no column 'voice'; found: path, label, speaker"):
        open_dataset(path, fold_column="voice")


def test_as_spreadsheets_write_it(folder: Path) -> None:
    text = ' Path ,LABEL\r\n"cat/1.wav","quoted, ""label"""\r\ndog/1.wav,dög\r\n'
    data = open_dataset(table(folder, text, encoding="utf-8-sig"))
    assert data.classes == ("dög", 'quoted, "label"')


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty: expected a header such as path,label,fold"),
        ("path,label\n", "has a header but no rows"),
        ("path;label\n1.wav;cat\n", "no column 'path', 'label'; found: path;label; .* separated by commas"),
        ("file,label\n1.wav,cat\n", "no column 'path'; found: file, label"),
        ("path,label\ncat/1.wav,\ndog/1.wav,dog\n", "line 2: label is empty"),
        ("path,label\ncat/1.wav\ndog/1.wav,dog\n", "line 2: label is empty"),
        ("path,label,fold\ncat/1.wav,cat,1\ndog/1.wav,dog,\n", "line 3: fold is empty"),
        ("path,label,split\ncat/1.wav,cat,train\ndog/1.wav,dog,tset\n", "line 3: split 'tset' is unknown"),
        ("path,label,fold,split\ncat/1.wav,cat,1,train\n", "both columns, fold and split"),
        ("path,label\ncat/1.wav,cat\ncat/1.wav,dog\n", r"cat/1\.wav is named twice"),
        ("path,label\ncat/1.wav,cat\ncat/2.wav,cat\n", "only one class, 'cat'"),
        ("path,label\ncat/1.wav,cat\nhen/1.wav,hen\n", r"1 of 2 clips are missing, such as .*hen/1\.wav"),
    ],
)
def test_what_is_wrong_is_named(folder: Path, text: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        open_dataset(table(folder, text))


def test_what_is_no_text_is_named(folder: Path) -> None:
    with pytest.raises(DatasetError, match="is not CSV in UTF-8"):
        open_dataset(table(folder, "path,label\ncat/1.wav,Käfer\n", encoding="latin-1"))


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"none\.csv: cannot be read \(No such file"):
        open_dataset(tmp_path / "none.csv")


@pytest.mark.data
def test_spoken_digits(data_dir: Path) -> None:
    data = open_dataset(data_dir / "fsdd" / "fsdd.csv")
    assert len(data) == 3000
    assert data.classes == tuple("0123456789")
    assert len({clip.fold for clip in data.clips}) == 6
    assert validate(data).ok
