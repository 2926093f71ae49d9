"""The conditions under which everything is trained, so that the same recipe rounds alike everywhere.

A sum over a batch that several threads share rounds by their number. So a training has one thread, and
several trainings at a time keep the other cores busy: small networks learn sooner that way as well.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from elmarc.features.pooling import one_thread
from elmarc.features.workers import full_precision


@contextmanager
def rounding_alike() -> Iterator[None]:
    """Let the calling thread compute alone, and in full float32; both are as they were behind the block."""
    with full_precision:
        if torch.get_num_threads() == 1:  # a worker's own: other threads' default is left alone
            yield
            return
        with one_thread():
            yield
