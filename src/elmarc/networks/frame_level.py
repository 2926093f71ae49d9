"""Frame level: long filters on the waveform with a stride, then a residual back-end."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
TAPS = 7  # of the back-end's filters
BACK_END = ("back1", "back2", "back3")
SHORTEST_FRONT_MAP = TAPS + 1  # frames: one is left after the last pool


class _FrameLevel(RandomCNN):
    """Common to both: the residual back-end of a front map."""

    input_unit = "samples"

    @property
    def collapsed_layers(self) -> tuple[str, ...]:
        """The back-end's layers: 2018 averaged them over time and channels into one number."""
        return tuple(layer for layer in BACK_END if self.compat == "2018" and layer in self.layers)

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

    def _back_costs(self, n_frames: int) -> Iterator[LayerCost]:
        kinds = ("conv 7, ReLU", "conv 7 same, ReLU, + back1", "max-pool 2, conv 7 same, ReLU, + pool")
        valid = n_frames - TAPS + 1
        for layer, kind, frames in zip(BACK_END, kinds, (valid, valid, valid // 2), strict=True):
            yield self._conv_cost(layer, kind, (frames,))
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
        self,
        name: str,
        *,
        n_filters: int,
        stride: int = STRIDE,
        filter_length: int = FILTER_LENGTH,
        **settings: Any,
    ) -> None:
        if stride < 1 or filter_length < 1 or filter_length % stride:
            raise ConfigError(
                f"{name}: found filter_length {filter_length} and stride {stride}, expected a length that "
                "is a multiple of the stride"
            )
        self.stride, self.filter_length = stride, filter_length
        convs = {
            "conv": _strided_conv(filter_length, n_filters, stride),
            **_back_end_convs(n_filters, n_filters),
        }
        info = _info(("conv",), n_filters, stride)
        super().__init__(name, convs, n_filters=n_filters, layer_info=info, **settings)

    @property
    def min_input_length(self) -> int:
        """Samples that leave one frame after the last selected layer."""
        frames = {"conv": 1, "back3": SHORTEST_FRONT_MAP}.get(self.last, TAPS)
        return self.filter_length + (frames - 1) * self.stride

    def options(self) -> Definition:
        """Return stride and filter length, where they are not the study's."""
        if (self.stride, self.filter_length) == (STRIDE, FILTER_LENGTH):
            return {}
        return {"stride": self.stride, "filter_length": self.filter_length}

    def _tiles(self, x: Input) -> Iterator[Tile]:
        front = self.convs["conv"](to_hops(x[..., 0], self.stride)).relu_()
        if "conv" in self.layers:
            yield Tile("conv", sequence(front))
        if self.last != "conv":
            back = self._back_tiles(front)
            del front
            yield from back

    def _costs(self, input_length: int) -> Iterator[LayerCost]:
        frames = (input_length - self.filter_length) // self.stride + 1
        yield self._conv_cost("conv", f"conv {self.filter_length} stride {self.stride}, ReLU", (frames,))
        if self.last != "conv":
            yield from self._back_costs(frames)


class FrameLevelMany(_FrameLevel):
    """Convs of five lengths, stride 32 "same", ReLU; joined; back-end.

    References
    ----------
    Pons & Serra 2018, section 3; in the 2018 program `frame_level_many`.
    """

    family = "frame_level_many"
    padding_follows_length = True
    filter_lengths = (512, 256, 128, 64, 32)  # samples

    def __init__(self, name: str, *, n_filters: int, **settings: Any) -> None:
        self.fronts = tuple(f"conv{length}" for length in self.filter_lengths)
        convs = {
            **{f"conv{length}": _strided_conv(length, n_filters) for length in self.filter_lengths},
            **_back_end_convs(len(self.fronts) * n_filters, n_filters),
        }
        info = _info(self.fronts, n_filters)
        super().__init__(name, convs, n_filters=n_filters, layer_info=info, **settings)

    @property
    def min_input_length(self) -> int:
        """Samples that leave one frame after the last selected layer."""
        frames = {"back3": SHORTEST_FRONT_MAP, **dict.fromkeys(self.fronts, 1)}.get(self.last, TAPS)
        return (frames - 1) * STRIDE + 1

    def _tiles(self, x: Input) -> Iterator[Tile]:
        n_frames, goes_on = -(-x.shape[1] // STRIDE), self.last in BACK_END
        n_joined = len(self.fronts) * self.n_filters if goes_on else 0
        joined = x.new_empty(len(x), 1, n_frames, n_joined).permute(0, 3, 1, 2)
        for i, (layer, length) in enumerate(self._needed_fronts()):
            signal = F.pad(x[..., 0], same_padding(x.shape[1], length, stride=STRIDE))
            maps = self.convs[layer](to_hops(signal, STRIDE)).relu_()
            if layer in self.layers:
                yield Tile(layer, sequence(maps))
            if goes_on:
                joined[:, i * self.n_filters : (i + 1) * self.n_filters] = maps
            del maps
        if goes_on:
            back = self._back_tiles(joined)
            del joined
            yield from back

    def _needed_fronts(self) -> Iterator[tuple[str, int]]:
        for layer, length in zip(self.fronts, self.filter_lengths, strict=True):
            if layer in self.layers or self.last in BACK_END:
                yield layer, length

    def _costs(self, input_length: int) -> Iterator[LayerCost]:
        frames = -(-input_length // STRIDE)
        for layer, length in self._needed_fronts():
            yield self._conv_cost(layer, f"conv {length} stride {STRIDE} same, ReLU", (frames,))
        if self.last in BACK_END:
            yield from self._back_costs(frames)


def _residual(maps: Tensor, conv: RandomConv) -> Tensor:
    """Convolve maps "same", rectify, and add the maps: in place where no gradient needs them."""
    padding = same_padding(maps.shape[3], TAPS)
    fresh = conv_pool(maps, conv, pool=(1, 1), activation=torch.relu_, padding=padding)
    return fresh + maps if fresh.requires_grad else fresh.add_(maps)


def _back_end_convs(n_channels: int, n_filters: int) -> dict[str, RandomConv]:
    """Return the back-end's convolutions for a front map of `n_channels`.

    The 2018 program wrote their kernels over (frames, channels, 1).
    """
    return {
        layer: RandomConv((TAPS, channels, 1, n_filters), taps=(1, TAPS))
        for layer, channels in zip(BACK_END, (n_channels, n_filters, n_filters), strict=True)
    }


def _strided_conv(length: int, n_filters: int, stride: int = STRIDE) -> RandomConv:
    return RandomConv((length, 1, n_filters), taps=(1, length // stride))


def _info(fronts: Sequence[str], n_filters: int, stride: int = STRIDE) -> list[LayerInfo]:
    """Describe the front layers and the back-end's; the last of these pools two frames into one."""
    reductions = dict.fromkeys((*fronts, *BACK_END), stride) | {BACK_END[-1]: 2 * stride}
    return [LayerInfo(layer, n_filters, reduction) for layer, reduction in reductions.items()]
