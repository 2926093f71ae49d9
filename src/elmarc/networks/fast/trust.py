"""Private operators of torch are used only where they give what its public calls give.

Each kind of layer is compared once in a process, on a few outputs of its first tile: computed again in
float64 by the public call, they may differ by `TOLERANCE` of the largest. A kind that differs or fails is not
used any more, and the public call takes its place. One warning says so, the first time.
"""

from __future__ import annotations

import platform
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor

from elmarc.errors import PlainPathWarning
from elmarc.networks.fast.switch import VARIABLE

TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 2e-2}  # of the largest output compared
ROUNDING = 1e-6  # of the sum of the terms' sizes: where they cancel, this is left


class Untrusted(Exception):
    """An operator failed or gave other numbers than the public call; caught inside this package."""


class Kind(NamedTuple):
    """Layers that oneDNN computes by the same code, as far as can be told from outside.

    `size` is the number of bits of the number of output positions: maps of similar size are one kind.
    """

    operator: str
    dtype: torch.dtype
    weight: tuple[int, ...]
    groups: int
    pad_bands: int
    size: int
    n_threads: int

    def __str__(self) -> str:
        return f"{self.operator} on {str(self.dtype).removeprefix('torch.')} weights {self.weight}"


class Comparison(NamedTuple):
    """A few outputs, the same in float64 by the public call, and the sums of the sizes of their terms."""

    found: Tensor
    expected: Tensor
    sizes: Tensor


class _Record:
    """What is known of the operators in this process."""

    def __init__(self) -> None:
        self.passed: set[Kind] = set()
        self.failed: set[Kind] = set()
        self.warned = False
        self.lock = threading.Lock()


_record = _Record()


def has_passed(kind: Kind) -> bool:
    """Return whether this kind has been compared and agreed."""
    return kind in _record.passed


def give_up(kind: Kind, reason: str) -> None:
    """Never use this kind again, and warn if nothing was given up before."""
    _record.failed.add(kind)
    warn_once(f"oneDNN's {kind} {reason}")


def warn_once(problem: str) -> None:
    """Warn of the first problem in this process; one word is enough for all of them."""
    with _record.lock:
        first, _record.warned = not _record.warned, True
    if first:
        warnings.warn(
            f"torch {torch.__version__} on {processor()}: {problem}. elmarc computes such layers by torch's "
            f"public calls from now on, which is slower. Please report it. {VARIABLE}=1 in the environment, "
            "or elmarc.networks.fast.plain(), uses the public calls alone, without this warning",
            PlainPathWarning,
            stacklevel=2,
        )


def run(
    kind: Kind,
    operator: Callable[[], Tensor],
    compare: Callable[[Tensor], Comparison | None] | None = None,
) -> Tensor:
    """Return what an operator gives; `compare` says what the public call gives, at the first use of a kind.

    Raises
    ------
    Untrusted
        If the operator fails or deviates, now or earlier.
    """
    if _record.failed and kind in _record.failed:
        raise Untrusted(str(kind))
    try:
        out = operator()
        seen = compare(out) if compare is not None and not has_passed(kind) else None
    except Exception as problem:  # a private operator may raise anything, and return anything
        give_up(kind, f"fails ({problem})")
        raise Untrusted(str(kind)) from problem
    if seen is not None:
        _check(kind, seen)
    return out


def _check(kind: Kind, seen: Comparison) -> None:
    """Note whether a kind agrees; silence and numbers that are not finite tell nothing."""
    if not seen.expected.isfinite().all() or not seen.sizes.any():
        return
    largest = float(seen.expected.abs().max())
    error = float((seen.found.double() - seen.expected).abs().max())
    if error <= TOLERANCE[kind.dtype] * largest + ROUNDING * float(seen.sizes.max()):
        _record.passed.add(kind)
        return
    give_up(kind, f"differs from the public call by {error / max(largest, 1e-30):.1g} of the largest output")
    raise Untrusted(str(kind))


def processor() -> str:
    """Return the processor's name and the instructions that torch uses on it."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    except OSError:
        pass  # not Linux
    return f"{name} ({torch.backends.cpu.get_cpu_capability()})"
