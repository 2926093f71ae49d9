"""One layer of filters of any shape; 7x96 and 7x86 are the study's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F

from elmarc._types import Definition
from elmarc.errors import ConfigError
from elmarc.networks.base import Input, LayerCost, LayerInfo, Tile
from elmarc.networks.blocks import FILTERS_AT_ONCE, BandConv, conv_pool
from elmarc.networks.random_cnn import RandomCNN, spectrogram


class SingleLayer(RandomCNN):
    """Conv "valid", ReLU, max-pool; layers "conv" and "pool".

    Parameters
    ----------
    filter_shape, pool_shape : (int, int)
        (frames, bands), each at least 1.

    References
    ----------
    Pons & Serra 2018, section 3; in the 2018 program `cnn_single`.
    """

    family = "single_layer"
    conv: BandConv

    def __init__(
        self,
        name: str,
        *,
        n_filters: int,
        filter_shape: tuple[int, int],
        pool_shape: tuple[int, int],
        n_bands: int | None = None,
        **settings: Any,
    ) -> None:
        n_bands = self._bands(name, n_bands)
        self._check_shapes(name, filter_shape, pool_shape, n_bands)
        convs = {"conv": BandConv(*filter_shape, n_filters)}
        info = (LayerInfo("conv", n_filters, 1), LayerInfo("pool", n_filters, pool_shape[0]))
        super().__init__(name, convs, n_filters=n_filters, n_bands=n_bands, layer_info=info, **settings)
        self.filter_shape, self.pool_shape = filter_shape, pool_shape

    @staticmethod
    def _check_shapes(
        name: str, filter_shape: tuple[int, int], pool_shape: tuple[int, int], n_bands: int
    ) -> None:
        if min(*filter_shape, *pool_shape) < 1:
            raise ConfigError(
                f"{name}: filter_shape {filter_shape} and pool_shape {pool_shape} must be positive"
            )
        needed = filter_shape[1] + pool_shape[1] - 1
        if n_bands < needed:
            raise ConfigError(
                f"{name}: filters of {filter_shape[1]} bands and pools of {pool_shape[1]} need "
                f"at least {needed} bands, not {n_bands}: change the front-end's (n_mels), or build "
                "single_layer with shapes that fit"
            )

    @property
    def min_input_length(self) -> int:
        """Frames that leave one after the last selected layer."""
        pooled = self.pool_shape[0] if self.last == "pool" else 1
        return self.filter_shape[0] + pooled - 1

    def options(self) -> Definition:
        """Return the shapes."""
        return {"filter_shape": list(self.filter_shape), "pool_shape": list(self.pool_shape)}

    def _tiles(self, x: Input) -> Iterator[Tile]:
        conv, maps, pool = self.conv, spectrogram(x), self.pool_shape[::-1]
        if pool == (conv.n_bands_out(self.n_bands), 1) and "conv" not in self.layers:
            for first, peaks in conv.peaks(maps):
                yield Tile("pool", peaks.unsqueeze(3), channel=first)
            return
        for first in range(0, self.n_filters, FILTERS_AT_ONCE):
            filters = slice(first, first + FILTERS_AT_ONCE)
            if "conv" in self.layers:
                fresh = conv(maps, filters=filters).relu_()
                yield Tile("conv", fresh.transpose(2, 3), channel=first)
                if "pool" not in self.layers:
                    continue
                pooled = F.max_pool2d(fresh, pool)
            else:
                pooled = conv_pool(maps, conv, pool=pool, activation=torch.relu_, filters=filters)
            yield Tile("pool", pooled.transpose(2, 3), channel=first)

    def _costs(self, input_length: int) -> Iterator[LayerCost]:
        (frames, bands), pool = self.filter_shape, self.pool_shape
        positions = (input_length - frames + 1, self.n_bands - bands + 1)
        yield self._conv_cost("conv", f"conv {frames}x{bands}, ReLU", positions)
        if "pool" in self.layers:
            shape = (self.n_filters, positions[0] // pool[0], positions[1] // pool[1])
            yield LayerCost("pool", f"max-pool {pool[0]}x{pool[1]}", shape)
