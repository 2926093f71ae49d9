"""Vectors of a file are joined to the clips that they belong to, or refused; never guessed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.study.conftest import cells
from torch import nn

from elmarc.datasets import Dataset, open_dataset
from elmarc.errors import ConfigError
from elmarc.features.matrix import FeatureMatrix
from elmarc.results import Result
from elmarc.study import build
from elmarc.study.cells import by_features, make_cells
from elmarc.study.features_in import named_files, read_features
from elmarc.study.plan import choose_networks
from elmarc.study.request import Rank
from elmarc.study.run import run_cells
from elmarc.study.spec import Experiment


def write(path: Path, ids, X=None, **arrays) -> Path:
    """Write vectors whose first number is the place of their id."""
    ids = list(map(str, ids))
    X = np.stack([np.arange(len(ids)), np.ones(len(ids))], axis=1) if X is None else X
    np.savez(path, ids=np.asarray(ids, dtype=str), X=X, **arrays)
    return path


def run(configs: list[Experiment], folder: Path) -> list[Result]:
    return run_cells(make_cells(configs, folder / "run"))


@pytest.fixture
def data(tones: Path) -> Dataset:
    return open_dataset(tones)


RULES = {
    "id": lambda clip: clip.id,
    "path": lambda clip: clip.path.absolute(),
    "file name": lambda clip: rf"C:\corpus\{clip.path.name}",
    "stem": lambda clip: f"elsewhere/{clip.path.stem}",
}


@pytest.mark.parametrize("rule", RULES)
def test_the_first_rule_that_fits_finds_each_clips_vector(tmp_path: Path, data: Dataset, rule: str) -> None:
    shuffled = list(reversed(data.clips))
    path = write(tmp_path / "f.npz", map(RULES[rule], shuffled))
    matrix, notes = read_features(path, data)
    assert matrix.ids == tuple(clip.id for clip in data.clips)
    assert matrix.labels == tuple(clip.label for clip in data.clips)
    np.testing.assert_array_equal(matrix.X[:, 0], np.arange(len(data.clips))[::-1])
    said = f"f.npz: vectors were found by the {rule} of each clip"
    assert notes == ["features read from f.npz, not extracted", *([said] if rule != "id" else [])]


def test_a_stem_keeps_what_is_no_ending_of_an_audio_file(tmp_path: Path, tones: Path) -> None:
    for clip in open_dataset(tones).clips:
        clip.path.rename(clip.path.with_name(f"{clip.label}.0000{clip.path.stem}.wav"))
    data = open_dataset(tones)
    path = write(tmp_path / "f.npz", [clip.path.name.removesuffix(".wav") for clip in data.clips])
    np.testing.assert_array_equal(read_features(path, data)[0].X[:, 0], np.arange(8))


def test_a_name_of_two_clips_finds_none(tmp_path: Path, tones: Path) -> None:
    (tones / "low" / "1.wav").rename(tones / "low" / "0.wav")  # there is a high/0.wav
    data = open_dataset(tones)
    path = write(tmp_path / "f.npz", [clip.path.name for clip in data.clips if clip.id != "low/0.wav"])
    with pytest.raises(ConfigError, match=r"2 of 8 clips of clips \(high/0.wav, low/0.wav\)"):
        read_features(path, data)


def test_a_name_of_two_vectors_finds_none(tmp_path: Path, data: Dataset) -> None:
    names = [clip.path.name for clip in data.clips]
    path = write(tmp_path / "f.npz", [*(f"a/{name}" for name in names), f"b/{names[0]}"])
    with pytest.raises(ConfigError, match=rf"1 of 8 clips .*\({data.clips[0].id}\).*ids are such as a/0.wav"):
        read_features(path, data)


def test_missing_clips_are_counted_and_named(tmp_path: Path, data: Dataset) -> None:
    path = write(tmp_path / "f.npz", [clip.id for clip in data.clips[4:]])
    with pytest.raises(ConfigError, match=r"4 of 8 clips .*\(high/0.wav, high/2.wav, high/4.wav, ...\)"):
        read_features(path, data)


def test_further_vectors_are_left_out_with_a_word(tmp_path: Path, data: Dataset) -> None:
    path = write(tmp_path / "f.npz", [*(clip.id for clip in data.clips), "other.wav"])
    matrix, notes = read_features(path, data)
    assert len(matrix) == 8
    assert "f.npz: 1 vectors belong to no clip of clips" in notes


def test_labels_of_the_file_are_checked(tmp_path: Path, data: Dataset) -> None:
    labels = [clip.label for clip in data.clips]
    ids = [clip.path.name for clip in data.clips]
    read_features(write(tmp_path / "f.npz", ids, labels=np.asarray(labels)), data)
    with pytest.raises(ConfigError, match=r"1 labels differ .high/0.wav is 'low' in the file and 'high' in"):
        read_features(write(tmp_path / "f.npz", ids, labels=np.asarray(["low", *labels[1:]])), data)


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e300])
def test_what_is_not_finite_is_refused(tmp_path: Path, data: Dataset, value: float) -> None:
    X = np.ones((9, 3))
    ids = [*(clip.id for clip in data.clips), "no clip's.wav"]
    X[8, 0] = value
    read_features(write(tmp_path / "f.npz", ids, X), data)
    X[1, 2] = value
    with pytest.raises(ConfigError, match=r"the vectors of 1 clips hold NaN or infinite values .high/2.wav"):
        read_features(write(tmp_path / "f.npz", ids, X), data)


def test_a_file_that_does_not_fit_ends_the_run_before_any_work(tmp_path: Path, tones: Path) -> None:
    path = write(tmp_path / "f.npz", ["a", "b"])
    with pytest.raises(ConfigError, match="8 of 8 clips"):
        make_cells(cells(tones, network=None, features_file=str(path)), tmp_path)


def test_the_content_of_a_file_is_part_of_what_is_compared(tmp_path: Path, data: Dataset) -> None:
    ids = [clip.id for clip in data.clips]
    first = read_features(write(tmp_path / "f.npz", ids), data)[0].definition
    assert read_features(write(tmp_path / "f.npz", ids), data)[0].definition == first
    assert read_features(write(tmp_path / "f.npz", ids, np.ones((8, 2))), data)[0].definition != first


def test_names_of_files() -> None:
    found = named_files(["runs/openl3.npz", "mine=clap.parquet"])
    assert found == {"openl3": Path("runs/openl3.npz"), "mine": Path("clap.parquet")}
    with pytest.raises(ConfigError, match=r"features openl3: a/openl3.npz has it.*my-openl3=FILE"):
        named_files(["a/openl3.npz", "b/openl3.npz"])


def test_a_file_whose_path_has_an_equals_sign(tmp_path: Path) -> None:
    path = write(tmp_path / "a=b.npz", ["x"])
    assert named_files([str(path)]) == {"a=b": path}


@pytest.mark.parametrize("name", ["mfcc", "vgg", "temporal"])
def test_a_file_cannot_be_called_like_a_row_of_elmarcs(tones: Path, name: str) -> None:
    study = Rank(data=tones, networks="temporal", features=[f"{name}=f.npz"])
    with pytest.raises(ConfigError, match=rf"features {name}: .*my-{name}=FILE"):
        study.experiments()


def test_cells_of_a_file_are_one_group_that_no_override_of_networks_touches(
    tmp_path: Path, tones: Path, data: Dataset
) -> None:
    path = write(tmp_path / "openl3.npz", [clip.id for clip in data.clips])
    study = Rank(
        data=tones,
        networks="temporal",
        classifiers="knn,ridge",
        seeds=2,
        features=[path],
        overrides=["network.n_filters=4", "network.size=null", "frontend.hop_length=128", "pooling=std"],
    )
    mine = [config for config in study.experiments() if config.features_name == "openl3"]
    assert len(mine) == 4
    assert replace(study, networks=[], baseline=False, overrides=()).experiments() == mine
    made = make_cells(mine, tmp_path)
    assert len(by_features(made)) == 1
    assert {cell.n_read for cell in made} == {2}
    results = run_cells(made)
    assert {(r.features, r.recipe, r.n_features, r.cost) for r in results} == {("openl3", "v2", 2, None)}


def test_networks_are_names_factories_or_sections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text("{kind: temporal, n_filters: 4}")

    def chosen(given: Any) -> list[dict[str, Any]]:
        return choose_networks(given, size="small", precision="float32")

    vgg = {"kind": "vgg", "size": "small", "precision": "float32"}
    own = {"kind": "external", "factory": "models.py:MyNet", "precision": "float32"}
    assert chosen("") == chosen([]) == []
    assert chosen(" VGG , models.py:MyNet") == chosen(["vgg", own, "vgg"]) == [vgg, own]
    assert chosen("mine.yaml,vgg") == [{"kind": "temporal", "n_filters": 4}, vgg]
    assert len(chosen("all")) == len(chosen(["all"])) == 9
    with pytest.raises(ConfigError, match="unknown network 'vgq'"):
        chosen("vgq")
    with pytest.raises(ConfigError, match=r"found a Linear object.*'package.module:Name'"):
        chosen([nn.Linear(2, 2)])


def test_nothing_to_rank_is_said(tones: Path) -> None:
    with pytest.raises(ConfigError, match="nothing to rank"):
        Rank(data=tones, networks=[], baseline=False).experiments()


@pytest.mark.parametrize("keys", [{"network": "vgg", "features_file": "f.npz"}, {"network": None}])
def test_a_name_without_such_a_file_is_refused(tones: Path, keys: dict) -> None:
    with pytest.raises(ConfigError, match="features_name: it names what features_file holds"):
        cells(tones, features_name="mine", **keys)


@pytest.fixture
def matrix(tones: Path) -> FeatureMatrix:
    """Return the features of the experiment `asking()`."""
    (config,) = cells(tones)
    data = build.dataset(config.data)
    extractor, _ = build.extractor(config, data)
    return extractor.extract(data.clips).matrix


def asking(tones: Path, path: Path, **keys) -> list[Experiment]:
    return cells(tones, features_file=str(path), **keys)


def test_features_of_the_same_clips_give_the_same_result(
    tones: Path, tmp_path: Path, matrix: FeatureMatrix
) -> None:
    order = list(range(len(matrix)))[::-1]  # rows are found by clip, not by place
    shuffled = replace(
        matrix, X=matrix.X[order], ids=matrix.ids[::-1], labels=matrix.labels[::-1],
        folds=matrix.folds[::-1], groups=matrix.groups[::-1],
    )  # fmt: skip
    (read,) = run(asking(tones, shuffled.save(tmp_path / "f.npz")), tmp_path)
    (extracted,) = run(cells(tones), tmp_path)
    assert read.predictions == extracted.predictions
    assert read.notes[0] == "features read from f.npz, not extracted"


def changed(matrix: FeatureMatrix, case: str) -> FeatureMatrix:
    match case:
        case "other clips":
            return replace(matrix, ids=("other.wav", *matrix.ids[1:]))
        case "other labels":
            return replace(matrix, labels=matrix.labels[::-1])
        case _:
            return matrix


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("other clips", r"no vector for 1 of 8 clips of clips \(high/0.wav\).*ids are such as other.wav"),
        ("other labels", r"8 labels differ .*high/0.wav is 'low' in the file and 'high' in the data set"),
    ],
)
def test_a_file_about_other_clips_is_refused(
    tones: Path, tmp_path: Path, matrix: FeatureMatrix, case: str, message: str
) -> None:
    path = changed(matrix, case).save(tmp_path / "f.npz")
    with pytest.raises(ConfigError, match=message):
        run(asking(tones, path), tmp_path)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"seed": 1}, "network.seed is 0 in the file, 1 in the configuration"),
        ({"network": {"kind": "timbral", "n_filters": 4}}, "network"),
        ({"frontend": {"kind": "logmel", "n_fft": 1024}}, "frontend.n_fft is 512 in the file, 1024"),
        ({"pooling": ["mean", "std"]}, "pooling"),
    ],
)
def test_a_file_of_other_features_is_refused(
    tones: Path, tmp_path: Path, matrix: FeatureMatrix, keys: dict, message: str
) -> None:
    path = matrix.save(tmp_path / "f.npz")
    with pytest.raises(ConfigError, match=message):
        run(asking(tones, path, **keys), tmp_path)


def test_without_a_network_a_file_of_any_features_names_the_result(
    tones: Path, tmp_path: Path, matrix: FeatureMatrix
) -> None:
    joined = matrix.join(matrix).save(tmp_path / "two_networks.npz")
    (result,) = run(asking(tones, joined, network=None), tmp_path)
    assert result.features == "two_networks"
    assert result.n_features == 2 * matrix.X.shape[1]


def test_folds_are_the_data_sets_and_a_note_says_so(
    tones: Path, tmp_path: Path, matrix: FeatureMatrix
) -> None:
    other = replace(matrix, groups=tuple(f"g{i}" for i in range(len(matrix))))
    (result,) = run(asking(tones, other.save(tmp_path / "f.npz")), tmp_path)
    assert {p.group for p in result.predictions} == {""}
    assert "f.npz has other folds or groups: those of clips were used" in result.notes


def test_a_changed_file_is_another_cell(tones: Path, tmp_path: Path, matrix: FeatureMatrix) -> None:
    path = matrix.save(tmp_path / "f.npz")
    before = make_cells(asking(tones, path), tmp_path)[0].folder
    replace(matrix, X=matrix.X + np.float32(1)).save(path)
    assert make_cells(asking(tones, path), tmp_path)[0].folder != before
