"""How long a piece of work takes for one clip, measured where it is done."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import median


class Stopwatch:
    """Seconds of work by name; threads may share one.

    >>> watch = Stopwatch()
    >>> with watch.lap("decode"):
    ...     pass
    >>> watch.median("decode") >= 0, watch.median("network")
    (True, None)
    """

    def __init__(self) -> None:
        self._laps: defaultdict[str, list[float]] = defaultdict(list)

    @contextmanager
    def lap(self, name: str, n_clips: int = 1) -> Iterator[None]:
        """Time the work inside, which is done for `n_clips`; work that fails does not count."""
        start = time.perf_counter()
        yield
        self._laps[name] += [(time.perf_counter() - start) / n_clips] * n_clips

    def add(self, other: Stopwatch) -> None:
        """Take over what another one measured, such as that of another process."""
        for name, laps in other._laps.items():
            self._laps[name] += laps

    def median(self, name: str) -> float | None:
        """Return the median seconds a clip: set-up at the first clip and a busy moment do not count."""
        laps = self._laps.get(name)
        return median(laps) if laps else None
