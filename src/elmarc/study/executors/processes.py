"""Worker processes on this machine, on concurrent.futures."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.connection import Connection
from typing import Any

import torch

from elmarc._resources import memory_bytes, n_cores
from elmarc.errors import ElmarcError
from elmarc.study.executors.base import Executor, Out, Spec
from elmarc.study.executors.tasks import share

WORKER_BYTES = 2 * 2**30  # that a worker may need: as many as fit are started where nothing is said
MOST_BREAKS = 2  # in a row, without a task that was finished


class Processes(Executor):
    """So many processes, each with its share of the cores; on a GPU one a card.

    A worker that is killed is replaced, and its tasks are done again. All end with this process, however it
    ends: each waits for the end of a pipe that this process alone holds open.

    Parameters
    ----------
    n_workers : int or None
        None: one a core, as far as the memory goes; with a GPU one a card.
    device : str
        "auto", "cpu" or "cuda": what the configurations ask for.
    """

    def __init__(self, n_workers: int | None = None, *, device: str = "auto") -> None:
        cards = _cards() if device in ("auto", "cuda") else []
        self._n = n_workers or len(cards) or n_fitting()
        self._cards = [cards[i % len(cards)] for i in range(self._n)] if cards else []
        self._n_breaks = 0
        self._pool: ProcessPoolExecutor | None = None
        self._lifeline: Connection | None = None

    @property
    def n_slots(self) -> int:
        """The number of workers."""
        return self._n

    @property
    def described(self) -> str:
        """How many processes there are, and what each has."""
        return f"{self._n} worker processes, {self._n_threads} threads each"

    @property
    def _n_threads(self) -> int:
        return max(1, n_cores() // self._n)

    def submit(self, do: Callable[[Spec], Out], task: Spec) -> Future[Out]:
        """Begin a task; the processes are started by the first one."""
        try:
            future = self._started().submit(do, task)
        except BrokenProcessPool as problem:
            self.mend(problem)
            future = self._started().submit(do, task)
        future.add_done_callback(self._note)
        return future

    def mend(self, problem: BaseException) -> None:
        """Start new workers where one was killed, which breaks the pool.

        Raises
        ------
        ElmarcError
            It happens again and again.
        """
        if self._pool is None or not _is_broken(self._pool):
            return
        self.close(now=True)
        self._n_breaks += 1
        if self._n_breaks > MOST_BREAKS:
            raise ElmarcError(
                f"worker processes were killed {self._n_breaks} times, and finished nothing: is there too "
                "little memory? Use fewer --workers; what is finished is kept"
            ) from problem

    def drop(self) -> None:
        """End all workers; a task that comes later starts new ones."""
        self.close(now=True)

    def close(self, *, now: bool) -> None:
        """End all workers."""
        if self._pool is None or self._lifeline is None:
            return
        if now:
            self._lifeline.close()
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._lifeline.close()
        self._pool = None

    def _note(self, future: Future[Any]) -> None:
        if not future.cancelled() and future.exception() is None:
            self._n_breaks = 0

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
            theirs, self._lifeline = context.Pipe(duplex=False)
            cards: Any = context.SimpleQueue()
            for card in self._cards:
                cards.put(card)
            self._pool = ProcessPoolExecutor(
                self._n, mp_context=context, initializer=_begin, initargs=(theirs, self._n_threads, cards)
            )
        return self._pool


def n_fitting() -> int:
    """Return how many workers fit into the cores and the memory that this process may use."""
    return max(1, min(n_cores(), memory_bytes() // WORKER_BYTES))


def _begin(lifeline: Connection, n_threads: int, cards: Any) -> None:
    """Set a worker up: it ends with the process that started it, and not by Ctrl-C, which all of them get."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    if not cards.empty():
        os.environ["CUDA_VISIBLE_DEVICES"] = cards.get()
    share(n_threads)


def _end_with(lifeline: Connection) -> None:
    try:
        lifeline.recv()
    except (EOFError, OSError):
        os._exit(1)


def _cards() -> list[str]:
    """Return the names of the GPUs that this process may use."""
    if not torch.cuda.is_available():
        return []
    seen = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    named = [name for name in seen.split(",") if name]
    return named or [str(i) for i in range(torch.cuda.device_count())]


def _is_broken(pool: ProcessPoolExecutor) -> bool:
    try:
        pool.submit(int).cancel()
    except BrokenProcessPool:
        return True
    return False
