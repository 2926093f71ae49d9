"""How a map is cut for Toom-Cook filters: tiles of one size along time, each of many small blocks.

A block is the outputs of one application of the algorithm, (bands, frames); a tile is what is computed at a
time.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor

from elmarc.networks.fast.points import grid

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
