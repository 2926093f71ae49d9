"""The log-mel spectrogram by torch has the numbers of the one by NumPy, here on a CPU."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from elmarc.datasets.base import Clip
from elmarc.errors import AudioError
from elmarc.features import device_logmel, extractor
from elmarc.features.device_logmel import DeviceLogMel, on_device
from elmarc.frontends import LogMel, RawWaveform
from elmarc.networks import build_network

CPU = torch.device("cpu")
V2 = {"shift_db": 25.0, "scale_db": 20.0, "levelling": 0.5}
SETTINGS: list[dict[str, Any]] = [
    {},
    V2,
    {"pad_mode": "constant", "top_db": None, **V2},
    {"sr": 22050, "n_fft": 1025, "hop_length": 300, "n_mels": 64, "power": 1.0},
    {"power": 3.0, "top_db": 40.0, "fmin": 50.0},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("n_samples", [1, 100, 20000])
def test_numbers_are_those_of_numpy(
    n_samples: int, settings: dict[str, Any], rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(device_logmel, "BLOCK_SAMPLES", 4000)
    y = (rng.normal(size=(3, n_samples)) * np.exp(-np.arange(n_samples) / 2000)).astype(np.float32)
    y[1] *= 1e-5
    y[2] = 0
    expected, found = LogMel(**settings)(y), DeviceLogMel(**settings, device=CPU)(y)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-4, rtol=0)


def test_it_has_the_settings_and_the_refusals_of_the_front_end() -> None:
    with pytest.warns(match="stay silent"):
        logmel = LogMel(n_fft=256, n_mels=128)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the warning is given once
        found = on_device(logmel, torch.device("cuda"))
    assert isinstance(found, DeviceLogMel)
    assert found.definition() == logmel.definition()
    with pytest.raises(AudioError, match="NaN"):
        found(np.full(1000, np.nan, np.float32))


@pytest.mark.parametrize(
    ("frontend", "device"), [(LogMel(), "cpu"), (LogMel(), "mps"), (RawWaveform(), "cuda")]
)
def test_others_stay_as_they_are(frontend: Any, device: str) -> None:
    assert on_device(frontend, torch.device(device)) is frontend


def test_the_extractor_computes_by_it(
    tmp_path: Path, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    y = rng.normal(0, 0.1, 12000).astype(np.float32)
    soundfile.write(tmp_path / "y.wav", y, 12000, subtype="FLOAT")
    clips = [Clip("y", tmp_path / "y.wav", "x")]
    expected = rows(y, clips)
    calls = []

    class Counted(DeviceLogMel):
        def _clip_db(self, y: np.ndarray) -> np.ndarray:
            calls.append(len(y))
            return super()._clip_db(y)

    monkeypatch.setattr(extractor, "on_device", lambda *_: Counted(device=CPU))
    np.testing.assert_allclose(rows(y, clips), expected, rtol=1e-5)
    assert calls == [12000] * 3


def rows(y: np.ndarray, clips: list[Clip]) -> np.ndarray:
    """Return the features of a waveform, and of the same in a file, by each way into an extractor."""
    network = build_network("temporal", n_filters=4)
    made = extractor.FeatureExtractor(LogMel(), network, length=40, device="cpu")
    (_, streamed), *_ = made.stream([y], np.asarray)
    return np.vstack([made.extract_waveforms([y]), made.extract(clips).matrix.X, [np.asarray(streamed)]])
