"""A few outputs of a large convolution or product, computed again in float64: what `trust` compares."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from elmarc.networks.fast.trust import Comparison

N_FILTERS, N_FRAMES, N_GROUPS = 8, 4, 3  # outputs compared: the first, the last, and some between


class Sample(NamedTuple):
    """Some filters of a kernel, from some of its groups.

    Attributes
    ----------
    groups : numbers of the groups.
    filters : numbers of the filters within a group.
    weights : Tensor [shape=(groups, filters, channels, bands, frames)]
    n_groups : of the whole kernel.
    """

    groups: list[int]
    filters: Tensor
    weights: Tensor
    n_groups: int


def spread(n: int, at_most: int) -> Tensor:
    """Return the first and the last of n indices, and some between.

    >>> spread(100, 4).tolist(), spread(2, 4).tolist()
    ([0, 33, 66, 99], [0, 1])
    """
    return torch.linspace(0, n - 1, min(n, at_most), dtype=torch.float64).long()


def take(weight: Tensor, n_groups: int) -> Sample:
    """Copy some filters of a kernel (groups x filters, channels, bands, frames)."""
    by_group = weight.view(n_groups, -1, *weight.shape[1:])
    groups, filters = spread(n_groups, N_GROUPS), spread(by_group.shape[1], N_FILTERS)
    return Sample(groups.tolist(), filters, by_group[groups[:, None], filters], n_groups)


def compare(out: Tensor, maps: Tensor, sample: Sample, bias: Tensor, pad_bands: int) -> Comparison:
    """Compute some of `out` (clips, filters, bands, frames) again: the first clip, at some frames."""
    frames = spread(out.shape[3], N_FRAMES)
    windows = maps[0].unfold(2, sample.weights.shape[-1], 1)[:, :, frames].permute(2, 0, 1, 3)
    by_group = windows.reshape(len(frames), sample.n_groups, -1, *windows.shape[2:])
    found = out[0][..., frames].reshape(sample.n_groups, -1, out.shape[2], len(frames))
    biases = bias.view(sample.n_groups, -1)
    parts = [
        _conv(
            found[group][sample.filters].permute(2, 0, 1),
            by_group[:, group],
            weight,
            biases[group][sample.filters],
            pad_bands,
        )
        for group, weight in zip(sample.groups, sample.weights, strict=True)
    ]
    return Comparison(*(torch.stack(part) for part in zip(*parts, strict=True)))


def _conv(found: Tensor, windows: Tensor, weight: Tensor, bias: Tensor, pad_bands: int) -> Comparison:
    windows, weight, bias = windows.double(), weight.double(), bias.double()
    expected = F.conv2d(windows, weight, bias, padding=(pad_bands, 0)).squeeze(3)
    sizes = F.conv2d(windows.abs(), weight.abs(), padding=(pad_bands, 0)).squeeze(3)
    return Comparison(found, expected, sizes)


def compare_product(out: Tensor, rows: Tensor, matrix: Tensor, bias: Tensor | None) -> Comparison:
    """Compute some of `out` = rows @ matrix.T + bias again."""
    some, outputs = spread(len(rows), N_FRAMES), spread(len(matrix), N_FILTERS)
    inputs, weights = rows[some].double(), matrix[outputs].double()
    expected = inputs @ weights.T + (0.0 if bias is None else bias[outputs].double())
    return Comparison(out[some][:, outputs], expected, inputs.abs() @ weights.abs().T)
