from __future__ import annotations

from pathlib import Path

import pytest
from tests.datasets.conftest import Write

from elmarc.datasets import open_dataset, suggest_input_length, validate
from elmarc.datasets.labels import check_no_numbers
from elmarc.errors import DatasetError


def table(folder: Path, text: str, *, encoding: str = "utf-8") -> Path:
    path = folder / "clips.csv"
    path.write_text(text, encoding=encoding)
    return path


def test_paths_are_relative_to_the_file(folder: Path) -> None:
    data = open_dataset(table(folder, "path,label\ncat/1.wav,cat\ndog/1.wav,dog\n"))
    assert [(clip.id, clip.label, clip.fold) for clip in data.clips] == [
        ("cat/1.wav", "cat", None), ("dog/1.wav", "dog", None),
    ]  # fmt: skip
    assert (data.name, data.split_kind, data.folds_to_make) == ("clips", "none", 2)


def test_or_to_the_audio_folder_or_whole(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "csv").mkdir()
    path = table(tmp_path / "csv", f"path,label\ncat/1.wav,cat\n{folder}/dog/1.wav,dog\n")
    assert all(clip.path.is_file() for clip in open_dataset(path, audio=folder).clips)


def test_folds_and_groups(folder: Path) -> None:
    data = open_dataset(table(folder, "path,label,fold,group\ncat/1.wav,cat,1,x\ndog/1.wav,dog,b,\n"))
    assert data.split_kind == "folds"
    assert [(clip.fold, clip.group) for clip in data.clips] == [("1", "x"), ("b", None)]


@pytest.mark.parametrize("words", [("train", "test"), ("Training", "TEST"), ("train", "dev", "test")])
@pytest.mark.parametrize("column", ["fold", "part"])
def test_folds_that_are_called_train_and_test_are_lists(
    folder: Path, words: tuple[str, ...], column: str
) -> None:
    rows = [f"{kind}/{i}.wav,{kind},{words[i % len(words)]}" for i in (1, 2) for kind in ("cat", "dog")]
    rows += [] if len(words) == 2 else [f"cat/../cat/1.wav,cat,{words[0]}"]
    path = table(folder, "\n".join([f"path,label,{column}", *rows]))
    data = open_dataset(path, fold=column if column == "part" else None)
    named = open_dataset(table(folder, "\n".join(["path,label,split", *rows])))
    assert data.split_kind == "lists"
    assert data.clips == named.clips


def test_folds_beside_lists_are_refused(folder: Path) -> None:
    rows = "cat/1.wav,cat,1\ndog/1.wav,dog,1\ncat/2.wav,cat,test\ndog/2.wav,dog,test\n"
    with pytest.raises(DatasetError, match="found splits 1, test: expected train, validation and test"):
        open_dataset(table(folder, "path,label,fold\n" + rows))


def test_groups_in_several_folds_are_told_of(folder: Path) -> None:
    rows = "cat/1.wav,cat,1,x\ncat/2.wav,cat,2,x\ndog/1.wav,dog,1,\ndog/2.wav,dog,2,\n"
    (note,) = open_dataset(table(folder, "path,label,fold,group\n" + rows)).notes
    assert note.startswith("clips.csv: 1 of 1 groups have clips in several folds, such as 'x'")
    whole = rows.replace("2,x", "1,x").replace("dog,1", "dog,2")
    assert not open_dataset(table(folder, "path,label,fold,group\n" + whole)).notes


def test_there_are_no_more_folds_than_groups(folder: Path, write_clip: Write) -> None:
    for i in range(3, 21):
        write_clip(f"clips/cat/{i}.wav")
        write_clip(f"clips/dog/{i}.wav")
    rows = [f"{kind}/{i}.wav,{kind},{i % 4 or ''}" for kind in ("cat", "dog") for i in range(1, 21)]
    assert open_dataset(table(folder, "\n".join(["path,label,group", *rows]))).folds_to_make == 10
    rows = [f"{kind}/{i}.wav,{kind},{i % 4}" for kind in ("cat", "dog") for i in range(1, 21)]
    assert open_dataset(table(folder, "\n".join(["path,label,group", *rows]))).folds_to_make == 4


def test_splits_under_their_usual_names(folder: Path) -> None:
    rows = "cat/1.wav,cat,train\ndog/1.wav,dog,Valid\ndog/2.wav,dog,test\n"
    data = open_dataset(table(folder, "path,label,split\n" + rows))
    assert data.split_kind == "lists"
    assert [clip.fold for clip in data.clips] == ["train", "validation", "test"]


def test_the_fold_column_may_have_another_name(folder: Path) -> None:
    path = table(folder, "path,label,Speaker\ncat/1.wav,cat,ann\ndog/1.wav,dog,bob\n")
    assert [clip.fold for clip in open_dataset(path, fold="Speaker").clips] == ["ann", "bob"]
    with pytest.raises(DatasetError, match="no column 'voice'; found: path, label, speaker"):
        open_dataset(path, fold="voice")


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
        ("path,label\ncat/1.wav,cat\ncat/1.wav,cat\n", r"cat/1\.wav is named twice"),
        ("path,label,Label\ncat/1.wav,cat,x\n", "has two columns 'label': rename or delete one"),
        ("path,label\ncat/1.wav,cat\ncat/2.wav,cat\n", "only one class, 'cat'"),
        ("path,label\ncat/1.wav,cat\nhen/1.wav,hen\n", r"1 of 2 clips are missing, such as .*hen/1\.wav"),
    ],
)
def test_what_is_wrong_is_named(folder: Path, text: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        open_dataset(table(folder, text))


@pytest.mark.parametrize(
    ("columns", "notes"),
    [
        ("mood", ["clips.csv: column 'mood' is not used"]),
        ("folds", ["clips.csv: column 'folds' is not used; did you mean 'fold'?"]),
        ("Splits", ["clips.csv: column 'splits' is not used; did you mean 'split'?"]),
        ("fold,folds", ["clips.csv: column 'folds' is not used"]),
        ("groups,mood,artist", [
            "clips.csv: column 'groups' is not used; did you mean 'group'?",
            "clips.csv: 2 columns are not used: 'mood', 'artist'",
        ]),
        ("fold,group", []),
    ],
)  # fmt: skip
def test_columns_that_are_not_used_are_named(folder: Path, columns: str, notes: list[str]) -> None:
    cells = ",".join("1" for _ in columns.split(","))
    text = f"path,label,{columns}\ncat/1.wav,cat,{cells}\ndog/1.wav,dog,{cells.replace('1', '2')}\n"
    assert list(open_dataset(table(folder, text)).notes) == notes
    assert all(f"note: {note}" in str(validate(open_dataset(folder / "clips.csv"))) for note in notes)


def test_start_and_end_cut_segments(folder: Path, write_clip: Write) -> None:
    write_clip("clips/cat/long.wav", seconds=1.0)
    rows = "cat/long.wav,cat,,\ncat/long.wav,cat,0.25,.5\ncat/long.wav,dog,0.50,\ncat/long.wav,dog,,1e-1\n"
    data = open_dataset(table(folder, "path,label,start,end\n" + rows))
    assert [(clip.id, clip.start, clip.end) for clip in data.clips] == [
        ("cat/long.wav", None, None),
        ("cat/long.wav#0.25-0.5", 0.25, 0.5),
        ("cat/long.wav#0.5-", 0.5, None),
        ("cat/long.wav#0-0.1", None, 0.1),
    ]
    assert [len(clip.load(sr=None)) for clip in data.clips] == [8000, 2000, 4000, 800]
    assert [clip.duration_s() for clip in data.clips] == [1.0, 0.25, 0.5, 0.1]
    assert validate(data, decode=True).ok
    assert "4 clips come from 1 file, and those of one file may be in training and in test" in data.notes[0]


def test_segments_set_the_suggested_length(folder: Path, write_clip: Write) -> None:
    write_clip("clips/cat/long.wav", seconds=3.0)
    whole = open_dataset(table(folder, "path,label\ncat/long.wav,cat\ndog/1.wav,dog\n"))
    rows = "cat/long.wav,cat,0,1\ncat/long.wav,dog,1,2\n"
    cut = open_dataset(table(folder, "path,label,start,end\n" + rows))
    assert suggest_input_length(cut) != suggest_input_length(whole)
    write_clip("clips/cat/1s.wav", seconds=1.0)
    short = open_dataset(table(folder, "path,label\ncat/1s.wav,cat\ndog/1.wav,dog\n"))
    assert suggest_input_length(cut) == suggest_input_length(short)


@pytest.mark.parametrize(
    ("start", "end", "message"),
    [
        ("0:10", "", "line 2: start '0:10' is not a number: expected seconds, as in 1.5"),
        ("nan", "", "start 'nan' is not a number"),
        ("-1", "", "start -1 is negative: expected seconds from the file's beginning"),
        ("0.5", "0.5", "end 0.5 does not come after start 0.5"),
        ("", "0", "end 0 does not come after start 0"),
        ("0.6", "0.5", "end 0.5 does not come after start 0.6"),
        ("0.5", "1.5", r"line 2: .*long\.wav: the segment from 0.5 s to 1.5 s does not lie in .* lasts 1 s"),
        ("2", "", "from 2 s to the end does not lie in the file"),
        ("0.5", "0.50001", "holds no sample"),
    ],
)
def test_times_that_make_no_segment_are_named(
    folder: Path, write_clip: Write, start: str, end: str, message: str
) -> None:
    write_clip("clips/cat/long.wav", seconds=1.0)
    text = f"path,label,start,end\ncat/long.wav,cat,{start},{end}\ndog/1.wav,dog,,\n"
    with pytest.raises(DatasetError, match=message):
        open_dataset(table(folder, text))


def test_a_segment_named_twice_is_an_error(folder: Path, write_clip: Write) -> None:
    write_clip("clips/cat/long.wav", seconds=1.0)
    rows = "cat/long.wav,cat,0.1,0.5\ncat/long.wav,dog,.10,0.50\n"
    with pytest.raises(DatasetError, match=r"cat/long\.wav#0\.1-0\.5 is named twice"):
        open_dataset(table(folder, "path,label,start,end\n" + rows))


def test_times_of_files_that_cannot_be_read_are_left_to_the_reader(folder: Path) -> None:
    (folder / "cat" / "1.wav").write_text("no sound")
    text = "path,label,start,end\ncat/1.wav,cat,0,1\nhen/1.wav,hen,0,1\ndog/1.wav,dog,,\n"
    report = validate(open_dataset(table(folder, text), on_missing="keep"))
    assert report.missing == ("hen/1.wav#0-1",)
    assert [clip for clip, _ in report.unreadable] == ["cat/1.wav#0-1"]


@pytest.mark.parametrize("label", ["dog;rain", "dog | rain", "['dog', 'rain']", '["dog"]', "[dog, rain]"])
def test_several_labels_in_a_cell_are_refused(folder: Path, label: str) -> None:
    cell = label.replace('"', '""')
    text = f'path,label\ncat/1.wav,cat\ndog/1.wav,"{cell}"\n'
    with pytest.raises(DatasetError, match=r"line 3: label .* holds several labels.*multi-label data is not"):
        open_dataset(table(folder, text))


@pytest.mark.parametrize(
    "label", ["dog, barking", "AC/DC", "[laughter]", "rock & roll", "dog;", "|", "a-b", "(noise)", ":;"]
)
def test_other_signs_are_legal_in_a_label(folder: Path, label: str) -> None:
    data = open_dataset(table(folder, f'path,label\ncat/1.wav,cat\ndog/1.wav,"{label}"\n'))
    assert (label in data.classes, data.notes) == (True, ())


def test_labels_made_of_other_labels_are_told_of(folder: Path) -> None:
    rows = 'cat/1.wav,cat\ndog/1.wav,dog\ndog/2.wav,"cat,dog"\n'
    (note,) = open_dataset(table(folder, "path,label\n" + rows)).notes
    assert "'cat,dog' is a class besides 'cat' and 'dog'" in note


@pytest.mark.parametrize(
    ("labels", "refused"),
    [
        (["0.731", "0.12", "1", "0.5"], True),
        (["1e-3", "-2.5", "7", "7"], True),
        ([str(i / 10) for i in range(40)], True),
        (["1", "2", "3", "4"], False),
        (["0.0", "1.0", "2.0", "1.0"], False),
        (["0.5", "1.0", "0.5", "1.0", "0.5", "1.0"], False),
        (["0.5", "loud", "0.7", "0.9"], False),
    ],
)
def test_numbers_to_predict_are_refused_and_classes_that_are_numbers_are_not(
    labels: list[str], refused: bool
) -> None:
    if refused:
        with pytest.raises(DatasetError, match=r"a: labels are numbers, .*regression is not supported"):
            check_no_numbers(labels, where="a")
    else:
        check_no_numbers(labels, where="a")


def test_numbers_to_predict_are_refused_in_a_table(folder: Path) -> None:
    with pytest.raises(DatasetError, match=r"clips\.csv: labels are numbers, such as 0\.25 \(2 values for 2"):
        open_dataset(table(folder, "path,label\ncat/1.wav,0.25\ndog/1.wav,0.75\n"))


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


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "path,label\ncat/1.wav,cat\ndog/1.wav,dog,rain\n",
            "line 3: has more cells than the header, such as 'rain'",
        ),
        ("path,label,fold\ncat/1.wav,cat,\ndog/1.wav,,dog,1\n", "line 3: has more cells"),
        ('path,label\ncat/1.wav,"cat\ndog/1.wav,dog"\ndog/2.wav,dog\n', "line 3: label is 2 lines long"),
        (
            'path,label,mood\ncat/1.wav,cat,"calm\ndog/1.wav,dog,calm\ndog/2.wav,dog,calm"\ncat/2.wav,cat,calm\n',
            "line 4: mood is 3 lines long, from 'calm' to 'dog/2.wav,dog,calm': is a quotation mark",
        ),
        ('path,label,mood\ncat/1.wav,cat,"calm\ndog/1.wav,dog,calm\n', "is not CSV in UTF-8"),
    ],
)
def test_no_part_of_a_line_is_lost_in_silence(folder: Path, text: str, message: str) -> None:
    with pytest.raises(DatasetError, match=message):
        open_dataset(table(folder, text))


def test_text_over_several_lines_may_stand_in_a_column_that_is_not_read(folder: Path) -> None:
    text = 'path,label,mood\ncat/1.wav,cat,"calm,\nmostly"\ndog/1.wav,dog,,\n'
    assert len(open_dataset(table(folder, text))) == 2
