"""Convolution with two to four times fewer multiplications, in float32.

Toom-Cook (Winograd) filters: `points` has the algebra, `tiles` the cut of a map. A network's features are
within 1e-4 of the direct form's, relative to the largest.
"""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from elmarc.networks.fast import onednn
from elmarc.networks.fast.onednn import Kernel


def transform_kernel(weight: Tensor, n_blocks: int) -> Kernel:
    """Return a kernel (filters, channels, bands, frames) for `multiply` of `n_blocks` at once."""
    _, n_channels, *taps = weight.shape
    expand = _tensor(grid((taps[0], taps[1])).algorithm.expand, weight)
    groups = expand @ weight.permute(2, 3, 0, 1).reshape(expand.shape[1], -1).contiguous()
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
    values: Tensor, kernel: Kernel, bias: Tensor, taps: tuple[int, int], *, out: Tensor | None = None
) -> Tensor:
    """Return outputs (blocks, bands x frames, filters) of what `at_points` and `transform_kernel` gave."""
    here = grid(taps)
    n_blocks, n_products, _ = values.shape
    biases = bias.new_zeros(n_products, len(bias))
    biases[here.at_one] = bias
    rows = values.view(1, 1, n_blocks, -1).permute(0, 3, 1, 2)
    products = onednn.convolve(rows, kernel, biases.flatten())
    products = products.permute(0, 2, 3, 1).view(n_blocks, n_products, -1)
    gather = _tensor(here.algorithm.gather, bias)
    return torch.bmm(gather.expand(n_blocks, -1, -1), products, out=out)


def convolve(
    maps: Tensor, kernel: Kernel, bias: Tensor, *, taps: tuple[int, int], pad_bands: int = 0
) -> Tensor:
    """Convolve (1, channels, bands, frames), "valid" in frames; `kernel` is for this tiling's blocks."""
    cut = tiling(maps.shape, taps, pad_bands)
    out = cut.new_output(maps, len(bias))
    for tile, target in zip(cut.inputs(maps), cut.outputs(out), strict=True):
        _multiply_into(target, at_points(tile, taps), kernel, bias, taps)
    return cut.trimmed(out)


def _multiply_into(
    target: Tensor, values: Tensor, kernel: Kernel, bias: Tensor, taps: tuple[int, int]
) -> None:
    """Write outputs to `target` (bands, frames, *block, filters), directly where its memory allows."""
    if target.is_contiguous():
        multiply(values, kernel, bias, taps, out=target.view(len(values), -1, len(bias)))
        return
    fresh = SCRATCH.take("outputs", values, len(values), math.prod(grid(taps).outputs), len(bias))
    target.copy_(multiply(values, kernel, bias, taps, out=fresh).view(target.shape))


def _tensor(matrix: NDArray[np.float64], like: Tensor) -> Tensor:
    return torch.from_numpy(matrix).to(like.device, like.dtype)


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


class Algorithm(NamedTuple):
    """Outputs = gather @ ((expand @ taps) * (spread @ inputs)), for inputs in a row."""

    gather: NDArray[np.float64]  # outputs x products
    expand: NDArray[np.float64]  # products x taps
    spread: NDArray[np.float64]  # products x inputs


class _Products(NamedTuple):
    """The products at one point: a column of `gather`, a row of `expand` and one of `spread` for each."""

    gather: list[NDArray[np.float64]]
    expand: list[NDArray[np.float64]]
    spread: list[NDArray[np.float64]]


@functools.cache
def algorithm(n_taps: int, points: tuple[complex, ...]) -> Algorithm:
    """Return the bilinear algorithm of a filter of `n_taps` that takes its products at these points.

    >>> gather, expand, spread = algorithm(3, REAL_8)
    >>> x, taps = np.arange(8.0), np.array([1.0, -2.0, 4.0])
    >>> bool(np.allclose(gather @ ((expand @ taps) * (spread @ x)), np.convolve(x, taps[::-1], "valid")))
    True
    """
    both = [q for p in points for q in ((p, p.conjugate()) if _is_complex(p) else (p,))]
    n_inputs = len(both)
    outputs, taps = _values(points, n_inputs - n_taps + 1), _values(points, n_taps)
    interpolation = np.linalg.inv(_values(both, n_inputs)).T  # transposed: from inputs to points
    first = [both.index(point) for point in points]
    found = [_products(*rows) for rows in zip(points, outputs, taps, interpolation[first], strict=True)]
    gather, expand, spread = ([row for at in found for row in at[part]] for part in range(3))
    return Algorithm(np.stack(gather, axis=1), np.stack(expand), np.stack(spread))


def _products(
    point: complex, e: NDArray[np.complex128], g: NDArray[np.complex128], b: NDArray[np.complex128]
) -> _Products:
    """Return e g b at a real point, and 2 Re(e g b), in three real products, at a complex one."""
    if not _is_complex(point):
        return _Products([e.real], [g.real], [b.real])
    return _Products(
        gather=[2 * (e.real - e.imag), -2 * e.imag, -2 * e.real],
        expand=[g.real, g.imag - g.real, g.real + g.imag],
        spread=[b.real + b.imag, b.real, b.imag],
    )


def _is_complex(point: complex) -> bool:
    return point.imag != 0


def _values(points: Sequence[complex], n: int) -> NDArray[np.complex128]:
    """Return a row a point: what each of n coefficients adds to a polynomial's value there."""
    rows = [np.eye(n)[-1] if p == INFINITY else np.power(complex(p), np.arange(n)) for p in points]
    return np.stack(rows).astype(np.complex128)


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


TILE_POSITIONS = 2048  # at a time: fewer read the matrices too often, more leave the cache


class Tiling(NamedTuple):
    """The cut of one map.

    Attributes
    ----------
    taps : (bands, frames) of the filters.
    pad_bands : zeros added to the map below and above.
    n_bands, n_frames : of the output.
    bands, frames : blocks a tile along both axes.
    n_tiles : along time.
    """

    taps: tuple[int, int]
    pad_bands: int
    n_bands: int
    n_frames: int
    bands: int
    frames: int
    n_tiles: int

    @property
    def n_blocks(self) -> int:
        """Blocks a tile."""
        return self.bands * self.frames

    @property
    def step(self) -> int:
        """Output frames a tile."""
        return self.frames * grid(self.taps).outputs[1]

    @property
    def all_bands(self) -> int:
        """Output bands, with those that fill the last block."""
        return self.bands * grid(self.taps).outputs[0]

    def inputs(self, maps: Tensor) -> Iterator[Tensor]:
        """Yield what each tile sees of a map (1, channels, bands, frames), as (bands, frames, channels)."""
        rows, missing = maps[0].permute(1, 2, 0), self.all_bands - self.n_bands
        if self.pad_bands or missing:
            rows = F.pad(rows, (0, 0, 0, 0, self.pad_bands, self.pad_bands + missing))
        n_seen = self.step + self.taps[1] - 1
        for first in range(0, self.n_tiles * self.step, self.step):
            tile = rows[:, first : first + n_seen]
            yield F.pad(tile, (0, 0, 0, n_seen - tile.shape[1])) if tile.shape[1] < n_seen else tile

    def outputs(self, out: Tensor) -> Iterator[Tensor]:
        """Yield each tile of `out` (bands, frames, filters) as (bands, frames, *block, filters) of blocks."""
        block = grid(self.taps).outputs
        for first in range(0, self.n_tiles * self.step, self.step):
            tile = out[:, first : first + self.step]
            yield tile.view(self.bands, block[0], self.frames, block[1], -1).transpose(1, 2)

    def new_output(self, like: Tensor, n_filters: int) -> Tensor:
        """Return memory for the output of all tiles (bands, frames, filters)."""
        return like.new_empty(self.all_bands, self.n_tiles * self.step, n_filters)

    def trimmed(self, out: Tensor) -> Tensor:
        """Return the map (1, filters, bands, frames) that `out` holds."""
        return out[None, : self.n_bands, : self.n_frames].permute(0, 3, 1, 2)


def tiling(shape: tuple[int, ...], taps: tuple[int, int], pad_bands: int) -> Tiling:
    """Cut the output of a map of this shape, (1, channels, bands, frames)."""
    n_bands, n_frames = shape[2] + 2 * pad_bands - taps[0] + 1, shape[3] - taps[1] + 1
    block_bands, block_frames = grid(taps).outputs
    n_tiles = max(1, round(n_bands * n_frames / TILE_POSITIONS))
    frames = math.ceil(n_frames / (n_tiles * block_frames))
    n_tiles = math.ceil(n_frames / (frames * block_frames))
    return Tiling(taps, pad_bands, n_bands, n_frames, math.ceil(n_bands / block_bands), frames, n_tiles)


class _Scratch(threading.local):
    """One block of memory a name, for each thread."""

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
