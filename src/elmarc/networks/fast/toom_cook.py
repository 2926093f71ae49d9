"""Convolution with two to four times fewer multiplications, in float32: Toom-Cook (Winograd) filters.

Evaluate two polynomials at n points, multiply their values, and interpolate the product's coefficients.
Points at infinity and on the real axis cost one multiplication; a complex one stands for its conjugate too
and costs three. Many real points magnify rounding; those on the unit circle do not, as in an FFT. Along two
axes the factors multiply. A network's features are within 1e-4 of the direct form's, relative to the largest.

A map is computed in tiles of one size along time, each of many small blocks: a block is the outputs of one
application of the algorithm, (bands, frames).

Source: Lavin & Gray 2016, "Fast algorithms for convolutional neural networks", arXiv 1509.09308; Winograd,
"Arithmetic complexity of computations", SIAM 1980, for the transposition that turns products into filters.
"""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from elmarc.networks.fast import onednn
from elmarc.networks.fast.onednn import Kernel, Layer

INFINITY = complex("inf")
REAL_4 = (0, INFINITY, 1, -1)
REAL_6 = (*REAL_4, 2, -0.5)
REAL_8 = (*REAL_4, 2, -2, 0.5, -0.5)
MIXED_16 = (*REAL_8, *(np.exp(2j * np.pi * k / 10) for k in range(1, 5)))
# (bands, frames) of a filter -> points along both. More points save little time and cost accuracy
POINTS: dict[tuple[int, int], tuple[tuple[complex, ...], tuple[complex, ...]]] = {
    (1, 3): ((0,), REAL_8),
    (1, 7): ((0,), MIXED_16),
    (3, 3): (REAL_6, REAL_6),
}
TILE_POSITIONS = 2048  # at a time: fewer read the matrices too often, more leave the cache


class Algorithm(NamedTuple):
    """Outputs = gather @ ((expand @ taps) * (spread @ inputs)), for inputs in a row."""

    gather: NDArray[np.float64]  # outputs x products
    expand: NDArray[np.float64]  # products x taps
    spread: NDArray[np.float64]  # products x inputs


@functools.cache
def algorithm(n_taps: int, points: tuple[complex, ...]) -> Algorithm:
    """Return the bilinear algorithm of a filter of `n_taps` that takes its products at these points.

    >>> gather, expand, spread = algorithm(3, REAL_8)
    >>> x, taps = np.arange(8.0), np.array([1.0, -2.0, 4.0])
    >>> bool(np.allclose(gather @ ((expand @ taps) * (spread @ x)), np.convolve(x, taps[::-1], "valid")))
    True
    """
    both = [q for p in points for q in ((p, p.conjugate()) if p.imag else (p,))]
    n_inputs = len(both)
    outputs, taps = _values(points, n_inputs - n_taps + 1), _values(points, n_taps)
    interpolation = np.linalg.inv(_values(both, n_inputs)).T  # transposed: from inputs to points
    first = [both.index(point) for point in points]
    products = [_products(*rows) for rows in zip(points, outputs, taps, interpolation[first], strict=True)]
    gather, expand, spread = ([row for at in products for row in at[part]] for part in range(3))
    return Algorithm(np.stack(gather, axis=1), np.stack(expand), np.stack(spread))


def _values(points: Sequence[complex], n: int) -> NDArray[np.complex128]:
    """Return the matrix from n coefficients to a polynomial's values at the points."""
    rows = [np.eye(n)[-1] if p == INFINITY else np.power(complex(p), np.arange(n)) for p in points]
    return np.stack(rows).astype(np.complex128)


def _products(
    point: complex, e: NDArray[np.complex128], g: NDArray[np.complex128], b: NDArray[np.complex128]
) -> tuple[list[NDArray[np.float64]], ...]:
    """Return columns of `gather`, rows of `expand` and of `spread` for the products at one point.

    They give e g b at a real point, and 2 Re(e g b), in three real products, at a complex one.
    """
    if not point.imag:
        return [e.real], [g.real], [b.real]
    return (
        [2 * (e.real - e.imag), -2 * e.imag, -2 * e.real],
        [g.real, g.imag - g.real, g.real + g.imag],
        [b.real + b.imag, b.real, b.imag],
    )


class Grid(NamedTuple):
    """The algorithm along bands and frames at once, for filters, inputs and outputs in row-major order."""

    algorithm: Algorithm
    inputs: tuple[int, int]  # bands, frames
    outputs: tuple[int, int]

    @property
    def at_one(self) -> int:
        """The product that every output contains with factor 1: the one at the point 1."""
        return int(np.flatnonzero((self.algorithm.gather == 1).all(axis=0))[0])


@functools.cache
def grid(taps: tuple[int, int]) -> Grid:
    """Return the algorithm of filters that span (bands, frames)."""
    bands, frames = (algorithm(n, points) for n, points in zip(taps, POINTS[taps], strict=True))
    gather, expand, spread = (np.kron(a, b).astype(np.float64) for a, b in zip(bands, frames, strict=True))
    return Grid(
        Algorithm(gather, expand, spread),
        inputs=(bands.spread.shape[1], frames.spread.shape[1]),
        outputs=(len(bands.gather), len(frames.gather)),
    )


def convolve(layer: Layer, maps: Tensor) -> Tensor:
    """Convolve a map (1, channels, bands, frames) with a layer's filters, "valid" in frames."""
    taps = layer.weight.shape[2], layer.weight.shape[3]
    n_bands, n_frames = layer.n_bands_out(maps.shape[2]), maps.shape[3] - taps[1] + 1
    block_bands, block_frames = grid(taps).outputs
    bands = math.ceil(n_bands / block_bands)  # blocks of a tile along both axes
    n_tiles = max(1, round(n_bands * n_frames / TILE_POSITIONS))
    frames = math.ceil(n_frames / (n_tiles * block_frames))
    step = frames * block_frames  # output frames of a tile
    n_tiles = math.ceil(n_frames / step)
    kernel = layer.cache.get(
        "products",
        layer.weight,
        maps,
        lambda weight: transform_kernel(weight, bands * frames),
        shape=bands * frames,
    )
    more_bands, more_frames = bands * block_bands - n_bands, n_tiles * step - n_frames
    padding = (0, 0, 0, more_frames, layer.pad_bands, layer.pad_bands + more_bands)
    rows = F.pad(maps[0].permute(1, 2, 0), padding)
    out = maps.new_empty(bands * block_bands, n_tiles * step, len(layer.bias))
    for first in range(0, n_tiles * step, step):
        target = out[:, first : first + step].view(bands, block_bands, frames, block_frames, -1)
        values = at_points(rows[:, first : first + step + taps[1] - 1], taps)
        _multiply_into(target.transpose(1, 2), values, kernel, layer.bias, taps)
    return out[None, :n_bands, :n_frames].permute(0, 3, 1, 2)


def transform_kernel(weight: Tensor, n_blocks: int) -> Kernel:
    """Return a kernel (filters, channels, bands, frames) for `multiply` of `n_blocks` at once."""
    _, n_channels, *taps = weight.shape
    expand = _tensor(grid((taps[0], taps[1])).algorithm.expand, weight)
    groups = expand @ weight.permute(2, 3, 0, 1).reshape(expand.shape[1], -1).contiguous()
    rows = (1, len(expand) * n_channels, 1, n_blocks)
    return onednn.pack_kernel(groups.view(-1, n_channels, 1, 1), rows, groups=len(expand))


def at_points(maps: Tensor, taps: tuple[int, int]) -> Tensor:
    """Take the values of each block of (bands, frames, channels): (blocks, products, channels).

    They are valid until the thread's next call.
    """
    (_, _, spread), inputs, outputs = grid(taps)
    windows = maps.unfold(0, inputs[0], outputs[0]).unfold(1, inputs[1], outputs[1])
    windows = windows.permute(0, 1, 3, 4, 2)
    if not windows[0, 0].is_contiguous():  # as it is where a block is of one band
        windows = _scratch.take("windows", maps, *windows.shape).copy_(windows)
    blocks = windows.flatten(2, 3).flatten(0, 1)
    out = _scratch.take("points", maps, len(blocks), len(spread), maps.shape[2])
    return torch.bmm(_tensor(spread, maps).expand(len(blocks), -1, -1), blocks, out=out)


def multiply(
    values: Tensor, kernel: Kernel, bias: Tensor, taps: tuple[int, int], *, out: Tensor | None = None
) -> Tensor:
    """Return outputs (blocks, bands x frames, filters) from values at points and a transformed kernel."""
    here = grid(taps)
    n_blocks, n_products, _ = values.shape
    biases = bias.new_zeros(n_products, len(bias))
    biases[here.at_one] = bias
    rows = values.view(1, 1, n_blocks, -1).permute(0, 3, 1, 2)
    products = onednn.convolve(rows, kernel, biases.flatten())
    products = products.permute(0, 2, 3, 1).view(n_blocks, n_products, -1)
    gather = _tensor(here.algorithm.gather, bias)
    return torch.bmm(gather.expand(n_blocks, -1, -1), products, out=out)


def _multiply_into(
    target: Tensor, values: Tensor, kernel: Kernel, bias: Tensor, taps: tuple[int, int]
) -> None:
    """Write outputs to `target` (bands, frames, *block, filters), directly where its memory allows."""
    if target.is_contiguous():
        multiply(values, kernel, bias, taps, out=target.view(len(values), -1, len(bias)))
        return
    fresh = _scratch.take("outputs", values, len(values), math.prod(grid(taps).outputs), len(bias))
    target.copy_(multiply(values, kernel, bias, taps, out=fresh).view(target.shape))


class _Scratch(threading.local):
    """One block of memory for each name and thread: the system would clear new memory for every tile."""

    def __init__(self) -> None:
        self._blocks: dict[str, Tensor] = {}

    def take(self, name: str, like: Tensor, *shape: int) -> Tensor:
        """Return a tensor of this shape, valid until the name is taken again."""
        n = math.prod(shape)
        if name not in self._blocks or len(self._blocks[name]) < n:
            with torch.inference_mode(False):  # a caller's mode must not stick to it
                self._blocks[name] = like.new_empty(n)
        return self._blocks[name][:n].view(shape)


_scratch = _Scratch()


def _tensor(matrix: NDArray[np.float64], like: Tensor) -> Tensor:
    return torch.from_numpy(matrix).to(like.device, like.dtype)
