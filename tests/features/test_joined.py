"""Joined networks: the features of the parts, side by side, wherever features are taken."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch
from torch import nn

from elmarc import RandomCNNFeatures, SoundClassifier, load, open_dataset
from elmarc.cli.options import words
from elmarc.errors import ConfigError, ModelError
from elmarc.features.store import FeatureStore
from elmarc.results import collect
from elmarc.study import build
from elmarc.study.request import Extract, Rank
from elmarc.study.spec import parse_experiment

SR = 12000


@pytest.fixture
def paths(tmp_path: Path, rng: np.random.Generator) -> list[Path]:
    made = []
    for i in range(12):
        label, hz = ("low", 300) if i % 2 else ("high", 3000)
        path = tmp_path / "clips" / label / f"{i:02d}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        t = np.arange(SR // 2) / SR
        sf.write(path, 0.3 * np.sin(2 * np.pi * hz * t) + 0.05 * rng.standard_normal(t.size), SR)
        made.append(path)
    return made


def test_rows_are_those_of_the_parts(paths: list[Path]) -> None:
    joined = RandomCNNFeatures("mfcc+timbral", random_state=3, store=False)
    rows = joined.fit_transform(paths)
    parts = [
        RandomCNNFeatures(name, random_state=3, store=False).fit_transform(paths)
        for name in ("mfcc", "timbral")
    ]
    assert np.array_equal(rows, np.hstack(parts))
    assert len(set(joined.get_feature_names_out())) == rows.shape[1]
    waveforms = [sf.read(path, dtype="float32") for path in paths]
    assert np.array_equal(joined.transform(waveforms), rows)


def test_the_store_has_the_parts_alone(paths: list[Path], tmp_path: Path) -> None:
    data = open_dataset(tmp_path / "clips")
    networks = ("mfcc", "temporal", "mfcc+temporal", "temporal+timbral")
    for config in Rank(data=str(tmp_path / "clips"), networks=networks[1:], seeds=1).experiments():
        extractor, _ = build.extractor(config, data, store=FeatureStore(tmp_path / "store"))
        extraction = extractor.extract(data.clips)
        assert (extraction.n_computed == 0) == (config.label == "mfcc+temporal")
    assert len(list(FeatureStore(tmp_path / "store").entries())) == 3


def test_a_model_is_saved_and_loaded(paths: list[Path], tmp_path: Path) -> None:
    labels = [path.parent.name for path in paths]
    model = SoundClassifier(RandomCNNFeatures("mfcc+temporal", n_filters=4, store=False)).fit(paths, labels)
    model.save(tmp_path / "m.elmarc")
    assert np.array_equal(load(tmp_path / "m.elmarc").predict_proba(paths), model.predict_proba(paths))


class Own(nn.Module):
    """A user's module whose weights come from a seed."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(96, 4, 3, bias=False)
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            self.conv.weight.normal_(generator=generator)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x.transpose(1, 2)).relu()


def test_a_model_with_a_users_module_is_loaded_with_that_module_alone(
    paths: list[Path], tmp_path: Path
) -> None:
    def network(module: nn.Module, *others: str) -> dict[str, object]:
        return {"kind": "joined", "parts": ["mfcc", *others, module]}

    model = SoundClassifier(RandomCNNFeatures(network(Own(0)), store=False))
    model.fit(paths, [path.parent.name for path in paths]).save(tmp_path / "m.elmarc")
    again = load(tmp_path / "m.elmarc", network=network(Own(0)))
    assert np.array_equal(again.predict_proba(paths), model.predict_proba(paths))
    for given, message in (
        (None, r"one of your own, mfcc\+.*:Own: give it again"),
        (network(Own(1)), "joined differ.*: give the network that it was fitted with"),
        (network(Own(0), "timbral"), "found 3 parts, expected 2: give the network"),
        (Own(0), "found 1 parts, expected 2: give the network"),
    ):
        with pytest.raises(ModelError, match=message):
            load(tmp_path / "m.elmarc", network=given)


def test_a_broken_clip_is_left_out_of_all_parts(paths: list[Path], tmp_path: Path) -> None:
    (tmp_path / "clips" / "low" / "broken.wav").write_bytes(b"RIFF")
    data = open_dataset(tmp_path / "clips")
    extractor, _ = build.extractor(parse_experiment({"data": "toy", "network": "mfcc+temporal"}), data)
    extraction = extractor.extract(data.clips)
    assert [Path(name).name for name, _ in extraction.skipped] == ["broken.wav"]
    assert len(extraction.matrix) == len(paths)


def test_ranked_like_any_other(paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from elmarc.cli import main

    monkeypatch.chdir(tmp_path)
    words_ = "rank clips --networks temporal,mfcc+temporal --size small --seeds 1 -q -o out"
    assert main(shlex.split(words_)) == 0
    assert {result.features for result in collect("out")} == {"mfcc", "temporal", "mfcc+temporal"}
    assert main(["fit", "--from", "out", "-q", "-o", "best.elmarc"]) == 0
    assert main(["fit", "clips", "--network", "mfcc+temporal", "--size", "small", "-q"]) == 0
    assert main(["predict", "model.elmarc", "clips", "-q"]) == 0


def test_the_command_that_extracts_them() -> None:
    (_, config) = Rank(data="toy", networks="mfcc+vgg", size="large", seeds=1).experiments()
    request = Extract.of(config)
    assert words(request) == ["toy", "--network", "mfcc+vgg", "--size", "large"]
    assert request.experiment(classifier=config.classifier).network == config.network


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ({"network": "vgg+vgh"}, "vgh"),
        ({"network": "vgg+vgg"}, "found one twice"),
        ({"network": "mfcc+vgg", "pooling": "max"}, "front-ends and the pooling of the recipe"),
        ({"network": "mfcc+vgg", "frontend": {"sr": 8000}}, "front-ends and the pooling of the recipe"),
        ({"network": "mfcc+vgg", "input": {"n_frames": 100}}, "cut by input.seconds"),
        ({"network": "mfcc+vgg", "training": {}}, "no one network to train"),
    ],
)
def test_what_has_no_meaning_is_refused(document: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_experiment({"data": "toy", **document})


def test_options_of_one_network_are_refused(paths: list[Path]) -> None:
    with pytest.raises(ConfigError, match="statistics: joined networks take their own"):
        RandomCNNFeatures("mfcc+vgg", statistics=("max",)).fit(paths)
    with pytest.raises(ConfigError, match="no frames over time"):
        RandomCNNFeatures("mfcc+temporal", store=False).fit(paths).sequences(paths)
