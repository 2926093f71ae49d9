"""A GPU gives the features of a CPU, to rounding; these run where torch finds a CUDA device."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from elmarc._types import Precision
from elmarc.audio.length import STUDY_LENGTH
from elmarc.features.assemble import FeatureOptions, assemble
from elmarc.features.device_logmel import DeviceLogMel, on_device
from elmarc.features.extractor import FeatureExtractor
from elmarc.networks import STUDY_NETWORKS, make_network

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
SR = 12000
ROUNDING: dict[Precision, float] = {"float32": 1e-5, "tf32": 3e-3, "bfloat16": 2e-2}


class Residual(nn.Module):
    """Two convolutions with a sum and batch norms, over (clips, 1, length, bands)."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = self.first(x[:, None])
        return torch.relu(self.second(first) + first)


def waveforms(n: int = 5) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    decay = np.exp(-3 * (np.arange(2 * SR) % 4000) / 4000)
    return [(0.1 * rng.normal(size=2 * SR) * decay).astype(np.float32) for _ in range(n)]


def extractor(device: str, network: Any, *, batch_size: int = 4, **options: Any) -> FeatureExtractor:
    wanted = FeatureOptions(network, **{"size": "small", "fix_length": "repeat-pad", **options})
    return assemble(wanted, default_length=STUDY_LENGTH, device=device, batch_size=batch_size)


def features(device: str, network: Any, **options: Any) -> np.ndarray:
    return extractor(device, network, **options).extract_waveforms(waveforms())


def deviation(found: np.ndarray, expected: np.ndarray) -> float:
    """Return the largest |found - expected| / |expected| over clips."""
    return float(np.max(np.linalg.norm(found - expected, axis=1) / np.linalg.norm(expected, axis=1)))


@pytest.mark.parametrize("precision", ROUNDING)
@pytest.mark.parametrize("recipe", ["2018", "v2"])
@pytest.mark.parametrize("network", STUDY_NETWORKS)
def test_a_gpu_gives_the_features_of_a_cpu(network: str, recipe: str, precision: Precision) -> None:
    expected = features("cpu", network, recipe=recipe)
    found = features("cuda", network, recipe=recipe, precision=precision)
    assert 0 < deviation(found, expected) < ROUNDING[precision]


@pytest.mark.parametrize("network", STUDY_NETWORKS)
def test_a_clip_does_not_see_its_batch(network: str) -> None:
    together, alone = (features("cuda", network, recipe="v2", batch_size=n) for n in (5, 1))
    assert deviation(together, alone) < 1e-5


@pytest.mark.parametrize("recipe", ["2018", "v2"])
def test_a_module_of_the_users(recipe: str) -> None:
    module = make_network(Residual(), layers=["first", "second"], input_length=94, weights="redraw")
    expected, found = (features(device, module, duration=2.0, recipe=recipe) for device in ("cpu", "cuda"))
    assert expected.std() > 0
    assert deviation(found, expected) < 1e-5


@pytest.mark.parametrize("recipe", ["2018", "v2"])
def test_log_mels_are_computed_there_and_are_those_of_a_cpu(recipe: str) -> None:
    logmel = extractor("cpu", "vgg", recipe=recipe).frontend
    there = on_device(logmel, torch.device("cuda"))
    assert isinstance(there, DeviceLogMel)
    clips = np.stack([*waveforms(), np.zeros(2 * SR, np.float32)])
    np.testing.assert_allclose(there(clips), logmel(clips), atol=1e-4, rtol=0)


def test_rounding_modes_of_the_caller_are_left_alone_and_do_not_reach_the_features() -> None:
    expected = features("cuda", "vgg")
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    try:
        torch.set_float32_matmul_precision("medium")
        torch.backends.cudnn.allow_tf32 = True
        assert deviation(features("cuda", "vgg"), expected) < 1e-6
        assert torch.get_float32_matmul_precision() == "medium"
        assert torch.backends.cudnn.allow_tf32
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]


def test_a_bad_row_of_a_batch_is_the_only_one_that_is_refused() -> None:
    rows = waveforms()
    outcomes = list(
        extractor("cuda", "vgg").stream(range(5), lambda i: rows[i] * np.float32(np.nan if i == 2 else 1))
    )
    bad = [i for i, outcome in outcomes if isinstance(outcome, Exception)]
    assert bad == [2]
