"""Cores and memory that this process may use, which SLURM or a container may limit.

Linux control groups (cgroups, versions 1 and 2) and the CPU affinity set limits that `os.cpu_count()` and the
machine's own memory do not show.
"""

from __future__ import annotations

import ctypes
import math
import os
import platform
from collections.abc import Iterator
from pathlib import Path

CGROUP_ROOT = Path("/sys/fs/cgroup")
MEMBERSHIP = Path("/proc/self/cgroup")
UNKNOWN_MEMORY = 16 * 2**30  # bytes; on Windows, where sysconf is missing
_share: list[int] = []  # of a worker process; empty elsewhere

_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8  # of mallopt, in glibc's malloc.h
_NEVER = 2**31 - 1


def n_cores() -> int:
    """Return the number of cores by CPU affinity, cgroup quota and `take_share`; at least 1."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    quotas = [*_quotas("", "cpu.max"), *_quotas("cpu", "cpu.cfs_quota_us", "cpu.cfs_period_us")]
    return max(1, min([allowed, *_share, *map(math.ceil, quotas)]))


def take_share(n: int) -> None:
    """Limit this process, one of several workers on a machine, to `n` cores from now on."""
    _share[:] = [n]


def memory_bytes() -> int:
    """Return the memory that this process may use: the machine's, or less where a cgroup limits it."""
    try:
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        machine = UNKNOWN_MEMORY
    limits = [_read(folder / "memory.max") for folder in _folders("")]
    limits += [_read(folder / "memory.limit_in_bytes") for folder in _folders("memory")]
    return min([machine, *(int(limit) for limit in limits if limit.isdecimal())])  # "max" is no limit


def keep_freed_memory() -> bool:
    """Keep freed memory in this process, for speed; return whether the C library supports it.

    A training step frees the maps of all layers and allocates as much again. By default, glibc returns large
    blocks to the system at once, which fills the same pages with zeros in every step: on networks of few
    filters, that takes longer than the arithmetic. The setting lasts until the process ends, so programs call
    this, and library functions do not.

    glibc always returns the heaps that it makes for threads, so threads have to share the process's heap:
    call this before importing libraries that start threads (pyarrow does).
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(_MMAP_MAX, 0) and mallopt(_TRIM_THRESHOLD, _NEVER) and mallopt(_ARENA_MAX, 1))


def _quotas(controller: str, *files: str) -> Iterator[float]:
    """Yield CPU quotas in cores, from files that hold quota and period; -1 and "max" are no quota."""
    for folder in _folders(controller):
        numbers = " ".join(_read(folder / file) for file in files).split()
        if len(numbers) == 2 and all(map(str.isdecimal, numbers)):
            yield int(numbers[0]) / int(numbers[1])


def _folders(controller: str) -> Iterator[Path]:
    """Yield the folders of this process's cgroup and of its parents, whose limits hold too.

    `controller` names a version 1 hierarchy; "" is version 2's only one.
    """
    for line in _read(MEMBERSHIP).splitlines():
        _, names, place = line.split(":", 2)
        if controller not in names.split(","):
            continue
        mounts = [CGROUP_ROOT / name for name in (names, controller)] if controller else [CGROUP_ROOT]
        root = next((mount for mount in mounts if mount.is_dir()), CGROUP_ROOT)
        folder = root / place.lstrip("/")
        yield from (folder, *(parent for parent in folder.parents if parent.is_relative_to(root)))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""
