"""One layer of random kernels of many shapes, read in zones of frequency."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import product
from typing import Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from elmarc._types import Definition
from elmarc.networks.base import Input, LayerCost, LayerInfo, Tile
from elmarc.networks.blocks import EVERY, RandomConv, same_padding
from elmarc.networks.random_cnn import N_BANDS, RandomCNN, spectrogram
from elmarc.networks.weights import draw_kernel, draw_normal


class ZoneConv(RandomConv):
    """Kernels that move over frames and, in steps, over the bands of a spectrogram.

    The bands under a kernel are the channels of the convolution, and each place is a map of its own.

    Attributes
    ----------
    height : int
        Bands of a kernel.
    n_places : int
        Along frequency.
    n_zones : int
        Equal parts of the places.
    n_changes : int
        How many kernels, the first, have mean zero over time.
    """

    def __init__(
        self,
        n_frames: int,
        height: int,
        n_filters: int,
        *,
        n_bands: int,
        step: int,
        n_zones: int,
        n_changes: int,
    ) -> None:
        super().__init__((n_frames, height, 1, n_filters), taps=(1, n_frames))
        self.height, self.step, self.n_changes = height, step, n_changes
        self.n_places = (n_bands - height) // step + 1
        self.n_zones = min(n_zones, self.n_places)

    def forward(self, maps: Tensor, *, filters: slice = EVERY) -> Tensor:
        """Convolve maps (clips, 1, bands, frames) at each place: (clips, filters, places, frames)."""
        strips = maps[:, 0].unfold(1, self.height, self.step).contiguous()  # clips, places, frames, bands
        places = super().forward(strips.flatten(0, 1).unsqueeze(1).permute(0, 3, 1, 2), filters=filters)
        return places.reshape(*strips.shape[:2], *places.shape[1::2]).transpose(1, 2)

    def peaks(self, maps: Tensor) -> Iterator[tuple[int, Tensor]]:
        """Convolve, rectify, and take the maximum over each zone.

        Yields the first channel of a zone, and its maps (clips, filters, frames).
        """
        places = self(maps).permute(0, 2, 3, 1)  # as they lie in memory
        for i, zone in enumerate(places.tensor_split(self.n_zones, dim=1)):
            yield i * self.n_filters, zone.amax(dim=1).relu().transpose(1, 2).contiguous()


class Mixed(RandomCNN):
    """Kernels of four heights x three lengths, ReLU, maximum over zones of frequency and over all of it.

    Half of the kernels, the first of each shape, have mean zero over the frames of each band: they see
    changes, whatever sounds all the time. The others have mean zero over the bands of each frame: they see
    the shape of the spectrum, whatever its level. Half of those have both. Adjacent weights are correlated,
    and biases are random.

    Layer "peaks" has the maximum of each kernel over the places of each zone: three zones for 8 and 24 of 96
    bands, two for 48, one for 88. So `n_filters` of each shape give 27 n_filters maps. Layer "whole" has the
    maximum of the first half over all places, 6 n_filters maps, of which beats alone are taken.

    docs/mixed.md shows what each part adds.
    """

    family = "mixed"
    steps: ClassVar = {8: 2, 24: 3, 48: 4, 88: 2}  # bands of a kernel, of 96: bands between its places
    frames: ClassVar = (5, 11, 21)
    zones: ClassVar = {8: 3, 24: 3, 48: 2, 88: 1}  # equal parts of the places
    smoothness: ClassVar = 0.5  # correlation of adjacent weights
    bias: ClassVar = 0.5  # standard deviation; kernels have norm 1

    def __init__(self, name: str, *, n_filters: int, n_bands: int | None = None, **settings: Any) -> None:
        n_bands = self._bands(name, n_bands)
        self.shapes = {
            f"conv{bands}x{frames}": ZoneConv(
                frames,
                max(1, round(bands * n_bands / N_BANDS)),
                n_filters,
                n_bands=n_bands,
                step=step,
                n_zones=self.zones[bands],
                n_changes=(n_filters + i % 2) // 2,
            )
            for i, ((bands, step), frames) in enumerate(product(self.steps.items(), self.frames))
        }
        n_maps = n_filters * sum(conv.n_zones for conv in self.shapes.values())
        n_whole = sum(conv.n_changes for conv in self.shapes.values())
        info = [LayerInfo("peaks", n_maps, 1), LayerInfo("whole", n_whole, 1)]
        super().__init__(name, self.shapes, n_filters=n_filters, n_bands=n_bands, layer_info=info, **settings)

    @property
    def min_input_length(self) -> int:
        """One frame: the input is padded."""
        return 1

    def takes(self, layer: str, statistic: str) -> bool:
        """Return whether the layer is "whole" for a beat, or "peaks" for another statistic."""
        return (layer == "whole") == statistic.endswith("beat")

    def options(self) -> Definition:
        """Return the choices above: a subclass with others has features of its own in a store."""
        return {
            "steps": {str(bands): step for bands, step in self.steps.items()},
            "frames": list(self.frames),
            "zones": {str(bands): zones for bands, zones in self.zones.items()},
            "smoothness": self.smoothness,
            "bias": self.bias,
        }

    @staticmethod
    def centred(kernel: NDArray[np.float64], n_changes: int) -> NDArray[np.float64]:
        """Take means out of kernels (frames, bands, 1, filters).

        The first `n_changes` have mean zero over frames, the others over bands, the last quarter over both.
        Where there is one band, all have it over frames.
        """
        n_filters, over = kernel.shape[-1], 1 if kernel.shape[1] > 1 else 0
        kernel = kernel.copy()
        kernel[..., n_changes:] -= kernel[..., n_changes:].mean(axis=over, keepdims=True)
        for some in (slice(n_changes), slice(n_filters - n_filters // 4, None)):
            kernel[..., some] -= kernel[..., some].mean(axis=0)
        return kernel

    def _draw(self, layer: str, conv: RandomConv) -> None:
        assert isinstance(conv, ZoneConv)
        kernel = draw_kernel(self.seed, self.family, layer, conv.kernel_shape).astype(np.float64)
        for axis in (0, 1):
            kernel = _smoothed(kernel, axis, self.smoothness)
        kernel = self.centred(kernel, conv.n_changes)
        kernel /= np.sqrt(np.square(kernel).sum(axis=(0, 1)))
        conv.set_kernel(kernel.astype(np.float32))
        conv.set_bias(draw_normal(self.seed, self.family, f"{layer}/bias", (conv.n_filters,), self.bias))

    def _tiles(self, x: Input) -> Iterator[Tile]:
        channel, whole = 0, list[Tensor]()
        for conv in self.shapes.values():
            padded = F.pad(x, (0, 0, *same_padding(x.shape[1], conv.taps[1])))
            highest: Tensor | None = None
            for first, peaks in conv.peaks(spectrogram(padded)):
                if "peaks" in self.layers:
                    yield Tile("peaks", peaks, channel=channel + first)
                changes = peaks[:, : conv.n_changes]
                highest = changes if highest is None else torch.maximum(highest, changes)
            assert highest is not None
            whole.append(highest)
            channel += conv.n_zones * conv.n_filters
        if "whole" in self.layers:
            yield Tile("whole", torch.cat(whole, dim=1))

    def _costs(self, input_length: int) -> Iterator[LayerCost]:
        for layer, conv in self.shapes.items():
            yield self._conv_cost(layer, "conv, ReLU", (conv.n_places, input_length))
        for layer, zones in (("peaks", "zones of frequency"), ("whole", "all frequencies")):
            yield LayerCost(layer, f"max over {zones}, joined", (self.n_channels(layer), input_length))


def _smoothed(kernel: NDArray[np.float64], axis: int, smoothness: float) -> NDArray[np.float64]:
    """Correlate adjacent weights along an axis; variances stay."""
    weights = np.moveaxis(kernel, axis, 0).copy()
    for i in range(1, len(weights)):
        weights[i] = smoothness * weights[i - 1] + math.sqrt(1 - smoothness**2) * weights[i]
    return np.moveaxis(weights, 0, axis)
