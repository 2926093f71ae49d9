"""Copies are said before a score is believed, and kept together where that is asked for."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Run, rank

from elmarc.datasets import open_dataset
from elmarc.datasets.folder import find_audio
from elmarc.errors import DatasetError
from elmarc.evaluation.splits import Folds, dataset_splits
from elmarc.results import collect
from elmarc.study.clips import Material, open_material
from elmarc.study.spec import parse_experiment


def material(data: Any, **keys: Any) -> Material:
    section = {"source": str(data), **keys}
    return open_material(parse_experiment({"data": section, "network": "mfcc"}))


def fold_of(found: Material) -> dict[str, str]:
    parts = dataset_splits(found.dataset)
    assert isinstance(parts, Folds)
    clips = found.dataset.clips
    return {clips[k].id: n for n, (_, test) in zip(parts.names, parts.splits, strict=True) for k in test}


@pytest.fixture
def copied(folder: Path) -> Path:
    """Twelve clips, two copies of one within its class, and one in the other."""
    for name in ("low/50.wav", "low/51.wav", "high/60.wav"):
        shutil.copy(folder / "low" / "01.wav", folder / name)
    return folder


def test_copies_are_noted_and_kept_together_on_request(copied: Path) -> None:
    loose = material(copied)
    notes = " ".join(loose.dataset.notes)
    assert "1 sounds lie in several folds, such as high/60.wav = low/01.wav" in notes
    assert "1 sounds are in several classes, such as high/60.wav (high) = low/01.wav (low)" in notes
    held = material(copied, keep_duplicates_together=True)
    folds = fold_of(held)
    assert len({folds[name] for name in ("low/01.wav", "low/50.wav", "low/51.wav", "high/60.wav")}) == 1
    assert "several folds" not in " ".join(held.dataset.notes)
    assert "several classes" in " ".join(held.dataset.notes)
    assert held.key != loose.key


def test_without_copies_nothing_is_said_or_changed(folder: Path) -> None:
    plain, kept = material(folder), material(folder, keep_duplicates_together=True)
    assert plain.dataset.notes == ()
    assert plain.key == kept.key


def test_groups_that_share_a_sound_become_one(copied: Path) -> None:
    rows = ["path,label,group"]
    for clip in open_dataset(copied).clips:
        groups = {"low/01.wav": "a", "low/50.wav": "b", "low/03.wav": "b"}
        rows.append(f"{clip.id},{clip.label},{groups.get(clip.id, '')}")
    table = copied / "clips.csv"
    table.write_text("\n".join(rows))
    groups = {c.id: c.group for c in material(table, keep_duplicates_together=True).dataset.clips}
    linked = ("low/01.wav", "low/50.wav", "low/03.wav", "low/51.wav", "high/60.wav")
    assert len({groups[name] for name in linked}) == 1
    assert groups["low/05.wav"] is None


def test_official_folds_are_noted_and_not_regrouped(copied: Path) -> None:
    clips = open_dataset(copied).clips
    rows = [f"{clip.id},{clip.label},{k % 2}" for k, clip in enumerate(clips)]
    table = copied / "clips.csv"
    table.write_text("\n".join(["path,label,fold", *rows]))
    assert "1 sounds lie in several folds" in " ".join(material(table).dataset.notes)
    with pytest.raises(DatasetError, match="its official folds say where each clip belongs"):
        material(table, keep_duplicates_together=True)


def test_the_key_is_left_out_where_it_says_nothing(folder: Path) -> None:
    def dumped(**keys: Any) -> dict[str, Any]:
        data = {"source": str(folder), **keys}
        return parse_experiment({"data": data, "network": "mfcc"}).data.model_dump(mode="json")

    assert "keep_duplicates_together" not in dumped()
    assert dumped(keep_duplicates_together=True)["keep_duplicates_together"] is True


def test_rank_and_fit_say_so(elmarc: Run, copied: Path) -> None:
    code, _, err = rank(elmarc, copied, "--classifiers", "knn")
    assert code == 0
    assert "1 sounds lie in several folds" in " ".join(err.split())
    code, _, err = rank(elmarc, copied, "--classifiers", "knn", "--keep-duplicates-together")
    assert code == 0
    assert "several folds" not in " ".join(err.split())
    fit = ("fit", copied, "--network", "mfcc", "-o", "m.elmarc")
    code, _, err = elmarc(*fit)
    assert code == 0
    assert "1 sounds are there several times" in " ".join(err.split())
    code, _, err = elmarc(*fit, "--keep-duplicates-together")
    assert code == 0
    assert "several times" not in " ".join(err.split())


def test_train_says_so_and_keeps_them_together(elmarc: Run, copied: Path) -> None:
    train = (
        "train", copied, "--networks", "temporal", "--set", "network.n_filters=4", "--set",
        "network.size=null", "--seeds", 1, "--epochs", 1, "--learning-rates", "0.01", "--device", "cpu",
    )  # fmt: skip
    code, _, err = elmarc(*train, "-o", "loose")
    assert code == 0, err
    assert "1 sounds lie in several folds" in " ".join(err.split())
    code, _, err = elmarc(*train, "--keep-duplicates-together", "-o", "held")
    assert code == 0, err
    assert "several folds" not in " ".join(err.split())
    assert "1 sounds are in several classes" in " ".join(err.split())
    (loose,), (held,) = (collect(copied.parent / name) for name in ("loose", "held"))
    copies = ("low/01.wav", "low/50.wav", "low/51.wav", "high/60.wav")
    folds = [{p.fold for p in result.predictions if p.id in copies} for result in (loose, held)]
    assert len(folds[0]) > 1
    assert len(folds[1]) == 1
    assert "1 sounds lie in several folds" in " ".join(loose.notes)


def test_too_few_readable_clips_are_refused_before_any_feature(folder: Path) -> None:
    (folder / "low" / "01.wav").write_text("no sound")
    with pytest.raises(DatasetError, match=r"'low' has 5 clips, too few for 6 folds.*1 of 12 clips cannot"):
        material(folder, n_folds=6)
    assert material(folder, n_folds=5).dataset.n_folds == 5
    assert material(folder).dataset.n_folds is None  # as many as the readable clips allow


def test_a_folder_that_cannot_be_read_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scandir = os.scandir

    def refusing(path: Any) -> Any:
        if str(path).endswith("low"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    with pytest.raises(DatasetError, match=r"low: the folder cannot be read \(Permission denied\)"):
        list(find_audio(folder))
