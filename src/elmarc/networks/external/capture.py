"""What layers of a module give in a forward pass, read by hooks on a copy that one thread alone uses."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from elmarc._choices import choose
from elmarc._errors import ConfigError
from elmarc.networks.layers import FeatureMap, Input


class Call(NamedTuple):
    """A call of a submodule: its path, and which one counted from 1; None for the only one."""

    path: str
    number: int | None


def find_calls(module: nn.Module, layers: Sequence[str], name: str) -> dict[str, Call]:
    """Return the call that each layer's name stands for: "act", or "act#2" for the second call of act.

    Raises
    ------
    ConfigError
        A name is no submodule's, or that of one whose output cannot be read.
    """
    parts = dict(module.named_modules(remove_duplicate=False))
    known = [path for path in parts if path]
    calls = {}
    for layer in layers:
        path, _, number = layer.rpartition("#")
        if layer not in known and path in known and number.isdecimal() and int(number) > 0:
            calls[layer] = Call(path, int(number))
        else:
            calls[layer] = Call(choose(f"layer of {name}", layer, known), None)
        if isinstance(parts[calls[layer].path], torch.jit.ScriptModule):
            raise ConfigError(
                f"{name}: layer {layer!r} is scripted and takes no hooks: pass the module it is of"
            )
    return calls


def like_weights(module: nn.Module) -> Tensor:
    """Return a tensor of the type and on the device of the module's weights."""
    return next((weight for weight in module.parameters() if weight.is_floating_point()), torch.empty(0))


def copied(module: nn.Module, name: str, shared: Mapping[int, Any] | None = None) -> nn.Module:
    """Return a copy of a module in eval mode, with some tensors, by id, replaced rather than copied.

    Raises
    ------
    ConfigError
        It cannot be copied.
    """
    memo = dict(shared or {})
    for part in module.modules():
        for value in vars(part).values():
            if isinstance(value, Tensor) and not value.is_leaf:  # as the old weight_norm keeps
                memo.setdefault(id(value), value.detach().clone())
    try:
        return copy.deepcopy(module, memo).eval()
    except Exception as problem:
        raise ConfigError(
            f"{name}: the module cannot be copied ({type(problem).__name__}: {problem}), and each thread "
            "needs a copy of its own: keep out of it what cannot be, or give its class a __deepcopy__"
        ) from problem


class Reader:
    """A copy of a module that keeps the outputs of some calls; for one thread at a time.

    What the module keeps on itself during a forward pass stays within the thread. Weights are shared.

    Parameters
    ----------
    module : nn.Module
    calls : mapping
        Of layers' names to the calls to read.
    name : str
        What messages call the network.
    """

    def __init__(
        self,
        module: nn.Module,
        calls: Mapping[str, Call],
        name: str,
    ) -> None:
        shared = {id(value): value for value in module.state_dict(keep_vars=True).values()}
        self._module = copied(module, name, shared)
        self._calls, self._name = dict(calls), name
        self._seen: dict[str, list[object]] = {}
        for path in {call.path for call in calls.values()}:
            self._module.get_submodule(path).register_forward_hook(self._keeper(path))

    def __call__(self, x: Input) -> dict[str, FeatureMap]:
        """Return the layers' maps (clips, channels, *positions).

        Raises
        ------
        ConfigError
            A layer did not run, ran several times, or gives no such maps.
        """
        self._seen = {call.path: [] for call in self._calls.values()}
        try:
            self._module(x)
            return {layer: self._map(layer, len(x)) for layer in self._calls}
        finally:
            self._seen = {}

    def _keeper(self, path: str) -> Callable[..., None]:
        wanted = {call.number or 1 for call in self._calls.values() if call.path == path}

        def keep(_module: nn.Module, _inputs: object, output: object) -> None:
            seen = self._seen[path]
            kept = len(seen) + 1 in wanted and isinstance(output, Tensor)
            seen.append(output.detach().clone() if kept else described(output))  # type: ignore[attr-defined]

        return keep

    def _map(self, layer: str, n_clips: int) -> FeatureMap:
        path, number = self._calls[layer]
        seen = self._seen[path]
        if number is None and len(seen) > 1:
            raise ConfigError(
                f"{self._name}: layer {layer!r} runs {len(seen)} times in a forward pass, with outputs "
                f"{', '.join(map(described, seen))}: say which, {layer}#1 to {layer}#{len(seen)}"
            )
        if len(seen) < (number or 1):
            raise ConfigError(
                f"{self._name}: layer {layer!r} took no part in the module's forward pass, in "
                f"which {path!r} ran {len(seen)} times"
            )
        return self._checked(layer, seen[(number or 1) - 1], n_clips)

    def _checked(self, layer: str, output: object, n_clips: int) -> FeatureMap:
        fits = isinstance(output, Tensor) and output.is_floating_point() and output.ndim > 1
        if not isinstance(output, Tensor) or not fits or len(output) != n_clips or not output.numel():
            raise ConfigError(
                f"{self._name}: layer {layer!r} gives {described(output)} for {n_clips} clip(s), "
                "expected one floating-point tensor (clips, channels, *positions): read another layer, or "
                "put a module behind it that makes one"
            )
        return output if output.ndim > 2 else output[..., None]


def described(output: object) -> str:
    """Return the shapes of an output.

    >>> import torch
    >>> described((torch.zeros(2, 3), None))
    '(float32 (2, 3), NoneType)'
    """
    match output:
        case str():
            return output
        case Tensor():
            return f"{str(output.dtype).removeprefix('torch.')} {tuple(output.shape)}"
        case tuple() | list():
            return f"({', '.join(map(described, output))})"
        case Mapping():
            return "{" + ", ".join(f"{key}: {described(value)}" for key, value in output.items()) + "}"
        case _:
            return type(output).__name__
