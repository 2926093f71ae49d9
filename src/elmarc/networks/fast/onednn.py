"""oneDNN on weights that stay laid out as it likes them; torch's own calls lay them out anew each time.

These are the operators that torch.compile calls. They are not public. They are used on x86 alone, if torch
has them, and `trust` compares them at first use.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from elmarc.networks.fast import samples, trust
from elmarc.networks.fast.trust import Kind, Untrusted

OPS = torch.ops.mkldnn
ONES = [1, 1]
CONVOLUTION = ("_reorder_convolution_weight", "_convolution_pointwise")
PRODUCT = ("_reorder_linear_weight", "_linear_pointwise")


class Kernel(NamedTuple):
    """A kernel as oneDNN lays it out for maps of one shape, and a part of it to check the operator with."""

    packed: Tensor
    kind: Kind
    sample: samples.Sample | None


class Matrix(NamedTuple):
    """A matrix (outputs, inputs), and the same as oneDNN lays it out, if it does."""

    plain: Tensor
    packed: Tensor | None


def is_offered(*operators: str) -> bool:
    """Return whether this processor and torch have these operators."""
    if platform.machine().lower() not in {"x86_64", "amd64"}:
        return False
    missing = [name for name in operators if not hasattr(OPS, name)]
    if missing:
        trust.warn_once(f"torch.ops.mkldnn lacks {', '.join(missing)}")
    return not missing


def packs_kernels(like: Tensor) -> bool:
    """Return whether `pack_kernel` can be asked for maps of this precision and device."""
    if like.device.type != "cpu" or not is_offered(*CONVOLUTION):
        return False
    return like.dtype == torch.float32 or (like.dtype == torch.bfloat16 and _has_bfloat16())


def _has_bfloat16() -> bool:
    return is_offered("_is_mkldnn_bf16_supported") and bool(OPS._is_mkldnn_bf16_supported())


def pack_kernel(weight: Tensor, shape: Sequence[int], *, pad_bands: int = 0, groups: int = 1) -> Kernel:
    """Lay out a kernel for `convolve` on maps of this shape: on others it can be a hundred times slower.

    Raises
    ------
    Untrusted
        If such kernels have failed, or fail now.
    """
    size = (shape[2] * shape[3]).bit_length()
    kind = Kind(
        CONVOLUTION[1], weight.dtype, tuple(weight.shape), groups, pad_bands, size, torch.get_num_threads()
    )
    packed = trust.run(
        kind,
        lambda: OPS._reorder_convolution_weight(weight, [pad_bands, 0], ONES, ONES, groups, list(shape)),
    )
    return Kernel(packed, kind, None if trust.has_passed(kind) else samples.take(weight, groups))


def convolve(maps: Tensor, kernel: Kernel, bias: Tensor) -> Tensor:
    """Convolve as `F.conv2d` does, with a kernel from `pack_kernel`.

    Raises
    ------
    Untrusted
        If the operator fails, or differs from `F.conv2d` at the first use of this kind.
    """
    _, kind, sample = kernel
    padding = [kind.pad_bands, 0]
    return trust.run(
        kind,
        lambda: OPS._convolution_pointwise(
            maps, kernel.packed, bias, padding, ONES, ONES, kind.groups, "none", [], ""
        ),
        lambda out: samples.compare(out, maps, sample, bias, kind.pad_bands) if sample else None,
    )


def pack_matrix(weight: Tensor) -> Matrix:
    """Return a matrix (outputs, inputs) for `multiply`: laid out anew in float32, where torch is slower."""
    if weight.dtype != torch.float32 or weight.device.type != "cpu" or not is_offered(*PRODUCT):
        return Matrix(weight, None)
    weight = weight.contiguous()
    try:
        packed = trust.run(_kind_of(weight, 0), lambda: OPS._reorder_linear_weight(weight))
    except Untrusted:
        return Matrix(weight, None)
    return Matrix(weight, packed)


def multiply(
    rows: Tensor, matrix: Matrix, bias: Tensor | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Return rows @ matrix.T + bias, in `out` or elsewhere."""
    packed = matrix.packed
    if packed is not None:
        try:
            return trust.run(
                _kind_of(matrix.plain, len(rows)),
                lambda: OPS._linear_pointwise(rows, packed, bias, "none", [], ""),
                lambda found: samples.compare_product(found, rows, matrix.plain, bias),
            )
        except Untrusted:
            pass  # the public call below takes its place
    if bias is None:
        return torch.mm(rows, matrix.plain.T, out=out)
    return torch.addmm(bias, rows, matrix.plain.T, out=out)


def _kind_of(matrix: Tensor, n_rows: int) -> Kind:
    return Kind(
        PRODUCT[1], matrix.dtype, tuple(matrix.shape), 1, 0, n_rows.bit_length(), torch.get_num_threads()
    )
