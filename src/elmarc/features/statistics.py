"""What may be kept of each feature map: one number a channel.

`STATISTICS` lists every statistic, in one line each. Importing this module loads no torch.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from elmarc.features.maps import Map

LAGS = (1, 2, 4, 8, 16)  # positions of a map
CONSTANT = 1e-5  # deviations below this share of the level are rounding


def mean(of: Map) -> Tensor:
    """Return the mean over positions: the study's feature."""
    return of.level


def std(of: Map) -> Tensor:
    """Return the population standard deviation over positions."""
    return (of.energy / of.deviations.shape[2]).sqrt()


def maximum(of: Map) -> Tensor:
    """Return the maximum over positions."""
    return of.maps.amax(dim=tuple(range(2, of.maps.ndim))).float()


def ppv(of: Map) -> Tensor:
    """Return the proportion of positive values over positions (Dempster et al. 2020, ROCKET)."""
    return type(of)(of.maps > 0).level


def autocorrelation(of: Map, *, lag: int) -> Tensor:
    """Return the autocorrelation over time, the first position axis: from -1 to 1, whatever the map's level.

    0 where a map is constant but for rounding, or no longer than the lag.
    """
    n = of.deviations.shape[2]
    step = lag * (n // of.maps.shape[2])
    later, earlier = of.deviations[..., step:], of.deviations[..., : max(n - step, 0)]
    rounding = of.level.square() * (CONSTANT**2 * n)
    return ((later * earlier).sum(dim=2) / of.energy).where(of.energy > rounding, 0.0)


STATISTICS: dict[str, Callable[[Map], Tensor]] = {
    "mean": mean,
    "std": std,
    "max": maximum,
    "ppv": ppv,
    **{f"lag{lag}": partial(autocorrelation, lag=lag) for lag in LAGS},
}
