"""Which axes of a layer's output are channels and time: told, or found where it is certain.

Time is the one axis that grows with the clip. Channels are the other axis of an output (clips, length,
features); else the axis that the layer's type has them on, axis 1 of the pictures that a block of nothing
but convolutions, pools and batch norms gives, or the only one as wide as a layer of the module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from torch import Tensor, nn
from torch.nn.modules import batchnorm, conv, instancenorm, pooling

from elmarc.errors import ConfigError
from elmarc.networks.own import Axis

FIRST = tuple(
    kind for kind in (conv._ConvNd, batchnorm._BatchNorm, instancenorm._InstanceNorm, nn.GroupNorm)
) + tuple(getattr(pooling, name) for name in pooling.__all__)
LAST = (nn.Linear, nn.LayerNorm, nn.RMSNorm, nn.Embedding, nn.RNNBase, nn.TransformerEncoderLayer)


class Axes(NamedTuple):
    """The axes of channels and of time; time is None where there are no positions."""

    channel: int
    time: int | None

    def arranged(self, maps: Tensor) -> Tensor:
        """Return maps as (clips, channels, time, *positions)."""
        if self.time is None:
            return maps[..., None]
        return maps.movedim((self.channel, self.time), (1, 2))


class Output(NamedTuple):
    """What is known of a layer's output.

    Attributes
    ----------
    layer : str
    shape : tuple of int
        For one clip.
    growth : sequence of int
        What each axis gains in a longer clip.
    seen : str
        The shapes, in words.
    longer : bool
        Whether the module takes longer clips.
    """

    layer: str
    shape: tuple[int, ...]
    growth: Sequence[int]
    seen: str
    longer: bool


def find_axes(
    output: Output, part: nn.Module | None, module: nn.Module, *, channel: int | None, time: int | None
) -> Axes:
    """Return the axes of a layer's output.

    Parameters
    ----------
    output : Output
    part : nn.Module or None
        The layer, where the output is its own; None for an element of it.
    module : nn.Module
        The whole module, whose layers' widths are looked at.
    channel, time : int or None
        The axes, where they are told.

    Raises
    ------
    ConfigError
        They cannot be told.
    """
    ndim = len(output.shape)
    if ndim == 2:
        return Axes(1, None)
    told = _counted(channel, ndim, "channel_axis", output), _counted(time, ndim, "time_axis", output)
    growing = [axis for axis in range(1, ndim) if output.growth[axis] and axis != told[0]]
    if told[1] is None and len(growing) > 1:
        raise ConfigError(f"{output.seen}: axes {growing} grow with the clip: say time_axis")
    time = told[1] if told[1] is not None else next(iter(growing), None)
    free = [axis for axis in range(1, ndim) if axis != time]
    channel = told[0] if told[0] is not None else _channels(output, free, part, module)
    free = [axis for axis in free if axis != channel]
    if time is None and len(free) > 1 and not output.longer:
        raise ConfigError(f"{output.seen}: which of the axes {free} is time? Say time_axis")
    if channel == time:
        raise ConfigError(f"{output.seen}: axis {channel} is time and cannot be channels")
    return Axes(channel, free[0] if time is None else time)


def told_axis(axis: Axis, layer: str) -> int | None:
    """Return what is told of a layer: one number for all, or a mapping of layers to numbers."""
    return axis.get(layer) if isinstance(axis, Mapping) else axis


def _counted(axis: int | None, ndim: int, key: str, output: Output) -> int | None:
    if axis is None:
        return None
    counted = axis + ndim if axis < 0 else axis
    if not 0 < counted < ndim:
        raise ConfigError(f"{output.seen}: {key} {axis} is none of its axes behind the clips")
    return counted


def _channels(output: Output, free: list[int], part: nn.Module | None, module: nn.Module) -> int:
    last = len(output.shape) - 1
    if len(free) == 1:
        return free[0]
    if 1 in free and part is not None and (isinstance(part, FIRST) or (last > 2 and _of_pictures(part))):
        return 1
    if isinstance(part, LAST) and last in free:
        return last
    widths = _widths(module)
    wide = [axis for axis in free if output.shape[axis] in widths]
    if len(wide) == 1:
        return wide[0]
    raise ConfigError(f"{output.seen}: which of the axes {free} is channels? Say channel_axis")


def _of_pictures(part: nn.Module) -> bool:
    """Tell a block of convolutions, pools and norms that have their channels on axis 1, and no others."""
    kinds = [type(inner) for inner in part.modules()]
    return any(issubclass(kind, FIRST) for kind in kinds) and not any(
        issubclass(kind, LAST) for kind in kinds
    )


def _widths(module: nn.Module) -> set[int]:
    """Return the sizes that layers with weights give."""
    keys = ("out_channels", "out_features", "num_features", "embedding_dim", "hidden_size")
    return {size for part in module.modules() for key in keys if isinstance(size := vars(part).get(key), int)}
