"""Where tasks are done: in threads of this process, in worker processes, or on a Dask cluster.

Each pool is an executor of `concurrent.futures` with a number of slots; the loop over it is the same for all:
tasks are handed out as slots get free, and handed out again where a worker died. A task is a specification
that can be sent, and what does it is a function of it alone, so a task may be done twice.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Executor, Future, ProcessPoolExecutor, wait
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
from itertools import islice
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Self, TypeVar

import torch
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from elmarc._choices import choose
from elmarc._io import temporary_folder
from elmarc._resources import keep_freed_memory, memory_bytes, n_cores, take_share
from elmarc.errors import ConfigError, ElmarcError
from elmarc.features.extractor import resolve_device
from elmarc.features.parallel import Workers
from elmarc.study.request import Run

Spec = TypeVar("Spec")
Out = TypeVar("Out")
EXECUTORS = ("serial", "processes", "dask")
AHEAD = 2  # tasks per slot: one at work, one waiting
CHECK_S = 1.0
WORKER_BYTES = 2 * 2**30  # that a worker process may need
MOST_RESTARTS = 2  # in a row, without a finished task
ALLOWED_FAILURES = 10  # Dask workers that may die with a task, in a cluster that is started here
RETRIES = 2  # by Dask, of a task that raised
CONNECT_S = 30
_setting_up = threading.Lock()


def opened(run: Run, *, device: str = "auto") -> AbstractContextManager[Pool | None]:
    """Return the workers that a run asks for, as a context that ends them; None is this process.

    Raises
    ------
    ConfigError
        The options of the run do not fit together, or the workers cannot be had.
    """
    choose("executor", run.executor, EXECUTORS)
    options = {"--scheduler": run.scheduler, "--scheduler-file": run.scheduler_file}
    named = [option for option, value in options.items() if value is not None]
    if named and run.executor != "dask":
        raise ConfigError(f"{named[0]}: only --executor dask has a scheduler: add it")
    if len(named) == 2:
        raise ConfigError("--scheduler, --scheduler-file: found both, expected one of them")
    if run.workers is not None and (named or run.executor == "serial"):
        why = "a scheduler has workers of its own" if named else "serial starts none"
        raise ConfigError(f"--workers {run.workers}: {why}: leave it out, or use --executor processes")
    if run.executor == "serial":
        return nullcontext()
    if run.executor == "processes":
        return Processes(run.workers, device=device)
    return Dask(run.scheduler, scheduler_file=run.scheduler_file, n_workers=run.workers)


class Pool(ABC):
    """Workers, started by the first task and again where one was killed; a context that ends them."""

    most_restarts = 0  # in a row, without a finished task
    n_restarts = 0
    described = ""  # what the workers are, in a sentence
    lost = "a worker ended: {problem}"  # where workers die again and again
    _executor: Executor | None = None

    @property
    @abstractmethod
    def n_slots(self) -> int:
        """How many tasks are at work at once, as of now."""

    @abstractmethod
    def start(self) -> Executor:
        """Start the workers."""

    def drop(self) -> None:  # noqa: B027  (threads are not killed, and Dask ends what is cancelled)
        """End what is at work at once; a task that comes later starts the workers anew."""

    def close(self) -> None:
        """End the workers, once they are idle."""
        if self._executor is not None:
            self._executor.__exit__(None, None, None)
            self._executor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.drop()
        self.close()

    def submit(self, do: Callable[[Spec], Out], task: Spec) -> Future[Out]:
        """Begin a task, or let it wait."""
        while True:
            self._executor = self._executor or self.start()
            try:
                return self._executor.submit(do, task)
            except BrokenExecutor as problem:  # between two tasks
                self._restart(problem)

    def finished(
        self, do: Callable[[Spec], Out], tasks: Iterable[Spec], *, check: Callable[[], None] | None = None
    ) -> Generator[tuple[Spec, Future[Out]], None, None]:
        """Yield tasks with their futures, which are done, in the order in which they end.

        Parameters
        ----------
        do : callable
            Called with a task, by a worker; again by another one where the worker dies.
        tasks : iterable
            The next one is taken as soon as there is a slot for it.
        check : callable or None
            Called at least each second; what it raises drops what is not finished.

        Raises
        ------
        ElmarcError
            Workers die again and again.
        """
        left, waiting = iter(tasks), dict[Future[Out], tuple[Spec, Executor | None]]()
        try:
            while True:
                for task in islice(left, max(0, AHEAD * self.n_slots - len(waiting))):
                    waiting[self.submit(do, task)] = task, self._executor
                if not waiting:
                    return
                timeout = None if check is None else CHECK_S
                for future in wait(waiting, timeout, return_when=FIRST_COMPLETED).done:
                    task, executor = waiting.pop(future)
                    if (problem := _broken(future)) is None:
                        self.n_restarts = 0
                        yield task, future
                    else:
                        if executor is self._executor:  # else its other tasks have restarted it
                            self._restart(problem)
                        waiting[self.submit(do, task)] = task, self._executor
                if check is not None:
                    check()
        finally:
            for future in waiting:
                future.cancel()
            if waiting:
                self.drop()

    def _restart(self, problem: BaseException) -> None:
        self.drop()
        self.close()
        self.n_restarts += 1
        if self.n_restarts > self.most_restarts:
            raise ElmarcError(self.lost.format(problem=problem, n=self.n_restarts)) from problem


def _broken(future: Future[Any]) -> BaseException | None:
    """Return what ended a task that did not fail by itself."""
    if future.cancelled():
        return BrokenExecutor("cancelled")
    problem = future.exception()
    is_killed = type(problem).__name__ == "KilledWorker"  # of distributed, which may be absent
    return problem if isinstance(problem, BrokenExecutor) or is_killed else None


class Threads(Pool):
    """Threads of this process, which see what it holds; each computes on one core."""

    n_slots = 1

    def __init__(self, n_threads: int) -> None:
        self.n_slots = n_threads

    def start(self) -> Executor:
        """Start the threads."""
        return Workers(self.n_slots, 1)


class Processes(Pool):
    """Worker processes on this machine, each with its share of the cores; on GPUs one per GPU.

    A worker that is killed is replaced, and its tasks are done again. All end with this process, however it
    ends: each waits for the end of a pipe that this process alone holds open.

    Parameters
    ----------
    n_workers : int or None
        None: one per GPU, else one per core, as far as the memory goes.
    device : str
        "auto", "cpu" or "cuda": that of the configurations.
    """

    n_slots = 1
    most_restarts = MOST_RESTARTS
    lost = (
        "worker processes were killed {n} times, and finished nothing: is there too little memory? Use fewer "
        "--workers; what is finished is kept"
    )

    def __init__(self, n_workers: int | None = None, *, device: str = "auto") -> None:
        gpus = _gpus() if device in ("auto", "cuda") else []
        self.n_slots = n = n_workers or len(gpus) or n_fitting()
        self._gpus = [gpus[i % len(gpus)] for i in range(n)] if gpus else []
        self._n_threads = max(1, n_cores() // n)
        self.described = f"{n} worker processes, {self._n_threads} threads each"
        self._lifeline: Connection | None = None

    def start(self) -> Executor:
        """Start the processes."""
        context = multiprocessing.get_context("spawn")  # torch's threads do not survive a fork
        theirs, self._lifeline = context.Pipe(duplex=False)
        gpus: Any = context.SimpleQueue()
        for gpu in self._gpus:
            gpus.put(gpu)
        set_up = partial(_set_up_process, theirs, self._n_threads, gpus)
        return ProcessPoolExecutor(self.n_slots, mp_context=context, initializer=set_up)

    def drop(self) -> None:
        """End all workers at once."""
        self._cut_lifeline()
        self.close()

    def close(self) -> None:
        """End all workers once they are idle."""
        super().close()
        self._cut_lifeline()

    def _cut_lifeline(self) -> None:
        if self._lifeline is not None:
            self._lifeline.close()


def n_fitting() -> int:
    """Return how many workers fit into the cores and the memory that this process may use."""
    return max(1, min(n_cores(), memory_bytes() // WORKER_BYTES))


def n_threads_for(device: str, n_workers: int | None) -> int:
    """Return how many networks are trained at once in this process: one on a GPU, else as many as fit."""
    if resolve_device(device).type != "cpu":
        return 1
    return min(n_fitting(), n_workers or n_fitting())


def _set_up_process(lifeline: Connection, n_threads: int, gpus: Any) -> None:
    """Set a worker up: it ends with the process that started it, and not by Ctrl-C, which all of them get."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(lifeline,), daemon=True).start()
    if not gpus.empty():
        os.environ["CUDA_VISIBLE_DEVICES"] = gpus.get()
    limit_cores(n_threads)


def _end_with(lifeline: Connection) -> None:
    try:
        lifeline.recv()
    except (EOFError, OSError):
        os._exit(1)


def limit_cores(n: int) -> None:
    """Let this worker process use so many cores: our threads, torch's and those of the BLAS.

    It keeps the memory that it frees: Dask makes glibc return all it can, which halves the pace of large
    networks.
    """
    keep_freed_memory()
    with _setting_up:
        take_share(n)
        threadpool_limits(n)


def _gpus() -> list[str]:
    """Return the names of the GPUs that this process may use."""
    if not torch.cuda.is_available():
        return []
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    return [name for name in visible.split(",") if name] or [str(i) for i in range(torch.cuda.device_count())]


class Dask(Pool):
    """The workers of a Dask scheduler; each thread of a worker does a task, on one core.

    Parameters
    ----------
    address : str or None
        The scheduler's, such as "tcp://10.0.0.5:8786".
    scheduler_file : Path or None
        The file in which the scheduler has written its address. Without either, a scheduler and workers are
        started on this machine, and end with the run; nobody but this process can connect to them, because
        keys (TLS) are made for the run, and never written.
    n_workers : int or None
        How many to start; None: one per core.

    Raises
    ------
    ConfigError
        Dask, or what makes keys, is missing, or no scheduler answers.
    """

    lost = (  # the scheduler has tried again already
        "the Dask cluster lost a task ({problem}): run the same command again to go on; for workers that are "
        "often ended, set DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES higher"
    )

    def __init__(
        self,
        address: str | None = None,
        *,
        scheduler_file: Path | None = None,
        n_workers: int | None = None,
    ) -> None:
        try:
            import distributed
        except ImportError:
            raise ConfigError("--executor dask: Dask is not installed: pip install 'elmarc[dask]'") from None
        if scheduler_file is not None and not scheduler_file.is_file():
            raise ConfigError(
                f"--scheduler-file {scheduler_file}: no such file: start `dask scheduler --scheduler-file "
                f"{scheduler_file}` first"
            )
        where: dict[str, Any] = {"scheduler_file": str(scheduler_file)} if scheduler_file else {}
        with ExitStack() as stack:
            if scheduler_file is None:
                where["address"] = address or _own_cluster(stack, n_workers or n_cores())
            try:
                make: Any = distributed.Client
                self._client = make(timeout=CONNECT_S, set_as_default=False, **where)
            except (OSError, ValueError, TypeError) as problem:
                raise ConfigError(
                    f"{scheduler_file or address}: no Dask scheduler answers ({problem}): start one with "
                    "`dask scheduler`; one that has keys asks for them here too (docs/long-runs.md)"
                ) from None
            stack.callback(self._client.close)
            self._ending = stack.pop_all()

        client, threads = self._client, self._client.nthreads()
        n = f"{len(threads)} workers, {sum(threads.values())} threads" if threads else "no workers yet"
        self.described = f"Dask at {client.scheduler.address}: {n}; dashboard: {client.dashboard_link}"

    @property
    def n_slots(self) -> int:
        """The threads of the workers that are there now; at least 1, so that tasks wait for the first."""
        threads: dict[str, int] = self._client.nthreads()
        return max(1, sum(threads.values()))

    def start(self) -> Executor:
        """Return the client's executor, which gives each task the hash of what it computes as its key."""
        executor: Executor = self._client.get_executor(pure=True, retries=RETRIES)
        return executor

    def submit(self, do: Callable[[Spec], Out], task: Spec) -> Future[Out]:
        """Give a task to the scheduler."""
        return super().submit(partial(on_one_core, do), task)

    def close(self) -> None:
        """Leave the scheduler; one that was started here ends, and its workers with it."""
        if self._executor is not None:
            self._executor.shutdown(wait=False)  # cancels what nobody waits for
        self._ending.close()


def on_one_core(do: Callable[[Spec], Out], task: Spec) -> Out:
    """Do a task in one of several threads of a Dask worker, each of which keeps one core busy."""
    limit_cores(1)
    return do(task)


def _own_cluster(stack: ExitStack, n_workers: int) -> Any:
    """Start a scheduler and workers on this machine that only this process can reach."""
    import dask
    import distributed
    from distributed.security import Security

    try:
        keys = Security.temporary()  # type: ignore[no-untyped-call]
    except ImportError:
        raise ConfigError(
            "--executor dask: cryptography, which makes keys for the connections, is not installed: "
            "pip install 'elmarc[dask]'"
        ) from None
    scratch = stack.enter_context(temporary_folder("elmarc-dask"))
    settings = {
        "distributed.scheduler.allowed-failures": ALLOWED_FAILURES,
        "temporary-directory": str(scratch),
    }
    with dask.config.set(settings):
        cluster = distributed.LocalCluster(  # type: ignore[no-untyped-call]
            n_workers=n_workers, threads_per_worker=max(1, n_cores() // n_workers), processes=True,
            host="127.0.0.1", security=keys, dashboard_address="127.0.0.1:0",
            local_directory=str(scratch), silence_logs=logging.CRITICAL,
        )  # fmt: skip
    stack.callback(cluster.close)
    return cluster
