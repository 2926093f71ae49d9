"""Features over time: where their frames lie, and that they depend on the clip alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch
from torch import nn

from elmarc.datasets.base import Clip
from elmarc.errors import AudioError, ConfigError
from elmarc.features.extractor import FeatureExtractor
from elmarc.features.frames import FASTEST_HZ, Sequencer
from elmarc.frontends import MFCC, LogMel, RawWaveform
from elmarc.frontends.base import FrontEnd
from elmarc.networks import STUDY_NETWORKS, ExternalNetwork, build_network
from elmarc.networks.base import Network

SR = 12000
LAYERS = [(name, layer) for name in STUDY_NETWORKS for layer in build_network(name, n_filters=4).layer_names]


def frontend_of(network: Network | None) -> FrontEnd:
    if network is None:
        return MFCC()
    return LogMel() if network.input_unit == "frames" else RawWaveform()


def extractor(name: str | None, **options) -> FeatureExtractor:
    network = build_network(name, n_filters=4) if name else None
    length = network.min_input_length if network else None
    return FeatureExtractor(frontend_of(network), network, length=length, **options)


def noise(rng: np.random.Generator, seconds: float) -> np.ndarray:
    return (1e-3 * rng.standard_normal(round(seconds * SR))).astype(np.float32)


def response(network: Network | None, quiet: np.ndarray, second: float, rate: float) -> float:
    """The middle of the times at which a click changes something."""
    clicked = quiet.copy()
    clicked[round(second * SR)] = 0.5
    sequencer = Sequencer(frontend_of(network), network, rate=rate)
    times, changed = sequencer(clicked)
    at = times[(changed != sequencer(quiet).features).any(axis=1)]
    return (at[0] + at[-1]) / 2


@pytest.mark.parametrize(("name", "layer"), LAYERS)
def test_a_click_is_in_the_middle_of_its_response(name: str, layer: str, rng: np.random.Generator) -> None:
    network = build_network(name, n_filters=16, layers=[layer])
    frontend = frontend_of(network)
    position_s = network.reduction(layer) / frontend.positions_per_second
    seconds = max(4.0, 6 * position_s)
    second = (seconds / 2) // 0.128 * 0.128  # the middle of a frame of the spectrogram
    for longer in (0.0, position_s / 3):
        quiet = noise(rng, seconds + longer)
        middle = response(network, quiet, second, rate=min(8 / position_s, frontend.sr))
        # a frame of the spectrogram is moved by its own half window, a click falls anywhere in a pool
        assert abs(middle - second) <= (position_s + 8 / SR) / 2 + position_s / 8


@pytest.mark.parametrize("shift", [0.0, 0.01, 0.02])
def test_a_click_is_in_the_middle_of_its_mfcc(shift: float, rng: np.random.Generator) -> None:
    assert abs(response(None, noise(rng, 4), 2 + shift, rate=200) - 2 - shift) <= 512 / SR / 2 + 1 / 200


@pytest.mark.parametrize("name", ["timbral", "sample_level", None])
def test_a_click_at_one_second_peaks_at_one_second(name: str | None, rng: np.random.Generator) -> None:
    network = build_network(name, size="large") if name else None
    quiet = noise(rng, 3)
    clicked = quiet.copy()
    clicked[SR] = 0.5
    sequencer = Sequencer(frontend_of(network), network)
    times, X = sequencer(clicked)
    n_first = 20 if network is None else network.n_features  # coefficients, not their differences
    change = np.abs(X - sequencer(quiet).features)[:, :n_first].sum(axis=1)
    assert abs(times[change.argmax()] - 1) <= 0.5 / sequencer.rate


def test_a_wrong_centre_would_be_seen(rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("elmarc.networks.base.Network.first_centre", lambda network, layer: 0.0)
    with pytest.raises(AssertionError):
        test_a_click_is_in_the_middle_of_its_response("frame_level", "back1", rng)


@pytest.mark.parametrize("name", [*STUDY_NETWORKS, None])
@pytest.mark.parametrize("n_samples", [1, 100, 2500, 40_001])
def test_any_length_gives_the_frames_before_its_end(
    name: str | None, n_samples: int, rng: np.random.Generator
) -> None:
    made = extractor(name)
    times, X = made.sequence(noise(rng, n_samples / SR))
    rate = made.sequencer().rate
    assert X.shape == (len(times), len(made.sequencer().columns))
    assert X.dtype == np.float32
    assert times[0] == 0
    assert np.allclose(np.diff(times), 1 / rate)
    assert times[-1] < n_samples / SR <= times[-1] + 1 / rate + 1e-9
    assert rate <= FASTEST_HZ


@pytest.mark.parametrize("name", ["temporal", "timbral"])
def test_frames_at_a_layer_s_own_rate_are_its_map(name: str, rng: np.random.Generator) -> None:
    network = build_network(name, n_filters=4)
    y = noise(rng, 2)
    maps = network(torch.from_numpy(LogMel()(y))[None])[name][0].numpy().T
    times, X = extractor(name).sequence(y)
    assert np.array_equal(X, maps[: len(times)])


def test_the_mean_of_frames_is_the_clip_s_mean(rng: np.random.Generator) -> None:
    y = noise(rng, (256 * 100 - 1) / SR)  # 100 frames
    network = build_network("timbral", n_filters=4)
    vector = FeatureExtractor(LogMel(), network, length=100).extract_waveforms(y[None])[0]
    _, X = extractor("timbral").sequence(y)
    assert np.allclose(X.mean(axis=0), vector, rtol=1e-4)


def test_faster_layers_are_averaged_over_a_step() -> None:
    seconds, rate = 2, 10
    y = np.sin(2 * np.pi * 1000 * np.arange(seconds * SR) / SR).astype(np.float32)
    network = build_network("sample_level", n_filters=4, layers=["conv0"])
    slow = Sequencer(RawWaveform(), network, rate=rate)(y).features
    fast = Sequencer(RawWaveform(), network, rate=4000)(y).features
    assert np.allclose(slow[5:-5], fast.mean(axis=0), rtol=1e-3)


@pytest.mark.parametrize("rate", [0, -1.0, float("nan")])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(ConfigError, match="rate"):
        extractor("temporal").sequencer(rate)


def test_columns_name_layer_and_channel() -> None:
    assert extractor("7x96").sequencer().columns[:2] == ("pool/0", "pool/1")
    assert extractor(None).sequencer().columns[0] == "mfcc/0"
    assert extractor(None).sequencer().columns[20::20] == ("mfcc/delta/0", "mfcc/delta2/0")


@pytest.fixture
def clips(tmp_path: Path, rng: np.random.Generator) -> list[Clip]:
    made = []
    for i in range(5):
        path = tmp_path / f"{i}.wav"
        sf.write(path, noise(rng, 1 + 0.1 * i), SR, subtype="FLOAT")
        made.append(Clip(id=path.name, path=path, label="", start=0.25 if i == 4 else None))
    return made


@pytest.mark.parametrize("name", ["timbral_temporal", "frame_level_many", None])
def test_batch_size_and_workers_do_not_change_sequences(clips: list[Clip], name: str | None) -> None:
    alone = [extractor(name).sequence(clip) for clip in clips]
    for options in ({"n_workers": 1}, {"n_workers": 3, "batch_size": 4}):
        together = list(extractor(name, **options).sequences(clips))
        for one, other in zip(alone, together, strict=True):
            assert np.array_equal(one[0], other[0])
            assert np.array_equal(one[1], other[1])


def test_a_bad_clip_is_named_and_set_aside(clips: list[Clip], tmp_path: Path) -> None:
    bad = Clip(id="bad", path=tmp_path / "none.wav", label="")
    found = list(extractor("temporal").sequences([clips[0], bad, clips[1]]))
    assert [isinstance(one, AudioError) for one in found] == [False, True, False]
    assert "none.wav" in str(found[1])
    with pytest.raises(AudioError, match=r"none\.wav"):
        list(extractor("temporal", strict=True).sequences([bad]))


def own(*, length: int = 2000) -> ExternalNetwork:
    """Padding and strides as torch has them."""
    module = nn.Sequential(
        nn.Flatten(), nn.Unflatten(1, (1, -1)), nn.Conv1d(1, 8, 64, stride=32, padding=8), nn.MaxPool1d(2)
    )
    return ExternalNetwork(
        module, layers=["2", "3"], input_unit="samples", input_length=length, reduction={"2": 32, "3": 64}
    )


def test_an_own_module_has_frames_where_its_positions_lie(rng: np.random.Generator) -> None:
    network = own()
    middle = response(network, noise(rng, 2), 1.0, rate=1500)
    assert abs(middle - 1.0) <= 64 / SR / 2 + 1 / 1500


def test_a_layer_without_time_has_no_frames() -> None:
    module = nn.Sequential(nn.Flatten(), nn.Unflatten(1, (1, -1)), nn.AdaptiveAvgPool1d(4))
    network = ExternalNetwork(module, input_unit="samples", input_length=2000, output="channels part")
    with pytest.raises(ConfigError, match="no positions over time"):
        FeatureExtractor(RawWaveform(), network, length=2000).sequence(np.zeros(SR, np.float32))
