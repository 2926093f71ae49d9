"""What executors have in common: tasks are handed out as slots get free, and done again where a worker died.

Features: clips are cut into tasks, and what comes back is checked and handed on.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, Future, wait
from functools import partial
from itertools import islice
from types import TracebackType
from typing import Any, Self, TypeVar

from elmarc.errors import AudioError, ElmarcError
from elmarc.features.contents import Contents
from elmarc.features.extractor import Compute, FeatureExtractor
from elmarc.features.parallel import Hashed, Outcomes
from elmarc.study.executors import tasks
from elmarc.study.executors.tasks import Task, make_task
from elmarc.study.spec import Experiment

TASK_S = 20.0  # of work; about as much as the store lets a killed run lose
MOST_CLIPS = 512  # in a task: those of a shard
FIRST_CLIPS = 4  # where it is not known yet how long a clip takes
GROWTH = 8  # from one task to the next, at most: the first ones pay for set-up
CHECK_S = 1.0
AHEAD = 2  # tasks a slot: one at work, one waiting

Spec = TypeVar("Spec")
Out = TypeVar("Out")


class Executor(ABC):
    """Where tasks are done; a context, at whose end all is done or dropped.

    A task is a specification that can be sent, and what does it a function of it alone, so that it may be
    done twice.
    """

    @property
    @abstractmethod
    def n_slots(self) -> int:
        """How many tasks are at work at once, as of now."""

    @property
    @abstractmethod
    def described(self) -> str:
        """What works for the run, in a sentence."""

    @abstractmethod
    def submit(self, do: Callable[[Spec], Out], task: Spec) -> Future[Out]:
        """Begin a task, or let it wait."""

    @abstractmethod
    def mend(self, problem: BaseException) -> None:
        """Set right what broke tasks, so that they can be submitted again; raise where that is in vain."""

    @abstractmethod
    def close(self, *, now: bool) -> None:
        """End; `now` drops what is at work."""

    def drop(self) -> None:  # noqa: B027  (where futures that were cancelled end, nothing is left to do)
        """End what is at work, which may take long; what is submitted afterwards is done."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close(now=kind is not None)

    def finished(
        self,
        do: Callable[[Spec], Out],
        tasks: Iterable[Spec],
        *,
        check: Callable[[], None] | None = None,
    ) -> Iterator[tuple[Spec, Future[Out]]]:
        """Yield tasks with their futures, which are done, in the order in which they end.

        Parameters
        ----------
        do : callable
            Given a task, where the executor has it done. A worker that dies with a task is replaced.
        tasks : iterable
            Asked for the next one as soon as there is a slot for it.
        check : callable or None
            Called each second meanwhile; what it raises drops what is not finished.

        Raises
        ------
        ElmarcError
            Workers die again and again.
        """
        left, waiting = iter(tasks), dict[Future[Out], Spec]()
        try:
            while True:
                n_free = AHEAD * self.n_slots - len(waiting)
                for task in islice(left, max(0, n_free)):
                    waiting[self.submit(do, task)] = task
                if not waiting:
                    return
                timeout = None if check is None else CHECK_S
                for future in wait(waiting, timeout, return_when=FIRST_COMPLETED).done:
                    task = waiting.pop(future)
                    if (problem := _broken(future)) is not None:
                        self.mend(problem)
                        waiting[self.submit(do, task)] = task
                        continue
                    yield task, future
                if check is not None:
                    check()
        finally:
            for future in waiting:
                future.cancel()

    def computing(self, config: Experiment) -> Compute:
        """Return what `FeatureExtractor.extract` takes as `compute`, for extractors of a configuration."""

        def compute(extractor: FeatureExtractor, pairs: Sequence[Hashed], contents: Contents) -> Outcomes:
            first = {content: (clip, content) for clip, content in pairs}
            make = partial(make_task, config, extractor, contents=contents)
            sizes = Sizes()
            for task, future in self.finished(tasks.do, self._cut(pairs, make, sizes)):
                done = future.result()
                sizes.learn(len(task.pairs), done.seconds)
                extractor.issues |= done.issues
                extractor.watch.add(done.watch)
                for content, row in zip(done.contents, done.rows, strict=True):
                    yield first[content], row
                bad = [first[content] for _, content in task.pairs if content in done.problems]
                for pair, outcome in extractor.outcomes(bad, contents) if bad else ():
                    if not isinstance(outcome, AudioError):
                        raise ElmarcError(
                            f"{pair[0]}: can be read here, and not by the worker on {done.host}: "
                            f"{done.problems[pair[1]]}: all workers must see the clips in the same folder"
                        )
                    yield pair, outcome

        return compute

    def _cut(
        self, pairs: Sequence[Hashed], make: Callable[[Sequence[Hashed]], Task], sizes: Sizes
    ) -> Iterator[Task]:
        """Yield tasks of a size that fits what is known when the next one is asked for."""
        left = deque(pairs)
        while left:
            yield make([left.popleft() for _ in range(sizes.next(len(left), self.n_slots))])


class Sizes:
    """How many clips a task gets: some 20 s of work, and at the end so few that all workers end together.

    >>> sizes = Sizes()
    >>> sizes.next(1000, n_slots=2)
    4
    >>> sizes.learn(4, seconds=4.0)
    >>> sizes.next(1000, n_slots=2), sizes.next(8, n_slots=2)
    (20, 2)
    """

    def __init__(self) -> None:
        self._n = FIRST_CLIPS

    def next(self, n_left: int, n_slots: int) -> int:
        """Return the size of the next task; `n_left` clips are to be done."""
        return max(1, min(n_left, self._n, math.ceil(n_left / (AHEAD * n_slots))))

    def learn(self, n_clips: int, seconds: float) -> None:
        """Take note of how long a task took."""
        due = TASK_S * n_clips / max(seconds, 1e-9)
        self._n = max(1, min(math.floor(due), GROWTH * n_clips, MOST_CLIPS))


def _broken(future: Future[Any]) -> BaseException | None:
    """Return what ended a task that did not fail by itself."""
    if future.cancelled():
        return BrokenExecutor("cancelled")
    problem = future.exception()
    return problem if isinstance(problem, BrokenExecutor) or _killed(problem) else None


def _killed(problem: BaseException | None) -> bool:
    return type(problem).__name__ == "KilledWorker"  # of distributed, which may be absent
