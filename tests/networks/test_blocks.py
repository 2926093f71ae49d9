"""The parts of the networks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from elmarc.networks import blocks
from elmarc.networks.blocks import BandConv, RandomConv, conv_pool, padded_slice, same_padding, to_hops


@pytest.mark.parametrize("kernel", [1, 2, 7, 32])
@pytest.mark.parametrize("stride", [1, 3, 32])
@pytest.mark.parametrize("n", [32, 33, 100])
def test_same_padding_gives_one_output_a_stride(n: int, kernel: int, stride: int) -> None:
    before, after = same_padding(n, kernel, stride=stride)
    assert after - before in (0, 1)
    if before:
        assert (n + before + after - kernel) // stride + 1 == -(-n // stride)


def test_hops_turn_a_stride_into_channels(rng: np.random.Generator) -> None:
    signal = torch.from_numpy(rng.normal(size=(2, 103)))
    kernel = torch.from_numpy(rng.normal(size=(5, 12)))
    strided = F.conv1d(signal[:, None], kernel[:, None], stride=4)
    hops = F.conv2d(to_hops(signal, 4), kernel.reshape(5, 3, 4).permute(0, 2, 1)[:, :, None])
    torch.testing.assert_close(hops.squeeze(2), strided)


def test_a_slice_beyond_the_map_is_zero_there() -> None:
    maps = torch.arange(4.0).reshape(1, 1, 1, 4) + 1
    assert padded_slice(maps, -2, 3).flatten().tolist() == [0, 0, 1, 2, 3]
    assert padded_slice(maps, 2, 6).flatten().tolist() == [3, 4, 0, 0]
    assert padded_slice(maps, 1, 3).flatten().tolist() == [2, 3]


def random_conv(conv: RandomConv, rng: np.random.Generator) -> RandomConv:
    conv.set_kernel(rng.normal(size=conv.kernel_shape).astype(np.float32))
    return conv


@pytest.mark.parametrize("tile_values", [1, 300, 10**9])
@pytest.mark.usefixtures("way")
def test_pooling_tile_by_tile_changes_nothing(tile_values: int, rng, monkeypatch: pytest.MonkeyPatch) -> None:
    conv = random_conv(RandomConv((3, 3, 2, 5), taps=(3, 3), pad_bands=1), rng)
    maps = torch.from_numpy(rng.normal(size=(2, 2, 8, 31)).astype(np.float32))
    monkeypatch.setattr(blocks, "TILE_VALUES", tile_values)
    found = conv_pool(maps, conv, pool=(2, 4), padding=(1, 1), activation=F.elu)
    expected = F.max_pool2d(F.elu(F.conv2d(maps, conv.weight, conv.bias, padding=1)), (2, 4))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("n_filters", [4, 20, 70])  # all five places at once, three, and one
@pytest.mark.usefixtures("way")
def test_filters_over_bands_equal_a_2d_convolution(n_filters: int, rng: np.random.Generator) -> None:
    conv = random_conv(BandConv(3, 5, n_filters), rng)
    conv.bias.copy_(torch.from_numpy(rng.normal(size=n_filters)))
    maps = torch.from_numpy(rng.normal(size=(2, 1, 9, 12)).astype(np.float32))
    kernel = torch.from_numpy(conv.get_kernel()).permute(3, 2, 1, 0)  # filters, 1, bands, frames
    torch.testing.assert_close(conv(maps), F.conv2d(maps, kernel, conv.bias), rtol=1e-5, atol=1e-5)
    assert conv.n_bands_out(9) == 5


def test_kernels_return_as_they_were_given(rng: np.random.Generator) -> None:
    for conv in (
        RandomConv((3, 2, 4, 5), taps=(2, 3)),
        RandomConv((64, 1, 5), taps=(1, 2)),
        BandConv(3, 5, 4),
    ):
        kernel = rng.normal(size=conv.kernel_shape).astype(np.float32)
        conv.set_kernel(kernel)
        assert np.array_equal(conv.get_kernel(), kernel)


@pytest.mark.usefixtures("way")
def test_the_half_precision_copy_follows_the_weights(rng: np.random.Generator) -> None:
    conv = random_conv(RandomConv((3, 2, 4), taps=(1, 3)), rng)
    maps = torch.ones(1, 2, 1, 5, dtype=torch.bfloat16)
    before = conv(maps)
    conv.set_kernel(-conv.get_kernel())
    assert torch.equal(conv(maps), -before)
