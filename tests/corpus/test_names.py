"""Whatever a clip is called, it gives its features; what is no clip is told, and never waited for."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.corpus import sounds
from tests.corpus.names import ALIKE, FOLDERS, GOOD, IS_ROOT, LINKS, NAMES, TOO_DEEP
from tests.corpus.test_sounds import CONFIG, extracted
from tests.corpus.watching import checked, harmless
from tests.fuzz.watch import watched

from elmarc.datasets import open_dataset, open_unlabelled, validate
from elmarc.datasets.base import Dataset
from elmarc.datasets.folder import Unlabelled
from elmarc.errors import DatasetError, TransientError
from elmarc.features.matrix import FeatureMatrix
from elmarc.study import build
from elmarc.study.spec import parse_experiment

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems refuse the names")


def by_config(name: str) -> Dataset | Unlabelled:
    return build.clips(parse_experiment({**CONFIG, "data": {"source": name}}).data)


def clip(k: int) -> bytes:
    """Return the k-th clip; no two are equal."""
    return sounds.written("WAV", y=sounds.noise() * (k + 1) / 100)


def named(folder: Path, name: bytes) -> Path:
    path = folder / os.fsdecode(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


@pytest.fixture
def plain(tmp_path: Path) -> FeatureMatrix:
    """The clips under plain names, in the order of NAMES."""
    for k in range(len(NAMES)):
        named(tmp_path / "plain" / "ab"[k % 2], b"%03d.wav" % k).write_bytes(clip(k))
    found = extracted(open_dataset(tmp_path / "plain"), tmp_path / "store").matrix
    assert len(found) == len(NAMES)
    return found


def rows_by_content(X: np.ndarray) -> list[bytes]:
    return sorted(row.tobytes() for row in X)


def test_clips_of_any_name_give_their_features(tmp_path: Path, plain: FeatureMatrix) -> None:
    for k, name in enumerate(NAMES.values()):
        named(tmp_path / "wild" / "ab"[k % 2], name).write_bytes(clip(k))
    with watched(tmp_path):
        data = open_dataset(tmp_path / "wild")
        found = extracted(data, tmp_path / "wild store")
    assert not found.skipped
    assert rows_by_content(found.matrix.X) == rows_by_content(plain.X)
    assert validate(data).ok
    for shown in found.matrix.ids:
        checked(shown)
    for suffix in (".npz", ".csv", ".parquet"):
        back = FeatureMatrix.load(found.matrix.save(tmp_path / f"features{suffix}"))
        assert back.ids == found.matrix.ids
        np.testing.assert_array_equal(back.X, found.matrix.X)


def test_a_path_too_long_and_names_that_are_shown_alike(tmp_path: Path) -> None:
    for name in (b"b/good.wav", b"a/good.wav", b"a/" + TOO_DEEP):
        named(tmp_path / "deep", name).write_bytes(clip(len(name)))
    ((_, reason),) = extracted(open_dataset(tmp_path / "deep"), tmp_path / "store").skipped
    assert "the path is longer than libsndfile takes" in checked(reason)
    for name in ALIKE:
        named(tmp_path / "alike" / "a", name).write_bytes(clip(len(name)))
    with pytest.raises(DatasetError, match="is named twice"):
        open_dataset(tmp_path / "alike")


def test_classes_of_any_name(tmp_path: Path, plain: FeatureMatrix) -> None:
    stems = [name.removesuffix(b".wav") for name in NAMES.values()]
    labels = [stem for stem in stems if b"/" not in stem]
    for k, label in enumerate(labels):
        named(tmp_path / "classes", label + b"/a.wav").write_bytes(clip(k))
    with watched(tmp_path):
        data = open_dataset(tmp_path / "classes")
        found = extracted(data, tmp_path / "wild store")
    assert not found.skipped
    assert set(rows_by_content(found.matrix.X)) <= set(rows_by_content(plain.X))
    assert len(found.matrix) == len(data.clips) == len(data.classes) == len(labels)
    for label in data.classes:
        checked(label)


def test_a_table_of_such_names(tmp_path: Path, plain: FeatureMatrix) -> None:
    with (tmp_path / "clips.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["path", "label"])
        n_rows = 0
        for k, name in enumerate(NAMES.values()):
            named(tmp_path, name).write_bytes(clip(k))
            text = os.fsdecode(name)
            if text.isascii() and text.isprintable() and text == text.strip():
                table.writerow([text, "ab"[k % 2]])
                n_rows += 1
    with watched(tmp_path):
        found = extracted(open_dataset(tmp_path / "clips.csv"), tmp_path / "wild store")
    assert not found.skipped
    assert len(found.matrix) == n_rows > 20
    assert set(rows_by_content(found.matrix.X)) <= set(rows_by_content(plain.X))


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """Two classes of a good clip each, with everything of LINKS and FOLDERS in one of them."""
    (tmp_path / "outside.wav").write_bytes(clip(0))
    for label in "ab":
        named(tmp_path / "clips" / label, b"good.wav").write_bytes(clip(0))
    for name, (make, _) in LINKS.items():
        make(tmp_path / "clips" / "a" / f"{name}.wav")
    for name, make_folder in FOLDERS.items():
        make_folder(tmp_path / "clips" / "a" / f"{name}.wav")
        make_folder(tmp_path / "clips" / name)
    return tmp_path / "clips"


def test_links_pipes_and_devices_among_clips(tmp_path: Path, linked: Path) -> None:
    with watched(tmp_path):
        data = open_dataset(linked)
        found = extracted(data, tmp_path / "store")
        report = validate(data, decode=True)
    good = {f"a/{name}.wav" for name, (_, words) in LINKS.items() if words == GOOD}
    assert good <= set(found.matrix.ids)
    assert (found.matrix.X[0] == found.matrix.X).all()
    told = dict(found.skipped)
    seen = {*dict(report.unreadable), *report.missing, *report.zero_length}
    for name, (_, words) in LINKS.items():
        if words != GOOD:
            assert words in checked(told[f"a/{name}.wav"])
            assert f"a/{name}.wav" in seen
    assert {name.split("/")[0] for name in found.matrix.ids} == {"a", "b"} == set(data.classes)
    inside, *beside = sorted(data.notes)
    links = {"link to a folder", "link to the folder above", "link to the root"}
    assert {note.split(" is a link")[0] for note in beside} == links
    assert inside.startswith(f"{len(links)} links to folders below the class folders are not followed")


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="no file whose reading fails")
def test_an_input_output_error_ends_the_run_and_names_the_file(tmp_path: Path, linked: Path) -> None:
    """It may be the drive's: clips are not left out for that."""
    (linked / "a" / "link to the memory.wav").symlink_to("/proc/self/mem")
    with watched(tmp_path):
        data = open_dataset(linked)
        with pytest.raises(TransientError, match=r"link to the memory\.wav: .*Input/output error"):
            extracted(data, tmp_path / "store")


@pytest.mark.parametrize(
    "name", ["x" * 300, "x" * 300 + ".csv", "a/" * 3000, "a\0b", "~nobody-here", "\x1b[31m"]
)
@pytest.mark.parametrize("opens", [open_dataset, open_unlabelled, by_config])
def test_data_named_like_that_are_refused(tmp_path: Path, name: str, opens: Callable[[str], object]) -> None:
    said: list[str] = []
    with harmless(tmp_path, said):
        opens(name)
    assert said


@pytest.mark.skipif(IS_ROOT, reason="root reads every folder")
def test_a_folder_that_cannot_be_read_is_refused(tmp_path: Path, linked: Path) -> None:
    closed = linked / "b" / "closed"
    closed.mkdir(mode=0)
    said: list[str] = []
    with harmless(tmp_path, said):
        open_dataset(linked)
    closed.chmod(0o700)
    assert "closed: the folder cannot be read (Permission denied)" in said[0]
