"""The same seconds of a clip are heard, whatever the rate and the hop."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
from tests.sounds import write_noise

from elmarc import RandomCNNFeatures
from elmarc.datasets import open_dataset, suggest_input_length
from elmarc.datasets.base import Clip, Dataset
from elmarc.errors import ConfigError
from elmarc.features.extractor import FeatureExtractor
from elmarc.frontends import LogMel, RawWaveform
from elmarc.networks import build_network
from elmarc.study import build
from elmarc.study.spec import parse_experiment
from elmarc.study.sweep import apply_overrides

SECONDS = 10.0
RATES: list[dict[str, Any]] = [{}, {"hop_length": 128}, {"hop_length": 512}, {"sr": 22050}]
CASES = [("temporal", change) for change in RATES]
CASES += [("sample_level", change) for change in RATES if "hop_length" not in change]  # samples have no hop


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two classes of two clips of ten seconds of noise."""
    rng = np.random.default_rng(10)
    root = tmp_path_factory.mktemp("clips")
    for name in ("a/1.wav", "a/2.wav", "b/1.wav", "b/2.wav"):
        write_noise(root / name, rng, 10 * 44100, 44100)
    return root


def heard_s(extractor: FeatureExtractor) -> float:
    """Return the seconds from the first to the last position that the network is fed."""
    rate = extractor.frontend.positions_per_second
    assert extractor.length is not None
    assert rate is not None
    return (extractor.length - (extractor.frontend.unit == "frames")) / rate


def extractor_of(folder: Path, network: str, *overrides: str) -> tuple[FeatureExtractor, Dataset]:
    document = {"data": str(folder), "network": {"kind": network, "n_filters": 4}}
    config = parse_experiment(apply_overrides(document, overrides))
    data = build.dataset(config.data)
    return build.extractor(config, data)[0], data


@pytest.mark.parametrize(("network", "change"), CASES, ids=str)
def test_whole_clips_are_heard_through_a_configuration(folder: Path, network: str, change: Any) -> None:
    extractor, data = extractor_of(folder, network, *(f"frontend.{k}={v}" for k, v in change.items()))
    hop_s = change.get("hop_length", 256) / change.get("sr", 12000)
    assert SECONDS - hop_s < heard_s(extractor) <= SECONDS
    whole = extractor.frontend(np.zeros(round(SECONDS * extractor.frontend.sr), np.float32))
    assert extractor.length == len(whole)
    assert len(extractor.prepare(data.clips[0])) == extractor.length


@pytest.mark.parametrize("change", RATES, ids=str)
def test_whole_clips_are_heard_through_an_extractor(folder: Path, change: Any) -> None:
    length = suggest_input_length(open_dataset(folder))
    for front, name in (
        (LogMel(**change), "temporal"),
        (RawWaveform(sr=change.get("sr", 12000)), "frame_level"),
    ):
        net = build_network(name, n_filters=4)
        n_positions = front.n_positions(length.seconds(net.input_unit))
        extractor = FeatureExtractor(front, net, length=n_positions, fix_length=length.fix_length)
        assert SECONDS - 1 / front.positions_per_second < heard_s(extractor) <= SECONDS


@pytest.mark.parametrize(("network", "change"), CASES, ids=str)
def test_seconds_that_are_asked_for_are_heard_at_any_rate(folder: Path, network: str, change: Any) -> None:
    sets = (f"frontend.{key}={value}" for key, value in change.items())
    extractor, _ = extractor_of(folder, network, "input.seconds=3.2", *sets)
    assert heard_s(extractor) == pytest.approx(3.2, abs=1 / extractor.frontend.positions_per_second)


def test_positions_that_are_asked_for_stay_as_they_are(folder: Path) -> None:
    extractor, _ = extractor_of(folder, "temporal", "input.n_frames=300", "frontend.hop_length=128")
    assert extractor.length == 300


def test_short_clips_are_repeated_to_as_many_seconds_for_a_network_that_needs_more(folder: Path) -> None:
    lengths = {
        hop: extractor_of(folder, "vgg", f"frontend.hop_length={hop}")[0].length
        for hop in (64, 128, 256, 512)
    }
    assert lengths[256] == 1376  # as the study did, 29.34 s
    assert lengths[128] == 2751
    assert lengths[64] == 1 + 120_000 // 64  # ten seconds are enough for it
    assert lengths[512] == 1280  # what the network needs is more


@pytest.mark.parametrize("network", ["temporal", "sample_level"])
@pytest.mark.parametrize("sr", [12000, 22050])
def test_the_transformer_hears_the_same_seconds(folder: Path, network: str, sr: int) -> None:
    paths = sorted(folder.rglob("*.wav"))
    whole = RandomCNNFeatures(network, n_filters=4, sr=sr).fit(paths).extractor_
    assert heard_s(whole) == pytest.approx(SECONDS, abs=256 / sr)
    some = RandomCNNFeatures(network, n_filters=4, sr=sr, duration=2.0).fit(paths).extractor_
    assert heard_s(some) == pytest.approx(2.0, abs=256 / sr)


def test_a_transformer_takes_seconds_or_positions_not_both(folder: Path) -> None:
    both = RandomCNNFeatures("temporal", n_filters=4, duration=2.0, input_length=64)
    with pytest.raises(ConfigError, match="duration, input_length: found both"):
        both.fit(sorted(folder.rglob("*.wav")))


def test_sound_in_the_second_half_counts_at_every_hop(folder: Path, tmp_path: Path) -> None:
    for hop in (128, 256, 512):
        extractor, data = extractor_of(folder, "temporal", f"frontend.hop_length={hop}")
        y, sr = sf.read(data.clips[0].path, dtype="float32")
        quiet = np.where(np.arange(len(y)) < len(y) // 2, y, 0).astype(np.float32)
        sf.write(tmp_path / "half.wav", quiet, sr)
        clips = [data.clips[0], Clip("half", tmp_path / "half.wav", "a")]
        rows = extractor.extract(clips).matrix.X
        assert not np.allclose(rows[0], rows[1], rtol=1e-3)
