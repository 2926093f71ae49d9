"""oneDNN on weights that stay laid out as it likes them; torch's own calls lay them out anew each time.

These are the functions that torch.compile calls. They are not public: where they are missing, and on other
processors than x86, where nobody has tried them, torch's own calls take their place.
"""

from __future__ import annotations

import platform
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

OPS = torch.ops.mkldnn
ONES = [1, 1]


def _offers(*names: str) -> bool:
    return platform.machine().lower() in {"x86_64", "amd64"} and all(hasattr(OPS, name) for name in names)


CAN_PACK_MATRICES = _offers("_reorder_linear_weight", "_linear_pointwise")
CAN_PACK_KERNELS = _offers("_reorder_convolution_weight", "_convolution_pointwise")
CAN_USE_BFLOAT16 = _offers("_is_mkldnn_bf16_supported") and OPS._is_mkldnn_bf16_supported()


def pack_matrix(weight: Tensor) -> Tensor:
    """Return a matrix (outputs, inputs) for `multiply`: laid out anew in float32, where torch is slower."""
    if CAN_PACK_MATRICES and weight.dtype == torch.float32 and weight.device.type == "cpu":
        return OPS._reorder_linear_weight(weight.contiguous())  # type: ignore[no-any-return]
    return weight


def multiply(
    rows: Tensor, matrix: Tensor, bias: Tensor | None = None, *, out: Tensor | None = None
) -> Tensor:
    """Return rows @ matrix.T + bias, in `out` or elsewhere."""
    if matrix.is_mkldnn:
        return OPS._linear_pointwise(rows, matrix, bias, "none", [], "")  # type: ignore[no-any-return]
    if bias is None:
        return torch.mm(rows, matrix.T, out=out)
    return torch.addmm(bias, rows, matrix.T, out=out)


def packs_kernels(like: Tensor) -> bool:
    """Whether `pack_kernel` does anything for maps of this precision and device."""
    known = like.dtype == torch.float32 or (like.dtype == torch.bfloat16 and CAN_USE_BFLOAT16)
    return known and like.device.type == "cpu" and CAN_PACK_KERNELS


def pack_kernel(weight: Tensor, shape: Sequence[int], *, pad_bands: int = 0, groups: int = 1) -> Tensor:
    """Return a kernel for `convolve` on maps of this shape: on others it can be a hundred times slower."""
    if not packs_kernels(weight):
        return weight
    return OPS._reorder_convolution_weight(  # type: ignore[no-any-return]
        weight, [pad_bands, 0], ONES, ONES, groups, list(shape)
    )


def convolve(maps: Tensor, kernel: Tensor, bias: Tensor, *, pad_bands: int = 0, groups: int = 1) -> Tensor:
    """Convolve as `F.conv2d` does, with a kernel from `pack_kernel`."""
    padding = [pad_bands, 0]
    if not kernel.is_mkldnn:
        return F.conv2d(maps, kernel, bias, padding=padding, groups=groups)
    return OPS._convolution_pointwise(  # type: ignore[no-any-return]
        maps, kernel, bias, padding, ONES, ONES, groups, "none", [], ""
    )
