"""The 2018 configuration files, run on small stand-ins of the data sets they name."""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.sounds import tone, write

from elmarc.cli import app as cli
from elmarc.datasets import NAMED
from elmarc.results import Result, collect

SECONDS = 29.5


@pytest.fixture(autouse=True)
def in_tmp(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELMARC_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)


def write_clip(path: Path, pitch: int, rng: np.random.Generator, seconds: float = SECONDS) -> None:
    write(path, tone(200 * (pitch + 1), rng, seconds))


def run_config(monkeypatch: pytest.MonkeyPatch, text: str, *options: str) -> list[Result]:
    Path("config_file.py").write_text(text)
    monkeypatch.setattr(sys, "argv", ["elmarc", "run", "config_file.py", "-q", "-o", "out", *options])
    assert cli.main() == 0
    return collect("out")


@pytest.fixture
def gtzan_like(rng: np.random.Generator) -> None:
    """Three genres: four clips to train on, one to validate, one to test."""
    lists: dict[str, list[str]] = {"train": [], "valid": [], "test": []}
    for pitch, genre in enumerate(NAMED["gtzan"].classes[:3]):
        for i in range(6):
            name = f"{genre}/{genre}.{i:05d}.wav"
            write_clip(Path("GTZAN") / name, pitch, rng)
            lists["train" if i < 4 else "valid" if i == 4 else "test"].append(name)
    for part, names in lists.items():
        Path(f"{part}_filtered.txt").write_text("\n".join(names))  # no final newline


GTZAN_EXAMPLE = """
config_main = {
    'experiment_name': 'v0',
    'features_type': 'CNN',
    'model_type': 'SVM',
    'load_extracted_features': False,
    'sampling_rate': 12000,
    'dataset': 'GTZAN',
    'audio_path': 'GTZAN/',
    'save_extracted_features_folder': 'features/',
    'results_folder': 'results/',
    'train_set_list': 'train_filtered.txt',
    'val_set_list': 'valid_filtered.txt',
    'test_set_list': 'test_filtered.txt',
    'audios_list': False,
    'CNN': {
        'signal': 'waveform',
        'n_samples': 350000,
        'architecture': 'sample_level',
        'num_filters': 512,
        'selected_features_list': [0, 1, 2, 3, 4, 5, 6],
        'batch_size': 5
    }
}
"""


def test_the_gtzan_example_runs(gtzan_like: None, monkeypatch: pytest.MonkeyPatch) -> None:
    text = GTZAN_EXAMPLE.replace("512", "8")  # the width alone is smaller than in the example
    (result,) = run_config(monkeypatch, text)
    assert (result.protocol, result.classifier, result.features) == ("paper", "svm", "sample_level")
    assert result.n_features == 7 * 8
    assert len(result.grid) == 32
    assert len(result.predictions) == 3
    assert Path("out/ranking.csv").exists()


@pytest.mark.parametrize("model", ["linearSVM", "ELM", "KNN", "MLP", "linear"])
def test_every_model_type_runs_on_mfcc(gtzan_like: None, monkeypatch: pytest.MonkeyPatch, model: str) -> None:
    text = GTZAN_EXAMPLE.replace("'CNN',", "'MFCC',").replace("'SVM'", f"'{model}'")
    text = text[: text.index("    'CNN': {")] + "    'MFCC': {'number': 20, 'fixed_length': 350000},\n"
    text += "    'fix_length_by': 'crop'\n}\n"
    (result,) = run_config(monkeypatch, text)
    assert result.n_features == 120
    assert len(result.predictions) == 3


def test_extracted_features_are_loaded_with_the_callers_settings(
    gtzan_like: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = GTZAN_EXAMPLE.replace("512", "4")
    run_config(monkeypatch, text)
    from elmarc.study import build
    from elmarc.study.load import load_config

    config = load_config("config_file.py")
    data = build.dataset(config.data)
    extractor, _ = build.extractor(config, data)
    extractor.extract(data.clips).matrix.save("features.npz")
    loaded = text.replace("'load_extracted_features': False", "'load_extracted_features': 'features.npz'")
    loaded = loaded.replace("'model_type': 'SVM'", "'model_type': 'KNN'")
    found = {result.classifier: result for result in run_config(monkeypatch, loaded)}
    assert set(found) == {"svm", "knn"}
    assert found["knn"].n_features == 28


def test_old_pickles_are_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    Path("old.pkl").write_bytes(b"\x80\x03.")
    Path("config_file.py").write_text(
        GTZAN_EXAMPLE.replace("'load_extracted_features': False", "'load_extracted_features': 'old.pkl'")
    )
    monkeypatch.setattr(sys, "argv", ["elmarc", "run", "config_file.py"])
    assert cli.main() == 2
    assert "old.pkl" in capsys.readouterr().err


BALLROOM_EXAMPLE = """
config_main = {
    'experiment_name': 'v1',
    'features_type': 'CNN',
    'model_type': 'ELM',
    'load_extracted_features': False,
    'sampling_rate': 12000,
    'dataset': 'ExtendedBallroom',
    'audio_path': 'EB/',
    'save_extracted_features_folder': 'features/',
    'results_folder': 'results/',
    'audios_list': 'list.txt',
    'CNN': {
        'signal': 'spectrogram',
        'n_mels': 96,
        'n_frames': 1376,
        'architecture': 'cnn_single',
        'num_filters': 3585,
        'selected_features_list': [1],
        'filter_shape': [7, 86],
        'pool_shape': [1, 11],
        'batch_size': 5
    }
}
"""


@pytest.mark.parametrize("name", ["ExtendedBallroom", "Extended Ballroom", "Ballroom"])
def test_the_ballroom_example_runs(
    name: str, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    classes = NAMED["ballroom" if name == "Ballroom" else "extended_ballroom"].classes
    lines = []
    for pitch, dance in enumerate(classes[:2]):
        for i in range(10):
            path = f"{dance}/{i}.wav"
            write_clip(Path("EB") / path, pitch, rng)
            lines.append(path)
    Path("list.txt").write_text("\n".join(lines))
    text = BALLROOM_EXAMPLE.replace("3585", "16").replace("ExtendedBallroom", name)
    (result,) = run_config(monkeypatch, text)
    assert (result.protocol, result.classifier, result.n_features) == ("paper", "elm", 16)
    assert len(result.folds) == 10
    assert "optimistic" in result.protocol_note


def test_urbansound8k_runs_with_its_csv(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = []
    for fold in range(1, 11):
        for i, label in enumerate(("dog_bark", "siren", "drilling")):
            name = f"{100 * fold + i}-3-0-0.wav"
            write_clip(Path("US8K/audio") / f"fold{fold}" / name, 3 * i, rng, seconds=2)
            number = {"dog_bark": 3, "drilling": 4, "siren": 8}[label]
            rows.append([name, 100 * fold + i, 0, 2, 1, fold, number, label])
    Path("US8K/metadata").mkdir()
    with Path("US8K/metadata/UrbanSound8K.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["slice_file_name", "fsID", "start", "end", "salience", "fold", "classID", "class"])
        writer.writerows(rows)
    Path("list.txt").write_text("".join(f"fold{row[5]}/{row[0]}\n" for row in rows))
    text = (
        BALLROOM_EXAMPLE.replace("3585", "16")
        .replace("1376", "188")
        .replace("ExtendedBallroom", "UrbanSound8K")
    )
    text = text.replace("'EB/'", "'US8K/audio/'").replace("'CNN',", "'CNN', 'fix_length_by': 'repeat-pad',")
    (result,) = run_config(monkeypatch, text)
    assert [fold.name for fold in result.folds] == [str(i) for i in range(1, 11)]
    assert result.accuracy > 0.6
