"""The cores and the memory that this process may use: fewer than the machine's under SLURM or in a container.

Linux control groups (cgroups, versions 1 and 2) and the CPU affinity set limits that `os.cpu_count()` and the
machine's own memory do not show.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

CGROUP_ROOT = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
_share: list[int] = []  # of a worker process; empty elsewhere
UNKNOWN_MEMORY = 16 * 2**30  # bytes, where the system does not tell: Windows


def n_cores() -> int:
    """Return how many cores this process may use: by its CPU affinity and its cgroups' quota, at least 1.

    A worker beside others may use its share: see `take_share`.
    """
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([allowed, *_share, *(math.ceil(quota) for quota in _cpu_quotas())]))


def take_share(n: int) -> None:
    """Let this process use `n` cores at most from now on: it is one of several workers on a machine."""
    _share[:] = [n]


def memory_bytes() -> int:
    """Return how much memory this process may use: the machine's, or less where a cgroup limits it."""
    return min([_machine_bytes(), *_memory_limits()])


def _machine_bytes() -> int:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return UNKNOWN_MEMORY


def _cpu_quotas() -> Iterator[float]:
    for folder in _folders(""):
        quota, _, period = _read(folder / "cpu.max").partition(" ")
        if quota.isdecimal() and period.isdecimal():
            yield int(quota) / int(period)
    for folder in _folders("cpu"):
        quota, period = _read(folder / "cpu.cfs_quota_us"), _read(folder / "cpu.cfs_period_us")
        if quota.isdecimal() and period.isdecimal():  # no limit is written as -1
            yield int(quota) / int(period)


def _memory_limits() -> Iterator[int]:
    limits = [_read(folder / "memory.max") for folder in _folders("")]
    limits += [_read(folder / "memory.limit_in_bytes") for folder in _folders("memory")]
    yield from (int(limit) for limit in limits if limit.isdecimal())  # no limit is written as "max"


def _folders(controller: str) -> Iterator[Path]:
    """Yield the folders of this process's cgroup and of those above it, whose limits hold too.

    `controller` names a version 1 hierarchy; "" is version 2's only one.
    """
    for line in _read(MEMBERSHIP).splitlines():
        _, names, place = line.split(":", 2)
        if controller not in names.split(","):
            continue
        mounts = [CGROUP_ROOT / name for name in (names, controller)] if controller else [CGROUP_ROOT]
        root = next((mount for mount in mounts if mount.is_dir()), CGROUP_ROOT)
        folder = root / place.lstrip("/")
        yield from (folder, *(above for above in folder.parents if above.is_relative_to(root)))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
