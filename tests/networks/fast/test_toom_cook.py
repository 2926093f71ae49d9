"""Fewer multiplications, the same convolution."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.signal import correlate2d

from elmarc.features.pooling import pool
from elmarc.networks import build_network, fast
from elmarc.networks.blocks import RandomConv
from elmarc.networks.fast import onednn, plain, toom_cook
from elmarc.networks.fast.toom_cook import POINTS, grid

needs_onednn = pytest.mark.skipif(
    fast.is_plain() or not onednn.packs_kernels(torch.empty(0)),
    reason="Toom-Cook products are computed by oneDNN's operators",
)


@pytest.mark.parametrize("taps", POINTS)
def test_the_algorithm_is_a_filter_exactly(taps: tuple[int, int], rng: np.random.Generator) -> None:
    (gather, expand, spread), n_inputs, n_outputs = grid(taps)
    x, kernel = rng.normal(size=n_inputs), rng.normal(size=taps)
    found = gather @ ((expand @ kernel.ravel()) * (spread @ x.ravel()))
    expected = correlate2d(x, kernel, "valid")
    np.testing.assert_allclose(found.reshape(n_outputs), expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("taps", "fewer"), [((1, 3), 2.25), ((1, 7), 3.5), ((3, 3), 4)])
def test_it_saves_multiplications(taps: tuple[int, int], fewer: float) -> None:
    n_outputs, n_products = grid(taps).algorithm.gather.shape
    assert n_outputs * math.prod(taps) / n_products == fewer


@pytest.mark.parametrize(
    ("taps", "n_bands", "pad_bands"),
    [((1, 3), 1, 0), ((1, 3), 6, 1), ((1, 7), 1, 0), ((3, 3), 6, 0), ((3, 3), 6, 1), ((3, 3), 1, 1)],
)
@pytest.mark.parametrize("n_frames", [7, 100, 5001])
@needs_onednn
def test_convolutions_agree_to_float32_rounding(
    taps: tuple[int, int], n_bands: int, pad_bands: int, n_frames: int, rng, monkeypatch
) -> None:
    monkeypatch.setattr(toom_cook, "TILE_POSITIONS", 300)  # several tiles
    maps = torch.from_numpy(rng.normal(size=(1, n_bands, n_frames, 32))).relu().permute(0, 3, 1, 2)
    weight = torch.from_numpy(rng.normal(size=(16, 32, *taps))) / np.sqrt(32 * math.prod(taps))
    bias = torch.from_numpy(rng.normal(size=16))
    expected = F.conv2d(maps, weight, bias, padding=(pad_bands, 0))
    conv = RandomConv((*taps[::-1], 32, 16), taps=taps, pad_bands=pad_bands)
    with torch.no_grad():
        conv.weight.copy_(weight)
        conv.bias.copy_(bias)
        found = toom_cook.convolve(conv, maps.float())
    assert found.shape == expected.shape
    assert (found - expected).abs().max() / expected.abs().max() < 5e-6


@pytest.mark.parametrize(
    ("name", "length"),
    [("sample_level", 20_000), ("frame_level", 50_000), ("vgg", 1300), ("7x86", 300), ("timbral", 300)],
)
@needs_onednn
def test_features_stay_within_rounding_of_the_direct_form(
    name: str, length: int, rng: np.random.Generator
) -> None:
    network = build_network(name, n_filters=140)
    x = torch.from_numpy(rng.normal(0, 0.1, size=(1, length, network.n_bands)).astype(np.float32))
    ours = pool(network, x)
    with plain():
        direct = pool(network, x)
    assert not torch.equal(ours, direct)  # both forms ran
    torch.testing.assert_close(ours, direct, rtol=1e-4, atol=1e-5 * float(direct.max()))


def test_scratch_taken_in_inference_mode_serves_outside(rng: np.random.Generator) -> None:
    network = build_network("sample_level", n_filters=128, layers=["pool1"])
    x = torch.from_numpy(rng.normal(0, 0.1, size=(1, 9000, 1)).astype(np.float32))
    toom_cook._scratch.__init__()
    with torch.inference_mode():
        inside = pool(network, x)
    assert torch.equal(pool(network, x), inside)


def test_new_weights_are_taken_up(rng: np.random.Generator) -> None:
    network = build_network("sample_level", n_filters=256, layers=["pool1"])
    x = torch.from_numpy(rng.normal(0, 0.1, size=(1, 9000, 1)).astype(np.float32))
    before = pool(network, x)
    weights = network.get_weights()
    weights[2] *= 2
    network.set_weights(weights)
    torch.testing.assert_close(pool(network, x), 2 * before)
