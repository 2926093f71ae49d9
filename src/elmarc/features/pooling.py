"""Feature maps to one vector per clip: statistics, taken while the maps are in the processor's cache."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from jaxtyping import Float32
from torch import Tensor

from elmarc._choices import choose
from elmarc.errors import ConfigError
from elmarc.features.statistics import BLOCK_VALUES, STATISTICS, Map
from elmarc.networks.base import Input, Network, Tile

Features = Float32[Tensor, "clips features"]
CACHE_LINE = 16  # channels that are adjacent in memory: reading fewer reads them all


def pool(network: Network, x: Input, *, statistics: Sequence[str] = ("mean",)) -> Features:
    """Return one row per clip: for each statistic and each layer that takes it, one number per channel.

    Parameters
    ----------
    network : Network
    x : Tensor [shape=(clips, length, bands)]
        Frames of a spectrogram or samples of a waveform, as the network takes them.
    statistics : sequence of str
        Keys of `STATISTICS`, each once.

    Raises
    ------
    ConfigError
        For an unknown statistic, statistics that no selected layer takes, or one that 2018 did not have where
        `compat="2018"` changes the average.
    """
    for name in statistics:
        choose("pooling statistic", name, tuple(STATISTICS))
    if not statistics or len(set(statistics)) < len(statistics):
        raise ConfigError(f"pooling statistics {list(statistics)} must name each once, and at least one")
    if network.collapsed_layers and tuple(statistics) != ("mean",):
        raise ConfigError(
            f"compat='2018' has the mean alone, not {list(statistics)}: drop compat or the others"
        )
    starts, n_features = dict[tuple[str, str], int](), 0
    for name, layer in taken(network, statistics):
        starts[name, layer] = n_features
        n_features += network.n_channels(layer)
    device = device_of(network, x)
    out = torch.empty(len(x), n_features, device=device)
    with rounding(network, device):
        for first, block in _blocks(network.tiles(x), statistics):
            for name in statistics:
                if (name, first.layer) in starts:
                    values = STATISTICS[name](block)
                    start = starts[name, first.layer] + first.channel
                    out[first.clip : first.clip + len(values), start : start + values.shape[1]] = values
            del first, block  # freed before the next one is computed
    for layer in network.collapsed_layers:
        start = starts["mean", layer]
        channels = out[:, start : start + network.n_channels(layer)]
        overall = channels.mean(dim=-1)
        channels.zero_()
        channels[:, 0] = overall
    return out


def taken(network: Network, statistics: Sequence[str]) -> list[tuple[str, str]]:
    """Return the statistics and layers whose numbers are the features, in their order.

    Raises a ConfigError where no layer takes any of the statistics.
    """
    pairs = [(name, layer) for name in statistics for layer in network.layers if network.takes(layer, name)]
    if not pairs:
        raise ConfigError(
            f"{network.name}: found pooling {list(statistics)}, which layers {list(network.layers)} do not "
            "take: select other statistics or other layers"
        )
    return pairs


def _blocks(tiles: Iterator[Tile], statistics: Sequence[str]) -> Iterator[tuple[Tile, Map]]:
    """Cut and join tiles into blocks of channels whose deviations fill a CPU's cache.

    Yields the first tile of a block, and its map. Numbers are those of each tile, to the last bit.
    """
    has_deviations = bool(set(statistics) - {"mean", "max"})
    few: list[Tile] = []
    for tile in tiles:
        n_channels, n_values = tile.maps.shape[1], tile.maps.numel()
        is_cached = has_deviations and tile.maps.device.type == "cpu"
        if few and not (is_cached and _fits(few, tile)):
            yield few[0], Map(*(one.maps for one in few))
            few = []
        if is_cached and n_values < BLOCK_VALUES:
            few.append(tile)
        else:
            step = max(CACHE_LINE, BLOCK_VALUES * n_channels // n_values) if is_cached else n_channels
            for start in range(0, n_channels, step):
                part = tile._replace(maps=tile.maps[:, start : start + step], channel=tile.channel + start)
                yield part, Map(part.maps)
                del part
        del tile  # freed before the next one is computed
    if few:
        yield few[0], Map(*(one.maps for one in few))


def _fits(few: Sequence[Tile], tile: Tile) -> bool:
    """Return whether a tile holds the next channels of a block, which stays in the cache.

    A channel's values have to lie side by side, or its sums would round as the channels beside it have it.
    """
    first, n_channels = few[0], sum(one.maps.shape[1] for one in few)
    n_values = sum(one.maps.numel() for one in (*few, tile))
    follows = (first.layer, first.clip, first.channel + n_channels) == (tile.layer, tile.clip, tile.channel)
    is_by_channel = all(one.maps.is_contiguous() for one in (*few, tile))
    return follows and is_by_channel and n_values <= BLOCK_VALUES


def column_names(network: Network, statistics: Sequence[str] = ("mean",)) -> list[str]:
    """Return the names of the columns of `pool`, as layer/channel/statistic.

    Examples
    --------
    >>> from elmarc.networks import build_network
    >>> column_names(build_network("vgg", size="small", layers=["pool3"]))[17]
    'pool3/17/mean'
    """
    return [
        f"{layer}/{channel}/{name}"
        for name, layer in taken(network, statistics)
        for channel in range(network.n_channels(layer))
    ]


def device_of(network: Network, x: Tensor) -> torch.device:
    """Return the device of a network, or of its input where it has no parameters."""
    parameter = next(network.parameters(), None)
    return x.device if parameter is None else parameter.device


@contextmanager
def rounding(network: Network, device: torch.device) -> Iterator[None]:
    """Round alike in every run: TF32 only where the network asks for it, one thread where it needs that."""
    if device.type == "cuda":
        with _tf32(allowed=getattr(network, "precision", None) == "tf32"):
            yield
    elif device.type == "cpu" and network.one_thread and torch.get_num_threads() > 1:
        with one_thread():
            yield
    else:
        yield


@contextmanager
def _tf32(*, allowed: bool) -> Iterator[None]:
    """Set whether TF32 is allowed, which is cuDNN's default."""
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("high" if allowed else "highest")
    torch.backends.cudnn.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
