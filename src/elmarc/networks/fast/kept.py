"""What a layer has made ready of its weight, until the weight changes."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol, TypeVar, cast

import torch
from torch import Tensor

MAKING = threading.Lock()  # clips are in work side by side: what all need is made once

Made = TypeVar("Made")


class Layer(Protocol):
    """A convolution with stride 1, "valid" in frames, as `elmarc.networks.blocks.RandomConv` is."""

    @property
    def weight(self) -> Tensor:
        """Tensor [shape=(filters, channels, bands, frames)]."""

    @property
    def bias(self) -> Tensor:
        """Tensor [shape=(filters,)]."""

    @property
    def pad_bands(self) -> int:
        """Zeros added below and above."""

    @property
    def kept(self) -> Kept:
        """What the faster ways have made of the weight."""


class Kept:
    """Kernels and matrices by name.

    A copy or a pickle starts empty: what oneDNN laid out cannot be pickled.
    """

    def __init__(self) -> None:
        self._made: dict[str, tuple[object, object]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return Kept, ()

    def get(
        self,
        name: str,
        weight: Tensor,
        maps: Tensor,
        make: Callable[[Tensor], Made],
        *,
        shape: object = None,
    ) -> Made:
        """Return `make(weight)`, made anew when weight, precision, device, threads or `shape` changed."""
        key = (maps.dtype, maps.device, weight._version, torch.get_num_threads(), shape)
        with MAKING:
            if name not in self._made or self._made[name][0] != key:
                self._made[name] = key, make(weight)
            return cast("Made", self._made[name][1])
