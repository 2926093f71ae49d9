"""Sample level: seven layers of very short filters on the waveform."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from elmarc._types import Definition
from elmarc.errors import ConfigError
from elmarc.networks.base import Input, LayerCost, LayerInfo, Tile
from elmarc.networks.blocks import Activation, RandomConv, conv_pool, to_hops
from elmarc.networks.random_cnn import RandomCNN, sequence

N_POOLS, STRIDE = 6, 3  # the study's
FILTERS_AT_ONCE = 32  # of the first layer, whose map is the largest


class SampleLevel(RandomCNN):
    """Conv 3 stride 3, ReLU, then six times conv 3 "same", ReLU, max-pool 3.

    Parameters
    ----------
    stride : int
        Samples of the first filters and between them, and positions of every max-pool.
    n_pools : int
        Layers after the first.

    References
    ----------
    Pons & Serra 2018, section 3; in the 2018 program `sample_level`.
    """

    family = "sample_level"
    input_unit = "samples"

    def __init__(
        self, name: str, *, n_filters: int, stride: int = STRIDE, n_pools: int = N_POOLS, **settings: Any
    ) -> None:
        if stride < 2 or n_pools < 1:
            raise ConfigError(
                f"{name}: found stride {stride} and n_pools {n_pools}, expected at least 2 and at least 1"
            )
        self.stride, self.n_pools = stride, n_pools
        convs = {"conv0": RandomConv((stride, 1, n_filters), taps=(1, 1))}
        for i in range(1, n_pools + 1):
            convs[f"conv{i}"] = RandomConv((3, n_filters, n_filters), taps=(1, 3))
        names = ["conv0", *(f"pool{i}" for i in range(1, n_pools + 1))]
        info = [LayerInfo(layer, n_filters, stride**depth) for depth, layer in enumerate(names, start=1)]
        super().__init__(name, convs, n_filters=n_filters, layer_info=info, **settings)

    @property
    def min_input_length(self) -> int:
        """Samples that leave one after the last selected layer."""
        return int(self.reduction(self.last))

    def options(self) -> Definition:
        """Return stride and number of pools, where they are not the study's."""
        if (self.stride, self.n_pools) == (STRIDE, N_POOLS):
            return {}
        return {"stride": self.stride, "n_pools": self.n_pools}

    def _tiles(self, x: Input) -> Iterator[Tile]:
        maps = to_hops(x[..., 0], self.stride)
        for start in range(0, self.n_filters, FILTERS_AT_ONCE) if "conv0" in self.layers else ():
            filters = slice(start, start + FILTERS_AT_ONCE)
            yield Tile("conv0", sequence(self.convs["conv0"](maps, filters=filters).relu_()), channel=start)
        _, *others = zip(self.layer_names, self.convs.values(), strict=True)
        before: Activation | None = self._conv0
        for layer, conv in others[: self.layer_names.index(self.last)]:
            maps = conv_pool(
                maps, conv, pool=(1, self.stride), padding=(1, 1), activation=torch.relu_, before=before
            )
            before = None
            if layer in self.layers:
                yield Tile(layer, sequence(maps))

    def _conv0(self, hops: Tensor) -> Tensor:
        maps: Tensor = self.convs["conv0"](hops)
        return maps.relu_()

    def _costs(self, input_length: int) -> Iterator[LayerCost]:
        length, stride = input_length // self.stride, self.stride
        yield self._conv_cost("conv0", f"conv {stride} stride {stride}, ReLU", (length,))
        for i in range(1, self.layer_names.index(self.last) + 1):
            yield self._conv_cost(f"conv{i}", "conv 3 same, ReLU", (length,))
            length //= stride
            yield LayerCost(f"pool{i}", f"max-pool {stride}", (self.n_filters, length))
