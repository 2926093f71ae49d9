"""Filters over frames and bands of a spectrogram, as matrix products over the places on the frequency axis.

The product's rows hold the frames under the filter band by band: one place's bands lie side by side in them.
Few filters take several places at once, to fill the product.
"""

from __future__ import annotations

import math
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
TILE_BYTES = 2**20  # of a product, reduced while still in the cache


class BandProducts:
    """A map (clips, 1, bands, frames) convolved with a layer's filters over bands, "valid"."""

    def __init__(self, layer: Layer, maps: Tensor) -> None:
        self.layer, self.input = layer, maps
        n_filters, _, self.bands, self.frames = layer.weight.shape
        self.n_places = maps.shape[2] - self.bands + 1
        self.at_once = min(self.n_places, max(1, FULL_PRODUCT // n_filters))
        last = self.n_places - self.at_once
        self.firsts = [*range(0, last, self.at_once), last]  # of the places at once

    def maps(self, filters: slice) -> Tensor:
        """Return the maps (clips, filters, places, frames) of some filters."""
        n_clips, n_frames, _ = self.rows.shape
        n_filters = len(self.layer.bias[filters])
        matrix, bias = self._matrix(filters), self._bias(filters)
        out = self.rows.new_empty(self.n_places, n_clips * n_frames, n_filters)
        for first in self.firsts:
            values = onednn.multiply(self._under(self.rows.flatten(0, 1), first), matrix, bias)
            out[first : first + self.at_once] = values.view(-1, self.at_once, n_filters).transpose(0, 1)
        return out.view(self.n_places, n_clips, n_frames, n_filters).permute(1, 3, 0, 2)

    def peaks(self, filters: slice) -> Tensor:
        """Return the maxima over all places, rectified, (clips, filters, frames)."""
        n_clips, n_frames, _ = self.rows.shape
        matrix, bias = self._matrix(filters), self._bias(filters)
        out = self.rows.new_empty(n_clips * n_frames, len(self.layer.bias[filters]))
        n_tiles = math.ceil(len(self.firsts) * self.at_once * out.nbytes / TILE_BYTES)
        step = math.ceil(len(out) / n_tiles)
        for rows, best in zip(
            torch.split(self.rows.flatten(0, 1), step), torch.split(out, step), strict=True
        ):
            values = onednn.multiply(self._under_all(rows), matrix, bias)
            peaks = _ordered(values).view(len(rows), len(self.firsts), -1).amax(dim=1)  # long rows first
            torch.amax(peaks.view(len(rows), self.at_once, -1), dim=1, out=_ordered(best))
        return out.relu_().view(n_clips, n_frames, -1).transpose(1, 2)

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

    def _under(self, rows: Tensor, first: int) -> Tensor:
        """Return what is under the filters at some places at once, (rows, inputs)."""
        start = first * self.frames
        return rows[:, start : start + self.frames * (self.bands + self.at_once - 1)]

    def _under_all(self, rows: Tensor) -> Tensor:
        """Return the same at all places, (rows x `firsts`, inputs)."""
        step = self.at_once * self.frames
        under = rows.unfold(1, self.frames * (self.bands + self.at_once - 1), step)
        if self.firsts[-1] % self.at_once:
            under = torch.cat([under, self._under(rows, self.firsts[-1]).unsqueeze(1)], dim=1)
        return under.flatten(0, 1)

    def _bias(self, filters: slice) -> Tensor | None:
        biases = self.layer.bias[filters].to(self.input.dtype).repeat(self.at_once)
        return biases if biases.any() else None

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
