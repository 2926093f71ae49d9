"""Filters over frames and bands of a spectrogram, as matrix products at each place on the frequency axis."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from elmarc.networks.blocks import EVERY, RandomConv
from elmarc.networks.fast import onednn, toom_cook

FILTERS_AT_ONCE = 512  # so that their maps stay near the cache
BLOCKS_AT_ONCE = 192  # of Toom-Cook's, at all places together
FULL_PRODUCT = 128  # columns; one of fewer costs hardly less
TILE_BYTES = 2**21  # of a product, reduced while still in the cache


class BandConv(RandomConv):
    """Filters of (frames, bands) that slide over both axes of a spectrogram, "valid".

    At each place on the frequency axis it is a matrix product, of rows that hold the frames under the filter
    band by band: one place's bands lie side by side in them, so nothing is copied for each place. Few filters
    take several places at once, to fill the product.
    """

    fewest_channels = 64

    def __init__(self, n_frames: int, n_bands: int, n_filters: int) -> None:
        super().__init__((n_frames, n_bands, 1, n_filters), taps=(1, n_frames))

    def n_bands_out(self, n_bands: int) -> int:
        """Return the number of places on the frequency axis."""
        return n_bands - self.n_channels + 1

    def forward(self, maps: Tensor, *, filters: slice = EVERY) -> Tensor:
        """Convolve (clips, 1, bands, frames) into (clips, filters, places, frames)."""
        rows = self.rows(maps)
        places, n_filters = self.n_bands_out(maps.shape[2]), len(self.bias[filters])
        out = rows.new_empty(places, len(maps) * rows.shape[1], n_filters)
        for first, values in self.products(rows.flatten(0, 1), filters):
            out[first : first + values.shape[1]] = values.transpose(0, 1)
        return out.view(places, *rows.shape[:2], n_filters).permute(1, 3, 0, 2)

    def peaks(self, maps: Tensor) -> Iterator[tuple[int, Tensor]]:
        """Convolve (clips, 1, bands, frames), rectify, and take the maximum over all places.

        Yields the first of some filters, and their maps (clips, filters, frames).
        """
        if self._fewer_products_pay(maps):
            yield from self._peaks_at_points(maps)
            return
        rows = self.rows(maps)
        for first in range(0, self.n_filters, FILTERS_AT_ONCE):
            yield first, self._peaks(rows, slice(first, first + FILTERS_AT_ONCE))

    def _peaks(self, rows: Tensor, filters: slice) -> Tensor:
        out = rows.new_zeros(math.prod(rows.shape[:2]), len(self.bias[filters]))
        step = max(1, TILE_BYTES // (self._at_once(rows) * out[0].nbytes))
        for some, best in zip(torch.split(rows.flatten(0, 1), step), torch.split(out, step), strict=True):
            for _, values in self.products(some, filters):
                peak = _ordered(values).amax(dim=1) if values.shape[1] > 1 else _ordered(values[:, 0])
                torch.maximum(_ordered(best), peak, out=_ordered(best))
        return out.view(*rows.shape[:2], -1).transpose(1, 2)

    def _peaks_at_points(self, maps: Tensor) -> Iterator[tuple[int, Tensor]]:
        """Do the same with fewer products: values at Toom-Cook's points serve all places and filters."""
        n_places, n_frames = self.n_bands_out(maps.shape[2]), maps.shape[3] - self.taps[1] + 1
        block = toom_cook.grid(self.taps).outputs[1]
        n_tiles = math.ceil(n_places * n_frames / (BLOCKS_AT_ONCE * block))
        n_blocks = math.ceil(n_frames / (n_tiles * block))  # of a tile, at each place
        padded = F.pad(maps[0, 0], (0, n_tiles * n_blocks * block - n_frames))
        values = toom_cook.at_points(padded.T.unsqueeze(0), self.taps)
        places = values.unfold(2, self.n_channels, 1).permute(2, 0, 1, 3)  # places, blocks, points, bands
        tiles = [tile.flatten(0, 1).contiguous() for tile in torch.split(places, n_blocks, dim=1)]
        for first in range(0, self.n_filters, FILTERS_AT_ONCE):
            filters = slice(first, first + FILTERS_AT_ONCE)
            kernel = self._products(maps, filters, n_places * n_blocks)
            maxima = []
            for tile in tiles:
                outputs = toom_cook.multiply(tile, kernel, self.bias[filters], self.taps)
                maxima.append(outputs.view(n_places, n_blocks * block, -1).amax(dim=0))
            yield first, torch.cat(maxima)[:n_frames].relu_().T.unsqueeze(0)

    def rows(self, maps: Tensor) -> Tensor:
        """Return what is under the filters at each frame, (clips, frames, bands x frames under a filter)."""
        return maps[:, 0].unfold(2, self.taps[1], 1).transpose(1, 2).flatten(2)

    def products(self, rows: Tensor, filters: slice = EVERY) -> Iterator[tuple[int, Tensor]]:
        """Yield the first of some places, and their values (rows, places, filters), good until the next."""
        at_once, frames = self._at_once(rows), self.taps[1]
        matrix = self._kept(
            f"{at_once} places of filters {filters.start}:{filters.stop}",
            rows,
            lambda weight: onednn.pack_matrix(self._matrix(weight[filters], at_once).to(rows.dtype)),
        )
        biases = self.bias[filters].to(rows.dtype).repeat(at_once)
        bias = biases if biases.any() else None
        out = rows.new_empty(len(rows), len(matrix))
        n_inputs = frames * (self.n_channels + at_once - 1)
        last = self.n_bands_out(rows.shape[-1] // frames) - at_once
        for first in [*range(0, last, at_once), last]:
            under = rows[:, first * frames : first * frames + n_inputs]
            values = onednn.multiply(under, matrix, bias, out=out)
            yield first, values.view(len(rows), at_once, -1)

    def _at_once(self, rows: Tensor) -> int:
        places = self.n_bands_out(rows.shape[-1] // self.taps[1])
        return min(places, max(1, FULL_PRODUCT // self.n_filters))

    def _matrix(self, weight: Tensor, places: int) -> Tensor:
        """Return the weight (places x filters, bands x frames), at each place one band further."""
        n_filters, n_bands = weight.shape[:2]
        kernel = weight.new_zeros(n_bands + places - 1, self.taps[1], places, n_filters)
        for place in range(places):
            kernel[place : place + n_bands, :, place] = weight[:, :, 0].permute(1, 2, 0)
        return kernel.flatten(0, 1).flatten(1).T


def _ordered(values: Tensor) -> Tensor:
    """View bfloat16 as integers, which are faster to compare: the same order from zero on, and less below."""
    return values.view(torch.int16) if values.dtype == torch.bfloat16 else values
