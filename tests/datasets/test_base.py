from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from elmarc.datasets.base import Clip, Dataset, present, sorted_labels
from elmarc.datasets.named import NAMED, RECORDED
from elmarc.errors import DatasetError


def clips(*labels: str) -> tuple[Clip, ...]:
    return tuple(Clip(f"{i}.wav", Path(f"{i}.wav"), label) for i, label in enumerate(labels))


def test_classes_without_clips_are_left_out_and_the_order_stays() -> None:
    assert Dataset("d", clips("c", "a"), ("c", "b", "a")).classes == ("c", "a")


def test_no_clips_is_an_error() -> None:
    with pytest.raises(DatasetError, match="d: no clips: expected audio files"):
        Dataset("d", (), ("a", "b"))


def test_one_class_is_an_error() -> None:
    with pytest.raises(DatasetError, match="d: only one class, 'a'"):
        Dataset("d", clips("a", "a"), ("a", "b"))


def test_a_label_that_is_no_class_is_an_error() -> None:
    with pytest.raises(DatasetError, match="label 'x' is none of: a, b"):
        Dataset("d", clips("a", "x"), ("a", "b"))


def test_a_clip_named_twice_is_an_error() -> None:
    with pytest.raises(DatasetError, match=r"0\.wav is named twice"):
        Dataset("d", (*clips("a", "b"), *clips("a")), ("a", "b"))


def test_labels_that_are_numbers_sort_by_value() -> None:
    assert sorted_labels(["10", "x", "9", "9", "-"]) == ("9", "10", "-", "x")


def test_order_of_classes_is_that_of_no_set() -> None:
    labels = ["1", "01", "001", "0", "00", "\uff11", "10", "a", "A", "9" * 5000]
    orders = {sorted_labels(list(order)) for order in itertools.permutations(labels[:6])}
    assert orders == {("0", "00", "001", "01", "1", "\uff11")}
    assert sorted_labels(labels)[-3:] == ("9" * 5000, "A", "a")


@pytest.mark.parametrize(
    ("a", "b", "shown"),
    [
        ("Dog", "dog", "'Dog' and 'dog'"),
        ("caf\u00e9", "cafe\u0301", r"'caf\xe9' and 'cafe\u0301'"),
        ("\uff24og", "dog", "'\uff24og' and 'dog'"),
        ("hip hop", "hiphop", "'hip hop' and 'hiphop'"),
        ("a\u00a0b", "a b", r"'a\xa0b' and 'a b'"),
        ("Stra\u00dfe", "STRASSE", "'Stra\u00dfe' and 'STRASSE'"),
    ],
)
def test_labels_that_are_nearly_alike_are_named_once(a: str, b: str, shown: str) -> None:
    data = Dataset("d", clips(a, b, "cat"), (a, b, "cat"), notes=("first",))
    _, note = replace(data, name="e").notes
    assert f"labels {shown} differ only in case, Unicode form or white space: they are 2 classes" in note


def test_labels_that_differ_are_not_named() -> None:
    assert not Dataset("d", clips("1", "01", "cat", "cats"), ("1", "01", "cat", "cats")).notes


@pytest.mark.parametrize("empty", [None, "", " ", float("nan"), np.float32("nan"), pd.NA, pd.NaT])
def test_a_clip_without_a_group_stands_alone(empty: object) -> None:
    one = Clip("0.wav", Path("0.wav"), "a", group=empty)  # type: ignore[arg-type]
    assert one.group is None
    assert Clip("0.wav", Path("0.wav"), "a", group=7).group == "7"  # type: ignore[arg-type]


def test_absent_clips_are_refused_left_out_or_kept(folder: Path) -> None:
    named = [Clip("1.wav", folder / "cat" / "1.wav", "cat"), Clip("9.wav", folder / "9.wav", "dog")]
    with pytest.raises(DatasetError, match=r"list: 1 of 2 clips are missing, such as .*9\.wav"):
        present(named, source="list", on_missing="raise")
    found, notes = present(named, source="list", on_missing="skip")
    assert found == (named[0],)
    assert "1 of 2 clips are missing" in notes[0]
    assert present(named, source="list", on_missing="keep") == (tuple(named), ())


def test_nothing_is_left_out_where_nothing_would_remain(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="list: 2 of 2 clips are missing"):
        present([Clip(name, tmp_path / name, "a") for name in ("1", "2")], source="list", on_missing="skip")


@pytest.mark.parametrize("name", RECORDED)
def test_every_data_set_says_what_it_is(name: str) -> None:
    facts = NAMED[name]
    assert len(set(facts.classes)) == len(facts.classes) > 1
    assert facts.input_length.frames_s >= facts.input_length.samples_s > 1
    assert all((facts.citation, facts.licence, facts.url))
    assert facts.n_clips > 100


def test_whole_files_keep_the_content_they_had() -> None:
    clip = Clip("a", Path("a.wav"), "x")
    assert clip.content("hash") == replace(clip, start=0.0).content("hash") == "hash"


def test_segments_have_a_content_each() -> None:
    times = [(None, None), (0, 0.5), (0.5, None), (0.5, 1), (0.1 + 0.2, 1), (0.3, 1)]
    segments = [Clip("a", Path("a.wav"), "x", start=a, end=b) for a, b in times]
    assert len({clip.content("hash") for clip in segments}) == len(segments)
    assert segments[1].content("hash") == replace(segments[1], start=None, id="b").content("hash")
    assert segments[1].content("hash") != segments[1].content("other")


def test_messages_call_a_clip_by_its_file_and_segment() -> None:
    clip = Clip("a", Path("x/a.wav"), "x")
    assert str(clip) == "x/a.wav"
    assert str(replace(clip, start=1.5, end=12345.678901)) == "x/a.wav#1.5-12345.678901"


def test_a_data_set_shows_itself_in_one_short_line() -> None:
    assert repr(Dataset("mine", clips("a", "b", "a", "b", "b"), ("a", "b"))) == (
        "<Dataset mine: 5 clips, 2 classes, 2 folds to be made>"
    )
    folds = tuple(replace(clip, fold=str(k)) for k, clip in enumerate(clips("a", "b")))
    assert "2 official folds>" in repr(Dataset("mine", folds, ("a", "b"), split_kind="folds"))
