"""A feature map as the statistics see it."""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from elmarc.networks.layers import FeatureMap

BLOCK_VALUES = 2**17  # of float32 in a core's cache


class Map:
    """A feature map, and what several statistics need of it, computed once.

    Attributes
    ----------
    maps : Tensor [shape=(clips, channels, *positions)]
    """

    def __init__(self, maps: FeatureMap) -> None:
        self.maps = maps

    @cached_property
    def level(self) -> Tensor:
        """The mean over positions (clips, channels), added up in float32."""
        axes = tuple(range(2, self.maps.ndim))
        if self.maps.dtype == torch.float32:
            return self.maps.mean(dim=axes)
        frames = max(1, BLOCK_VALUES * self.maps.shape[2] // self.maps.numel())  # of a copy in float32
        parts = torch.split(self.maps, frames, dim=2)
        total = torch.stack([part.sum(dim=axes, dtype=torch.float32) for part in parts]).sum(dim=0)
        return total * (self.maps.shape[0] * self.maps.shape[1] / self.maps.numel())

    @cached_property
    def deviations(self) -> Tensor:
        """The values less their mean (clips, channels, positions), frame by frame."""
        values = self.maps.flatten(2).to(torch.float32, memory_format=torch.contiguous_format)
        return values - values.mean(dim=2, keepdim=True)

    @cached_property
    def energy(self) -> Tensor:
        """The sum of squared deviations (clips, channels)."""
        return self.deviations.square().sum(dim=2)
