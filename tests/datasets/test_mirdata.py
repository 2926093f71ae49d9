from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from elmarc.datasets import from_mirdata
from elmarc.errors import DatasetError


def loaded(folder: Path, **more: Any) -> SimpleNamespace:
    tracks = {
        "t1": SimpleNamespace(audio_path=str(folder / "cat" / "1.wav"), genre="cat", fold=1, **more),
        "t2": SimpleNamespace(audio_path=str(folder / "dog" / "1.wav"), genre="dog", fold=2, **more),
    }
    return SimpleNamespace(name="gtzan_genre", load_tracks=lambda: tracks)


def test_tracks_become_clips(folder: Path) -> None:
    data = from_mirdata(loaded(folder), label="genre", fold="fold", group=lambda track: track.genre.upper())
    assert data.name == "gtzan_genre"
    assert data.split_kind == "folds"
    assert [(clip.id, clip.label, clip.fold, clip.group) for clip in data.clips] == [
        ("t1", "cat", "1", "CAT"), ("t2", "dog", "2", "DOG"),
    ]  # fmt: skip


def test_a_track_without_a_group_stands_alone(folder: Path) -> None:
    data = from_mirdata(loaded(folder, artist=float("nan")), label="genre", group="artist")
    assert [clip.group for clip in data.clips] == [None, None]
    with pytest.raises(DatasetError, match=r"t1 has \[None\] for 'artists'"):
        from_mirdata(loaded(folder, artist="x"), label="genre", group="artists")


def test_soundata_clips_hold_their_label_in_tags(folder: Path) -> None:
    clips = {
        name: SimpleNamespace(audio_path=folder / name / "1.wav", tags=SimpleNamespace(labels=[name]))
        for name in ("cat", "dog")
    }
    assert from_mirdata(SimpleNamespace(load_clips=lambda: clips), label="tags").classes == ("cat", "dog")


def test_what_is_lacking_is_named(folder: Path) -> None:
    with pytest.raises(DatasetError, match=r"gtzan_genre: t1 has \[None\] for 'style': expected one label"):
        from_mirdata(loaded(folder), label="style")
    with pytest.raises(DatasetError, match="a dict has neither load_tracks"):
        from_mirdata({}, label="genre")
    silent = SimpleNamespace(load_clips=lambda: {"a": SimpleNamespace(audio_path=None, tag="x")})
    with pytest.raises(DatasetError, match="a has no audio_path: download"):
        from_mirdata(silent, label="tag")
