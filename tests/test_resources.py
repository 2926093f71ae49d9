"""Cores and memory are those that this process may use; freed memory is kept where a program says so."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest

from elmarc import _resources
from elmarc._resources import keep_freed_memory

GIB = 2**30


@pytest.fixture
def cgroup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root of control groups of ours, on a machine of 128 cores and 64 GiB."""
    membership = tmp_path / "membership"
    membership.write_text("0::/slurm/job\n")
    monkeypatch.setattr(_resources, "CGROUP_ROOT", tmp_path)
    monkeypatch.setattr(_resources, "MEMBERSHIP", membership)
    monkeypatch.setattr(_resources.os, "sched_getaffinity", lambda pid: set(range(128)), raising=False)
    machine = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 64 * GIB // 4096}
    monkeypatch.setattr(_resources.os, "sysconf", machine.get, raising=False)
    (tmp_path / "slurm" / "job").mkdir(parents=True)
    return tmp_path


def test_nothing_is_limited_where_no_cgroup_says_so(cgroup: Path) -> None:
    (cgroup / "slurm" / "job" / "cpu.max").write_text("max 100000\n")
    (cgroup / "slurm" / "job" / "memory.max").write_text("max\n")
    assert _resources.n_cores() == 128
    assert _resources.memory_bytes() == 64 * GIB


def test_version_2_limits_hold_also_from_above(cgroup: Path) -> None:
    (cgroup / "slurm" / "cpu.max").write_text("400000 100000\n")
    (cgroup / "slurm" / "job" / "memory.max").write_text(f"{8 * GIB}\n")
    assert _resources.n_cores() == 4
    assert _resources.memory_bytes() == 8 * GIB


def test_a_part_of_a_core_counts_as_one(cgroup: Path) -> None:
    (cgroup / "slurm" / "job" / "cpu.max").write_text("50000 100000\n")
    assert _resources.n_cores() == 1


def test_version_1_limits_hold(cgroup: Path) -> None:
    (cgroup / "membership").write_text("5:memory:/job\n4:cpu,cpuacct:/job\n")
    for controller in ("memory", "cpu,cpuacct"):
        (cgroup / controller / "job").mkdir(parents=True)
    (cgroup / "memory" / "job" / "memory.limit_in_bytes").write_text(str(2 * GIB))
    (cgroup / "cpu,cpuacct" / "job" / "cpu.cfs_quota_us").write_text("200000")
    (cgroup / "cpu,cpuacct" / "job" / "cpu.cfs_period_us").write_text("100000")
    assert _resources.n_cores() == 2
    assert _resources.memory_bytes() == 2 * GIB


def test_affinity_holds(cgroup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_resources.os, "sched_getaffinity", lambda pid: {0, 7, 9}, raising=False)
    assert _resources.n_cores() == 3


FAULTS = """
from resource import RUSAGE_SELF, getrusage
from threading import Thread
from elmarc._resources import keep_freed_memory
{call}
import pyarrow, torch  # pyarrow has threads of its own

def work():
    [torch.ones(2**22) for _ in range(16)]

def in_a_thread():
    thread = Thread(target=work)
    thread.start()
    thread.join()

for do in ({do}):
    for _ in range(3):
        do()
    before = getrusage(RUSAGE_SELF).ru_minflt
    do()
    print(getrusage(RUSAGE_SELF).ru_minflt - before)
"""
PAGES = 2**28 // 4096


def new_pages(do: str, *, call: str = "") -> list[int]:
    """Return how many pages of 256 MiB the system gives a process that freed as much before, by each way."""
    command = [sys.executable, "-c", FAULTS.format(do=do, call=call)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return [int(n_pages) for n_pages in done.stdout.split()]


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone is told")
def test_freed_memory_is_kept_where_a_program_asks_for_it() -> None:
    assert min(new_pages("in_a_thread,")) > PAGES / 2
    # one tensor of the sixteen may lie elsewhere
    assert max(new_pages("work, in_a_thread", call="assert keep_freed_memory()")) < PAGES / 8


def test_other_systems_are_left_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert not keep_freed_memory()
