"""Convolutions and products with weights that oneDNN has laid out once; torch lays them out on every call.

These are the operators that torch.compile calls. They are not public, and used on x86 alone, where torch has
them. Each kind of layer is compared once in a process, on a few outputs of its first tile: computed again in
float64 by the public call, they may differ by `TOLERANCE` of the largest. A kind that differs or fails is
given up for good, the public call takes its place, and one warning says so.
"""

from __future__ import annotations

import platform
import threading
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple, Protocol, TypeAlias, TypeVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor

from elmarc.errors import PlainPathWarning

VARIABLE = "ELMARC_PLAIN"  # of the environment: public calls alone
OPS = torch.ops.mkldnn
ONES = [1, 1]
CONVOLUTION = ("_reorder_convolution_weight", "_convolution_pointwise")
PRODUCT = ("_reorder_linear_weight", "_linear_pointwise")
TOLERANCE = {torch.float32: 1e-4, torch.bfloat16: 2e-2}  # of the largest output compared
ROUNDING = 1e-6  # of the sum of the terms' sizes: where they cancel, this is left
N_FILTERS, N_FRAMES = 8, 4  # outputs compared: the first, the last, and some between

_making = threading.Lock()  # clips are computed side by side: what all need is made once
Made = TypeVar("Made")
# a few outputs, the same in float64 by the public call, and the sums of the sizes of their terms
Comparison: TypeAlias = tuple[Tensor, Tensor, Tensor]


class Layer(Protocol):
    """A convolution with stride 1, "valid" in frames, as `elmarc.networks.blocks.RandomConv` is."""

    @property
    def weight(self) -> Tensor:
        """Tensor [shape=(filters, channels, bands, frames)]."""

    @property
    def bias(self) -> Tensor:
        """Tensor [shape=(filters,)]."""

    @property
    def pad_bands(self) -> int:
        """Zeros added below and above."""

    def n_bands_out(self, n_bands: int) -> int:
        """Return the bands of the output map."""

    @property
    def cache(self) -> WeightCache:
        """Kernels in other layouts."""


class WeightCache:
    """Kernels and matrices by name, valid until the layer's weight changes.

    A copy or a pickle starts empty: oneDNN's layouts cannot be pickled.
    """

    def __init__(self) -> None:
        self._made: dict[str, tuple[object, object]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        return WeightCache, ()

    def get(
        self,
        name: str,
        weight: Tensor,
        maps: Tensor,
        make: Callable[[Tensor], Made],
        *,
        shape: object = None,
    ) -> Made:
        """Return `make(weight)`, cached until weight, precision, device, threads or `shape` change."""
        key = (maps.dtype, maps.device, weight._version, torch.get_num_threads(), shape)
        with _making:
            if name not in self._made or self._made[name][0] != key:
                self._made[name] = key, make(weight)
            return cast("Made", self._made[name][1])


class Kind(NamedTuple):
    """Layers that oneDNN presumably computes by the same code.

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


class Sample(NamedTuple):
    """Some filters of each group of a kernel; weights (groups x filters, channels, bands, frames)."""

    filters: Tensor
    weights: Tensor
    n_groups: int


class Kernel(NamedTuple):
    """A kernel in oneDNN's layout for maps of one shape; a sample of it until its kind has passed."""

    packed: Tensor
    kind: Kind
    sample: Sample | None


class Matrix(NamedTuple):
    """A matrix (outputs, inputs), and the same in oneDNN's layout, if there is one."""

    plain: Tensor
    packed: Tensor | None


def packs_kernels(like: Tensor) -> bool:
    """Return whether `pack_kernel` takes kernels for maps of this precision and device."""
    if like.device.type != "cpu" or not is_offered(*CONVOLUTION):
        return False
    return like.dtype == torch.float32 or (like.dtype == torch.bfloat16 and _has_bfloat16())


def is_offered(*operators: str) -> bool:
    """Return whether this processor and torch have these operators."""
    if platform.machine().lower() not in {"x86_64", "amd64"}:
        return False
    missing = [name for name in operators if not hasattr(OPS, name)]
    if missing:
        warn_once(f"torch.ops.mkldnn lacks {', '.join(missing)}")
    return not missing


def _has_bfloat16() -> bool:
    return is_offered("_is_mkldnn_bf16_supported") and bool(OPS._is_mkldnn_bf16_supported())


def pack_kernel(weight: Tensor, shape: Sequence[int], *, pad_bands: int = 0, groups: int = 1) -> Kernel:
    """Lay out a kernel for `convolve` on maps of this shape: on others it can be a hundred times slower.

    Raises
    ------
    Untrusted
        Such kernels have failed, or fail now.
    """
    size = (shape[2] * shape[3]).bit_length()
    kind = Kind(
        CONVOLUTION[1], weight.dtype, tuple(weight.shape), groups, pad_bands, size, torch.get_num_threads()
    )
    packed = run(
        kind,
        lambda: OPS._reorder_convolution_weight(weight, [pad_bands, 0], ONES, ONES, groups, list(shape)),
    )
    return Kernel(packed, kind, None if kind in _record.passed else sample_of(weight, groups))


def convolve(maps: Tensor, kernel: Kernel, bias: Tensor) -> Tensor:
    """Convolve as `F.conv2d` does, with a kernel from `pack_kernel`.

    Raises
    ------
    Untrusted
        The operator fails, or differs from `F.conv2d` at the first use of this kind.
    """
    _, kind, sample = kernel
    padding = [kind.pad_bands, 0]
    return run(
        kind,
        lambda: OPS._convolution_pointwise(
            maps, kernel.packed, bias, padding, ONES, ONES, kind.groups, "none", [], ""
        ),
        lambda out: compare(out, maps, sample, bias, kind.pad_bands) if sample else None,
    )


def pack_matrix(weight: Tensor) -> Matrix:
    """Return a matrix (outputs, inputs) for `multiply`, packed in float32, where torch is slower."""
    if weight.dtype != torch.float32 or weight.device.type != "cpu" or not is_offered(*PRODUCT):
        return Matrix(weight, None)
    weight = weight.contiguous()
    try:
        packed = run(_kind_of(weight, 0), lambda: OPS._reorder_linear_weight(weight))
    except Untrusted:
        return Matrix(weight, None)
    return Matrix(weight, packed)


def multiply(
    rows: Tensor, matrix: Matrix, bias: Tensor | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Return rows @ matrix.T + bias, in `out` or elsewhere."""

    def as_maps(values: Tensor) -> Tensor:
        return values.T[None, :, None]

    def compared(product: Tensor) -> Comparison:
        sample = sample_of(matrix.plain[..., None, None], 1)
        offsets = matrix.plain.new_zeros(len(matrix.plain)) if bias is None else bias
        return compare(as_maps(product), as_maps(rows), sample, offsets)

    packed = matrix.packed
    if packed is not None:
        with suppress(Untrusted):  # the public call takes its place
            return run(
                _kind_of(matrix.plain, len(rows)),
                lambda: OPS._linear_pointwise(rows, packed, bias, "none", [], ""),
                compared,
            )
    if bias is None:
        return torch.mm(rows, matrix.plain.T, out=out)
    return torch.addmm(bias, rows, matrix.plain.T, out=out)


def _kind_of(matrix: Tensor, n_rows: int) -> Kind:
    size, n_threads = n_rows.bit_length(), torch.get_num_threads()
    return Kind(PRODUCT[1], matrix.dtype, tuple(matrix.shape), 1, 0, size, n_threads)


class Untrusted(Exception):
    """An operator failed or gave other numbers than the public call; caught inside this package."""


class _Record:
    """The kinds that passed and failed in this process."""

    def __init__(self) -> None:
        self.passed: set[Kind] = set()
        self.failed: set[Kind] = set()
        self.warned = False
        self.lock = threading.Lock()


_record = _Record()


def run(
    kind: Kind,
    operator: Callable[[], Tensor],
    compare: Callable[[Tensor], Comparison | None] | None = None,
) -> Tensor:
    """Return what an operator gives, after `compare` at the first use of a kind.

    Raises
    ------
    Untrusted
        The operator fails or deviates, now or earlier.
    """
    if _record.failed and kind in _record.failed:
        raise Untrusted(str(kind))
    try:
        out = operator()
        compared = compare(out) if compare is not None and kind not in _record.passed else None
    except Exception as problem:  # a private operator may raise anything, and return anything
        _give_up(kind, f"fails ({problem})")
        raise Untrusted(str(kind)) from problem
    if compared is not None:
        _check(kind, *compared)
    return out


def _check(kind: Kind, outputs: Tensor, expected: Tensor, sizes: Tensor) -> None:
    """Record whether a kind agrees; silence, and numbers that are not finite, decide nothing."""
    if not expected.isfinite().all() or not sizes.any():
        return
    largest = float(expected.abs().max())
    error = float((outputs.double() - expected).abs().max())
    if error <= TOLERANCE[kind.dtype] * largest + ROUNDING * float(sizes.max()):
        _record.passed.add(kind)
        return
    _give_up(kind, f"differs from the public call by {error / max(largest, 1e-30):.1g} of the largest output")
    raise Untrusted(str(kind))


def _give_up(kind: Kind, reason: str) -> None:
    _record.failed.add(kind)
    warn_once(f"oneDNN's {kind} {reason}")


def warn_once(problem: str) -> None:
    """Warn of the first problem in this process: one warning stands for all of them."""
    with _record.lock:
        first, _record.warned = not _record.warned, True
    if first:
        name, capability = platform.processor() or platform.machine(), torch.backends.cpu.get_cpu_capability()
        warnings.warn(
            f"torch {torch.__version__} on {name} ({capability}): {problem}. elmarc computes such layers by "
            f"torch's public calls from now on, which is slower. Please report it. {VARIABLE}=1 in the "
            "environment, or elmarc.networks.fast.plain(), uses the public calls alone, without this warning",
            PlainPathWarning,
            stacklevel=2,
        )


def _spread(n: int, at_most: int) -> Tensor:
    """Return the first and the last of n indices, and some between.

    >>> _spread(100, 4).tolist(), _spread(2, 4).tolist()
    ([0, 33, 66, 99], [0, 1])
    """
    return torch.linspace(0, n - 1, min(n, at_most), dtype=torch.float64).long()


def sample_of(weight: Tensor, n_groups: int) -> Sample:
    """Copy some filters of each group of a kernel (groups x filters, channels, bands, frames)."""
    by_group = weight.view(n_groups, -1, *weight.shape[1:])
    filters = _spread(by_group.shape[1], N_FILTERS)
    return Sample(filters, by_group[:, filters].flatten(0, 1), n_groups)


def compare(out: Tensor, maps: Tensor, sample: Sample, bias: Tensor, pad_bands: int = 0) -> Comparison:
    """Compute some of `out` (clips, filters, bands, frames) again: the first clip, at some frames."""

    def sampled(values: Tensor) -> Tensor:
        by_group = values.reshape(sample.n_groups, -1, *values.shape[1:])
        return by_group[:, sample.filters].flatten(0, 1)

    frames, weights = _spread(out.shape[3], N_FRAMES), sample.weights.double()
    windows = maps[0].unfold(2, weights.shape[3], 1)[:, :, frames].permute(2, 0, 1, 3).double()
    convolve = partial(F.conv2d, padding=(pad_bands, 0), groups=sample.n_groups)
    expected = convolve(windows, weights, sampled(bias).double()).squeeze(3)
    sizes = convolve(windows.abs(), weights.abs()).squeeze(3)
    return sampled(out[0][..., frames]).permute(2, 0, 1), expected, sizes
