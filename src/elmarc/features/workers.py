"""Threads that work ahead of whoever needs the results."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

import torch

Item = TypeVar("Item")
Out = TypeVar("Out")


class Workers(ThreadPoolExecutor):
    """Workers that compute on `n_threads` threads each; work not begun is dropped when an error ends the run.

    torch's number of threads belongs to each thread that computes, and is the default of threads to come as
    well: it is set back at the end. So is the rounding of matrix products, which is everybody's.
    """

    def __init__(self, n_workers: int, n_threads: int = 1) -> None:
        self._default_threads = torch.get_num_threads()
        self._default_rounding = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("highest")
        super().__init__(n_workers, initializer=torch.set_num_threads, initargs=(n_threads,))

    def __exit__(self, *problem: Any) -> None:
        self.shutdown(wait=True, cancel_futures=True)
        torch.set_num_threads(self._default_threads)
        torch.set_float32_matmul_precision(self._default_rounding)


def ahead(
    workers: ThreadPoolExecutor, work: Callable[[Item], Out], items: Sequence[Item], n_ahead: int
) -> Iterator[tuple[Item, Future[Out]]]:
    """Yield each item with its future, in order, keeping at most `n_ahead` results waiting."""
    waiting: deque[tuple[Item, Future[Out]]] = deque()
    for item in items:
        waiting.append((item, workers.submit(work, item)))
        if len(waiting) > n_ahead:
            yield waiting.popleft()
    yield from waiting
