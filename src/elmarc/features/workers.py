"""Threads that work ahead of whoever needs the results."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any, TypeVar

import torch

Item = TypeVar("Item")
Out = TypeVar("Out")


class _FullPrecision(AbstractContextManager[None]):
    """Matrix products in full float32, for as long as anybody needs it.

    The setting is the process's, and several callers may overlap: the first one in keeps what the user had,
    the last one out sets it back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._n_users = 0
        self._before = "highest"

    def __enter__(self) -> None:
        with self._lock:
            if not self._n_users:
                self._before = torch.get_float32_matmul_precision()
                torch.set_float32_matmul_precision("highest")
            self._n_users += 1

    def __exit__(self, *problem: object) -> None:
        with self._lock:
            self._n_users -= 1
            if not self._n_users:
                torch.set_float32_matmul_precision(self._before)


full_precision = _FullPrecision()
_starting = threading.Lock()


class Workers(ThreadPoolExecutor):
    """Workers that compute on `n_threads` threads each; work not begun is dropped when an error ends the run.

    torch's number of threads belongs to each thread that computes, and is the default of threads to come as
    well. So all workers are started at once, and the default is set back before anything is computed: other
    threads that start workers of their own wait for that.
    """

    def __init__(self, n_workers: int, n_threads: int = 1) -> None:
        super().__init__(n_workers, initializer=_compute_on, initargs=(n_threads,))
        with _starting:
            before = torch.get_num_threads()
            started = threading.Barrier(n_workers + 1)
            for _ in range(n_workers):
                self.submit(started.wait)
            started.wait()
            torch.set_num_threads(before)
        full_precision.__enter__()

    def __exit__(self, *problem: Any) -> None:
        self.shutdown(wait=True, cancel_futures=True)
        full_precision.__exit__()


def _compute_on(n_threads: int) -> None:
    """Set the calling thread's number; asking first makes torch's default no longer take its place."""
    torch.get_num_threads()
    torch.set_num_threads(n_threads)


def ahead(
    workers: ThreadPoolExecutor, work: Callable[[Item], Out], items: Iterable[Item], n_ahead: int
) -> Iterator[tuple[Item, Future[Out]]]:
    """Yield each item with its future, in order, keeping at most `n_ahead` results waiting."""
    waiting: deque[tuple[Item, Future[Out]]] = deque()
    for item in items:
        waiting.append((item, workers.submit(work, item)))
        if len(waiting) > n_ahead:
            yield waiting.popleft()
    yield from waiting
