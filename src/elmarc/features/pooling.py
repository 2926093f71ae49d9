"""Feature maps -> one vector a clip: statistics over all positions, taken while the maps are warm."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from jaxtyping import Float32
from torch import Tensor

from elmarc._choices import choose
from elmarc.errors import ConfigError
from elmarc.features.maps import BLOCK_VALUES, Map
from elmarc.features.statistics import STATISTICS
from elmarc.networks.base import Network
from elmarc.networks.layers import FeatureMap, Input

Features = Float32[Tensor, "clips features"]
CACHE_LINE = 16  # channels that lie beside each other in memory: reading fewer reads them all


def pool(network: Network, x: Input, *, statistics: Sequence[str] = ("mean",)) -> Features:
    """Return one row a clip: for each statistic and layer, one number a channel.

    Parameters
    ----------
    network : Network
        From `build_network`, or an `ExternalNetwork`.
    x : Tensor [shape=(clips, length, bands)]
        Frames of a spectrogram or samples of a waveform, as the network takes them.
    statistics : sequence of str
        Keys of `STATISTICS`, each once.

    Returns
    -------
    Tensor of float32 [shape=(clips, features)]
        `column_names` names the columns.

    Raises
    ------
    ConfigError
        For an unknown statistic, or one that 2018 did not have where `compat="2018"` changes the average.
    """
    _check(network, statistics)
    starts = _layer_starts(network)
    device = _device(network, x)
    out = torch.empty(len(x), len(statistics), network.n_features, device=device)
    with rounding(network, device):
        for layer, maps, clip, channel in network.tiles(x):
            first = starts[layer] + channel
            for some in _blocks(maps, statistics):
                part, columns = Map(maps[:, some]), slice(first + some.start, first + some.stop)
                for i, name in enumerate(statistics):
                    out[clip : clip + len(maps), i, columns] = STATISTICS[name](part)
            del maps, part  # freed before the next one is computed
    for layer in network.collapsed_layers:
        block = out[..., starts[layer] : starts[layer] + network.n_channels(layer)]
        overall = block.mean(dim=-1)
        block.zero_()
        block[..., 0] = overall
    return out.flatten(1)


@contextmanager
def rounding(network: Network, device: torch.device) -> Iterator[None]:
    """Round alike in every run: no TF32 unless the network asks for it, one thread where it needs that."""
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
    """Say whether TF32 is allowed, which is cuDNN's own default; its other flags are the user's."""
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


def column_names(network: Network, statistics: Sequence[str] = ("mean",)) -> list[str]:
    """Return the name of each feature, layer/channel/statistic.

    Parameters
    ----------
    network : Network
    statistics : sequence of str

    Returns
    -------
    list of str
        In the order of the columns of `pool`.

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


def _blocks(maps: FeatureMap, statistics: Sequence[str]) -> Iterator[slice]:
    """Cut the channels into blocks whose deviations stay in a CPU's cache."""
    n_channels = maps.shape[1]
    step = n_channels
    if maps.device.type == "cpu" and set(statistics) - {"mean", "max"}:
        step = max(CACHE_LINE, BLOCK_VALUES * n_channels // maps.numel())
    for start in range(0, n_channels, step):
        yield slice(start, min(start + step, n_channels))


def _check(network: Network, statistics: Sequence[str]) -> None:
    for name in statistics:
        choose("pooling statistic", name, tuple(STATISTICS))
    if not statistics or len(set(statistics)) < len(statistics):
        raise ConfigError(f"pooling statistics {list(statistics)} must name each once, and at least one")
    if network.collapsed_layers and tuple(statistics) != ("mean",):
        raise ConfigError(
            f"compat='2018' has the mean alone, not {list(statistics)}: drop compat or the others"
        )


def _layer_starts(network: Network) -> dict[str, int]:
    starts, start = {}, 0
    for layer in network.layers:
        starts[layer] = start
        start += network.n_channels(layer)
    return starts


def _device(network: Network, x: Input) -> torch.device:
    parameter = next(network.parameters(), None)
    return x.device if parameter is None else parameter.device
