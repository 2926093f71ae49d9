"""Random numbers of one's own: whatever a module draws, the process's states are as they were."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from elmarc import _seeds


@contextmanager
def own_random_state(
    device: torch.device, seed: int, *names: str, draws: bool = True
) -> Iterator[np.random.Generator]:
    """Give the generator of a named stream, and seed torch, NumPy and Python by it while the block is open.

    Dropout and modules of one's own draw from the global states; these are set back at the end. Other threads
    that want them wait meanwhile.

    Parameters
    ----------
    device : torch.device
        Whose generator is seeded beside the CPU's.
    seed : int
    *names : str
        Of the stream: see `elmarc._seeds.generator`.
    draws : bool
        Whether the module may draw by itself; False leaves the global states alone, and nobody waits.
    """
    rng = _seeds.generator(seed, "training", *names)
    first = int(rng.integers(2**32))
    if not draws:
        yield rng
        return
    with _seeds.global_states, _own_states(device, first):
        yield rng


@contextmanager
def _own_states(device: torch.device, first: int) -> Iterator[None]:
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002  (kept, not drawn from)
    with _own_torch(device, first):
        random.seed(first)
        np.random.seed(first)  # noqa: NPY002
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002


@contextmanager
def _own_torch(device: torch.device, seed: int) -> Iterator[None]:
    """Seed the CPU's generator and the device's alone: `torch.manual_seed` would seed every GPU there is."""
    module = None if device.type == "cpu" else torch.get_device_module(device)
    before = torch.get_rng_state(), module and module.get_rng_state()
    torch.default_generator.manual_seed(seed)
    if module:
        module.manual_seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(before[0])
        if module:
            module.set_rng_state(before[1])
