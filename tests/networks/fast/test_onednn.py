"""Kernels kept as oneDNN lays them out."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from elmarc.networks.blocks import RandomConv


def random_conv(kernel_shape: tuple[int, ...], rng: np.random.Generator, **settings) -> RandomConv:
    conv = RandomConv(kernel_shape, **settings)
    conv.set_kernel(rng.normal(size=kernel_shape).astype(np.float32))
    conv.bias.copy_(torch.from_numpy(rng.normal(size=kernel_shape[-1])))
    return conv


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float32, 1e-4), (torch.bfloat16, 0.02)])
def test_kernels_equal_a_plain_convolution(dtype: torch.dtype, rtol: float, rng) -> None:
    conv = random_conv((3, 3, 20, 40), rng, taps=(3, 3), pad_bands=1)
    for n_frames in (50, 7, 50):
        maps = torch.from_numpy(rng.normal(size=(1, 20, 6, n_frames))).to(dtype)
        expected = F.conv2d(maps.float(), conv.weight.to(dtype).float(), conv.bias, padding=(1, 0))
        torch.testing.assert_close(conv(maps).float(), expected, rtol=rtol, atol=5 * rtol)
        some = conv(maps, filters=slice(3, 9)).float()
        torch.testing.assert_close(some, expected[:, 3:9], rtol=rtol, atol=5 * rtol)
        conv.set_kernel(-conv.get_kernel())  # taken up by the next


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda conv: pickle.loads(pickle.dumps(conv))])
def test_a_convolution_that_has_run_can_be_copied(copied, rng: np.random.Generator) -> None:
    conv = random_conv((3, 20, 40), rng, taps=(1, 3))
    maps = torch.from_numpy(rng.normal(size=(1, 20, 1, 50)).astype(np.float32))
    before = conv(maps)
    assert torch.equal(copied(conv)(maps), before)
