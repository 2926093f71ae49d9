"""What layers of a module give in a forward pass, read by hooks on a copy that one thread alone uses."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from elmarc.errors import ConfigError
from elmarc.networks.external.names import Call, described, element
from elmarc.networks.layers import Input


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
    shaped : callable
        Makes the module's input of clips (clips, length, bands).
    """

    def __init__(
        self,
        module: nn.Module,
        calls: Mapping[str, Call],
        name: str,
        shaped: Callable[[Input], Tensor],
    ) -> None:
        shared = {id(value): value for value in module.state_dict(keep_vars=True).values()}
        self._module = copied(module, name, shared)
        self._calls, self._name, self._shaped = dict(calls), name, shaped
        self._seen: dict[tuple[str, bool], list[str]] = {}
        self._kept: dict[str, object] = {}
        for path, is_input in {(call.path, call.is_input) for call in calls.values()}:
            part = self._module.get_submodule(path)
            if is_input:
                part.register_forward_pre_hook(self._keeper_of_input(path), with_kwargs=True)
            else:
                part.register_forward_hook(self._keeper(path))

    def train(self, mode: bool) -> None:
        """Say whether the copy is in training mode."""
        self._module.train(mode)

    def __call__(self, x: Input) -> dict[str, Tensor]:
        """Return what the layers give, (clips, ...) with their own axes.

        Raises
        ------
        ConfigError
            A layer did not run, ran several times, or gives no such tensor.
        """
        self._seen, self._kept = {(call.path, call.is_input): [] for call in self._calls.values()}, {}
        try:
            self._module(self._shaped(x))
            return {layer: self._map(layer, len(x)) for layer in self._calls}
        finally:
            self._seen, self._kept = {}, {}

    def _keeper(self, path: str) -> Callable[..., None]:
        return lambda _module, _inputs, output: self._keep(path, False, output)

    def _keeper_of_input(self, path: str) -> Callable[..., None]:
        return lambda _module, args, kwargs: self._keep(
            path, True, next(iter((*args, *kwargs.values())), None)
        )

    def _keep(self, path: str, is_input: bool, value: object) -> None:
        seen = self._seen[path, is_input]
        seen.append(described(value))
        for layer, call in self._calls.items():
            if (call.path, call.is_input, call.number or 1) == (path, is_input, len(seen)):
                kept = element(value, call)
                self._kept[layer] = kept.clone() if isinstance(kept, Tensor) else None

    def _map(self, layer: str, n_clips: int) -> Tensor:
        path, number, _, is_input = self._calls[layer]
        seen = self._seen[path, is_input]
        if number is None and len(seen) > 1:
            raise ConfigError(
                f"{self._name}: layer {layer!r} runs {len(seen)} times in a forward pass, with outputs "
                f"{', '.join(seen)}: say which, {path}#1 to {path}#{len(seen)}"
            )
        if len(seen) < (number or 1):
            raise ConfigError(
                f"{self._name}: layer {layer!r} took no part in the module's forward pass, in "
                f"which {path!r} ran {len(seen)} times"
            )
        return self._checked(layer, self._kept[layer], seen[(number or 1) - 1], n_clips)

    def _checked(self, layer: str, output: object, seen: str, n_clips: int) -> Tensor:
        fits = isinstance(output, Tensor) and output.is_floating_point() and output.ndim > 1
        if not isinstance(output, Tensor) or not fits or len(output) != n_clips or not output.numel():
            element_of = self._calls[layer].elements
            found = f"{described(output)}, of {seen}," if element_of and output is not None else seen
            hint = f", or name an element: {layer}[0], {layer}[key]" if seen[0] in "({" else ""
            raise ConfigError(
                f"{self._name}: layer {layer!r} gives {found} for {n_clips} clip(s), expected one "
                "floating-point tensor of two or more axes, the first of them clips: read another "
                f"layer{hint}, or put a module behind it that makes one"
            )
        return output
