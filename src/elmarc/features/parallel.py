"""Clips to features in worker threads: one clip per worker on a CPU, batches on a GPU."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager
from itertools import islice
from typing import Any, TypeAlias, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from elmarc._names import printable
from elmarc._types import FeatureArray
from elmarc.datasets.base import Clip
from elmarc.errors import AudioError

Item = TypeVar("Item")
Out = TypeVar("Out")
Array = NDArray[np.float32]
Pool: TypeAlias = Callable[[Array], FeatureArray]  # inputs [shape=(batch, ...)] to rows of features
Hashed: TypeAlias = tuple[Clip, str]  # a clip and its content hash
Outcomes: TypeAlias = Generator[tuple[Hashed, FeatureArray | AudioError], None, None]


def one_by_one(
    items: Iterable[Item], prepare: Callable[[Item], Array], pool: Pool, *, n_workers: int, n_threads: int
) -> Iterator[tuple[Item, FeatureArray | AudioError]]:
    """Yield each item with its features, or with what is wrong with it, in order.

    Each worker takes a clip from file to features on `n_threads` threads. On two cores, that is up to twenty
    times faster than convolving each clip on all cores while other threads decode.
    """
    with Workers(n_workers, n_threads) as workers:
        for item, future in ahead(
            workers, lambda item: pool(prepare(item)[np.newaxis])[0], items, 2 * n_workers
        ):
            yield item, _outcome(future)


def in_batches(
    items: Iterable[Item], prepare: Callable[[Item], Array], pool: Pool, *, n_workers: int, batch_size: int
) -> Iterator[tuple[Item, FeatureArray | AudioError]]:
    """Like `one_by_one`, with workers that decode ahead of batches on the device."""
    with Workers(n_workers, 1) as workers:
        waiting = ahead(workers, prepare, items, 2 * batch_size)
        while batch := list(islice(waiting, batch_size)):
            good = [future.result() for _, future in batch if future.exception() is None]
            rows = iter(pool(np.stack(good)) if good else ())
            for item, future in batch:
                yield item, _outcome(future) if future.exception() else checked(next(rows))


def _outcome(future: Future[FeatureArray]) -> FeatureArray | AudioError:
    """Return a worker's row or the clip's problem; other exceptions end the run."""
    try:
        return checked(future.result())
    except AudioError as problem:
        return problem


def checked(row: FeatureArray) -> FeatureArray | AudioError:
    """Return features, or an error where they are not finite."""
    if np.isfinite(row).all():
        return row
    return AudioError("its features overflow: are its samples within [-1, 1]?")


def named(problem: AudioError, name: str, file: str) -> AudioError:
    """Add the name of the clip to a message that does not contain that of the file."""
    return problem if printable(file) in str(problem) else AudioError(f"{name}: {problem}")


def ahead(
    workers: ThreadPoolExecutor, work: Callable[[Item], Out], items: Iterable[Item], n_ahead: int
) -> Iterator[tuple[Item, Future[Out]]]:
    """Yield each item with its future, in order, with at most `n_ahead` results waiting."""
    waiting: deque[tuple[Item, Future[Out]]] = deque()
    for item in items:
        waiting.append((item, workers.submit(work, item)))
        if len(waiting) > n_ahead:
            yield waiting.popleft()
    yield from waiting


class _FullPrecision(AbstractContextManager[None]):
    """Matrix products in full float32.

    The setting is the process's, and callers may overlap: the first to enter saves the user's setting, the
    last to leave restores it.
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
    """Workers that compute on `n_threads` threads each; an error cancels the work that has not begun.

    torch's number of threads belongs to each thread that computes, but setting it also changes the default
    of later threads. So all workers are started at once, and the default is restored before anything is
    computed; a lock makes other threads that start workers wait for that.
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
    torch.get_num_threads()  # the first call in a thread sets torch's default: it has to come first
    torch.set_num_threads(n_threads)
