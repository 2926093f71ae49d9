"""VGG: five times 3x3 filters, ELU and max-pool; the study's "small rectangular filters"."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from elmarc._errors import ConfigError
from elmarc.networks.blocks import RandomConv, conv_pool
from elmarc.networks.layers import Input, LayerCost, LayerInfo, Tile
from elmarc.networks.random_cnn import RandomCNN, spectrogram

POOLS = ((4, 2), (4, 3), (5, 2), (4, 2), (4, 4))  # frames x bands
POOLED_BANDS = math.prod(bands for _, bands in POOLS)


class VGG(RandomCNN):
    """Five layers of conv 3x3 "same", ELU, max-pool; the pooled maps are the layers.

    References
    ----------
    Pons & Serra 2018, section 3; in the 2018 program `cnn_small_filters`.
    """

    family = "vgg"

    def __init__(self, name: str, *, n_filters: int, n_bands: int | None = None, **settings: Any) -> None:
        n_bands = self._bands(name, n_bands)
        if n_bands < POOLED_BANDS:
            raise ConfigError(
                f"{name} pools {POOLED_BANDS} bands into one, and cannot read {n_bands}: take a front-end of "
                f"at least {POOLED_BANDS} bands (n_mels), or another network"
            )
        convs = {
            f"conv{i}": RandomConv((3, 3, 1 if i == 1 else n_filters, n_filters), taps=(3, 3), pad_bands=1)
            for i in range(1, len(POOLS) + 1)
        }
        reductions = enumerate(accumulate((frames for frames, _ in POOLS), operator.mul), start=1)
        info = [LayerInfo(f"pool{i}", n_filters, reduction) for i, reduction in reductions]
        super().__init__(name, convs, n_filters=n_filters, n_bands=n_bands, layer_info=info, **settings)

    @property
    def min_input_length(self) -> int:
        """Frames that leave one after the last selected pool."""
        return int(self.reduction(self.last))

    def _tiles(self, x: Input) -> Iterator[Tile]:
        maps: Tensor = spectrogram(x)
        for layer, conv, (frames, bands) in zip(self.layer_names, self.convs.values(), POOLS, strict=True):
            maps = conv_pool(maps, conv, pool=(bands, frames), padding=(1, 1), activation=F.elu_)
            if layer in self.layers:
                yield Tile(layer, maps.transpose(2, 3))
            if layer == self.last:
                return

    def _costs(self, input_length: int) -> Iterator[LayerCost]:
        frames, bands = input_length, self.n_bands
        for layer, conv, pool in zip(self.layer_names, self.convs, POOLS, strict=True):
            yield self._conv_cost(conv, "conv 3x3 same, ELU", (frames, bands))
            frames, bands = frames // pool[0], bands // pool[1]
            yield LayerCost(layer, f"max-pool {pool[0]}x{pool[1]}", (self.n_filters, frames, bands))
            if layer == self.last:
                return
