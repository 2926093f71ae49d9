from __future__ import annotations

from pathlib import Path

import pytest
from tests.datasets.conftest import Write

from elmarc.datasets import NAMED, open_lists
from elmarc.datasets.table import read_list
from elmarc.errors import DatasetError


def write_list(tmp_path: Path, text: str, name: str = "list.txt") -> Path:
    path = tmp_path / name
    path.write_bytes(text.encode())
    return path


@pytest.mark.parametrize(
    "text", ["a.wav\nb c.wav\n", "a.wav\nb c.wav", "a.wav\r\n\r\nb c.wav\r\n", "\ufeffa.wav\nb c.wav"]
)
def test_a_line_is_a_path_with_or_without_the_last_newline(tmp_path: Path, text: str) -> None:
    assert read_list(write_list(tmp_path, text)) == ["a.wav", "b c.wav"]


def test_an_empty_or_absent_list_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"list\.txt: names no clip"):
        read_list(write_list(tmp_path, "\n \n"))
    with pytest.raises(DatasetError, match=r"none\.txt: cannot be read .* one path per line"):
        read_list(tmp_path / "none.txt")


def test_the_audio_path_is_put_before_each_line_as_it_stands(tmp_path: Path, write_clip: Write) -> None:
    for name in ("my cat/1.wav", "my dog/1.wav"):
        write_clip(name)
    data = open_lists(f"{tmp_path}/my ", files=write_list(tmp_path, "cat/1.wav\ndog/1.wav"))
    assert [(clip.id, clip.label) for clip in data.clips] == [("cat/1.wav", "cat"), ("dog/1.wav", "dog")]
    assert all(clip.path.is_file() for clip in data.clips)


def test_a_missing_slash_is_pointed_out(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"end the audio path in a slash: .*clips/\)"):
        open_lists(str(folder), files=write_list(tmp_path, "cat/1.wav\ndog/1.wav\n"))


def test_a_missing_clip_is_named(folder: Path, tmp_path: Path) -> None:
    files = write_list(tmp_path, "cat/1.wav\ndog/1.wav\ndog/9.wav\n")
    with pytest.raises(DatasetError, match=r"list\.txt: 1 of 3 clips are missing, such as .*/dog/9\.wav"):
        open_lists(f"{folder}/", files=files)
    assert len(open_lists(f"{folder}/", files=files, on_missing="skip")) == 2


def test_three_lists_are_a_split(folder: Path, tmp_path: Path) -> None:
    parts = {"train": "cat/1.wav\ndog/1.wav", "validation": "cat/2.wav", "test": "dog/2.wav"}
    paths = {part: write_list(tmp_path, text, f"{part}.txt") for part, text in parts.items()}
    data = open_lists(f"{folder}/", **paths)
    assert data.split_kind == "lists"
    assert [clip.fold for clip in data.clips] == ["train", "train", "validation", "test"]
    with pytest.raises(
        DatasetError, match=r"found lists \['train'\]: expected files, or train, validation and"
    ):
        open_lists(f"{folder}/", train=paths["train"])
    with pytest.raises(DatasetError, match=r"cat/1\.wav is named twice"):
        open_lists(f"{folder}/", **paths | {"test": paths["train"]})


def test_one_list_is_cut_into_ten_folds_as_in_the_study(tmp_path: Path, write_clip: Write) -> None:
    for name in ("Jive/a.wav", "Rumba-Misc/b.wav"):
        write_clip(name)
    files = write_list(tmp_path, "Rumba-Misc/b.wav\nJive/a.wav")
    data = open_lists(f"{tmp_path}/", name="ballroom", files=files)
    assert (data.split_kind, data.folds_to_make) == ("none", 10)
    assert [clip.label for clip in data.clips] == ["Rumba", "Jive"]
    assert data.classes == ("Jive", "Rumba")
    assert data.input_length == NAMED["ballroom"].input_length


def test_gtzan_lists_take_the_label_from_the_file_name(tmp_path: Path, write_clip: Write) -> None:
    for name in ("x/rock.00001.wav", "x/blues.00002.wav"):
        write_clip(name)
    data = open_lists(
        f"{tmp_path}/x/", name="GTZAN", files=write_list(tmp_path, "rock.00001.wav\nblues.00002.wav")
    )
    assert [clip.label for clip in data.clips] == ["rock", "blues"]
    assert data.classes == ("blues", "rock")


def test_urbansound8k_lists_take_label_and_fold_from_the_metadata(tmp_path: Path, write_clip: Write) -> None:
    for name in ("fold1/7-3-0-0.wav", "fold2/8-1-0-0.wav"):
        write_clip(name)
    header = "slice_file_name,fsID,start,end,salience,fold,classID,class\n"
    rows = "7-3-0-0.wav,7,0,1,1,1,3,dog_bark\n8-1-0-0.wav,8,0,1,1,2,1,car_horn\n"
    metadata = write_list(tmp_path, header + rows, "US.csv")
    files = write_list(tmp_path, "fold1/7-3-0-0.wav\nfold2/8-1-0-0.wav")
    data = open_lists(f"{tmp_path}/", name="urbansound8k", files=files, metadata=metadata)
    assert data.split_kind == "folds"
    assert [(clip.label, clip.fold, clip.group) for clip in data.clips] == [
        ("dog_bark", "1", "7"), ("car_horn", "2", "8"),
    ]  # fmt: skip


def test_a_line_of_another_data_set_is_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"list\.txt: 'cat/1\.wav' has no class of gtzan"):
        open_lists(f"{folder}/", name="gtzan", files=write_list(tmp_path, "cat/1.wav"))
    with pytest.raises(DatasetError, match=r"gtzna: .*did you mean 'gtzan'"):
        open_lists("", name="gtzna", files=write_list(tmp_path, "cat/1.wav"))


def test_a_line_that_is_no_path_is_shown_in_part_and_too_long_a_name_is_absent(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="has no class of lists") as caught:
        open_lists("", files=write_list(tmp_path, "x" * 100_000))
    assert len(str(caught.value)) < 1000
    with pytest.raises(DatasetError, match="1 of 1 clips are missing"):
        open_lists("", files=write_list(tmp_path, f"cat/{'x' * 5000}.wav"))
    with pytest.raises(DatasetError, match="2 of 2 clips are missing") as caught:
        open_lists("", files=write_list(tmp_path, f"cat/{chr(120) * 200_000}.wav\ncat/1.wav"))
    assert len(str(caught.value)) < 10_000
