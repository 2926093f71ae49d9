"""Frame level: long filters on the waveform with a stride, then a residual back-end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from elmarc._types import Definition
from elmarc.errors import ConfigError
from elmarc.networks.base import Input, LayerCost, LayerInfo, Tile
from elmarc.networks.blocks import RandomConv, conv_pool, same_padding, to_hops
from elmarc.networks.random_cnn import RandomCNN, sequence

STRIDE, FILTER_LENGTH = 32, 512  # samples, the study's
BACK_END, TAPS = ("back1", "back2", "back3"), 7


class _FrameLevel(RandomCNN):
    """Strided convs of some lengths, ReLU; joined; a residual back-end of three layers.

    `lengths` are the front filters' samples, by layer. They are "same" with `padding_follows_length`, else
    "valid".
    """

    input_unit = "samples"

    def __init__(
        self, name: str, *, n_filters: int, lengths: Mapping[str, int], stride: int, **settings: Any
    ) -> None:
        self.lengths, self.stride = dict(lengths), stride
        convs = {
            layer: RandomConv((length, 1, n_filters), taps=(1, length // stride))
            for layer, length in lengths.items()
        }
        n_channels = (len(lengths) * n_filters, n_filters, n_filters)
        for layer, n in zip(BACK_END, n_channels, strict=True):  # the 2018 program's (frames, channels, 1)
            convs[layer] = RandomConv((TAPS, n, 1, n_filters), taps=(1, TAPS))
        reductions = dict.fromkeys(convs, stride) | {"back3": 2 * stride}  # it pools two frames into one
        info = [LayerInfo(layer, n_filters, reduction) for layer, reduction in reductions.items()]
        super().__init__(name, convs, n_filters=n_filters, layer_info=info, **settings)

    @property
    def collapsed_layers(self) -> tuple[str, ...]:
        """The back-end's layers: 2018 averaged them over time and channels into one number."""
        return tuple(layer for layer in BACK_END if self.compat == "2018" and layer in self.layers)

    @property
    def min_input_length(self) -> int:
        """Samples that leave one frame after the last selected layer."""
        front_frames = {"back3": TAPS + 1, **dict.fromkeys(self.lengths, 1)}.get(self.last, TAPS)
        shortest = 1 if self.padding_follows_length else max(self.lengths.values())
        return shortest + (front_frames - 1) * self.stride

    def _needed_lengths(self) -> dict[str, int]:
        needed = self.lengths if self.last in BACK_END else self.layers
        return {layer: length for layer, length in self.lengths.items() if layer in needed}

    def _tiles(self, x: Input) -> Iterator[Tile]:
        joined: Tensor | None = None
        for i, (layer, length) in enumerate(self._needed_lengths().items()):
            signal = x[..., 0]
            if self.padding_follows_length:
                signal = F.pad(signal, same_padding(x.shape[1], length, stride=self.stride))
            maps = self.convs[layer](to_hops(signal, self.stride)).relu_()
            if layer in self.layers:
                yield Tile(layer, sequence(maps))
            if self.last in BACK_END and len(self.lengths) == 1:
                joined = maps
            elif self.last in BACK_END:
                if joined is None:
                    n_channels = len(self.lengths) * self.n_filters
                    joined = maps.new_empty(len(x), 1, maps.shape[3], n_channels).permute(0, 3, 1, 2)
                joined[:, i * self.n_filters : (i + 1) * self.n_filters] = maps
            del maps
        if joined is not None:
            back = self._back_tiles(joined)
            del joined  # freed as soon as the first layer is computed
            yield from back

    def _back_tiles(self, maps: Tensor) -> Iterator[Tile]:
        """Yield the selected layers of the back-end of a front map (clips, channels, 1, frames)."""
        for layer in BACK_END:
            conv = self.convs[layer]
            if layer == "back1":
                maps = conv(maps).relu_()
            else:
                if layer == "back3":
                    n_pairs = maps.shape[3] // 2
                    maps = torch.maximum(maps[..., : 2 * n_pairs : 2], maps[..., 1 : 2 * n_pairs : 2])
                maps = _residual(maps, conv)
            if layer in self.layers:
                yield Tile(layer, sequence(maps))
            if layer == self.last:
                return

    def _costs(self, input_length: int) -> Iterator[LayerCost]:
        frames = -(-input_length // self.stride)
        for layer, length in self._needed_lengths().items():
            same = " same" if self.padding_follows_length else ""
            if not same:
                frames = (input_length - length) // self.stride + 1
            yield self._conv_cost(layer, f"conv {length} stride {self.stride}{same}, ReLU", (frames,))
        if self.last not in BACK_END:
            return
        kinds = ("conv 7, ReLU", "conv 7 same, ReLU, + back1", "max-pool 2, conv 7 same, ReLU, + pool")
        valid = frames - TAPS + 1
        for layer, kind, n in zip(BACK_END, kinds, (valid, valid, valid // 2), strict=True):
            yield self._conv_cost(layer, kind, (n,))
            if layer == self.last:
                return


class FrameLevel(_FrameLevel):
    """Conv 512 stride 32 "valid", ReLU; back-end.

    Parameters
    ----------
    stride, filter_length : int
        Samples; the length is a multiple of the stride.

    References
    ----------
    Pons & Serra 2018, section 3; in the 2018 program `frame_level`.
    """

    family = "frame_level"

    def __init__(
        self, name: str, *, stride: int = STRIDE, filter_length: int = FILTER_LENGTH, **settings: Any
    ) -> None:
        if stride < 1 or filter_length < 1 or filter_length % stride:
            raise ConfigError(
                f"{name}: found filter_length {filter_length} and stride {stride}, expected a length that "
                "is a multiple of the stride"
            )
        super().__init__(name, lengths={"conv": filter_length}, stride=stride, **settings)

    def options(self) -> Definition:
        """Return stride and filter length, where they are not the study's."""
        if (self.stride, self.lengths["conv"]) == (STRIDE, FILTER_LENGTH):
            return {}
        return {"stride": self.stride, "filter_length": self.lengths["conv"]}


class FrameLevelMany(_FrameLevel):
    """Convs of five lengths, stride 32 "same", ReLU; joined; back-end.

    References
    ----------
    Pons & Serra 2018, section 3; in the 2018 program `frame_level_many`.
    """

    family = "frame_level_many"
    padding_follows_length = True

    def __init__(self, name: str, **settings: Any) -> None:
        lengths = {f"conv{length}": length for length in (512, 256, 128, 64, 32)}
        super().__init__(name, lengths=lengths, stride=STRIDE, **settings)


def _residual(maps: Tensor, conv: RandomConv) -> Tensor:
    """Convolve maps "same", rectify, and add the maps: in place where no gradient needs them."""
    padding = same_padding(maps.shape[3], TAPS)
    fresh = conv_pool(maps, conv, pool=(1, 1), activation=torch.relu_, padding=padding)
    return fresh + maps if fresh.requires_grad else fresh.add_(maps)
