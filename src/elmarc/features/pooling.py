"""Feature maps -> one vector a clip: statistics over all positions, taken while the maps are warm."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

import torch
from jaxtyping import Float32
from torch import Tensor

from elmarc._errors import ConfigError
from elmarc.networks.base import FeatureMap, Input, Network, choose

Features = Float32[Tensor, "clips features"]
LAGS = (1, 2, 4, 8, 16)  # positions of a map
CONSTANT = 1e-5  # deviations below this share of the level are rounding


def mean(maps: FeatureMap) -> Tensor:
    """Return the mean over positions: the study's feature."""
    return maps.mean(dim=_positions(maps), dtype=torch.float32)


def std(maps: FeatureMap) -> Tensor:
    """Return the population standard deviation over positions."""
    deviations, _ = _deviations(maps)
    return (_products(deviations, deviations) / deviations.shape[2]).sqrt()


def maximum(maps: FeatureMap) -> Tensor:
    """Return the maximum over positions."""
    return maps.amax(dim=_positions(maps)).float()


def ppv(maps: FeatureMap) -> Tensor:
    """Return the proportion of positive values over positions (Dempster et al. 2020, ROCKET)."""
    return (maps > 0).mean(dim=_positions(maps), dtype=torch.float32)


def autocorrelation(maps: FeatureMap, *, lag: int) -> Tensor:
    """Return the autocorrelation over time, the first position axis: from -1 to 1, whatever the map's level.

    0 where a map is constant but for rounding, or no longer than the lag.
    """
    deviations, level = _deviations(maps)
    step = lag * (deviations.shape[2] // maps.shape[2])  # positions are laid out frame by frame
    energy = _products(deviations, deviations)
    later, earlier = deviations[..., step:], deviations[..., : max(deviations.shape[2] - step, 0)]
    rounding = level.square() * (CONSTANT**2 * deviations.shape[2])
    return torch.where(energy > rounding, _products(later, earlier) / energy, 0.0)


STATISTICS: dict[str, Callable[[FeatureMap], Tensor]] = {
    "mean": mean,
    "std": std,
    "max": maximum,
    "ppv": ppv,
    **{f"lag{lag}": partial(autocorrelation, lag=lag) for lag in LAGS},
}


def pool(network: Network, x: Input, *, statistics: Sequence[str] = ("mean",)) -> Features:
    """Return one row a clip: for each statistic and layer, one number a channel.

    Parameters
    ----------
    network : from `build_network`, or an `ExternalNetwork`.
    x : Tensor [shape=(clips, frames, n_mels) or (clips, samples, 1)]
    statistics : of "mean", "std", "max", "ppv", "lag1" (also 2, 4, 8, 16); `column_names` names columns.

    Raises
    ------
    ConfigError
        For an unknown statistic, or one that 2018 did not have where `compat="2018"` changes the average.
    """
    _check(network, statistics)
    starts = _layer_starts(network)
    out = torch.empty(len(x), len(statistics), network.n_features, device=_device(network, x))
    for layer, maps, clip, channel in network.tiles(x):
        first = starts[layer] + channel
        block = out[clip : clip + len(maps), :, first : first + maps.shape[1]]
        for i, name in enumerate(statistics):
            block[:, i] = STATISTICS[name](maps)
    for layer in network.collapsed_layers:
        block = out[..., starts[layer] : starts[layer] + network.n_channels(layer)]
        overall = block.mean(dim=-1)
        block.zero_()
        block[..., 0] = overall
    return out.flatten(1)


def column_names(network: Network, statistics: Sequence[str] = ("mean",)) -> list[str]:
    """Return the name of each feature, layer/channel/statistic.

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


def _deviations(maps: FeatureMap) -> tuple[Tensor, Tensor]:
    """Return the values of each map less their mean (clips, channels, positions), and that mean."""
    values = maps.float().flatten(2)
    level = values.mean(dim=2)
    return values - level[..., None], level


def _products(a: Tensor, b: Tensor) -> Tensor:
    """Return the sums of products over positions: matrix products are faster than products, then sums."""
    return torch.einsum("cfp,cfp->cf", a, b)


def _positions(maps: FeatureMap) -> tuple[int, ...]:
    return tuple(range(2, maps.ndim))


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
