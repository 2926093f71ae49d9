"""Data sets of mirdata and soundata, by name and loaded, and DataFrames."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from elmarc.datasets import open_dataset
from elmarc.datasets.packages import KNOWN, package_name
from elmarc.errors import DatasetError


def tracks(folder: Path, **attributes: list[Any]) -> dict[str, SimpleNamespace]:
    """Return the four clips as tracks with these attributes."""
    paths = sorted(folder.rglob("*.wav"))
    return {
        f"t{i}": SimpleNamespace(audio_path=str(path), **{key: held[i] for key, held in attributes.items()})
        for i, path in enumerate(paths)
    }


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch, folder: Path) -> dict[str, Any]:
    """Stand in for both packages; return what was asked of them."""
    sets = {
        "gtzan_genre": tracks(folder, genre=["cat", "cat", "dog", "dog"]),
        "esc50": tracks(
            folder, category=list("aabb"), fold=[1, 2, 1, 2], src_file=list("wxyz"), target=[0] * 4
        ),
        "guitarset": tracks(folder, mode=["solo", "comp"] * 2, style=["jazz", "rock"] * 2),
    }
    asked: dict[str, Any] = {}

    def initialize(name: str, data_home: str | None = None) -> SimpleNamespace:
        if name not in sets:
            raise ValueError(f"Invalid dataset {name}")
        asked.update(name=name, data_home=data_home)
        return SimpleNamespace(name=name, load_tracks=lambda: sets[name])

    for package in ("mirdata", "soundata"):
        monkeypatch.setitem(sys.modules, package, SimpleNamespace(initialize=initialize))
    return asked


def test_by_name_with_the_labels_that_are_known(packages: dict[str, Any], folder: Path) -> None:
    data = open_dataset("mirdata:gtzan_genre", audio=folder)
    assert packages == {"name": "gtzan_genre", "data_home": str(folder)}
    assert (data.name, data.classes, data.split_kind) == ("gtzan_genre", ("cat", "dog"), "none")


def test_official_folds_and_sources_are_kept(packages: dict[str, Any]) -> None:
    data = open_dataset("soundata:esc50")
    assert packages["data_home"] is None
    assert data.split_kind == "folds"
    assert [(clip.label, clip.fold, clip.group) for clip in data.clips] == [
        ("a", "1", "w"), ("a", "2", "x"), ("b", "1", "y"), ("b", "2", "z"),
    ]  # fmt: skip


def test_a_label_that_is_not_known_has_to_be_named(packages: dict[str, Any]) -> None:
    with pytest.raises(DatasetError, match=r"guitarset: which attribute .*; found: audio_path, mode, style"):
        open_dataset("mirdata:guitarset")
    assert open_dataset("mirdata:guitarset", label="style").classes == ("jazz", "rock")
    with pytest.raises(DatasetError, match=r"t0 has \[None\] for 'genre'.*; found: audio_path, mode, style"):
        open_dataset("mirdata:guitarset", label="genre")


def test_a_name_the_package_does_not_know(packages: dict[str, Any]) -> None:
    with pytest.raises(DatasetError, match=r"mirdata:gtzan: Invalid dataset gtzan: see mirdata\.list_data"):
        open_dataset("mirdata:gtzan")


def test_a_package_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mirdata", None)
    with pytest.raises(DatasetError, match=r"mirdata:gtzan_genre: .*pip install mirdata"):
        open_dataset("mirdata:gtzan_genre")


def test_tracks_whose_files_are_absent(folder: Path) -> None:
    some = tracks(folder, genre=["cat", "cat", "dog", "dog"])
    some["t1"].audio_path = str(folder / "absent.wav")
    held = SimpleNamespace(name="gtzan_genre", load_tracks=lambda: some)
    with pytest.raises(DatasetError, match="1 of 4 clips are missing"):
        open_dataset(held)
    data = open_dataset(held, on_missing="skip")
    assert (len(data), data.n_expected) == (3, 4)


def test_several_labels_a_track_are_refused(folder: Path) -> None:
    held = SimpleNamespace(name="jamendo", load_tracks=lambda: tracks(folder, tags=[["sad", "slow"]] * 4))
    with pytest.raises(DatasetError, match=r"t0 has 2 labels for 'tags' \(sad, slow\): .*multi-label"):
        open_dataset(held, label="tags")


def test_lists_of_a_package(folder: Path) -> None:
    held = tracks(folder, instrument=list("abab"), subset=["training", "training", "test", "test"])
    for i, track in enumerate(held.values()):
        track.song_id = i // 2
    data = open_dataset(SimpleNamespace(name="medley_solos_db", load_tracks=lambda: held))
    assert (data.split_kind, [clip.fold for clip in data.clips]) == (
        "lists",
        ["train", "train", "test", "test"],
    )
    assert [clip.group for clip in data.clips] == ["0", "0", "1", "1"]


def test_names_of_packages() -> None:
    assert package_name("soundata:esc50") == ("soundata", "esc50")
    assert package_name("hf:user/name") == ("hf", "user/name")
    assert [package_name(text) for text in ("esc50", "C:/clips", "mirdata:", "hf", Path("hf:x"))] == [
        None
    ] * 5


@pytest.mark.parametrize("name", KNOWN)
def test_the_known_attributes_are_those_of_the_packages(name: str) -> None:
    for package in ("mirdata", "soundata"):
        core = pytest.importorskip(f"{package}.core", exc_type=ImportError)
        if name in __import__(package).list_datasets():
            module = __import__(f"{package}.datasets.{name}", fromlist=["Track"])
            kind = module.Track if package == "mirdata" else module.Clip
            assert core
            for attribute in filter(None, KNOWN[name]):
                assert hasattr(kind, attribute) or f" {attribute} (" in str(kind.__doc__), attribute
            return
    raise AssertionError(name)


def loaded(folder: Path, **more: Any) -> SimpleNamespace:
    """Return a loaded data set of two tracks."""
    two = {
        "t1": SimpleNamespace(audio_path=str(folder / "cat" / "1.wav"), genre="cat", fold=1, **more),
        "t2": SimpleNamespace(audio_path=str(folder / "dog" / "1.wav"), genre="dog", fold=2, **more),
    }
    return SimpleNamespace(name="gtzan_genre", load_tracks=lambda: two)


def test_tracks_become_clips(folder: Path) -> None:
    data = open_dataset(loaded(folder, artist="x"), label="genre", fold="fold", group="artist")
    assert data.name == "gtzan_genre"
    assert data.split_kind == "folds"
    assert [(clip.id, clip.label, clip.fold, clip.group) for clip in data.clips] == [
        ("t1", "cat", "1", "x"),
        ("t2", "dog", "2", "x"),
    ]


def test_a_track_without_a_group_stands_alone(folder: Path) -> None:
    data = open_dataset(loaded(folder, artist=float("nan")), label="genre", group="artist")
    assert [clip.group for clip in data.clips] == [None, None]
    with pytest.raises(DatasetError, match=r"t1 has \[None\] for 'artists'"):
        open_dataset(loaded(folder, artist="x"), label="genre", group="artists")


def test_soundata_clips_hold_their_label_in_tags(folder: Path) -> None:
    clips = {
        name: SimpleNamespace(audio_path=folder / name / "1.wav", tags=SimpleNamespace(labels=[name]))
        for name in ("cat", "dog")
    }
    assert open_dataset(SimpleNamespace(load_clips=lambda: clips), label="tags").classes == ("cat", "dog")


def test_what_a_track_lacks_is_named(folder: Path) -> None:
    with pytest.raises(DatasetError, match=r"gtzan_genre: t1 has \[None\] for 'style': expected one label"):
        open_dataset(loaded(folder), label="style")
    silent = SimpleNamespace(load_clips=lambda: {"a": SimpleNamespace(audio_path=None, tag="x")})
    with pytest.raises(DatasetError, match="a has no audio_path: download"):
        open_dataset(silent, label="tag")


def test_a_frame_is_read_as_a_csv_file_is(folder: Path, tmp_path: Path) -> None:
    rows = {
        "path": [path.relative_to(tmp_path).as_posix() for path in sorted(folder.rglob("*.wav"))],
        "Label": ["cat", "cat", "dog", "dog"],
        "fold": [1, 2, 1, 2],
        "group": ["a", None, "b", float("nan")],
    }
    frame = pd.DataFrame(rows, index=list("wxyz"))
    frame.to_csv(tmp_path / "clips.csv", index=False)
    held, written = open_dataset(frame, audio=tmp_path), open_dataset(tmp_path / "clips.csv")
    assert held.clips == written.clips
    assert (
        (held.classes, held.split_kind) == (written.classes, written.split_kind) == (("cat", "dog"), "folds")
    )
    assert held.name == "DataFrame"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda frame: frame.drop(columns="label"), "DataFrame: no column 'label'; found: path"),
        (
            lambda frame: frame.assign(label=["a;b", "x", "x", "x"]),
            "row 0: label 'a;b' holds several",
        ),
        (lambda frame: frame.assign(label=[None, "a", "b", "c"]), "DataFrame, row 0: label is empty"),
        (lambda frame: frame.head(0), "DataFrame: has no rows"),
    ],
)
def test_what_is_wrong_with_a_frame_is_named(folder: Path, change: Any, message: str) -> None:
    paths = [str(path) for path in sorted(folder.rglob("*.wav"))]
    frame = pd.DataFrame({"path": paths, "label": list("aabb")})
    assert len(open_dataset(frame)) == 4
    with pytest.raises(DatasetError, match=message):
        open_dataset(change(frame))


def test_a_data_set_is_returned_as_it_is_and_strangers_are_refused(folder: Path) -> None:
    data = open_dataset(folder)
    assert open_dataset(data) is data
    with pytest.raises(DatasetError, match="found a dict: expected a name, a folder, a CSV"):
        open_dataset({})
    with pytest.raises(DatasetError, match="split: a DataFrame does not take it"):
        open_dataset(pd.DataFrame({"path": [], "label": []}), split="train")
    with pytest.raises(DatasetError, match=r"label: .*clips does not take it"):
        open_dataset(folder, label="genre")
