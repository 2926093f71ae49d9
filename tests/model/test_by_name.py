"""`fit` takes what the command line takes, warns once in the caller's line, and computes nothing twice."""

from __future__ import annotations

import shutil
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from tests.model.conftest import classifier

import elmarc
from elmarc import RandomCNNFeatures, SoundClassifier, load, open_dataset
from elmarc.cli import app as cli
from elmarc.errors import ConfigError, CutWarning, DatasetError
from elmarc.features.extractor import FeatureExtractor

SMALL: dict[str, Any] = {"network": "7x96", "n_filters": 4, "n_workers": 1}


@pytest.fixture
def folder(clips, tmp_path: Path) -> Path:
    """The clips in a folder a class."""
    for clip in clips:
        (tmp_path / "sounds" / clip.label).mkdir(parents=True, exist_ok=True)
        shutil.copy(clip.path, tmp_path / "sounds" / clip.label)
    return tmp_path / "sounds"


def test_every_public_name_is_offered_before_it_is_loaded() -> None:
    code = "import elmarc, sys; print(*dir(elmarc)); assert 'torch' not in sys.modules"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert set(elmarc.__all__) <= set(found.stdout.split())


@pytest.mark.parametrize("form", ["folder", "text", "csv", "frame", "data set"])
def test_fit_takes_what_the_command_line_takes(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    data = open_dataset(folder)
    table = pd.DataFrame({"path": [str(c.path) for c in data.clips], "label": [c.label for c in data.clips]})
    table.to_csv(tmp_path / "list.csv", index=False)
    forms = {"folder": folder, "text": str(folder), "csv": str(tmp_path / "list.csv"), "frame": table}
    X = forms.get(form, data)
    model = classifier("7x96", n_workers=1, store=False).fit(X)
    new = [clip.path for clip in data.clips[::4]]
    typed = folder if form != "csv" else X
    words = [
        "fit",
        typed,
        "--network",
        "7x96",
        "--size",
        "small",
        "-o",
        tmp_path / "m.elmarc",
        "--store",
        tmp_path / "s",
    ]
    monkeypatch.setattr(sys, "argv", ["elmarc", *map(str, words)])
    assert cli.main() == 0
    written = load(tmp_path / "m.elmarc")
    assert written.expected_ == model.expected_
    assert np.array_equal(written.predict_proba(new), model.predict_proba(new))


def test_a_data_set_by_name_and_its_notes(folder: Path) -> None:
    model = SoundClassifier("mfcc").fit("toy")
    assert set(model.classes_) == set(open_dataset("toy").classes)
    shutil.copy(next(folder.rglob("*.wav")), folder / "beside.wav")
    with pytest.warns(elmarc.errors.ElmarcWarning, match="1 clips lie outside the class folders") as warned:
        SoundClassifier("mfcc").fit(folder)
    assert warned[0].filename == __file__


def test_advice_can_be_followed(folder: Path) -> None:
    with pytest.raises(DatasetError, match=r"open_dataset\('esc10', audio=DIR\)"):
        SoundClassifier().fit("ESC-10")
    with pytest.raises(DatasetError, match="no such data set, folder or CSV file"):
        SoundClassifier().fit("sounnds")
    with pytest.raises(ValueError, match=r"requires y to be passed.*a folder with one sub-folder per class"):
        SoundClassifier().fit([*folder.rglob("*.wav")])
    model = SoundClassifier("mfcc").fit(folder)
    with pytest.raises(ConfigError, match=r"give elmarc\.datasets\.open_clips\('.*sounds'\)") as refused:
        model.predict(str(folder))
    advice = str(refused.value).rpartition("give ")[2]
    assert len(model.predict(eval(advice))) == 45


@pytest.mark.parametrize("kind", ["classifier", "pipeline"])
def test_a_cross_validation_warns_once_in_the_line_that_starts_it(
    clips, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(elmarc.errors, "_shown", {})
    X, y = [str(clip.path) for clip in clips], [clip.label for clip in clips]
    make = classifier if kind == "classifier" else pipeline
    with warnings.catch_warnings(record=True) as caught:
        warnings.resetwarnings()
        cross_val_score(make(duration=0.3, **(SMALL if kind == "classifier" else {})), X, y, cv=3)
    (cut,) = [one for one in caught if issubclass(one.category, CutWarning)]
    assert cut.filename == __file__
    assert "clips are longer than the" in str(cut.message)
    assert "duration=SECONDS" in str(cut.message)
    assert "--" not in str(cut.message)


def test_filters_that_ask_for_all_warnings_get_all() -> None:
    for _ in range(2):
        with pytest.warns(CutWarning):
            elmarc.errors.warn("cut", CutWarning, once=True)
        with pytest.raises(CutWarning):
            elmarc.errors.warn("cut", CutWarning, once=True)


def pipeline(**options: Any) -> Any:
    return make_pipeline(RandomCNNFeatures(**SMALL, recipe="v2", **options), RidgeClassifier())


@pytest.mark.parametrize("kind", ["classifier", "pipeline"])
def test_a_cross_validation_on_paths_computes_each_clip_once(
    clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    computed = []
    prepare = FeatureExtractor.prepare

    def counted(self: FeatureExtractor, clip: Any, *rest: Any) -> Any:
        computed.append(clip.path)
        return prepare(self, clip, *rest)

    monkeypatch.setattr(FeatureExtractor, "prepare", counted)
    monkeypatch.setenv("ELMARC_CACHE", str(tmp_path / "cache"))
    X, y = [str(clip.path) for clip in clips], [clip.label for clip in clips]

    def scores(**options: Any) -> list[float]:
        made = classifier(**SMALL, **options) if kind == "classifier" else pipeline(**options)
        return cross_val_score(made, X, y, cv=3).tolist()

    by_default = scores()
    assert len(computed) == len(set(computed)) == 45
    assert (tmp_path / "cache" / "features").is_dir()
    assert scores(store=tmp_path / "own") == by_default
    assert len(computed) == 90
    assert scores(store=False) == scores(store=None) == by_default
    assert len(computed) == 90 + 2 * 3 * 45
    assert {path.name for path in tmp_path.iterdir() if path.is_dir()} == {"cache", "own"}


def test_what_is_loaded_keeps_nothing(clips, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    classifier(**SMALL, store=False).fit(clips).save(tmp_path / "m.elmarc")
    monkeypatch.setenv("ELMARC_CACHE", str(tmp_path / "cache"))
    load(tmp_path / "m.elmarc").predict([clip.path for clip in clips[:3]])
    assert not (tmp_path / "cache" / "features").exists()


def test_the_store_of_python_is_that_of_the_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from elmarc.cli.options import Output
    from elmarc.features.store import open_store

    monkeypatch.setenv("ELMARC_CACHE", str(tmp_path / "cache"))
    found = open_store(True)
    assert found is not None
    assert found.root == Output().open_store().root == tmp_path / "cache" / "features"
    assert open_store(False) is open_store(None) is None
