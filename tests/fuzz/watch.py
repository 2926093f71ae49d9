"""What no input may do, whatever it is: hang, fill the memory, run code, touch files outside its folder.

Memory is watched where there is /proc, hangs in Python in the main thread. Time is that of the
processor, so that a busy machine raises no alarm; a hang is what has not ended after HANGS_S of the clock.
"""

from __future__ import annotations

import os
import resource
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from elmarc.errors import ElmarcError

MOST_S = 10.0
HANGS_S = 60.0
MOST_BYTES = 10**9
ROOM_BYTES = 2 * 10**9  # beyond it the system refuses, so that a faulty reader does not end the tests
LONGEST_MESSAGE = 20_000  # characters
CANARY = "fuzz_canary"  # a module that no input may have imported
FORBIDDEN = (
    "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn", "os.startfile",
    "subprocess.Popen", "pty.spawn", "socket.connect", "socket.bind", "socket.getaddrinfo", "os.kill",
    "urllib.Request", "webbrowser.open", "ctypes.dlopen", "code.__new__",
)  # fmt: skip
CHANGES = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.link", "os.symlink", "os.truncate")
_seen: list[str] | None = None  # None: nobody watches
_folder = ""
_hooked = False


class Fault(AssertionError):
    """A property does not hold."""


@contextmanager
def watched(folder: Path) -> Iterator[None]:
    """Raise a Fault if the block takes too long or too much memory, runs code or writes outside `folder`."""
    global _seen, _folder
    _hook()
    before = _reset_peak()
    start = time.process_time()
    _seen, _folder = [], str(folder)
    bytecode, sys.dont_write_bytecode = sys.dont_write_bytecode, True  # of what is imported when first needed
    try:
        with _alarm(), _little_room():
            yield
    finally:
        seen, _seen = _seen, None
        sys.dont_write_bytecode = bytecode
    if seen:
        raise Fault(f"it did what no input may: {seen[0]}")
    if (taken := time.process_time() - start) > MOST_S:
        raise Fault(f"took {taken:.1f} s")
    if (grown := peak_bytes() - before) > MOST_BYTES:
        raise Fault(f"took {grown / 1e6:.0f} MB")


def refusal(problem: ElmarcError) -> str:
    """Return "refused" where an error is a clear message: not empty, not endless, no rubbish from within."""
    text = str(problem)
    if not text.strip() or len(text) > LONGEST_MESSAGE:
        raise Fault(f"{type(problem).__name__} of {len(text)} characters says nothing: {text[:200]!r}")
    if "Traceback (most recent" in text or " object at 0x" in text:
        raise Fault(f"{type(problem).__name__} shows what is within: {text[:300]!r}")
    return "refused"


def peak_bytes() -> int:
    """Return the most memory that this process has held since the last example began."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def _reset_peak() -> int:
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return peak_bytes()


@contextmanager
def _little_room() -> Iterator[None]:
    try:
        in_use = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (in_use + ROOM_BYTES, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


@contextmanager
def _alarm() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(number: int, frame: FrameType | None) -> None:
        raise Fault(f"still at work after {HANGS_S:g} s")

    old = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, HANGS_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)


def _hook() -> None:
    """Have Python say what it does; such a hook stays for the life of the process."""
    global _hooked
    if not _hooked:
        sys.addaudithook(_heard)
        _hooked = True


def _heard(event: str, args: tuple[Any, ...]) -> None:
    if _seen is None:
        return
    if (
        event in FORBIDDEN
        or (event == "import" and str(args[0]).startswith(CANARY))
        or (event in CHANGES and not _within(args[0]))
    ):
        _seen.append(f"{event} {args[:2]!r}")
    elif event == "open" and _writes(args) and not _within(args[0]):
        _seen.append(f"open {args[0]!r} to write")


def _writes(args: tuple[Any, ...]) -> bool:
    mode, flags = args[1], args[2]
    if isinstance(mode, str):
        return any(sign in mode for sign in "wax+")
    return bool(flags & (os.O_WRONLY | os.O_RDWR))


def _within(path: Any) -> bool:
    """Tell whether a path lies in the folder of the input, or is none of a file."""
    if not isinstance(path, str | bytes | os.PathLike):
        return True
    text = os.path.abspath(os.fsdecode(path))
    return text.startswith((_folder, "/proc/self", "/dev/null", os.path.join(tempfile.gettempdir(), "torch")))
