"""Convolution with two to four times fewer multiplications, in float32.

Toom-Cook (Winograd) and the short FFT are one idea: take the values of two polynomials at n points, multiply
them there, and find the product's coefficients again. Points at infinity and on the real axis cost one
multiplication; a complex one stands for its conjugate too and costs three. Many real points magnify rounding;
those on the unit circle do not, as in an FFT. Along two axes the factors multiply.

Source: Lavin & Gray 2016, "Fast algorithms for convolutional neural networks", arXiv 1509.09308; Winograd,
"Arithmetic complexity of computations", SIAM 1980, for the transposition that turns products into filters.
"""

from __future__ import annotations

import functools
import math
import threading
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from elmarc.networks.fast import onednn

INFINITY = complex("inf")
REAL_4 = (0, INFINITY, 1, -1)
REAL_6 = (*REAL_4, 2, -0.5)
REAL_8 = (*REAL_4, 2, -2, 0.5, -0.5)
MIXED_16 = (*REAL_8, *(np.exp(2j * np.pi * k / 10) for k in range(1, 5)))
TILE_POSITIONS = 2048  # at a time: fewer read the matrices too often, more leave the cache
# (bands, frames) of a filter -> points along both. More points save little time and cost accuracy
POINTS: dict[tuple[int, int], tuple[tuple[complex, ...], tuple[complex, ...]]] = {
    (1, 3): ((0,), REAL_8),
    (1, 7): ((0,), MIXED_16),
    (3, 3): (REAL_6, REAL_6),
}


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
    n_inputs = sum(2 if _is_complex(point) else 1 for point in points)
    n_outputs = n_inputs - n_taps + 1
    both = [q for p in points for q in ((p, p.conjugate()) if _is_complex(p) else (p,))]
    interpolate = np.linalg.inv(_values(both, n_inputs)).T  # transposed: from inputs to points
    first = np.cumsum([0, *(2 if _is_complex(p) else 1 for p in points[:-1])])
    gather, expand, spread = [], [], []
    for point, e, g, b in zip(
        points, _values(points, n_outputs), _values(points, n_taps), interpolate[first], strict=True
    ):
        if _is_complex(point):  # 2 Re(e g b) in three real products
            gather += [2 * (e.real - e.imag), -2 * e.imag, -2 * e.real]
            expand += [g.real, g.imag - g.real, g.real + g.imag]
            spread += [b.real + b.imag, b.real, b.imag]
        else:
            gather, expand, spread = [*gather, e.real], [*expand, g.real], [*spread, b.real]
    return Algorithm(np.stack(gather, axis=1), np.stack(expand), np.stack(spread))


class Grid(NamedTuple):
    """The algorithm along bands and frames at once, for filters, inputs and outputs in row-major order."""

    algorithm: Algorithm
    inputs: tuple[int, int]  # bands, frames
    outputs: tuple[int, int]

    @property
    def at_one(self) -> int:
        """The product that every output takes as it is: the one at the point 1."""
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


class Tiling(NamedTuple):
    """How a map is cut: `n_tiles` of one size along time, each of so many blocks along bands and frames."""

    bands: int
    frames: int
    n_tiles: int

    @property
    def n_blocks(self) -> int:
        """Blocks a tile."""
        return self.bands * self.frames


def tiling(shape: tuple[int, ...], taps: tuple[int, int], pad_bands: int) -> Tiling:
    """Cut the output of a map of this shape, (1, channels, bands, frames)."""
    n_bands, n_frames = shape[2] + 2 * pad_bands - taps[0] + 1, shape[3] - taps[1] + 1
    block_bands, block_frames = grid(taps).outputs
    n_tiles = max(1, round(n_bands * n_frames / TILE_POSITIONS))
    frames = math.ceil(n_frames / (n_tiles * block_frames))
    return Tiling(math.ceil(n_bands / block_bands), frames, math.ceil(n_frames / (frames * block_frames)))


def transform_kernel(weight: Tensor, n_blocks: int) -> Tensor:
    """Return a kernel (filters, channels, bands, frames) for `multiply` of `n_blocks` at once."""
    _, n_channels, *taps = weight.shape
    expand = _tensor(grid((taps[0], taps[1])).algorithm.expand, weight)
    groups = expand @ weight.permute(2, 3, 0, 1).reshape(expand.shape[1], -1)
    rows = (1, len(expand) * n_channels, 1, n_blocks)
    return onednn.pack_kernel(groups.view(-1, n_channels, 1, 1), rows, groups=len(expand))


def at_points(maps: Tensor, taps: tuple[int, int]) -> Tensor:
    """Take the values of each block of (bands, frames, channels): (blocks, products, channels).

    They are good until the thread's next call.
    """
    (_, _, spread), inputs, outputs = grid(taps)
    windows = maps.unfold(0, inputs[0], outputs[0]).unfold(1, inputs[1], outputs[1])
    windows = windows.permute(0, 1, 3, 4, 2)
    if not windows[0, 0].is_contiguous():  # as it is where a block is of one band
        windows = SCRATCH.take("windows", maps, *windows.shape).copy_(windows)
    blocks = windows.flatten(2, 3).flatten(0, 1)
    out = SCRATCH.take("points", maps, len(blocks), len(spread), maps.shape[2])
    return torch.bmm(_tensor(spread, maps).expand(len(blocks), -1, -1), blocks, out=out)


def multiply(
    values: Tensor, kernel: Tensor, bias: Tensor, taps: tuple[int, int], *, out: Tensor | None = None
) -> Tensor:
    """Return outputs (blocks, bands x frames, filters) of what `at_points` and `transform_kernel` gave."""
    here = grid(taps)
    n_blocks, n_products, _ = values.shape
    biases = bias.new_zeros(n_products, len(bias))
    biases[here.at_one] = bias
    rows = values.view(1, 1, n_blocks, -1).permute(0, 3, 1, 2)
    products = onednn.convolve(rows, kernel, biases.flatten(), groups=n_products)
    products = products.permute(0, 2, 3, 1).view(n_blocks, n_products, -1)
    gather = _tensor(here.algorithm.gather, bias)
    return torch.bmm(gather.expand(n_blocks, -1, -1), products, out=out)


def convolve(
    maps: Tensor, kernel: Tensor, bias: Tensor, *, taps: tuple[int, int], pad_bands: int = 0
) -> Tensor:
    """Convolve (1, channels, bands, frames), "valid" in frames; `kernel` is for this tiling's blocks."""
    cut, block = tiling(maps.shape, taps, pad_bands), grid(taps).outputs
    n_bands, n_frames = maps.shape[2] + 2 * pad_bands - taps[0] + 1, maps.shape[3] - taps[1] + 1
    all_bands, step = cut.bands * block[0], cut.frames * block[1]
    inputs = maps[0].permute(1, 2, 0)
    if pad_bands or all_bands > n_bands:
        inputs = F.pad(inputs, (0, 0, 0, 0, pad_bands, pad_bands + all_bands - n_bands))
    out = maps.new_empty(1, all_bands, cut.n_tiles * step, len(bias))
    for first in range(0, cut.n_tiles * step, step):
        tile = inputs[:, first : first + step + taps[1] - 1]
        missing = step + taps[1] - 1 - tile.shape[1]
        values = at_points(F.pad(tile, (0, 0, 0, missing)) if missing else tile, taps)
        target = out[0, :, first : first + step].view(cut.bands, block[0], cut.frames, block[1], -1)
        target = target.transpose(1, 2)
        if target.is_contiguous():
            multiply(values, kernel, bias, taps, out=target.view(cut.n_blocks, -1, len(bias)))
        else:
            fresh = SCRATCH.take("outputs", maps, cut.n_blocks, math.prod(block), len(bias))
            target.copy_(multiply(values, kernel, bias, taps, out=fresh).view(target.shape))
    return out[:, :n_bands, :n_frames].permute(0, 3, 1, 2)


class _Scratch(threading.local):
    """Blocks of memory that a thread keeps: the system would clear new ones for every tile."""

    def __init__(self) -> None:
        self._blocks: dict[str, Tensor] = {}

    def take(self, name: str, like: Tensor, *shape: int) -> Tensor:
        """Return a tensor of this shape, good until the name is taken again."""
        n = math.prod(shape)
        if name not in self._blocks or len(self._blocks[name]) < n:
            with torch.inference_mode(False):  # a caller's mode must not stick to it
                self._blocks[name] = like.new_empty(n)
        return self._blocks[name][:n].view(shape)


SCRATCH = _Scratch()


def _is_complex(point: complex) -> bool:
    return point.imag != 0


def _values(points: list[complex] | tuple[complex, ...], n: int) -> NDArray[np.complex128]:
    """Return a row a point: what each of n coefficients adds to a polynomial's value there."""
    rows = [np.eye(n)[-1] if p == INFINITY else np.power(complex(p), np.arange(n)) for p in points]
    return np.stack(rows).astype(np.complex128)


def _tensor(matrix: NDArray[np.float64], like: Tensor) -> Tensor:
    return torch.from_numpy(matrix).to(like.device, like.dtype)
