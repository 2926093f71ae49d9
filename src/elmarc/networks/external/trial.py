"""A few clips of noise through a module: what its layers give, and that a clip's maps depend on it alone."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from elmarc._types import Unit
from elmarc.errors import ConfigError
from elmarc.networks.external.axes import Axes, Output, find_axes, told_axis
from elmarc.networks.external.capture import Reader, copied, like_weights
from elmarc.networks.external.layouts import LAYOUTS, find_layout
from elmarc.networks.external.names import INPUT, Call, described
from elmarc.networks.layers import Input, LayerInfo
from elmarc.networks.own import OUTPUT, Axis

AFTER_HEAD = re.compile(
    "(Alias|Clone|Expand|LogSigmoid|LogSoftmax|Mean|Permute|ReshapeAlias|Select|Sigmoid|Slice|Softmax|Squeeze|"
    r"ToCopy|Transpose|UnsafeView|Unsqueeze|View)Backward\d"
)  # steps that may follow a classification head, as autograd calls them
MORE = (2**6 * 3 * 5, 2**6 * 3**3 * 5, 2**5 * 3**7 * 5)  # positions: most reductions divide one of them


class Trial:
    """The maps of trial clips.

    Parameters
    ----------
    module : nn.Module
    calls : mapping
        Of layers' names to the calls to read.
    name : str
        What messages call the network.
    shape : (int, int)
        Of a clip, (length, bands).
    unit : {"frames", "samples"}
        What the length counts.
    layout : str or None
        The axes of the module's input; None: the only one that it takes.
    channel_axis, time_axis : int, mapping or None
        Axes of the layers' outputs, where they are told.

    Raises
    ------
    ConfigError
        The module cannot read such clips, or its layers do not give what features can be made of.
    """

    def __init__(
        self,
        module: nn.Module,
        calls: Mapping[str, Call],
        name: str,
        *,
        shape: tuple[int, int],
        unit: Unit,
        layout: str | None,
        channel_axis: Axis = None,
        time_axis: Axis = None,
    ) -> None:
        self._module, self._calls, self._name = module, calls, name
        self._length, self._n_bands = shape
        self._like = like_weights(module)
        clips = self._noise(2, self._length)
        self.layout = layout or find_layout(module, calls, name, clips, unit)
        reader = Reader(module, calls, name, LAYOUTS[self.layout])
        self._maps = self._read(reader, clips[:1])
        self._check_alone(self._read(reader, clips.flip(0)))
        self._more = max((n for n in MORE if n <= 2 * self._length), default=MORE[0])
        self._longer = self._longer_maps(reader)
        self.axes = {
            layer: self._axes(layer, told_axis(channel_axis, layer), told_axis(time_axis, layer))
            for layer in calls
        }

    def layer_info(self) -> list[LayerInfo]:
        """Return the channels of each layer and how many input positions make one of the layer's."""
        return [
            LayerInfo(layer, maps.shape[self.axes[layer].channel], self._reduction(layer))
            for layer, maps in self._maps.items()
        ]

    def _noise(self, n_clips: int, length: int) -> Input:
        generator = torch.Generator().manual_seed(0)
        return torch.randn(n_clips, length, self._n_bands, generator=generator).to(self._like)

    @torch.no_grad()
    def _read(self, reader: Reader, clips: Input) -> dict[str, Tensor]:
        try:
            return reader(clips)
        except ConfigError:
            raise
        except Exception as problem:
            raise ConfigError(
                f"{self._name}: the module fails on a trial input of shape {tuple(clips.shape)}, "
                f"(clips, length, bands): {type(problem).__name__}: {problem}"
            ) from problem

    def _check_alone(self, maps: Mapping[str, Tensor]) -> None:
        """Compare the first clip's maps with those it gets as the second of two, once it ran before."""
        for layer, alone in self._maps.items():
            later = maps[layer][1:]
            if later.shape != alone.shape or not _near(later, alone):
                raise ConfigError(
                    f"{self._name}: layer {layer!r} gives a clip other maps when the clip runs again, beside "
                    "another: a module must be a function of the clip alone (no dropout in eval mode, no "
                    "statistics over the batch, no state kept from clip to clip)"
                )

    def _longer_maps(self, reader: Reader) -> dict[str, Tensor]:
        """Return the maps of a longer clip, or none where the module takes clips of one length alone."""
        try:
            return self._read(reader, self._noise(1, self._length + self._more))
        except ConfigError:
            return {}

    def _growth(self, layer: str) -> list[int]:
        """Return how many positions each axis gains in the longer clip."""
        shape = self._maps[layer].shape
        longer = self._longer[layer].shape if self._longer else shape
        return [after - before for before, after in zip(shape, longer, strict=True)]

    def _axes(self, layer: str, channel: int | None, time: int | None) -> Axes:
        shape, call = self._maps[layer].shape, self._calls[layer]
        seen = f"{self._name}: layer {layer!r} gives {described(self._maps[layer])} for one clip of "
        seen += str(self._length)
        if self._longer:
            seen += f", and {described(self._longer[layer])} for one of {self._length + self._more}"
        output = Output(layer, tuple(shape), self._growth(layer), seen, bool(self._longer))
        part = None if call.elements else self._module.get_submodule(call.path)
        return find_axes(output, part, self._module, channel=channel, time=time)

    def _reduction(self, layer: str) -> float:
        """Return the reduction, exact where it divides what the longer clip is longer by."""
        time = self.axes[layer].time
        if time is None:
            return math.inf if self._longer else float(self._length)
        if not self._longer:
            return self._length / self._maps[layer].shape[time]
        gain = self._growth(layer)[time]
        if gain <= 0:
            return math.inf
        whole = round(self._more / gain)
        return whole if whole and abs(self._more / whole - gain) < 1 else self._more / gain


def default_layer(
    module: nn.Module, name: str, *, shape: tuple[int, int], unit: Unit, layout: str | None
) -> str:
    """Return what features are made of where no layer is named: what stands before the classification head.

    The head is the linear layer whose result the module returns, as it is or after a softmax, a sigmoid or an
    average. What goes into it is read; where a module does not end so, what it returns.

    Raises
    ------
    ConfigError
        The module can be run in no layout, or in several.
    """
    generator = torch.Generator().manual_seed(0)
    clips = torch.randn(2, *shape, generator=generator).to(like_weights(module))
    if layout is None:
        layout = find_layout(module, {OUTPUT: Call("")}, name, clips, unit)
    return _before_head(copied(module, name), LAYOUTS[layout](clips)) or OUTPUT


def _before_head(module: nn.Module, x: Tensor) -> str | None:
    """Follow the output back to a linear layer, as autograd does; None where something else made it."""
    steps: list[Any] = []
    paths: list[str] = []

    def note(path: str, _part: nn.Module, _x: object, y: Tensor) -> None:
        steps.append(y.grad_fn)
        paths.append(path)

    n_weights = len(list(module.parameters()))
    for path, part in module.named_modules():
        if path and isinstance(part, nn.Linear) and len(list(part.parameters())) < n_weights:
            part.register_forward_hook(partial(note, path))
    try:
        with torch.enable_grad():
            output = module(x.detach().requires_grad_().clone())
    except Exception:  # what is wrong with the module is said where its layers are read
        return None
    step = output.grad_fn if isinstance(output, Tensor) else None
    while step is not None and step not in steps:
        before = [function for function, _ in step.next_functions if function is not None]
        passed = AFTER_HEAD.fullmatch(type(step).__name__) and len(before) == 1
        step = before[0] if passed else None
    if step is None:
        return None
    place = steps.index(step)
    path = paths[place]
    number = f"#{paths[: place + 1].count(path)}" if paths.count(path) > 1 else ""
    return path + INPUT + number


def _near(maps: Tensor, others: Tensor) -> bool:
    """Whether maps differ by no more than rounding: the root of the type's precision."""
    tolerance = math.sqrt(torch.finfo(maps.dtype).eps)
    largest = others.nan_to_num(0, 0, 0).abs().max().item()
    return torch.allclose(maps, others, rtol=0, atol=tolerance * largest, equal_nan=True)
