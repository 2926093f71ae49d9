"""Fewer multiplications, the same convolution."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from elmarc.features.pooling import pool
from elmarc.networks import blocks, build_network, toom_cook
from elmarc.networks.toom_cook import POINTS, algorithm


@pytest.mark.parametrize("n_taps", POINTS)
def test_the_algorithm_is_a_filter_exactly(n_taps: int, rng: np.random.Generator) -> None:
    gather, expand, spread = algorithm(n_taps, POINTS[n_taps])
    x, taps = rng.normal(size=spread.shape[1]), rng.normal(size=n_taps)
    found = gather @ ((expand @ taps) * (spread @ x))
    np.testing.assert_allclose(found, np.convolve(x, taps[::-1], "valid"), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("n_taps", "fewer"), [(3, 2.2), (7, 3.0)])
def test_it_saves_multiplications(n_taps: int, fewer: float) -> None:
    n_outputs, n_products = algorithm(n_taps, POINTS[n_taps]).gather.shape
    assert n_outputs * n_taps / n_products > fewer


@pytest.mark.parametrize("n_taps", POINTS)
@pytest.mark.parametrize("n_frames", [7, 100, 5001])
def test_convolutions_agree_to_float32_rounding(n_taps: int, n_frames: int, rng: np.random.Generator) -> None:
    maps = torch.from_numpy(rng.normal(size=(1, 32, 1, n_frames))).relu()
    weight = torch.from_numpy(rng.normal(size=(16, 32, 1, n_taps))) / np.sqrt(32 * n_taps)
    bias = torch.from_numpy(rng.normal(size=16))
    expected = F.conv2d(maps, weight, bias)
    products = toom_cook.transform_kernel(weight.float())
    found = toom_cook.convolve(maps.float(), products, bias.float(), n_taps=n_taps)
    assert found.shape == expected.shape
    error = (found - expected).abs().max() / expected.abs().max()
    assert error < 5e-6


@pytest.mark.parametrize("pad_bands", [0, 1])
def test_kernels_of_several_bands_agree_too(pad_bands: int, rng: np.random.Generator) -> None:
    maps = torch.from_numpy(rng.normal(size=(1, 32, 6, 400)))
    weight = torch.from_numpy(rng.normal(size=(16, 32, 3, 3))) / 17
    products = toom_cook.transform_kernel(weight.float())
    found = toom_cook.convolve(maps.float(), products, torch.zeros(16), n_taps=3, pad_bands=pad_bands)
    expected = F.conv2d(maps, weight, padding=(pad_bands, 0))
    assert found.shape == expected.shape
    assert (found - expected).abs().max() / expected.abs().max() < 5e-6


@pytest.mark.parametrize("n_filters", [96, 256])  # the fewest that go this way, and more
@pytest.mark.parametrize(
    ("name", "length"), [("sample_level", 20_000), ("frame_level", 50_000), ("vgg", 1300)]
)
def test_features_stay_within_rounding_of_the_direct_form(
    name: str, length: int, n_filters: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = build_network(name, n_filters=n_filters)
    x = torch.from_numpy(rng.normal(0, 0.1, size=(1, length, network.n_bands)).astype(np.float32))
    fast = pool(network, x)
    monkeypatch.setattr(blocks.RandomConv, "_fewer_products_pay", lambda _self, _maps: False)
    direct = pool(network, x)
    assert not torch.equal(fast, direct)  # both forms ran
    torch.testing.assert_close(fast, direct, rtol=1e-4, atol=1e-5 * float(direct.max()))


def test_new_weights_are_taken_up(rng: np.random.Generator) -> None:
    network = build_network("sample_level", n_filters=256, layers=["pool1"])
    x = torch.from_numpy(rng.normal(0, 0.1, size=(1, 9000, 1)).astype(np.float32))
    before = pool(network, x)
    weights = network.get_weights()
    weights[2] *= 2
    network.set_weights(weights)
    torch.testing.assert_close(pool(network, x), 2 * before)
