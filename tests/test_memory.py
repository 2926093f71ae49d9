"""Freed memory stays in the process, where a program asks for it."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from elmarc._memory import keep_freed_memory

KEPT = """
from pathlib import Path
import torch
from elmarc._memory import keep_freed_memory

def pages():
    return int(Path("/proc/self/statm").read_text().split()[0])

{call}
before = pages()
torch.ones(2**26)
print(pages() - before)
"""


def kept_bytes(call: str) -> int:
    """Return how much of 256 MiB a new process still holds once they are freed."""
    command = [sys.executable, "-c", KEPT.format(call=call)]
    return int(subprocess.run(command, check=True, capture_output=True, text=True).stdout) * 4096


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="glibc alone is told")
def test_freed_memory_is_kept_where_a_program_asks_for_it() -> None:
    assert kept_bytes("") < 2**27
    assert kept_bytes("assert keep_freed_memory()") > 2**28 - 2**20  # a little was free before


def test_other_systems_are_left_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: ("", ""))
    assert not keep_freed_memory()
