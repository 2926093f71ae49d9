"""Random numbers from (seed, name), never from a global state.

Each consumer names its stream, so drawing more numbers for one layer does not change another layer.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

# taken while the process's random states are seeded and restored: one thread at a time
global_states = threading.RLock()
BLOCK = 2**15  # numbers


def generator(seed: int, *names: str) -> np.random.Generator:
    """Return the generator of a named stream.

    >>> int(generator(0, "vgg", "conv1").bit_generator.random_raw())
    10805617630399578202
    """
    text = "\x1f".join([str(int(seed)), *names])
    words = np.frombuffer(hashlib.sha256(text.encode()).digest(), dtype="<u4")
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words.tolist())))


def uniform(seed: int, *names: str, size: int) -> NDArray[np.float64]:
    """Return `size` float64 numbers in (0, 1) of a named stream.

    Built on the raw bits, which NumPy keeps stable; its distributions may change between versions (NEP 19).
    """
    return np.concatenate([np.empty(0), *uniform_blocks(seed, *names, size=size)])


def uniform_blocks(seed: int, *names: str, size: int) -> Iterator[NDArray[np.float64]]:
    """Yield the same numbers in blocks that stay in the processor's cache."""
    bits = generator(seed, *names).bit_generator
    for start in range(0, size, BLOCK):
        raw = np.asarray(bits.random_raw(min(BLOCK, size - start)), dtype=np.uint64)
        yield ((raw >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
