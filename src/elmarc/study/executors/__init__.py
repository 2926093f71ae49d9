"""Where features are computed and networks trained: in this process, in worker processes, or on Dask.

All run the same functions, `FeatureExtractor.outcomes` and `training_task.train_part`, and give the same
bytes. For features the serial path is no executor: it is what `FeatureExtractor` does where none is given.
For training it is `here.Here`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from elmarc._choices import choose
from elmarc.errors import ConfigError
from elmarc.study.executors.base import Executor

EXECUTORS = ("serial", "processes", "dask")


@dataclass(frozen=True)
class Wanted:
    """What was asked for.

    Parameters
    ----------
    executor : {"serial", "processes", "dask"}
    n_workers : int or None
        How many to start; None: as many as the cores, the memory or the cards allow.
    scheduler : str or None
        Address of a Dask scheduler that runs already.
    scheduler_file : Path or None
        The file in which it has put its address.

    Raises
    ------
    ConfigError
        These do not fit together.
    """

    executor: str = "serial"
    n_workers: int | None = None
    scheduler: str | None = None
    scheduler_file: Path | None = None

    def __post_init__(self) -> None:
        choose("executor", self.executor, EXECUTORS)
        given = {"--scheduler": self.scheduler, "--scheduler-file": self.scheduler_file}
        there = [option for option, value in given.items() if value is not None]
        if there and self.executor != "dask":
            raise ConfigError(f"{there[0]}: only --executor dask has a scheduler: add it")
        if len(there) == 2:
            raise ConfigError("--scheduler, --scheduler-file: found both, expected one of them")
        if self.n_workers is not None and (there or self.executor == "serial"):
            alone = "a scheduler has workers of its own" if there else "serial starts none"
            raise ConfigError(
                f"--workers {self.n_workers}: {alone}: leave it out, or use --executor processes"
            )


@contextmanager
def opened(wanted: Wanted, *, device: str = "auto") -> Iterator[Executor | None]:
    """Give the executor that was asked for, None for the serial path, and end it.

    Raises
    ------
    ConfigError
        It cannot be had.
    """
    match wanted.executor:
        case "processes":
            from elmarc.study.executors.processes import Processes

            with Processes(wanted.n_workers, device=device) as processes:
                yield processes
        case "dask":
            from elmarc.study.executors.cluster import Cluster

            with Cluster(
                wanted.scheduler, scheduler_file=wanted.scheduler_file, n_workers=wanted.n_workers
            ) as cluster:
                yield cluster
        case _:
            yield None
