"""The contract of a network: clips in, named feature maps out, never trained.

A network yields its maps tile by tile (`tiles`), one clip at a time on a CPU: a clip's maps depend on nothing
but the clip, and no layer is stored for a whole batch. `forward` joins the tiles into whole maps.
"""

from __future__ import annotations

import abc
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import torch
from jaxtyping import Float
from torch import Tensor, nn

from elmarc._choices import choose
from elmarc._types import Definition, Unit
from elmarc.errors import ConfigError
from elmarc.networks.fast import plain

Input: TypeAlias = Float[Tensor, "clips length bands"]
FeatureMap: TypeAlias = Float[Tensor, "clips channels *positions"]  # the first axis of positions is time


class Tile(NamedTuple):
    """A block of one layer's map, and the clip and channel at which it starts."""

    layer: str
    maps: FeatureMap
    clip: int = 0
    channel: int = 0


@dataclass(frozen=True)
class LayerInfo:
    """A layer's name, channels and reduction, as in timm's `feature_info`.

    The reduction is the input positions (frames or samples) per output position over time: infinite where the
    number of positions does not grow with the clip.
    """

    name: str
    n_channels: int
    reduction: float


@dataclass(frozen=True)
class LayerCost:
    """What one layer computes for one clip.

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


class Network(nn.Module, abc.ABC):
    """Clips in, named feature maps out.

    Attributes
    ----------
    name : str
        What messages call it.
    input_unit : {"frames", "samples"}
        What the length of the input counts. Any front-end of that unit and number of bands will do.
    n_bands : int
        Size of the last axis of the input (clips, length, bands); 1 for waveforms.
    layer_info : tuple of LayerInfo
        In the order of the 2018 program.
    layers : tuple of str
        The selected layers, in the order of their features.
    one_thread : bool
        Whether a clip must be computed on one thread for its features to be equal in every run. A sum over a
        whole clip is split over threads, and rounds with their number.
    padding_follows_length : bool
        Whether a layer with a stride is padded by what the clip's length leaves over, as TensorFlow's "same",
        so that its positions shift with the length.
    """

    one_thread = False
    padding_follows_length = False

    def __init__(
        self,
        name: str,
        *,
        input_unit: Unit,
        n_bands: int,
        layer_info: Sequence[LayerInfo],
        layers: Sequence[str] | None,
    ) -> None:
        super().__init__()
        self.name, self.input_unit, self.n_bands = name, input_unit, n_bands
        self.layer_info = tuple(layer_info)
        chosen = self.layer_names if layers is None else layers
        self.layers = tuple(choose(f"layer of {name}", layer, self.layer_names) for layer in chosen)
        if not self.layers or len(set(self.layers)) < len(self.layers):
            raise ConfigError(f"{name}: layers {list(chosen)} must name each layer once, and at least one")

    @property
    @abc.abstractmethod
    def min_input_length(self) -> int:
        """The frames or samples that the selected layers need."""

    @abc.abstractmethod
    def definition(self) -> Definition:
        """Return everything that changes the maps, JSON-able."""

    @abc.abstractmethod
    def _tiles(self, x: Input) -> Iterator[Tile]:
        """Yield the selected layers' maps of a few clips, computing nothing else."""

    @property
    def is_storable(self) -> bool:
        """Whether the definition identifies the features, so that they can be stored."""
        return True

    @property
    def layer_names(self) -> tuple[str, ...]:
        """All layers."""
        return tuple(info.name for info in self.layer_info)

    @property
    def last(self) -> str:
        """The last selected layer, in the order of computation."""
        return max(self.layers, key=self.layer_names.index)

    @property
    def n_features(self) -> int:
        """The channels of all selected layers: features per pooling statistic, where each takes all."""
        return sum(self.n_channels(layer) for layer in self.layers)

    @property
    def collapsed_layers(self) -> tuple[str, ...]:
        """Layers whose 2018 average was one number; empty but for `compat="2018"`."""
        return ()

    def takes(self, layer: str, statistic: str) -> bool:
        """Return whether a pooling statistic is taken of a layer."""
        return True

    def n_channels(self, layer: str) -> int:
        """Return the channels of a layer."""
        return self.layer_info[self.layer_names.index(layer)].n_channels

    def reduction(self, layer: str) -> float:
        """Return the input positions per position of a layer."""
        return self.layer_info[self.layer_names.index(layer)].reduction

    def first_centre(self, layer: str) -> float | None:
        """Return where a selected layer's first position is centred, in input positions.

        The network is symmetric in time, so its output positions are centred in the shortest input that gives
        the same number of positions. None with `padding_follows_length`: the positions lie in the middle of
        the clip.

        >>> from elmarc.networks import build_network
        >>> build_network("vgg").first_centre("pool1"), build_network("frame_level").first_centre("conv")
        (1.5, 255.5)
        """
        if self.padding_follows_length:
            return None
        reduction = self.reduction(layer)
        low, high = self.min_input_length, self.min_input_length + math.ceil(reduction)
        n_positions = self._n_positions(layer, high)
        while low < high:
            middle = (low + high) // 2
            if self._n_positions(layer, middle) == n_positions:
                high = middle
            else:
                low = middle + 1
        return (high - 1 - reduction * (n_positions - 1)) / 2

    def _n_positions(self, layer: str, length: int) -> int:
        """Return the positions over time of a layer for an input of this length."""
        tiles = self.tiles(torch.zeros(1, length, self.n_bands))
        return next(tile.maps.shape[2] for tile in tiles if tile.layer == layer)

    def check_input(self, shape: tuple[int, ...]) -> None:
        """Raise a ConfigError where the network takes no input of this shape, (clips, length, bands)."""
        if len(shape) != 3 or shape[2] != self.n_bands:
            raise ConfigError(
                f"{self.name} takes input of shape (clips, {self.input_unit}, {self.n_bands}), not {shape}"
            )
        if shape[1] < self.min_input_length:
            raise ConfigError(
                f"{self.name} needs clips of at least {self.min_input_length} {self.input_unit} to reach "
                f"layer {self.last!r}, not {shape[1]}: take longer clips, lengthen them (fix_length "
                f"'repeat-pad' or 'zero-pad'), select earlier layers, or use another network"
            )

    def _prepared(self, x: Input) -> Tensor:
        """Return the input in the type and on the device of the weights."""
        return x

    @torch.no_grad()
    def tiles(self, x: Input) -> Iterator[Tile]:
        """Yield the selected layers' maps, block by block: one clip at a time on a CPU, all at once on a GPU.

        Raises
        ------
        ConfigError
            The shape is not the network's, or the clips are too short.
        """
        self.check_input(tuple(x.shape))
        at_once = 1 if x.device.type == "cpu" else len(x)
        for start in range(0, len(x), at_once):
            for tile in self._tiles(self._prepared(x[start : start + at_once])):
                yield tile._replace(clip=start)
                del tile  # freed before the next one is computed

    def tiles_with_gradients(self, x: Input) -> Iterator[Tile]:
        """Yield what `tiles` does, for all clips at once and by torch's public calls alone.

        Gradients flow through the maps where they are enabled. In float32, maps agree with those of `tiles`
        within 1e-4 of the network's largest.
        """
        self.check_input(tuple(x.shape))
        with plain():
            yield from self._tiles(self._prepared(x))

    def forward(self, x: Input) -> dict[str, FeatureMap]:
        """Return the selected layers' whole maps, by layer; raises as `tiles` does."""
        maps: dict[str, Tensor] = {}
        for layer, block, clip, channel in self.tiles(x):
            if layer not in maps:
                maps[layer] = block.new_empty(len(x), self.n_channels(layer), *block.shape[2:])
            maps[layer][clip : clip + len(block), channel : channel + block.shape[1]] = block
        return {layer: maps[layer] for layer in self.layers}
