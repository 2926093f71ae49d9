"""What is said of a network's layers: their channels and reduction, what they cost, blocks of their maps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from jaxtyping import Float
from torch import Tensor

Input: TypeAlias = Float[Tensor, "clips length bands"]
FeatureMap: TypeAlias = Float[Tensor, "clips channels *positions"]


class Tile(NamedTuple):
    """A block of one layer's map, and the clip and channel at which it starts."""

    layer: str
    maps: FeatureMap
    clip: int = 0
    channel: int = 0


@dataclass(frozen=True)
class LayerInfo:
    """What a layer gives, as timm's `feature_info` has it.

    Attributes
    ----------
    name : str
    n_channels : int
    reduction : float
        Input positions (frames or samples) per position of the layer, over time. Infinite where the number
        of positions does not grow with the clip.
    """

    name: str
    n_channels: int
    reduction: float


@dataclass(frozen=True)
class LayerCost:
    """What one layer costs for one clip.

    Attributes
    ----------
    layer : str
    kind : str
        What it computes, in words.
    shape : tuple of int
        Of its map: (channels, *positions).
    n_parameters : int
        Weights and biases.
    multiply_adds : int
        Of the dense convolution.
    """

    layer: str
    kind: str
    shape: tuple[int, ...]
    n_parameters: int = 0
    multiply_adds: int = 0
