"""Statistics of feature maps: one number per clip and channel. `STATISTICS` has each in one line.

Importing this module loads no torch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import cached_property, partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from elmarc.networks.base import FeatureMap

LAGS = (1, 2, 4, 8, 16)  # positions of a map
PERIODS = (16, 64)  # shortest and longest, in positions: 0.34 and 1.4 s of v2's log-mels, 176 to 44 a minute
PARTS = (1, 2, 4)  # of a period
SHARPNESS = 30.0  # of the softmax over periods
CONSTANT = 1e-5  # deviations below this share of the mean are rounding
BLOCK_FRAMES = 16  # of the matrix product of all lags
BLOCK_VALUES = 2**17  # of float32 in a core's cache


class Map:
    """A feature map, and what several statistics need of it, computed once.

    Parameters
    ----------
    *parts : Tensor [shape=(clips, channels, *positions)]
        The map in parts, which differ in channels alone.
    """

    def __init__(self, *parts: FeatureMap) -> None:
        self.parts = parts

    @cached_property
    def level(self) -> Tensor:
        """The mean over positions (clips, channels), summed in float32."""
        return _joined(map(_level, self.parts))

    @cached_property
    def deviations(self) -> Tensor:
        """The values less their mean (clips, channels, positions), frame by frame."""
        import torch

        flat = _joined(part.flatten(2) for part in self.parts)
        values = flat.to(torch.float32, memory_format=torch.contiguous_format)
        return values - values.mean(dim=2, keepdim=True)

    @cached_property
    def energy(self) -> Tensor:
        """The sum of squared deviations (clips, channels)."""
        return self.deviations.square().sum(dim=2)

    @cached_property
    def beats(self) -> dict[int, Tensor]:
        """The autocorrelation at each of `PARTS` of the period (clips, channels)."""
        import torch

        shortest, longest = PERIODS
        longest = min(longest, self.parts[0].shape[2] // 2)
        if longest < shortest:
            return dict.fromkeys(PARTS, torch.zeros_like(self.energy))
        curve = (self._lagged(longest) / self.energy.unsqueeze(2)).where(self.varies.unsqueeze(2), 0.0)
        weights = torch.softmax(SHARPNESS * curve[..., shortest:], dim=2)
        periods = torch.arange(shortest, longest + 1)
        return {part: (weights * curve[..., periods // part]).sum(dim=2) for part in PARTS}

    @cached_property
    def varies(self) -> Tensor:
        """Whether the values differ by more than rounding (clips, channels)."""
        rounding = self.level.square() * (CONSTANT**2 * self.deviations.shape[2])
        return self.energy > rounding

    def _lagged(self, longest: int) -> Tensor:
        """Return the sums of products of deviations, by lags in time from 0 on (clips, channels, lags).

        One matrix product of blocks of the time axis with themselves and the frames after them gives the
        products of all pairs of frames; those of one lag lie on a diagonal.
        """
        import torch
        import torch.nn.functional as F

        n_clips, n_channels, n = self.deviations.shape
        frames = self.parts[0].shape[2]
        n_blocks = math.ceil(frames / BLOCK_FRAMES)
        rows = self.deviations.view(n_clips * n_channels, frames, n // frames)
        rows = F.pad(rows, (0, 0, 0, n_blocks * BLOCK_FRAMES + longest - frames))
        longer = BLOCK_FRAMES + longest
        after = rows.unfold(1, longer, BLOCK_FRAMES).flatten(1, 2)  # rows, blocks x other positions, frames
        pairs = torch.bmm(after[..., :BLOCK_FRAMES].transpose(1, 2), after)
        diagonals = pairs.as_strided((len(rows), BLOCK_FRAMES, longest + 1), (pairs.stride(0), longer + 1, 1))
        return diagonals.sum(dim=1).view(n_clips, n_channels, longest + 1)


def _level(maps: FeatureMap) -> Tensor:
    import torch

    axes = tuple(range(2, maps.ndim))
    if maps.dtype == torch.float32:
        return maps.mean(dim=axes)
    frames = max(1, BLOCK_VALUES * maps.shape[2] // maps.numel())  # of a copy in float32
    parts = torch.split(maps, frames, dim=2)
    total = torch.stack([part.sum(dim=axes, dtype=torch.float32) for part in parts]).sum(dim=0)
    return total * (maps.shape[0] * maps.shape[1] / maps.numel())


def _joined(parts: Iterable[Tensor]) -> Tensor:
    """Join along channels; one part stays as it is."""
    import torch

    first, *others = parts
    return torch.cat([first, *others], dim=1) if others else first


def mean(of: Map) -> Tensor:
    """Return the mean over positions: the study's feature."""
    return of.level


def std(of: Map) -> Tensor:
    """Return the population standard deviation over positions."""
    return (of.energy / of.deviations.shape[2]).sqrt()


def maximum(of: Map) -> Tensor:
    """Return the maximum over positions."""
    return _joined(part.amax(dim=tuple(range(2, part.ndim))) for part in of.parts).float()


def ppv(of: Map) -> Tensor:
    """Return the proportion of positive values (Dempster et al. 2020, ROCKET)."""
    return type(of)(*(part > 0 for part in of.parts)).level


def autocorrelation(of: Map, *, lag: int) -> Tensor:
    """Return the autocorrelation over time, the first position axis, from -1 to 1.

    0 where a map is constant but for rounding, or no longer than the lag.
    """
    n = of.deviations.shape[2]
    step = lag * (n // of.parts[0].shape[2])
    later, earlier = of.deviations[..., step:], of.deviations[..., : max(n - step, 0)]
    return ((later * earlier).sum(dim=2) / of.energy).where(of.varies, 0.0)


def beat(of: Map, *, part: int) -> Tensor:
    """Return the autocorrelation at the period of a map, or at a part of the period, from -1 to 1.

    The period is the lag of the largest autocorrelation among lags of 16 to 64 positions, at most half of the
    clip. So the numbers follow from the rhythm, whatever the tempo. Lags that are about as good share the
    weight (a softmax), so that rounding does not choose between them. 0 where half of the clip is shorter.
    """
    return of.beats[part]


STATISTICS: dict[str, Callable[[Map], Tensor]] = {
    "mean": mean,
    "std": std,
    "max": maximum,
    "ppv": ppv,
    **{f"lag{lag}": partial(autocorrelation, lag=lag) for lag in LAGS},
    "beat": partial(beat, part=1),
    "half_beat": partial(beat, part=2),
    "quarter_beat": partial(beat, part=4),
}
