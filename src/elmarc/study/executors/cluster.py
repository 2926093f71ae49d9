"""Workers of a Dask cluster: on this machine, or wherever they were started."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from elmarc._io import temporary_folder
from elmarc._resources import n_cores
from elmarc.errors import ConfigError, ElmarcError
from elmarc.study.executors.base import Executor, Out, Spec
from elmarc.study.executors.tasks import share

ALLOWED_FAILURES = 10  # workers that may die with a task; a cluster of one's own has its own setting
RETRIES = 2  # of a task that raised
CONNECT_S = 30
SCRATCH = "elmarc-dask"


class Cluster(Executor):
    """The workers of a Dask scheduler; each thread of a worker does a task, on one core.

    Parameters
    ----------
    address : str or None
        The scheduler's, such as "tcp://10.0.0.5:8786".
    scheduler_file : Path or None
        The file in which the scheduler has put its address. Without either, a scheduler and workers are
        started on this machine, and end with the run: nobody but this process can connect to them, for keys
        (TLS) are made for the run, and never written.
    n_workers : int or None
        How many to start; None: one a core.

    Raises
    ------
    ConfigError
        Dask, or what makes keys, is missing, or no scheduler answers.
    """

    def __init__(
        self,
        address: str | None = None,
        *,
        scheduler_file: Path | None = None,
        n_workers: int | None = None,
    ) -> None:
        distributed = _distributed()
        self._own: Any = None
        self._ending = ExitStack()  # of what is started here
        if scheduler_file is not None and not scheduler_file.is_file():
            raise ConfigError(
                f"--scheduler-file {scheduler_file}: no such file: start `dask scheduler --scheduler-file "
                f"{scheduler_file}` first"
            )
        where = scheduler_file or address
        if where is None:
            self._start(n_workers or n_cores())
        reach: dict[str, Any] = {"scheduler_file": str(scheduler_file)} if scheduler_file else {}
        try:
            self._client = distributed.Client(
                self._own or address, timeout=CONNECT_S, set_as_default=False, **reach
            )
        except (OSError, ValueError, TypeError) as problem:
            self._end_own()
            raise ConfigError(
                f"{where}: no Dask scheduler answers ({problem}): start one with `dask scheduler`; one that "
                "has keys asks for them here too (docs/long-runs.md)"
            ) from None
        self._pool = self._client.get_executor(pure=True, retries=RETRIES)

    @property
    def n_slots(self) -> int:
        """The threads of the workers that are there now; at least 1, so that tasks wait for the first."""
        n_threads: int = sum(self._client.nthreads().values())
        return max(1, n_threads)

    @property
    def described(self) -> str:
        """How many workers there are, and where they can be watched."""
        threads = self._client.nthreads()
        n = f"{len(threads)} workers, {sum(threads.values())} threads" if threads else "no workers yet"
        return f"Dask at {self._client.scheduler.address}: {n}; dashboard: {self._client.dashboard_link}"

    def submit(self, do: Callable[[Spec], Out], task: Spec) -> Future[Out]:
        """Give a task to the scheduler, under the hash of what it computes."""
        future: Future[Out] = self._pool.submit(on_one_core, do, task)
        return future

    def mend(self, problem: BaseException) -> None:
        """Give up: the scheduler has tried again already.

        Raises
        ------
        ElmarcError
            Always.
        """
        raise ElmarcError(
            f"the Dask cluster lost a task ({problem}): run the same command again to go on; "
            "for workers that are often ended, set DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES higher"
        ) from problem

    def close(self, *, now: bool) -> None:
        """Leave the scheduler; one that was started here ends, and its workers with it."""
        self._pool.shutdown(wait=not now)
        self._client.close()
        self._end_own()

    def _end_own(self) -> None:
        self._ending.close()

    def _start(self, n_workers: int) -> None:
        import dask
        import distributed

        keys = _keys()
        scratch = self._ending.enter_context(temporary_folder(SCRATCH))
        settings = {
            "distributed.scheduler.allowed-failures": ALLOWED_FAILURES,
            "temporary-directory": str(scratch),
        }
        with dask.config.set(settings):
            self._own = distributed.LocalCluster(  # type: ignore[no-untyped-call]
                n_workers=n_workers, threads_per_worker=max(1, n_cores() // n_workers), processes=True,
                host="127.0.0.1", security=keys, dashboard_address="127.0.0.1:0",
                local_directory=str(scratch), silence_logs=logging.CRITICAL,
            )  # fmt: skip
        self._ending.callback(self._own.close)


def on_one_core(do: Callable[[Spec], Out], task: Spec) -> Out:
    """Do a task in one of several threads of a worker, each of which keeps one core busy."""
    share(1)
    return do(task)


def _distributed() -> Any:
    try:
        import distributed
    except ImportError:
        raise ConfigError("--executor dask: Dask is not installed: pip install 'elmarc[dask]'") from None
    return distributed


def _keys() -> Any:
    """Return keys for one run; whoever connects to a scheduler without any can run code on its workers."""
    from distributed.security import Security

    try:
        return Security.temporary()  # type: ignore[no-untyped-call]
    except ImportError:
        raise ConfigError(
            "--executor dask: cryptography, which makes keys for the connections, is not installed: "
            "pip install 'elmarc[dask]'"
        ) from None
