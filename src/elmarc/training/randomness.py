"""Random numbers of one's own: whatever a module draws, the process's states are as they were."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from elmarc import _seeds


@contextmanager
def own_random_state(device: torch.device, seed: int, *names: str) -> Iterator[np.random.Generator]:
    """Give the generator of a named stream, and seed torch, NumPy and Python by it while the block is open.

    Dropout and modules of one's own draw from the global states; these are set back at the end.

    Parameters
    ----------
    device : torch.device
        Whose generator is seeded beside the CPU's.
    seed : int
    *names : str
        Of the stream: see `elmarc._seeds.generator`.
    """
    rng = _seeds.generator(seed, "training", *names)
    first = int(rng.integers(2**32))
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002  (kept, not drawn from)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(first)
        random.seed(first)
        np.random.seed(first)  # noqa: NPY002
        try:
            yield rng
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002
