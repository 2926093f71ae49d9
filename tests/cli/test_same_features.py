"""Command line, transformers and `SoundClassifier` give equal features for the same clips and recipe."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.cli.conftest import Run
from tests.sounds import write_noise

from elmarc import FeatureMatrix, MFCCFeatures, RandomCNNFeatures, SoundClassifier, load, open_dataset
from elmarc.datasets import Clip, Dataset, toy

NETWORKS = ("vgg", "temporal", "sample_level")  # clips are too short for vgg; log-mel; waveform


@pytest.fixture(scope="session")
def toy_folder(_cache: None) -> Path:
    """The folder of toy in the cache of the tests, where it is made once."""
    return toy.load().clips[0].path.parents[1]


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of clips of noise, of different rates and lengths, and a tiny one."""
    rng = np.random.default_rng(5)
    root = tmp_path_factory.mktemp("noise")
    for i in range(6):
        rate, n_samples = (8000, 12000, 44100)[i % 3], 1200 if i == 4 else 30000 + 1000 * i
        write_noise(root / "ab"[i % 2] / f"{i}.wav", rng, n_samples, rate)
    return root


def extracted(elmarc: Run, *args: object) -> FeatureMatrix:
    """Return what `elmarc extract` writes."""
    code, _, err = elmarc("extract", *args, "-o", "features.npz")
    assert code == 0, err
    return FeatureMatrix.load("features.npz")


def paths_of(data: Dataset) -> list[str]:
    return [str(clip.path) for clip in data.clips]


@pytest.mark.parametrize("recipe", ["2018", "v2"])
@pytest.mark.parametrize("network", NETWORKS)
def test_the_command_line_and_the_transformer_agree(
    elmarc: Run, clips: Path, network: str, recipe: str
) -> None:
    found = extracted(elmarc, clips, "--network", network, "--recipe", recipe, "--seed", "3")
    transformer = RandomCNNFeatures(network, recipe=recipe, random_state=3, store=False)
    rows = transformer.fit_transform(paths_of(open_dataset(clips)))
    assert np.array_equal(rows, found.X)
    assert tuple(transformer.get_feature_names_out()) == found.columns
    assert json.loads(json.dumps(transformer.extractor_.definition)) == found.definition


@pytest.mark.parametrize("recipe", ["2018", "v2"])
def test_the_baseline_agrees_too(elmarc: Run, clips: Path, recipe: str) -> None:
    found = extracted(elmarc, clips, "--network", "mfcc", "--recipe", recipe)
    paths = paths_of(open_dataset(clips))
    for transformer in (MFCCFeatures(recipe=recipe), RandomCNNFeatures("mfcc", recipe=recipe, store=False)):
        assert np.array_equal(transformer.fit_transform(paths), found.X)
        assert json.loads(json.dumps(transformer.extractor_.definition)) == found.definition


@pytest.mark.parametrize(
    ("network", "options", "params"),
    [
        ("temporal", ["--n-filters", "8"], {"n_filters": 8}),
        ("temporal", ["--set", "pooling=[mean, max]"], {"statistics": ("mean", "max")}),
        ("temporal", ["--set", "frontend.sr=16000"], {"sr": 16000}),
        ("temporal", ["--set", "frontend.n_mels=64"], {"frontend": {"n_mels": 64}}),
        ("temporal", ["--set", "input.seconds=4.5"], {"duration": 4.5}),
        ("temporal", ["--set", "input.n_frames=200"], {"input_length": 200}),
        ("temporal", ["--set", "input.fix_length=zero-pad"], {"fix_length": "zero-pad"}),
        ("vgg", ["--set", "network.layers=[pool2]"], {"layers": ("pool2",)}),
    ],
    ids=str,
)
def test_options_agree_by_either_way(
    elmarc: Run, clips: Path, network: str, options: list[str], params: dict[str, Any]
) -> None:
    found = extracted(elmarc, clips, "--network", network, "--recipe", "v2", *options)
    transformer = RandomCNNFeatures(network, recipe="v2", **params, store=False)
    rows = transformer.fit_transform(paths_of(open_dataset(clips)))
    assert np.array_equal(rows, found.X)


@pytest.mark.parametrize("recipe", ["2018", "v2"])
def test_a_named_data_set_agrees_when_it_is_passed_whole(toy_folder: Path, elmarc: Run, recipe: str) -> None:
    Path("cache").mkdir()
    Path("cache/toy").symlink_to(toy_folder)
    options = ("--target", "timbre", "--network", "7x96", "--recipe", recipe)
    found = extracted(elmarc, "toy", *options)
    rows = RandomCNNFeatures("7x96", recipe=recipe, store=False).fit_transform(
        open_dataset("toy", target="timbre")
    )
    assert np.array_equal(rows, found.X)


@pytest.mark.parametrize("recipe", ["2018", "v2"])
@pytest.mark.parametrize("network", [*NETWORKS, "mfcc"])
def test_a_classifier_hears_the_same_before_and_after_it_is_saved(
    elmarc: Run, clips: Path, tmp_path: Path, network: str, recipe: str
) -> None:
    found = extracted(elmarc, clips, "--network", network, "--recipe", recipe, "--seed", "3")
    paths = paths_of(open_dataset(clips))
    features = RandomCNNFeatures(network, recipe=recipe, random_state=3, store=False)
    model = SoundClassifier(features, random_state=3).fit(paths, found.labels)
    model.save(tmp_path / "model.elmarc")
    for extractor in (model.extractor_, load(tmp_path / "model.elmarc").extractor_):
        again = extractor.extract([Clip(path, Path(path), "") for path in paths]).matrix
        assert np.array_equal(again.X, found.X)
        assert json.loads(json.dumps(extractor.definition)) == found.definition
