"""Timbral filters (tall and short) and temporal filters (long): musically motivated shapes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import torch.nn.functional as F

from elmarc._types import Definition
from elmarc.errors import ConfigError
from elmarc.networks.base import Input, LayerCost, LayerInfo, Tile
from elmarc.networks.blocks import BandConv, RandomConv, same_padding
from elmarc.networks.random_cnn import RandomCNN, spectrogram

BRANCHES = ("timbral", "temporal")
FRAMES, PERCENTS = (7, 3, 1), (90, 40)  # of the timbral filters, the study's
TIMES = (1, 2, 4)  # n_filters of each height that are so many frames long, in the order of FRAMES
CHANNELS = len(PERCENTS) * sum(TIMES)  # of a branch, for each of n_filters


class TimbralTemporal(RandomCNN):
    """Two branches over the same log-mel, each a layer of 14 n_filters channels.

    Timbral: filters of 7, 3, 1 frames x 90 % and 40 % of the bands, ReLU, max over frequency. Temporal: mean
    over frequency, then filters of four lengths, ReLU.

    Parameters
    ----------
    branches : sequence of {"timbral", "temporal"}
        "timbral" has the same weights with and without "temporal".
    temporal_lengths : sequence of int
        Frames of the four lengths of temporal filters.
    timbral_frames, timbral_percents : sequence of int
        Frames of the three lengths of timbral filters, and percent of the bands of their two heights.
    n_temporal : int or None
        n_filters of the temporal branch; None for the same as the timbral one's.

    References
    ----------
    Pons & Serra 2018, section 3; in the 2018 program `cnn_music` and `cnn_audio`.
    """

    family = "timbral_temporal"
    filters_multiple = 4  # the temporal filters come in quarters of N

    def __init__(
        self,
        name: str,
        *,
        n_filters: int,
        n_bands: int | None = None,
        branches: Sequence[str] = BRANCHES,
        temporal_lengths: Sequence[int] = (),
        timbral_frames: Sequence[int] = FRAMES,
        timbral_percents: Sequence[int] = PERCENTS,
        n_temporal: int | None = None,
        **settings: Any,
    ) -> None:
        n_bands = self._bands(name, n_bands)
        self.n_temporal = n_filters if n_temporal is None else n_temporal
        self.temporal_lengths = tuple(temporal_lengths)
        self.timbral_frames, self.timbral_percents = tuple(timbral_frames), tuple(timbral_percents)
        self._check_timbral(name, n_bands)
        convs: dict[str, RandomConv] = {}
        if "timbral" in branches:
            convs |= _timbral_convs(n_filters, n_bands, self.timbral_frames, self.timbral_percents)
        if "temporal" in branches:
            self._check_temporal(name)
            convs |= _temporal_convs(self.n_temporal, self.temporal_lengths)
        widths = {"timbral": n_filters, "temporal": self.n_temporal}
        info = [LayerInfo(branch, CHANNELS * widths[branch], 1) for branch in BRANCHES if branch in branches]
        super().__init__(name, convs, n_filters=n_filters, n_bands=n_bands, layer_info=info, **settings)
        self.timbral = [conv for conv in self.convs.values() if isinstance(conv, BandConv)]

    def _check_timbral(self, name: str, n_bands: int) -> None:
        frames, percents = self.timbral_frames, self.timbral_percents
        if len(frames) != len(TIMES) or min(frames) < 1:
            raise ConfigError(f"{name}: timbral_frames must be {len(TIMES)} numbers of frames, not {frames}")
        if len(set(percents)) != len(PERCENTS) or not all(1 <= percent <= 100 for percent in percents):
            raise ConfigError(
                f"{name}: timbral_percents must be {len(PERCENTS)} numbers from 1 to 100, not {percents}"
            )
        if (needed := math.ceil(100 / min(percents))) > n_bands:
            raise ConfigError(f"{name} needs a front-end of at least {needed} bands (n_mels), not {n_bands}")

    def _check_temporal(self, name: str) -> None:
        if self.n_temporal < 1 or self.n_temporal % self.filters_multiple:
            raise ConfigError(
                f"{name}: n_filters must be divisible by {self.filters_multiple}, not {self.n_temporal}"
            )
        lengths = self.temporal_lengths
        if len(lengths) != 4 or len(set(lengths)) != 4 or min(lengths) < 1:
            raise ConfigError(
                f"{name}: temporal_lengths must be four different numbers of frames, not {lengths}"
            )

    @property
    def min_input_length(self) -> int:
        """One frame: both branches pad."""
        return 1

    def options(self) -> Definition:
        """Return the filters' shapes: the temporal ones where they matter, others where not the study's."""
        shapes: Definition = {}
        if "temporal" in self.layers:
            shapes["temporal_lengths"] = list(self.temporal_lengths)
            if self.n_temporal != self.n_filters:
                shapes["n_temporal"] = self.n_temporal
        if "timbral" in self.layers:
            if self.timbral_frames != FRAMES:
                shapes["timbral_frames"] = list(self.timbral_frames)
            if self.timbral_percents != PERCENTS:
                shapes["timbral_percents"] = list(self.timbral_percents)
        return shapes

    def _tiles(self, x: Input) -> Iterator[Tile]:
        for branch in self.layers:
            yield from self._timbral(x) if branch == "timbral" else self._temporal(x)

    def _timbral(self, x: Input) -> Iterator[Tile]:
        channel = 0
        for conv in self.timbral:
            padded = F.pad(spectrogram(x), same_padding(x.shape[1], conv.taps[1]))
            for first, peaks in conv.peaks(padded):
                yield Tile("timbral", peaks, channel=channel + first)
            channel += conv.n_filters

    def _temporal(self, x: Input) -> Iterator[Tile]:
        channel = 0
        envelope = x.mean(dim=2)
        for conv, length in zip(self._branch("temporal").values(), self.temporal_lengths, strict=True):
            lags = F.pad(envelope, same_padding(x.shape[1], length)).unfold(1, length, 1)
            maps = conv(lags.transpose(1, 2).unsqueeze(2)).relu_()
            yield Tile("temporal", maps.squeeze(2), channel=channel)
            channel += conv.n_filters

    def _branch(self, branch: str) -> dict[str, RandomConv]:
        return {layer: conv for layer, conv in self.convs.items() if layer.startswith(branch)}

    def _costs(self, input_length: int) -> Iterator[LayerCost]:
        for branch in self.layers:
            for layer, conv in self._branch(branch).items():
                shape = "x".join(str(n) for n in conv.kernel_shape[: 2 if branch == "timbral" else 1])
                places = (conv.n_bands_out(self.n_bands),) if branch == "timbral" else ()
                yield self._conv_cost(layer, f"conv {shape}, ReLU", (input_length, *places))
            kind = "max over frequency, joined" if branch == "timbral" else "joined"
            yield LayerCost(branch, kind, (self.n_channels(branch), input_length))


def _timbral_convs(
    n_filters: int, n_bands: int, frames: Sequence[int], percents: Sequence[int]
) -> dict[str, RandomConv]:
    shapes = product(percents, zip(frames, TIMES, strict=True))
    return {
        f"timbral{i}": BandConv(length, percent * n_bands // 100, times * n_filters)
        for i, (percent, (length, times)) in enumerate(shapes, start=1)
    }


def _temporal_convs(n_filters: int, lengths: Sequence[int]) -> dict[str, RandomConv]:
    return {
        f"temporal{length}": RandomConv((length, 1, times * n_filters - n_filters // 4), taps=(1, 1))
        for length, times in zip(lengths, (1, 2, 4, 8), strict=True)
    }
