"""Each data set as it is laid out when downloaded."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import pytest
from tests.conftest import fixtures_folder
from tests.datasets.conftest import Write

from elmarc.datasets import NAMED, named, open_dataset, validate
from elmarc.datasets.named import ESC10, ESC50, ESC_FOLDERS, GTZAN_LISTS
from elmarc.errors import DatasetError

SPLITS = Path(named.__file__).parent / "splits"


def test_the_shipped_lists_are_the_published_ones() -> None:
    sums = dict(line.split()[::-1] for line in (SPLITS / "SHA256SUMS").read_text().splitlines())
    assert set(sums) == set(GTZAN_LISTS.values())
    for name, expected in sums.items():
        assert hashlib.sha256((SPLITS / name).read_bytes()).hexdigest() == expected


def test_gtzan_takes_the_listed_clips_in_any_format(tmp_path: Path, write_clip: Write) -> None:
    for name in ("blues/blues.00029.au", "rock/rock.00085.wav", "blues.00012.mp3"):
        write_clip(f"genres/{name}", seconds=0.2)
    write_clip("genres/jazz/jazz.99999.au")
    data = open_dataset("gtzan", audio=tmp_path)
    assert [(clip.id, clip.label, clip.fold) for clip in data.clips] == [
        ("blues/blues.00029", "blues", "train"),
        ("rock/rock.00085", "rock", "validation"),
        ("blues/blues.00012", "blues", "test"),
    ]
    assert data.split_kind == "lists"
    assert "927 of 930 clips are missing" in data.notes[0]
    assert validate(data).off_list == ("genres/jazz/jazz.99999.au",)


def test_gtzan_has_443_197_and_290_clips(tmp_path: Path) -> None:
    data = open_dataset("gtzan", audio=tmp_path, on_missing="keep")
    assert Counter(clip.fold for clip in data.clips) == {"train": 443, "validation": 197, "test": 290}
    assert data.classes == NAMED["gtzan"].classes
    assert len(validate(data).missing) == 930


def test_ballroom_joins_the_rumbas(tmp_path: Path, write_clip: Write) -> None:
    for name in (
        "Rumba-American/1",
        "Rumba-International/2",
        "Rumba-Misc/3",
        "Waltz/4",
        "ChaChaCha/5",
        "nada/6",
    ):
        write_clip(f"{name}.wav")
    data = open_dataset("ballroom", audio=tmp_path)
    assert data.classes == ("ChaChaCha", "Rumba", "Waltz")
    assert Counter(clip.label for clip in data.clips)["Rumba"] == 3
    assert (data.split_kind, data.n_folds, data.n_expected) == ("none", 10, 698)
    assert validate(data).off_list == ("nada/6.wav",)


def test_extended_ballroom(tmp_path: Path, write_clip: Write) -> None:
    for name in ("Wcswing/1.mp3", "Chacha/2.mp3", "Slowwaltz/3.mp3"):
        write_clip(name, seconds=0.2)
    data = open_dataset("Extended Ballroom", audio=tmp_path)
    assert data.classes == ("Chacha", "Slowwaltz", "Wcswing")
    assert data.n_folds == 10


@pytest.mark.parametrize("name", ["ballroom", "extended_ballroom", "esc10", "esc50"])
def test_a_folder_of_something_else_is_an_error(name: str, tmp_path: Path, write_clip: Write) -> None:
    write_clip("cat/1.wav")
    with pytest.raises(DatasetError, match=f"{name}: no clips below .*: expected"):
        open_dataset(name, audio=tmp_path)


def us8k(tmp_path: Path, csv: str) -> None:
    (tmp_path / csv).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / csv).write_text(
        "slice_file_name,fsID,start,end,salience,fold,classID,class\n"
        "7-3-0-0.wav,7,0.0,0.3,1,1,3,dog_bark\n8-1-0-0.wav,8,0.0,0.3,1,10,1,car_horn\n"
    )


@pytest.mark.parametrize("csv", ["metadata/UrbanSound8K.csv", "UrbanSound8K.csv"])
@pytest.mark.parametrize("inner", ["", "audio"])
def test_urbansound8k(tmp_path: Path, write_clip: Write, csv: str, inner: str) -> None:
    us8k(tmp_path, csv)
    for name in ("fold1/7-3-0-0.wav", "fold10/8-1-0-0.wav"):
        write_clip(f"audio/{name}")
    data = open_dataset("urbansound8k", audio=tmp_path / inner)
    assert [(clip.id, clip.label, clip.fold, clip.group) for clip in data.clips] == [
        ("fold1/7-3-0-0.wav", "dog_bark", "1", "7"), ("fold10/8-1-0-0.wav", "car_horn", "10", "8"),
    ]  # fmt: skip
    assert data.split_kind == "folds"
    assert data.classes == ("car_horn", "dog_bark")


def test_urbansound8k_without_its_table_or_its_clips(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"urbansound8k: no UrbanSound8K\.csv in .*put it there"):
        open_dataset("urbansound8k", audio=tmp_path)
    us8k(tmp_path, "UrbanSound8K.csv")
    with pytest.raises(DatasetError, match=r"UrbanSound8K\.csv: 2 of 2 clips are missing"):
        open_dataset("urbansound8k", audio=tmp_path)


def test_an_unknown_class_number_is_named(tmp_path: Path) -> None:
    us8k(tmp_path, "UrbanSound8K.csv")
    table = tmp_path / "UrbanSound8K.csv"
    table.write_text(table.read_text().replace(",1,car_horn", ",10,car_horn"))
    with pytest.raises(DatasetError, match="line 3: classID '10' is unknown: expected 0 to 9"):
        open_dataset("urbansound8k", audio=tmp_path)


def test_the_metadata_as_published() -> None:
    table = fixtures_folder().parent / "UrbanSound8K.csv"
    if not table.is_file():
        pytest.skip(f"no {table}")
    rows = named.read_urban_table(table)
    assert len(rows) == NAMED["urbansound8k"].n_clips == 8732
    assert {tags.fold for tags in rows.values()} == {str(fold) for fold in range(1, 11)}
    classes = {int(line.split(",")[6]): line.split(",")[7] for line in table.read_text().splitlines()[1:]}
    assert tuple(classes[i] for i in range(10)) == NAMED["urbansound8k"].classes
    folds_of: dict[str | None, set[str | None]] = {}
    for tags in rows.values():
        folds_of.setdefault(tags.group, set()).add(tags.fold)
    assert sum(len(folds) > 1 for folds in folds_of.values()) == 5, "recordings torn apart as published"


@pytest.mark.parametrize("name", ["esc10", "esc50", "ESC-10"])
def test_esc_in_class_folders(tmp_path: Path, write_clip: Write, name: str) -> None:
    for clip in ("001 - Dog bark/1-100032-A.ogg", "101 - Dog/2-7-B.ogg", "010 - Fire crackling/5-9032-A.ogg"):
        write_clip(clip, seconds=0.2)
    data = open_dataset(name, audio=tmp_path)
    assert {(clip.label, clip.fold, clip.group) for clip in data.clips} == {
        ("dog", "1", "100032"), ("dog", "2", "7"), ("crackling_fire", "5", "9032"),
    }  # fmt: skip
    assert data.split_kind == "folds"


@pytest.mark.parametrize(("name", "n_clips"), [("esc10", 2), ("esc50", 3)])
def test_esc_with_its_table(tmp_path: Path, write_clip: Write, name: str, n_clips: int) -> None:
    (tmp_path / "meta").mkdir()
    (tmp_path / "meta" / "esc50.csv").write_text(
        "filename,fold,target,category,esc10,src_file,take\n1-100032-A-0.wav,1,0,dog,True,100032,A\n"
        "5-9-A-1.wav,5,1,rooster,True,9,A\n2-8-A-2.wav,2,2,pig,False,8,A\n"
    )
    for clip in ("1-100032-A-0", "5-9-A-1", "2-8-A-2"):
        write_clip(f"audio/{clip}.wav")
    for audio in (tmp_path, tmp_path / "audio"):
        data = open_dataset(name, audio=audio)
        assert len(data) == n_clips
        assert data.clips[0].label == "dog"
        assert (data.clips[0].fold, data.clips[0].group) == ("1", "100032")
    (tmp_path / "meta" / "esc50.csv").unlink()
    assert len(open_dataset(name, audio=tmp_path)) == n_clips, "the names alone tell as much"


def test_esc_numbers_tell_all_classes() -> None:
    assert set(ESC10) < set(ESC50)
    assert (len(ESC10), len(set(ESC50)), len(ESC_FOLDERS)) == (10, 50, 60)
    assert tuple(ESC_FOLDERS[number] for number in ("001", "101", "410", "510")) == (
        "dog", "dog", "glass_breaking", "hand_saw",
    )  # fmt: skip


@pytest.mark.data
def test_esc10_as_downloaded(data_dir: Path) -> None:
    data = open_dataset("esc10", audio=data_dir / "esc10")
    report = validate(data)
    assert report.ok
    assert len(data) == report.n_expected == 400
    assert data.classes == ESC10
    assert all(n == 8 for folds in report.counts.values() for n in folds.values())
    groups = {(clip.group, clip.fold) for clip in data.clips}
    assert len(groups) == len({clip.group for clip in data.clips}), "one recording, one fold"
