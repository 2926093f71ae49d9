"""Memory that a thread uses again: the system would clear new memory for every tile."""

from __future__ import annotations

import math
import threading

import torch
from torch import Tensor


class _Scratch(threading.local):
    """One block of memory a name, for each thread."""

    def __init__(self) -> None:
        self._blocks: dict[str, Tensor] = {}

    def take(self, name: str, like: Tensor, *shape: int) -> Tensor:
        """Return a tensor of this shape, good until the name is taken again."""
        n = math.prod(shape)
        if name not in self._blocks or len(self._blocks[name]) < n:
            with torch.inference_mode(False):  # a caller's mode must not stick to it
                self._blocks[name] = like.new_empty(n)
        return self._blocks[name][:n].view(shape)


SCRATCH = _Scratch()
