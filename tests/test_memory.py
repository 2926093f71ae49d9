"""Freed memory stays in the process, where a program asks for it."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from elmarc._memory import keep_freed_memory

FAULTS = """
from resource import RUSAGE_SELF, getrusage
from threading import Thread
from elmarc._memory import keep_freed_memory
{call}
import pyarrow, torch  # pyarrow has threads of its own

def work():
    [torch.ones(2**22) for _ in range(16)]

def in_a_thread():
    thread = Thread(target=work)
    thread.start()
    thread.join()

for _ in range(3):
    {do}()
before = getrusage(RUSAGE_SELF).ru_minflt
{do}()
print(getrusage(RUSAGE_SELF).ru_minflt - before)
"""
PAGES = 2**28 // 4096


def new_pages(do: str, *, call: str = "") -> int:
    """Return how many pages of 256 MiB the system gives a process that freed as much before."""
    command = [sys.executable, "-c", FAULTS.format(do=do, call=call)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone is told")
def test_freed_memory_is_kept_where_a_program_asks_for_it() -> None:
    assert new_pages("in_a_thread") > PAGES / 2
    for do in ("work", "in_a_thread"):
        # one tensor of the sixteen may lie elsewhere
        assert new_pages(do, call="assert keep_freed_memory()") < PAGES / 8


def test_other_systems_are_left_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert not keep_freed_memory()
