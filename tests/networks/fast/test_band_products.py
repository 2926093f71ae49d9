"""Filters over bands as matrix products."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from elmarc.networks import blocks, fast
from elmarc.networks.blocks import BandConv
from elmarc.networks.fast import band_products, onednn, plain


def random_conv(n_frames: int, n_bands: int, n_filters: int, rng: np.random.Generator) -> BandConv:
    conv = BandConv(n_frames, n_bands, n_filters)
    conv.set_kernel(rng.normal(size=conv.kernel_shape).astype(np.float32))
    conv.bias.copy_(torch.from_numpy(rng.normal(size=n_filters)))
    return conv


@pytest.mark.parametrize("n_filters", [4, 20, 70])  # all five places at once, three, and one
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("biased", [False, True])  # above some peaks below zero
def test_peaks_are_the_rectified_maxima_over_bands(
    n_filters: int, dtype, biased: bool, rng, monkeypatch, way: str
) -> None:
    monkeypatch.setattr(band_products, "TILE_BYTES", 2000)  # several tiles
    monkeypatch.setattr(blocks, "FILTERS_AT_ONCE", 3)
    conv = random_conv(3, 5, n_filters, rng)
    if not biased:
        conv.bias.zero_()
    maps = torch.from_numpy(rng.normal(size=(2, 1, 9, 40))).to(dtype)
    expected = conv(maps).relu().amax(dim=2)
    rtol = 0.02 if dtype == torch.bfloat16 and way == "plain" else 1e-5  # a block rounds in its own way
    for first, found in conv.peaks(maps):
        torch.testing.assert_close(found, expected[:, first : first + 3], rtol=rtol, atol=rtol)
    assert first + found.shape[1] == n_filters


@pytest.mark.parametrize("n_frames", [13, 400])
@pytest.mark.parametrize("taps", [3, 7])
def test_peaks_with_fewer_products_are_the_same(taps: int, n_frames: int, rng, monkeypatch) -> None:
    monkeypatch.setattr(band_products, "BLOCKS_AT_ONCE", 30)  # several tiles
    monkeypatch.setattr(blocks, "FILTERS_AT_ONCE", 100)
    conv = random_conv(taps, 64, 140, rng)
    maps = torch.from_numpy(rng.normal(size=(1, 1, 80, n_frames)).astype(np.float32))
    assert onednn.packs_kernels(maps) == fast._is_large(conv, maps, (1, taps), True)
    with plain():
        expected = conv(maps).relu().amax(dim=2)
    found = torch.cat([peaks for _, peaks in conv.peaks(maps)], dim=1)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5 * float(expected.max()))
