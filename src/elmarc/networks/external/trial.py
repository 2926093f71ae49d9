"""A few clips of noise through a module: what its layers give, and that a clip's maps depend on it alone."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from elmarc._errors import ConfigError
from elmarc.networks.external.capture import Call, Reader, described, like_weights
from elmarc.networks.layers import FeatureMap, Input, LayerInfo

MORE = (2**6 * 3 * 5, 2**6 * 3**3 * 5, 2**5 * 3**7 * 5)  # positions: most reductions divide one of them


class Trial:
    """The maps of trial clips.

    Parameters
    ----------
    module : nn.Module
    calls : mapping
        Of layers' names to the calls to read.
    name : str
        What messages call the network.
    shape : (int, int)
        Of a clip, (length, bands).

    Raises
    ------
    ConfigError
        The module cannot read such clips, or its layers do not give what features can be made of.
    """

    def __init__(
        self,
        module: nn.Module,
        calls: Mapping[str, Call],
        name: str,
        *,
        shape: tuple[int, int],
    ) -> None:
        self._module, self._calls, self._name = module, calls, name
        self._length, self._n_bands = shape
        self._like = like_weights(module)
        reader = Reader(module, calls, name)
        clips = self._noise(2, self._length)
        self._maps = self._read(reader, clips[:1])
        self._check_alone(self._read(reader, clips.flip(0)))
        self._more = max((n for n in MORE if n <= 2 * self._length), default=MORE[0])
        self._longer = self._longer_maps(reader)
        self.time_axes = {layer: self._time_axis(layer) for layer in calls}

    def layer_info(self) -> list[LayerInfo]:
        """Return the channels of each layer and how many input positions make one of the layer's."""
        return [LayerInfo(layer, maps.shape[1], self._reduction(layer)) for layer, maps in self._maps.items()]

    def _noise(self, n_clips: int, length: int) -> Input:
        generator = torch.Generator().manual_seed(0)
        return torch.randn(n_clips, length, self._n_bands, generator=generator).to(self._like)

    @torch.no_grad()
    def _read(self, reader: Reader, clips: Input) -> dict[str, FeatureMap]:
        try:
            return reader(clips)
        except ConfigError:
            raise
        except Exception as problem:
            raise ConfigError(
                f"{self._name}: the module fails on a trial input of shape {tuple(clips.shape)}, "
                f"(clips, length, bands): {type(problem).__name__}: {problem}"
            ) from problem

    def _check_alone(self, maps: Mapping[str, FeatureMap]) -> None:
        """Compare the first clip's maps with those it gets as the second of two, once it ran before."""
        for layer, alone in self._maps.items():
            later = maps[layer][1:]
            if later.shape != alone.shape or not _near(later, alone):
                raise ConfigError(
                    f"{self._name}: layer {layer!r} gives a clip other maps when the clip runs again, beside "
                    "another: a module must be a function of the clip alone (no dropout in eval mode, no "
                    "statistics over the batch, no state kept from clip to clip)"
                )

    def _longer_maps(self, reader: Reader) -> dict[str, FeatureMap]:
        """Return the maps of a longer clip, or none where the module takes clips of one length alone."""
        try:
            return self._read(reader, self._noise(1, self._length + self._more))
        except ConfigError:
            return {}

    def _growth(self, layer: str) -> list[int]:
        """Return how many positions each axis gains in the longer clip."""
        shape = self._maps[layer].shape
        longer = self._longer[layer].shape if self._longer else shape
        return [after - before for before, after in zip(shape, longer, strict=True)]

    def _time_axis(self, layer: str) -> int:
        """Return the first axis of positions that grows with the clip."""
        growth = self._growth(layer)
        if growth[1]:
            raise ConfigError(
                f"{self._name}: layer {layer!r} gives {described(self._maps[layer])} for one clip of "
                f"{self._length}, and {described(self._longer[layer])} for one of "
                f"{self._length + self._more}: axis 1 must be channels, and is time here; put a "
                "module behind the layer that swaps them"
            )
        return next((axis for axis, gain in enumerate(growth) if gain), 2)

    def _reduction(self, layer: str) -> float:
        """Return the reduction, exact where it divides what the longer clip is longer by."""
        if not self._longer:
            return self._length / self._maps[layer].shape[2]
        gain = self._growth(layer)[self.time_axes[layer]]
        if gain <= 0:
            return math.inf
        whole = round(self._more / gain)
        return whole if whole and abs(self._more / whole - gain) < 1 else self._more / gain


def _near(maps: Tensor, others: Tensor) -> bool:
    """Whether maps differ by no more than rounding: the root of the type's precision."""
    tolerance = math.sqrt(torch.finfo(maps.dtype).eps)
    largest = others.nan_to_num(0, 0, 0).abs().max().item()
    return torch.allclose(maps, others, rtol=0, atol=tolerance * largest, equal_nan=True)
