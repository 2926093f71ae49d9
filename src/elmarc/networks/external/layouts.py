"""Layouts: the axes that a module's input has behind the clips."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from elmarc._choices import choose
from elmarc._types import Unit
from elmarc.errors import ConfigError
from elmarc.networks.external.capture import Reader
from elmarc.networks.external.names import Call
from elmarc.networks.layers import Input

LAYOUTS: dict[str, Callable[[Input], Tensor]] = {
    "length bands": lambda x: x,
    "bands length": lambda x: x.transpose(1, 2),
    "1 length bands": lambda x: x[:, None],
    "1 bands length": lambda x: x.transpose(1, 2)[:, None],
    "length": lambda x: x[:, :, 0],
}
TRIED: dict[Unit, tuple[tuple[str, ...], ...]] = {
    "frames": (("length bands", "bands length"), ("1 length bands", "1 bands length")),
    "samples": (("length", "bands length", "length bands"),),
}


def check_layout(layout: str, unit: Unit, name: str) -> str:
    """Return a layout that inputs of this unit can have.

    Raises
    ------
    ConfigError
        There is no such layout.
    """
    return choose(f"layout of {name}", layout, [one for some in TRIED[unit] for one in some])


def find_layout(module: nn.Module, calls: Mapping[str, Call], name: str, clips: Input, unit: Unit) -> str:
    """Return the one layout that a module takes, or the first of several that give the same maps.

    An axis of one channel is tried only where the module takes no clips without it.

    Raises
    ------
    ConfigError
        The module takes none, or several that give different maps.
    """
    problems = {}
    for group in TRIED[unit]:
        maps = {}
        for layout in group:
            try:
                with torch.no_grad():
                    maps[layout] = Reader(module, calls, name, LAYOUTS[layout])(clips)
            except ConfigError:
                raise
            except Exception as problem:
                shape = tuple(LAYOUTS[layout](clips).shape)
                problems[layout] = f"{layout!r} {shape}: {type(problem).__name__}: {problem}"
        if maps:
            return _only(maps, name)
    raise ConfigError(
        f"{name}: the module takes clips in no layout: {'; '.join(problems.values())}. Put a module in front "
        "that makes its input of (clips, length, bands)"
    )


def _only(maps: Mapping[str, Mapping[str, Tensor]], name: str) -> str:
    first, *others = maps
    if all(_equal(maps[first], maps[other]) for other in others):
        return first
    shapes = "; ".join(
        f"{layout!r} gives " + ", ".join(f"{tuple(one.shape)}" for one in found.values())
        for layout, found in maps.items()
    )
    raise ConfigError(f"{name}: the module takes clips in several layouts ({shapes}): say layout")


def _equal(some: Mapping[str, Tensor], others: Mapping[str, Tensor]) -> bool:
    return all(torch.equal(value, others[layer]) for layer, value in some.items())
