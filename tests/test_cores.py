"""Cores and memory are what this process may use, not what the machine has."""

from __future__ import annotations

from pathlib import Path

import pytest

from elmarc import _cores

GIB = 2**30


@pytest.fixture
def cgroup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A root of control groups of ours, on a machine of 128 cores and 64 GiB."""
    membership = tmp_path / "membership"
    membership.write_text("0::/slurm/job\n")
    monkeypatch.setattr(_cores, "CGROUP_ROOT", tmp_path)
    monkeypatch.setattr(_cores, "MEMBERSHIP", membership)
    monkeypatch.setattr(_cores.os, "sched_getaffinity", lambda pid: set(range(128)), raising=False)
    monkeypatch.setattr(_cores, "_machine_bytes", lambda: 64 * GIB)
    (tmp_path / "slurm" / "job").mkdir(parents=True)
    return tmp_path


def test_nothing_is_limited_where_no_cgroup_says_so(cgroup: Path) -> None:
    (cgroup / "slurm" / "job" / "cpu.max").write_text("max 100000\n")
    (cgroup / "slurm" / "job" / "memory.max").write_text("max\n")
    assert _cores.n_cores() == 128
    assert _cores.memory_bytes() == 64 * GIB


def test_version_2_limits_hold_also_from_above(cgroup: Path) -> None:
    (cgroup / "slurm" / "cpu.max").write_text("400000 100000\n")
    (cgroup / "slurm" / "job" / "memory.max").write_text(f"{8 * GIB}\n")
    assert _cores.n_cores() == 4
    assert _cores.memory_bytes() == 8 * GIB


def test_a_part_of_a_core_counts_as_one(cgroup: Path) -> None:
    (cgroup / "slurm" / "job" / "cpu.max").write_text("50000 100000\n")
    assert _cores.n_cores() == 1


def test_version_1_limits_hold(cgroup: Path) -> None:
    (cgroup / "membership").write_text("5:memory:/job\n4:cpu,cpuacct:/job\n")
    for controller in ("memory", "cpu,cpuacct"):
        (cgroup / controller / "job").mkdir(parents=True)
    (cgroup / "memory" / "job" / "memory.limit_in_bytes").write_text(str(2 * GIB))
    (cgroup / "cpu,cpuacct" / "job" / "cpu.cfs_quota_us").write_text("200000")
    (cgroup / "cpu,cpuacct" / "job" / "cpu.cfs_period_us").write_text("100000")
    assert _cores.n_cores() == 2
    assert _cores.memory_bytes() == 2 * GIB


def test_affinity_holds(cgroup: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_cores.os, "sched_getaffinity", lambda pid: {0, 7, 9}, raising=False)
    assert _cores.n_cores() == 3
