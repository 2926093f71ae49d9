"""Filters over frames and bands of a spectrogram, as matrix products at each place on the frequency axis.

The product's rows hold the frames under the filter band by band: one place's bands lie side by side in them,
so nothing is copied for each place. Few filters take several places at once, to fill the product.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cached_property
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from elmarc.networks.fast import onednn, toom_cook
from elmarc.networks.fast.onednn import Layer, Matrix
from elmarc.networks.fast.toom_cook import grid

BLOCKS_AT_ONCE = 192  # of Toom-Cook's, at all places together
FULL_PRODUCT = 128  # columns; one of fewer costs hardly less
TILE_BYTES = 2**21  # of a product, reduced while still in the cache


class BandProducts:
    """A map (clips, 1, bands, frames) convolved with a layer's filters over bands, "valid"."""

    def __init__(self, layer: Layer, maps: Tensor) -> None:
        self.layer, self.input = layer, maps
        n_filters, _, self.bands, self.frames = layer.weight.shape
        self.n_places = maps.shape[2] - self.bands + 1
        self.at_once = min(self.n_places, max(1, FULL_PRODUCT // n_filters))

    def maps(self, filters: slice) -> Tensor:
        """Return the maps (clips, filters, places, frames) of some filters."""
        n_clips, n_frames, _ = self.rows.shape
        n_filters = len(self.layer.bias[filters])
        out = self.rows.new_empty(self.n_places, n_clips * n_frames, n_filters)
        for first, values in self._products(self.rows.flatten(0, 1), filters):
            out[first : first + values.shape[1]] = values.transpose(0, 1)
        return out.view(self.n_places, n_clips, n_frames, n_filters).permute(1, 3, 0, 2)

    def peaks(self, filters: slice) -> Tensor:
        """Return the maxima over all places, rectified, (clips, filters, frames)."""
        n_clips, n_frames, _ = self.rows.shape
        out = self.rows.new_zeros(n_clips * n_frames, len(self.layer.bias[filters]))
        step = max(1, TILE_BYTES // (self.at_once * out[0].nbytes))
        for some, best in zip(
            torch.split(self.rows.flatten(0, 1), step), torch.split(out, step), strict=True
        ):
            for _, values in self._products(some, filters):
                peak = _ordered(values).amax(dim=1) if values.shape[1] > 1 else _ordered(values[:, 0])
                torch.maximum(_ordered(best), peak, out=_ordered(best))
        return out.view(n_clips, n_frames, -1).transpose(1, 2)

    def peaks_at_points(self, filters: slice) -> Tensor:
        """Return the same for one clip with fewer products: values at Toom-Cook's points serve all places."""
        values, taps = self._at_points, (1, self.frames)
        kernel = self.layer.cache.get(
            f"products {filters}",
            self.layer.weight,
            self.input,
            lambda weight: toom_cook.transform_kernel(
                weight[filters].transpose(1, 2), self.n_places * values.n_blocks
            ),
            shape=self.n_places * values.n_blocks,
        )
        maxima = []
        for tile in values.tiles:
            outputs = toom_cook.multiply(tile, kernel, self.layer.bias[filters], taps)
            maxima.append(outputs.view(self.n_places, -1, outputs.shape[-1]).amax(dim=0))
        return torch.cat(maxima)[: values.n_frames].relu_().T.unsqueeze(0)

    @cached_property
    def rows(self) -> Tensor:
        """The input of the filters at each frame, (clips, frames, bands x frames of a filter)."""
        return self.input[:, 0].unfold(2, self.frames, 1).transpose(1, 2).flatten(2)

    @cached_property
    def _at_points(self) -> _Points:
        n_frames = self.input.shape[3] - self.frames + 1
        block = grid((1, self.frames)).outputs[1]
        n_tiles = math.ceil(self.n_places * n_frames / (BLOCKS_AT_ONCE * block))
        n_blocks = math.ceil(n_frames / (n_tiles * block))
        padded = F.pad(self.input[0, 0], (0, n_tiles * n_blocks * block - n_frames))
        values = toom_cook.at_points(padded.T.unsqueeze(0), (1, self.frames))
        places = values.unfold(2, self.bands, 1).permute(2, 0, 1, 3)  # places, blocks, points, bands
        tiles = [tile.flatten(0, 1).contiguous() for tile in torch.split(places, n_blocks, dim=1)]
        return _Points(tiles, n_blocks, n_frames)

    def _products(self, rows: Tensor, filters: slice) -> Iterator[tuple[int, Tensor]]:
        """Yield the first of some places, and their values (rows, places, filters), valid until the next."""
        matrix = self._matrix(filters)
        biases = self.layer.bias[filters].to(rows.dtype).repeat(self.at_once)
        bias = biases if biases.any() else None
        out = rows.new_empty(len(rows), len(matrix.plain))
        n_inputs = self.frames * (self.bands + self.at_once - 1)
        last = self.n_places - self.at_once
        for first in [*range(0, last, self.at_once), last]:
            under = rows[:, first * self.frames : first * self.frames + n_inputs]
            values = onednn.multiply(under, matrix, bias, out=out)
            yield first, values.view(len(rows), self.at_once, -1)

    def _matrix(self, filters: slice) -> Matrix:
        return self.layer.cache.get(
            f"{self.at_once} places of filters {filters.start}:{filters.stop}",
            self.layer.weight,
            self.input,
            lambda weight: onednn.pack_matrix(matrix_of(weight[filters], self.at_once).to(self.input.dtype)),
        )


class _Points(NamedTuple):
    """The map's values at Toom-Cook's points."""

    tiles: list[Tensor]  # (places x blocks, points, bands)
    n_blocks: int  # of a tile, at each place
    n_frames: int  # of the outputs; the blocks have a few more


def matrix_of(weight: Tensor, places: int) -> Tensor:
    """Return a weight (filters, 1, bands, frames) as a matrix (places x filters, bands x frames).

    At each place the filters begin one band further, so there are bands + places - 1, zeros beside filters.
    """
    n_filters, _, n_bands, n_frames = weight.shape
    kernel = weight.new_zeros(n_bands + places - 1, n_frames, places, n_filters)
    for place in range(places):
        kernel[place : place + n_bands, :, place] = weight[:, 0].permute(1, 2, 0)
    return kernel.flatten(0, 1).flatten(1).T


def _ordered(values: Tensor) -> Tensor:
    """View bfloat16 as integers, which are faster to compare: the same order from zero on, and less below."""
    return values.view(torch.int16) if values.dtype == torch.bfloat16 else values
