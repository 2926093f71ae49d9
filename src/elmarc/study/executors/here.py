"""Threads of this process, each of which does a task on one core: the serial path of training."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future

from elmarc.features.extractor import resolve_device
from elmarc.features.parallel import Workers
from elmarc.study.executors.base import Executor, Out, Spec
from elmarc.study.executors.processes import n_fitting
from elmarc.study.spec import Experiment


class Here(Executor):
    """So many threads, which see what this process holds.

    Parameters
    ----------
    n_threads : int
        See `n_here`.

    Attributes
    ----------
    dropped : threading.Event
        Set as soon as nobody waits for the tasks any more: they look at it from time to time, and end.
    """

    def __init__(self, n_threads: int) -> None:
        self._n = n_threads
        self._threads: Workers | None = None
        self.dropped = threading.Event()

    @property
    def n_slots(self) -> int:
        """The number of threads."""
        return self._n

    @property
    def described(self) -> str:
        """How many threads there are."""
        return f"{self._n} threads of this process"

    def submit(self, do: Callable[[Spec], Out], task: Spec) -> Future[Out]:
        """Begin a task; the threads are started by the first one."""
        if self._threads is None:
            self._threads = Workers(self._n, 1)
        return self._threads.submit(do, task)

    def mend(self, problem: BaseException) -> None:
        """Give up: threads are not killed."""
        raise problem

    def close(self, *, now: bool) -> None:
        """Wait for all threads."""
        if now:
            self.dropped.set()
        if self._threads is not None:
            self._threads.__exit__()
            self._threads = None


def n_here(config: Experiment) -> int:
    """Return how many tasks of a configuration fit into this process at once.

    One a core, as far as the memory goes, and no more than its `n_workers`; on a GPU one.
    """
    if resolve_device(config.device).type != "cpu":
        return 1
    return min(n_fitting(), config.n_workers or n_fitting())
