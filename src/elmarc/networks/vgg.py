"""VGG: layers of 3x3 filters, ELU and max-pool, five in the study: its "small rectangular filters"."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Sequence
from itertools import accumulate
from typing import Any

from torch import Tensor
from torch.nn import functional as F

from elmarc._types import Definition
from elmarc.errors import ConfigError
from elmarc.networks.base import Input, LayerCost, LayerInfo, Tile
from elmarc.networks.blocks import RandomConv, conv_pool
from elmarc.networks.random_cnn import RandomCNN, spectrogram

POOL_FRAMES, POOL_BANDS = (4, 4, 5, 4, 4), (2, 3, 2, 2, 4)  # the study's


class VGG(RandomCNN):
    """Layers of conv 3x3 "same", ELU, max-pool; the pooled maps are the layers. The study has five.

    Parameters
    ----------
    pool_frames, pool_bands : sequence of int
        Sizes of the max-pools, one for each layer.

    References
    ----------
    Pons & Serra 2018, section 3; in the 2018 program `cnn_small_filters`.
    """

    family = "vgg"

    def __init__(
        self,
        name: str,
        *,
        n_filters: int,
        n_bands: int | None = None,
        pool_frames: Sequence[int] = POOL_FRAMES,
        pool_bands: Sequence[int] = POOL_BANDS,
        **settings: Any,
    ) -> None:
        n_bands = self._bands(name, n_bands)
        self.pools = _pools(name, pool_frames, pool_bands)
        pooled_bands = math.prod(bands for _, bands in self.pools)
        if n_bands < pooled_bands:
            raise ConfigError(
                f"{name} pools {pooled_bands} bands into one, and cannot read {n_bands}: take a front-end of "
                f"at least {pooled_bands} bands (n_mels), or another network"
            )
        convs = {
            f"conv{i}": RandomConv((3, 3, 1 if i == 1 else n_filters, n_filters), taps=(3, 3), pad_bands=1)
            for i in range(1, len(self.pools) + 1)
        }
        reductions = enumerate(accumulate((frames for frames, _ in self.pools), operator.mul), start=1)
        info = [LayerInfo(f"pool{i}", n_filters, reduction) for i, reduction in reductions]
        super().__init__(name, convs, n_filters=n_filters, n_bands=n_bands, layer_info=info, **settings)

    @property
    def min_input_length(self) -> int:
        """Frames that leave one after the last selected pool."""
        return int(self.reduction(self.last))

    def options(self) -> Definition:
        """Return the pools, where they are not the study's."""
        frames, bands = zip(*self.pools, strict=True)
        if (frames, bands) == (POOL_FRAMES, POOL_BANDS):
            return {}
        return {"pool_frames": list(frames), "pool_bands": list(bands)}

    def _tiles(self, x: Input) -> Iterator[Tile]:
        maps: Tensor = spectrogram(x)
        for layer, conv, (frames, bands) in zip(
            self.layer_names, self.convs.values(), self.pools, strict=True
        ):
            maps = conv_pool(maps, conv, pool=(bands, frames), padding=(1, 1), activation=F.elu_)
            if layer in self.layers:
                yield Tile(layer, maps.transpose(2, 3))
            if layer == self.last:
                return

    def _costs(self, input_length: int) -> Iterator[LayerCost]:
        frames, bands = input_length, self.n_bands
        for layer, conv, pool in zip(self.layer_names, self.convs, self.pools, strict=True):
            yield self._conv_cost(conv, "conv 3x3 same, ELU", (frames, bands))
            frames, bands = frames // pool[0], bands // pool[1]
            yield LayerCost(layer, f"max-pool {pool[0]}x{pool[1]}", (self.n_filters, frames, bands))
            if layer == self.last:
                return


def _pools(name: str, frames: Sequence[int], bands: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Return (frames, bands) of each layer's max-pool."""
    if not frames or len(frames) != len(bands) or min(*frames, *bands) < 1:
        raise ConfigError(
            f"{name}: found pool_frames {list(frames)} and pool_bands {list(bands)}, expected as many "
            "numbers in both, each at least 1: one for each layer"
        )
    return tuple(zip(frames, bands, strict=True))
