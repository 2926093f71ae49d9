"""How this process keeps memory that it has freed: a matter of speed alone."""

from __future__ import annotations

import ctypes
import platform

_TRIM_THRESHOLD, _MMAP_MAX, _ARENA_MAX = -1, -4, -8  # of mallopt, in glibc's malloc.h
_NEVER = 2**31 - 1


def keep_freed_memory() -> bool:
    """Keep freed memory for the next step instead of giving it back; say whether that can be told.

    A step of training frees the maps of all layers, and asks for as much again. By default, glibc takes large
    blocks from the system and gives each back at once, so that the system fills the same pages with zeros in
    every step: on networks of few filters, that takes longer than the arithmetic. It holds for the whole
    process until its end, which is why programs call it, and functions do not. Other systems do as they do.

    The heaps that glibc makes for threads are given back whatever is asked. So threads share the one of the
    process, where this is called before libraries that start threads are imported (pyarrow does).
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(mallopt(_MMAP_MAX, 0) and mallopt(_TRIM_THRESHOLD, _NEVER) and mallopt(_ARENA_MAX, 1))
