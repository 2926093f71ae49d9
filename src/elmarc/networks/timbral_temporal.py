"""Timbral filters (tall and short) and temporal filters (long): musically motivated shapes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import torch.nn.functional as F

from elmarc._errors import ConfigError
from elmarc._types import Definition
from elmarc.networks.blocks import BandConv, RandomConv, same_padding
from elmarc.networks.layers import Input, LayerCost, LayerInfo, Tile
from elmarc.networks.random_cnn import RandomCNN, spectrogram

BRANCHES = ("timbral", "temporal")
TIMBRAL_SHAPES = [
    (frames, share, times) for share in (0.9, 0.4) for frames, times in ((7, 1), (3, 2), (1, 4))
]
CHANNELS = sum(times for _, _, times in TIMBRAL_SHAPES)  # of a branch, for each of n_filters


class TimbralTemporal(RandomCNN):
    """Two branches over the same log-mel, each a layer of 14 n_filters channels.

    Timbral: filters of 7, 3, 1 frames x 90 % and 40 % of the bands, ReLU, max over frequency. Temporal: mean
    over frequency, then filters of four lengths, ReLU.

    Parameters
    ----------
    branches : sequence of {"timbral", "temporal"}
        Those that exist; "timbral" alone has the weights it has beside "temporal".
    temporal_lengths : sequence of int
        Frames of the four temporal filters; the study's are in `NETWORKS`.

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
        **settings: Any,
    ) -> None:
        n_bands = self._bands(name, n_bands)
        if int(0.4 * n_bands) < 1:
            raise ConfigError(f"{name} needs a front-end of at least 3 bands (n_mels), not {n_bands}")
        self.temporal_lengths = tuple(temporal_lengths)
        convs: dict[str, RandomConv] = {}
        if "timbral" in branches:
            convs |= _timbral_convs(n_filters, n_bands)
        if "temporal" in branches:
            self._check_temporal(name, n_filters)
            convs |= _temporal_convs(n_filters, self.temporal_lengths)
        n_channels = CHANNELS * n_filters
        info = [LayerInfo(branch, n_channels, 1) for branch in BRANCHES if branch in branches]
        super().__init__(name, convs, n_filters=n_filters, n_bands=n_bands, layer_info=info, **settings)
        self.timbral = [conv for conv in self.convs.values() if isinstance(conv, BandConv)]

    def _check_temporal(self, name: str, n_filters: int) -> None:
        if n_filters % self.filters_multiple:
            raise ConfigError(
                f"{name}: n_filters must be divisible by {self.filters_multiple}, not {n_filters}"
            )
        lengths = self.temporal_lengths
        if len(lengths) != 4 or min(lengths) < 1:
            raise ConfigError(f"{name}: temporal_lengths must be four numbers of frames, not {lengths}")

    @property
    def min_input_length(self) -> int:
        """One frame: both branches pad."""
        return 1

    def options(self) -> Definition:
        """Return the temporal filters' lengths, where they matter."""
        return {"temporal_lengths": list(self.temporal_lengths)} if "temporal" in self.layers else {}

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


def _timbral_convs(n_filters: int, n_bands: int) -> dict[str, RandomConv]:
    return {
        f"timbral{i}": BandConv(frames, int(share * n_bands), times * n_filters)
        for i, (frames, share, times) in enumerate(TIMBRAL_SHAPES, start=1)
    }


def _temporal_convs(n_filters: int, lengths: Sequence[int]) -> dict[str, RandomConv]:
    return {
        f"temporal{length}": RandomConv((length, 1, times * n_filters - n_filters // 4), taps=(1, 1))
        for length, times in zip(lengths, (1, 2, 4, 8), strict=True)
    }
