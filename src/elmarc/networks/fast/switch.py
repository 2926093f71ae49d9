"""Whether layers are computed plainly, by torch's public calls alone."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

VARIABLE = "ELMARC_PLAIN"


class _Requests:
    """How many `plain` blocks are open, in all threads together."""

    def __init__(self) -> None:
        self.n_open = 0
        self._lock = threading.Lock()

    def add(self, n: int) -> None:
        with self._lock:
            self.n_open += n


_requests = _Requests()


@contextmanager
def plain() -> Iterator[None]:
    """Compute every layer by torch's public calls alone while the block is open, in all threads.

    The environment variable ELMARC_PLAIN=1 does the same for a whole process. In float32, features agree with
    the faster ones within 1e-4 of the network's largest.

    >>> import torch
    >>> from elmarc.networks import build_network
    >>> with plain():
    ...     maps = build_network("vgg", size="small", layers=["pool1"])(torch.zeros(1, 8, 96))
    """
    _requests.add(1)
    try:
        yield
    finally:
        _requests.add(-1)


def is_plain() -> bool:
    """Return whether ELMARC_PLAIN or an open `plain` block asks for public calls alone."""
    return _requests.n_open > 0 or os.environ.get(VARIABLE, "0") not in {"", "0"}
