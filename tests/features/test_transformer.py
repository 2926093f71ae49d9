from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import soundfile as sf
import torch
from sklearn.base import clone
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.utils.estimator_checks import parametrize_with_checks
from torch import nn

from elmarc import MFCCFeatures, RandomCNNFeatures, _defaults, build_network
from elmarc.errors import AudioError, ConfigError
from elmarc.frontends import LogMel, RawWaveform

SR = 12000


@parametrize_with_checks(
    [
        RandomCNNFeatures("temporal", n_filters=4),
        RandomCNNFeatures("frame_level", n_filters=4, recipe="v2", duration=0.5),
        MFCCFeatures(),
    ]
)
def test_scikit_learn_accepts_it(estimator, check) -> None:
    check(estimator)


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Low and high tones, half a second each."""
    made = []
    t = np.arange(SR // 2) / SR
    for i in range(8):
        hz = 200 + 10 * i if i % 2 else 3000 + 10 * i
        path = tmp_path / f"{i}.wav"
        sf.write(path, 0.3 * np.sin(2 * np.pi * hz * t), SR, subtype="FLOAT")
        made.append(path)
    return made


@pytest.mark.parametrize(
    "transformer", [RandomCNNFeatures("timbral", n_filters=4, store=False), MFCCFeatures()]
)
def test_paths_and_arrays_give_the_same(paths: list[Path], transformer) -> None:
    waveforms = np.stack([sf.read(path, dtype="float32")[0] for path in paths])
    from_paths = transformer.fit_transform(paths)
    np.testing.assert_allclose(transformer.fit_transform(waveforms), from_paths, rtol=1e-5, atol=1e-5)
    assert len(transformer.get_feature_names_out()) == from_paths.shape[1]


def test_it_sits_in_a_pipeline(paths: list[Path]) -> None:
    labels = ["low" if i % 2 else "high" for i in range(8)]
    pipeline = make_pipeline(RandomCNNFeatures("timbral", n_filters=4, store=False), SVC(kernel="linear"))
    assert pipeline.fit(paths[:6], labels[:6]).score(paths[6:], labels[6:]) == 1.0


def test_the_seed_decides_the_weights(paths: list[Path]) -> None:
    a, b, c = (
        RandomCNNFeatures("temporal", n_filters=4, random_state=s, store=False).fit_transform(paths)
        for s in (0, 0, 1)
    )
    assert np.array_equal(a, b)
    assert not np.array_equal(a, c)


def test_rows_match_clips_so_a_bad_one_is_an_error(paths: list[Path], tmp_path: Path) -> None:
    transformer = RandomCNNFeatures("temporal", n_filters=4, store=False).fit(paths)
    (tmp_path / "bad.wav").write_bytes(b"rubbish")
    with pytest.raises(AudioError, match=r"bad\.wav"):
        transformer.transform([*paths, tmp_path / "bad.wav"])


def test_the_global_state_is_left_alone(paths: list[Path]) -> None:
    before = np.random.get_state()[1].copy()  # noqa: NPY002  # the state that must not change
    RandomCNNFeatures("temporal", n_filters=4, store=False).fit_transform(paths)
    assert np.array_equal(before, np.random.get_state()[1])  # noqa: NPY002


def test_clones_copies_and_set_params_give_the_same(paths: list[Path]) -> None:
    transformer = RandomCNNFeatures("timbral", n_filters=4, recipe="v2", frontend={"n_mels": 64}, store=False)
    expected = transformer.fit_transform(paths)
    assert np.array_equal(clone(transformer).fit_transform(paths), expected)
    assert np.array_equal(pickle.loads(pickle.dumps(transformer)).transform(paths), expected)
    other = RandomCNNFeatures(store=False).set_params(**transformer.get_params())
    assert np.array_equal(other.fit_transform(paths), expected)
    with pytest.raises(NotFittedError):
        clone(transformer).transform(paths)


def test_a_grid_searches_recipes_and_networks(paths: list[Path]) -> None:
    labels = ["low" if i % 2 else "high" for i in range(8)]
    pipeline = make_pipeline(RandomCNNFeatures(n_filters=4, store=False), StandardScaler(), RidgeClassifier())
    grid = {
        "randomcnnfeatures__recipe": ["2018", "v2"],
        "randomcnnfeatures__network": ["timbral", "sample_level"],
    }
    search = GridSearchCV(pipeline, grid, cv=2, error_score="raise").fit(pd.Series(paths), labels)
    assert len(search.cv_results_["params"]) == 4
    assert search.best_score_ > 0.9
    widths = {
        recipe: search.best_estimator_[:1].set_params(randomcnnfeatures__recipe=recipe).fit_transform(paths)
        for recipe in ("2018", "v2")
    }
    assert widths["v2"].shape[1] == 4 * widths["2018"].shape[1]


def test_it_takes_one_column_of_a_frame(paths: list[Path]) -> None:
    frame = pd.DataFrame({"path": [str(path) for path in paths], "gain": np.arange(8.0)})
    features = RandomCNNFeatures("timbral", n_filters=4, store=False)
    columns = make_column_transformer((features, "path"), ("passthrough", ["gain"]))
    expected = features.fit_transform(paths)
    assert np.array_equal(columns.fit_transform(frame)[:, :-1], expected)


class Own(nn.Module):
    """A module of a user's: a convolution over frames."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv1d(96, 6, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x.transpose(1, 2))


def test_a_network_may_be_a_section_a_module_or_one_that_is_built(paths: list[Path]) -> None:
    by_name = RandomCNNFeatures(
        "timbral", n_filters=4, recipe="v2", random_state=2, store=False
    ).fit_transform(paths)
    section = {"kind": "timbral", "n_filters": 4}
    built = build_network("timbral", n_filters=4, seed=2)
    for network in (section, built):
        same = RandomCNNFeatures(network, recipe="v2", random_state=2, store=False)
        assert np.array_equal(same.fit_transform(paths), by_name)
    options = {"kind": "single_layer", "filter_shape": (7, 20), "pool_shape": (1, 5), "n_filters": 4}
    assert RandomCNNFeatures(options, layers=["pool"], store=False).fit_transform(paths).shape == (8, 4 * 4)
    with pytest.raises(ConfigError, match="timbral is built already"):
        RandomCNNFeatures(built, n_filters=8, store=False).fit(paths)


def test_a_module_of_a_users_own(paths: list[Path]) -> None:
    module = Own()
    rows = RandomCNNFeatures(module, layers=["conv"], recipe="2018", store=False).fit_transform(paths)
    decibels = torch.from_numpy(LogMel()(sf.read(paths[0], dtype="float32")[0]))
    expected = module(decibels[None])[0].mean(dim=1).detach().numpy()
    assert np.allclose(rows[0], expected, rtol=1e-4, atol=1e-4)
    v2 = RandomCNNFeatures(module, layers=["conv"], store=False)
    assert v2.fit_transform(paths).shape == (8, 4 * 6)
    assert np.array_equal(clone(v2).fit_transform(paths), v2.transform(paths))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"network": "vgh"}, "did you mean 'vgg'"),
        ({"recipe": "v3"}, "unknown recipe 'v3'"),
        ({"frontend": "logmell"}, "did you mean 'logmel'"),
        ({"frontend": {"n_mell": 64}}, "unknown option of logmel 'n_mell': did you mean 'n_mels'"),
        ({"frontend": LogMel(sr=16000), "sr": 12000}, "found 12000 Hz beside a front-end of 16000 Hz"),
        (
            {"frontend": "waveform"},
            f"gives samples, and the {_defaults.NETWORK} network reads frames",
        ),
        ({"frontend": "mfcc"}, "gives one vector a clip"),
        ({"network": "mfcc", "statistics": ("mean",)}, "statistics: the baseline has no network"),
        ({"network": "mfcc", "n_filters": 4}, "n_filters: the baseline has no network"),
        ({"network": "mfcc", "duration": 1.0}, "duration: the baseline has no network"),
    ],
    ids=str,
)
def test_parameters_that_do_not_fit_are_refused(paths: list[Path], params: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        RandomCNNFeatures(**params).fit(paths)


def test_a_front_end_that_is_built_is_taken_as_it_is(paths: list[Path]) -> None:
    front = LogMel(sr=16000, n_mels=40)
    by_object = RandomCNNFeatures("timbral", n_filters=4, frontend=front, recipe="v2").fit(paths)
    assert by_object.extractor_.frontend is front
    options = {"kind": "logmel", "sr": 16000, "n_mels": 40}
    by_mapping = RandomCNNFeatures("timbral", n_filters=4, frontend=options, recipe="2018").fit(paths)
    assert by_mapping.extractor_.frontend == front


OWN = """
from torch import nn


class Own(nn.Module):
    elmarc = {"input": "time bands", "reduction": 32}

    def __init__(self, n_out=6):
        super().__init__()
        self.conv = nn.Conv1d(1, n_out, 64, stride=32)

    def forward(self, x):
        return self.conv(x.transpose(1, 2))
"""


def test_a_factory_of_a_users_own_says_what_it_reads(paths: list[Path], tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(OWN)
    network = {
        "kind": "external",
        "factory": f"{tmp_path / 'own.py'}:Own",
        "options": {"n_out": 5},
        "layers": ["conv"],
        "unit": "samples",
        "weights": "keep",
    }
    features = RandomCNNFeatures(network, recipe="v2").fit(paths)
    assert features.extractor_.frontend == RawWaveform(levelling=0.5)
    assert features.transform(paths).shape == (8, 4 * 5)
    with pytest.raises(ConfigError, match="gives frames, and the external network reads samples"):
        RandomCNNFeatures(network, frontend="logmel").fit(paths)
