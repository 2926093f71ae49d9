"""What the networks are made of: convolutions, max-pools, TensorFlow's "same", the residual back-end.

Maps inside a network are (clips, channels, bands, frames) in channels-last memory, with one band for
waveforms: the layout in which oneDNN's and cuDNN's convolutions are fastest. Max-pools come before the
activation: the same function (both are monotone) of fewer values.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from elmarc.networks import toom_cook

Activation = Callable[[Tensor], Tensor]
BACK_END_TAPS = 7
EVERY = slice(None)
MAKING = threading.Lock()  # clips are in work side by side: what all need is made once
ONEDNN = torch.ops.mkldnn  # what torch.compile calls; not public, so `F.conv2d` does where it is missing
PACKING = ("_is_mkldnn_bf16_supported", "_reorder_convolution_weight", "_convolution_pointwise")
CAN_PACK = all(hasattr(ONEDNN, name) for name in PACKING) and ONEDNN._is_mkldnn_bf16_supported()
PACKED_VALUES = 2**20  # of a kernel; smaller ones are laid out in no time
FULL_PRODUCT = 128  # columns; one of fewer costs hardly less
TILE_BYTES = 2**21  # of a product, reduced while still in the cache
TILE_VALUES = 2**21  # of a convolution's output, pooled while still in the cache


class RandomConv(nn.Module):
    """A convolution with stride 1, whose kernel is exchanged in the 2018 layout.

    Parameters
    ----------
    kernel_shape : the 2018 kernel's shape, HWIO or WIO.
    taps : (bands, frames) that the kernel spans as computed here. A kernel with a stride is computed as one
        of fewer taps over more channels (`to_hops`).
    pad_bands : zeros added below and above.
    """

    def __init__(self, kernel_shape: tuple[int, ...], *, taps: tuple[int, int], pad_bands: int = 0) -> None:
        super().__init__()
        self.kernel_shape, self.taps, self.pad_bands = kernel_shape, taps, pad_bands
        self.n_filters = kernel_shape[-1]
        self.n_channels = math.prod(kernel_shape[:-1]) // math.prod(taps)
        weight = torch.zeros(self.n_filters, self.n_channels, *taps)
        self.weight = nn.Parameter(weight.to(memory_format=torch.channels_last), requires_grad=False)
        self.bias = nn.Parameter(torch.zeros(self.n_filters), requires_grad=False)
        self._made: dict[str, tuple[object, Tensor]] = {}

    @property
    def n_parameters(self) -> int:
        """Weights and biases."""
        return self.weight.numel() + self.bias.numel()

    def get_kernel(self) -> NDArray[np.float32]:
        """Return the kernel in the 2018 layout."""
        kernel = self.weight.detach().cpu().permute(3, 2, 1, 0)  # frames, bands, channels, filters
        return np.ascontiguousarray(kernel.numpy()).reshape(self.kernel_shape)

    def set_kernel(self, kernel: NDArray[np.float32]) -> None:
        """Take over a kernel in the 2018 layout."""
        bands, frames = self.taps
        hwio = np.ascontiguousarray(kernel, np.float32).reshape(
            frames, bands, self.n_channels, self.n_filters
        )
        with torch.no_grad():
            self.weight.copy_(torch.from_numpy(hwio).permute(3, 2, 1, 0))

    def n_bands_out(self, n_bands: int) -> int:
        """Return the bands of the output map."""
        return n_bands + 2 * self.pad_bands - self.taps[0] + 1

    def forward(self, maps: Tensor, *, filters: slice = EVERY) -> Tensor:
        """Convolve (clips, channels, bands, frames), "valid" in frames, with some of the filters."""
        if filters == EVERY and self._fewer_products_pay(maps):
            products = self._kept("products", maps, toom_cook.transform_kernel)
            return toom_cook.convolve(
                maps, products, self.bias, n_taps=self.taps[1], pad_bands=self.pad_bands
            )
        bias = self.bias[filters].to(maps.dtype)
        if filters == EVERY and self._packing_pays(maps):
            return self._packed_convolution(maps, bias)
        weight = self._kept("weight", maps, lambda weight: weight.to(maps.dtype))[filters]
        return F.conv2d(maps, weight, bias, padding=(self.pad_bands, 0))

    def _packing_pays(self, maps: Tensor) -> bool:
        """Whether to keep the kernel as oneDNN lays it out, which `F.conv2d` does anew at each call."""
        half = maps.dtype == torch.bfloat16 and maps.device.type == "cpu"
        return half and CAN_PACK and self.weight.numel() >= PACKED_VALUES

    def _packed_convolution(self, maps: Tensor, bias: Tensor) -> Tensor:
        padding, ones = [self.pad_bands, 0], [1, 1]

        def pack(weight: Tensor) -> Tensor:
            return ONEDNN._reorder_convolution_weight(  # type: ignore[no-any-return]
                weight.to(maps.dtype), padding, ones, ones, 1, list(maps.shape)
            )

        weight = self._kept("packed", maps, pack, maps.shape)  # a layout for another shape can be slow
        return ONEDNN._convolution_pointwise(  # type: ignore[no-any-return]
            maps, weight, bias, padding, ones, ones, 1, "none", [], ""
        )

    def _fewer_products_pay(self, maps: Tensor) -> bool:
        """Whether the layer is large, on a CPU and in float32; cuDNN chooses such algorithms by itself.

        From 96 channels they win on one thread and on two, 1.1 to 1.5 times; at 64 they no longer do.
        """
        return (
            maps.device.type == "cpu"
            and maps.dtype == torch.float32
            and self.taps[1] in toom_cook.POINTS
            and min(self.n_channels, self.n_filters) >= 96
            and len(maps) == 1
            and maps.shape[2] * maps.shape[3] >= 1000
        )

    def _kept(
        self, kind: str, maps: Tensor, make: Callable[[Tensor], Tensor], shape: tuple[int, ...] = ()
    ) -> Tensor:
        """Return `make(weight)`, made anew only when the weight, the precision or `shape` has changed."""
        key = (maps.dtype, maps.device, self.weight._version, shape)
        with MAKING:
            if kind not in self._made or self._made[kind][0] != key:
                self._made[kind] = key, make(self.weight)
        return self._made[kind][1]


class BandConv(RandomConv):
    """Filters of (frames, bands) that slide over both axes of a spectrogram, "valid".

    At each place on the frequency axis it is a matrix product, of rows that hold the frames under the filter
    band by band: one place's bands lie side by side in them, so nothing is copied for each place. Few filters
    take several places at once, to fill the product.
    """

    def __init__(self, n_frames: int, n_bands: int, n_filters: int) -> None:
        super().__init__((n_frames, n_bands, 1, n_filters), taps=(1, n_frames))

    def n_bands_out(self, n_bands: int) -> int:
        """Return the number of places on the frequency axis."""
        return n_bands - self.n_channels + 1

    def forward(self, maps: Tensor, *, filters: slice = EVERY) -> Tensor:
        """Convolve (clips, 1, bands, frames) into (clips, filters, places, frames)."""
        rows = self.rows(maps)
        places, n_filters = self.n_bands_out(maps.shape[2]), len(self.bias[filters])
        out = rows.new_empty(places, len(maps) * rows.shape[1], n_filters)
        for first, values in self.products(rows.flatten(0, 1), filters):
            out[first : first + values.shape[1]] = values.transpose(0, 1)
        return out.view(places, *rows.shape[:2], n_filters).permute(1, 3, 0, 2)

    def peaks(self, rows: Tensor, *, filters: slice = EVERY) -> Tensor:
        """Convolve `rows(maps)`, rectify, take the maximum over all places: (clips, filters, frames)."""
        out = rows.new_zeros(math.prod(rows.shape[:2]), len(self.bias[filters]))
        step = max(1, TILE_BYTES // (self._at_once(rows) * out[0].nbytes))
        for some, best in zip(torch.split(rows.flatten(0, 1), step), torch.split(out, step), strict=True):
            for _, values in self.products(some, filters):
                peak = _ordered(values).amax(dim=1) if values.shape[1] > 1 else _ordered(values[:, 0])
                torch.maximum(_ordered(best), peak, out=_ordered(best))
        return out.view(*rows.shape[:2], -1).transpose(1, 2)

    def rows(self, maps: Tensor) -> Tensor:
        """Return what is under the filters at each frame, (clips, frames, bands x frames under a filter)."""
        return maps[:, 0].unfold(2, self.taps[1], 1).transpose(1, 2).flatten(2)

    def products(self, rows: Tensor, filters: slice = EVERY) -> Iterator[tuple[int, Tensor]]:
        """Yield the first of some places, and their values (rows, places, filters), good until the next."""
        at_once, frames = self._at_once(rows), self.taps[1]
        kernel = self._kept(
            f"{at_once} places", rows, lambda weight: self._kernel(weight, at_once, rows.dtype)
        )
        matrix = kernel[..., filters].flatten(0, 1).flatten(1)
        bias = self.bias[filters].to(rows.dtype).repeat(at_once)
        multiply = partial(torch.addmm, bias) if bias.any() else torch.mm
        out = rows.new_empty(len(rows), matrix.shape[1])
        last = self.n_bands_out(rows.shape[-1] // frames) - at_once
        for first in [*range(0, last, at_once), last]:
            under = rows[:, first * frames : first * frames + len(matrix)]
            yield first, multiply(under, matrix, out=out).view(len(rows), at_once, -1)

    def _at_once(self, rows: Tensor) -> int:
        places = self.n_bands_out(rows.shape[-1] // self.taps[1])
        return min(places, max(1, FULL_PRODUCT // self.n_filters))

    def _kernel(self, weight: Tensor, places: int, dtype: torch.dtype) -> Tensor:
        """Return the weight (bands, frames, places, filters), at each place one band further."""
        n_bands = self.n_channels
        kernel = weight.new_zeros(n_bands + places - 1, self.taps[1], places, self.n_filters)
        for place in range(places):
            kernel[place : place + n_bands, :, place] = weight[:, :, 0].permute(1, 2, 0)
        return kernel.to(dtype)


def _ordered(values: Tensor) -> Tensor:
    """View bfloat16 as integers, which are faster to compare: the same order from zero on, and less below."""
    return values.view(torch.int16) if values.dtype == torch.bfloat16 else values


def same_padding(n: int, kernel: int, *, stride: int = 1) -> tuple[int, int]:
    """Return TensorFlow's "same" padding (before, after): the smaller half comes first.

    >>> same_padding(6000, 512, stride=32), same_padding(188, 128)
    ((248, 248), (63, 64))
    """
    total = max((math.ceil(n / stride) - 1) * stride + kernel - n, 0)
    return total // 2, total - total // 2


def to_hops(signal: Tensor, hop: int) -> Tensor:
    """Cut (clips, samples) into hops: (clips, hop, 1, n_hops), a view. A rest is dropped.

    A convolution of k samples with stride `hop` is one of k / hop taps over these channels.
    """
    n_hops = signal.shape[-1] // hop
    return signal[:, : n_hops * hop].reshape(len(signal), 1, n_hops, hop).permute(0, 3, 1, 2)


def padded_slice(maps: Tensor, start: int, stop: int, *, before: Activation | None = None) -> Tensor:
    """Return frames start:stop, with zeros for those outside the map; `before` is applied to the others."""
    n = maps.shape[-1]
    inside = maps[..., max(start, 0) : min(stop, n)]
    inside = before(inside) if before else inside
    outside = (max(-start, 0), max(stop - n, 0))
    return F.pad(inside, outside) if any(outside) else inside


def conv_same(maps: Tensor, conv: RandomConv) -> Tensor:
    """Convolve with zeros around, so that there are as many frames as before, and rectify."""
    padding = same_padding(maps.shape[-1], conv.taps[1])
    return conv_pool(maps, conv, pool=(1, 1), activation=torch.relu_, padding=padding)


def conv_pool(
    maps: Tensor,
    conv: RandomConv,
    *,
    pool: tuple[int, int],
    activation: Activation,
    padding: tuple[int, int] = (0, 0),
    filters: slice = EVERY,
    before: Activation | None = None,
) -> Tensor:
    """Convolve, max-pool and activate, a few frames at a time: the convolution's own map is never kept.

    `pool` is (bands, frames); `padding` the zeros before and after in frames; `activation` may work in place.
    `before` makes the map to convolve from `maps`, frame by frame, so that it is not kept either.
    """
    n_frames = maps.shape[-1] + sum(padding) - conv.taps[1] + 1
    n_bands = conv.n_bands_out(maps.shape[2])
    n_out = n_frames // pool[1]
    n_filters = len(range(conv.n_filters)[filters])
    step = max(1, TILE_VALUES // (len(maps) * n_filters * n_bands * pool[1]))
    out = maps.new_empty(len(maps), n_bands // pool[0], n_out, n_filters).permute(0, 3, 1, 2)
    for start in range(0, n_out, step):
        stop = min(start + step, n_out)
        first, last = start * pool[1] - padding[0], stop * pool[1] - padding[0]
        fresh = conv(padded_slice(maps, first, last + conv.taps[1] - 1, before=before), filters=filters)
        out[..., start:stop] = activation(F.max_pool2d(fresh, pool) if max(pool) > 1 else fresh)
    return out


def back_end_convs(n_channels: int, n_filters: int) -> dict[str, RandomConv]:
    """Return the back-end's three convolutions; 2018 wrote their kernels over (frames, channels, 1)."""
    return {
        f"back{i}": RandomConv((BACK_END_TAPS, channels, 1, n_filters), taps=(1, BACK_END_TAPS))
        for i, channels in enumerate((n_channels, n_filters, n_filters), start=1)
    }


def back_end(maps: Tensor, convs: Mapping[str, RandomConv]) -> Iterator[tuple[str, Tensor]]:
    """Yield the residual back-end's layers one by one, so that the caller may stop."""
    first = convs["back1"](maps).relu_()
    del maps
    yield "back1", first
    second = conv_same(first, convs["back2"]).add_(first)
    yield "back2", second
    pooled = F.max_pool2d(second, (1, 2))
    yield "back3", conv_same(pooled, convs["back3"]).add_(pooled)
