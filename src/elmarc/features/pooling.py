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
from elmarc.networks.base import FeatureMap, Input, Network

Features = Float32[Tensor, "clips features"]
CACHE_LINE = 16  # channels that are adjacent in memory: reading fewer reads them all


def pool(network: Network, x: Input, *, statistics: Sequence[str] = ("mean",)) -> Features:
    """Return one row per clip: for each statistic and layer, one number per channel.

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
        For an unknown statistic, or one that 2018 did not have where `compat="2018"` changes the average.
    """
    for name in statistics:
        choose("pooling statistic", name, tuple(STATISTICS))
    if not statistics or len(set(statistics)) < len(statistics):
        raise ConfigError(f"pooling statistics {list(statistics)} must name each once, and at least one")
    if network.collapsed_layers and tuple(statistics) != ("mean",):
        raise ConfigError(
            f"compat='2018' has the mean alone, not {list(statistics)}: drop compat or the others"
        )
    starts, n_features = dict[str, int](), 0
    for layer in network.layers:
        starts[layer] = n_features
        n_features += network.n_channels(layer)
    device = device_of(network, x)
    out = torch.empty(len(x), len(statistics), n_features, device=device)
    with rounding(network, device):
        for layer, maps, clip, channel in network.tiles(x):
            first = starts[layer] + channel
            for block in _blocks(maps, statistics):
                part, columns = Map(maps[:, block]), slice(first + block.start, first + block.stop)
                for i, name in enumerate(statistics):
                    out[clip : clip + len(maps), i, columns] = STATISTICS[name](part)
            del maps, part  # freed before the next one is computed
    for layer in network.collapsed_layers:
        channels = out[..., starts[layer] : starts[layer] + network.n_channels(layer)]
        overall = channels.mean(dim=-1)
        channels.zero_()
        channels[..., 0] = overall
    return out.flatten(1)


def _blocks(maps: FeatureMap, statistics: Sequence[str]) -> Iterator[slice]:
    """Cut the channels into blocks whose deviations stay in a CPU's cache."""
    n_channels = maps.shape[1]
    step = n_channels
    if maps.device.type == "cpu" and set(statistics) - {"mean", "max"}:
        step = max(CACHE_LINE, BLOCK_VALUES * n_channels // maps.numel())
    for start in range(0, n_channels, step):
        yield slice(start, min(start + step, n_channels))


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
        for name in statistics
        for layer in network.layers
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
