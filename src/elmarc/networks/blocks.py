"""Building blocks of the networks: convolutions, max-pools, TensorFlow's "same" padding.

Maps inside a network are (clips, channels, bands, frames) in channels-last memory, with one band for
waveforms: the layout in which oneDNN's and cuDNN's convolutions are fastest. Max-pools come before the
activation: the same function (both are monotone) of fewer values.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from elmarc.networks import fast
from elmarc.networks.weights import check_fits

Activation = Callable[[Tensor], Tensor]
EVERY = slice(None)
FILTERS_AT_ONCE = 512  # over bands, so that their maps stay near the cache
TILE_VALUES = 2**21  # of a convolution's output, pooled while still in the cache


class RandomConv(nn.Module):
    """A convolution with stride 1, whose kernel is read and set in the 2018 layout.

    Parameters
    ----------
    kernel_shape : tuple of int
        The 2018 kernel's shape, (frames, bands, channels, filters) or (frames, channels, filters).
    taps : (int, int)
        (bands, frames) that the kernel spans as computed here. A kernel with a stride is computed as one of
        fewer taps over more channels (`to_hops`).
    pad_bands : int
        Zeros added below and above.

    Raises
    ------
    ConfigError
        The kernel does not fit into memory.
    """

    def __init__(self, kernel_shape: tuple[int, ...], *, taps: tuple[int, int], pad_bands: int = 0) -> None:
        super().__init__()
        check_fits(kernel_shape, "n_filters")
        self.kernel_shape, self.taps, self.pad_bands = kernel_shape, taps, pad_bands
        self.n_filters = kernel_shape[-1]
        self.n_channels = math.prod(kernel_shape[:-1]) // math.prod(taps)
        shape = self.n_filters, self.n_channels, *taps
        weight = torch.empty(shape, memory_format=torch.channels_last).zero_()
        self.weight = nn.Parameter(weight, requires_grad=False)
        self.bias = nn.Parameter(torch.zeros(self.n_filters), requires_grad=False)
        self.cache = fast.WeightCache()

    @property
    def n_parameters(self) -> int:
        """Weights and biases."""
        return self.weight.numel() + self.bias.numel()

    def get_kernel(self) -> NDArray[np.float32]:
        """Return the kernel in the 2018 layout."""
        kernel = self.weight.detach().cpu().permute(3, 2, 1, 0)  # frames, bands, channels, filters
        return np.ascontiguousarray(kernel.numpy()).reshape(self.kernel_shape)

    def set_kernel(self, kernel: NDArray[np.float32]) -> None:
        """Set the kernel, in the 2018 layout."""
        bands, frames = self.taps
        hwio = np.ascontiguousarray(kernel, np.float32).reshape(
            frames, bands, self.n_channels, self.n_filters
        )
        with torch.no_grad():
            self.weight.copy_(torch.from_numpy(hwio).permute(3, 2, 1, 0))

    def set_bias(self, bias: NDArray[np.float32]) -> None:
        """Set the biases (n_filters,)."""
        with torch.no_grad():
            self.bias.copy_(torch.from_numpy(bias))

    def n_bands_out(self, n_bands: int) -> int:
        """Return the bands of the output map."""
        return n_bands + 2 * self.pad_bands - self.taps[0] + 1

    def forward(self, maps: Tensor, *, filters: slice = EVERY) -> Tensor:
        """Convolve maps (clips, channels, bands, frames) with some filters, "valid" in frames."""
        faster = fast.convolve(self, maps, filters)
        if faster is not None:
            return faster
        weight, bias = self.weight[filters].to(maps.dtype), self.bias[filters].to(maps.dtype)
        return F.conv2d(maps, weight, bias, padding=(self.pad_bands, 0))


class BandConv(RandomConv):
    """Filters of (frames, bands) that slide over both axes of a spectrogram, "valid"."""

    def __init__(self, n_frames: int, n_bands: int, n_filters: int) -> None:
        super().__init__((n_frames, n_bands, 1, n_filters), taps=(n_bands, n_frames))

    def peaks(self, maps: Tensor) -> Iterator[tuple[int, Tensor]]:
        """Convolve maps (clips, 1, bands, frames), rectify, and take the maximum over bands.

        Yields the first of some filters, and their maps (clips, filters, frames).
        """
        faster = fast.band_peaks(self, maps)
        for first in range(0, self.n_filters, FILTERS_AT_ONCE):
            filters = slice(first, first + FILTERS_AT_ONCE)
            yield first, faster(filters) if faster else self(maps, filters=filters).relu_().amax(dim=2)


def same_padding(n: int, kernel: int, *, stride: int = 1) -> tuple[int, int]:
    """Return TensorFlow's "same" padding (before, after) of `n` positions: the smaller half comes first.

    >>> same_padding(6000, 512, stride=32), same_padding(188, 128)
    ((248, 248), (63, 64))
    """
    total = max((math.ceil(n / stride) - 1) * stride + kernel - n, 0)
    return total // 2, total - total // 2


def to_hops(signal: Tensor, hop: int) -> Tensor:
    """View signals (clips, samples) as hops (clips, hop, 1, n_hops); a rest is dropped.

    A convolution of k samples with stride `hop` is one of k / hop taps over them.
    """
    n_hops = signal.shape[-1] // hop
    return signal[:, : n_hops * hop].reshape(len(signal), 1, n_hops, hop).permute(0, 3, 1, 2)


def padded_slice(maps: Tensor, start: int, stop: int, *, before: Activation | None = None) -> Tensor:
    """Return frames `start` to `stop` of maps (clips, channels, bands, frames).

    Frames before 0 and from the map's end on are zeros; `before` is applied to the others.
    """
    n = maps.shape[-1]
    inside = maps[..., max(start, 0) : min(stop, n)]
    inside = before(inside) if before else inside
    outside = (max(-start, 0), max(stop - n, 0))
    return F.pad(inside, outside) if any(outside) else inside


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
    """Convolve, max-pool and activate, a few frames at a time: the convolution's map is never stored whole.

    Parameters
    ----------
    maps : Tensor [shape=(clips, channels, bands, frames)]
    conv : RandomConv
    pool : (int, int)
        (bands, frames).
    activation : callable
        May work in place.
    padding : (int, int)
        Zeros before and after, in frames.
    filters : slice
    before : callable or None
        Makes the maps to convolve, frame by frame, so that they are not stored either.
    """
    n_frames = maps.shape[-1] + sum(padding) - conv.taps[1] + 1
    n_bands = conv.n_bands_out(maps.shape[2])
    n_out = n_frames // pool[1]

    def pooled(start: int, n: int) -> Tensor:
        first, last = start * pool[1] - padding[0], (start + n) * pool[1] - padding[0]
        fresh = conv(padded_slice(maps, first, last + conv.taps[1] - 1, before=before), filters=filters)
        return activation(F.max_pool2d(fresh, pool) if max(pool) > 1 else fresh)

    if conv.weight.requires_grad and torch.is_grad_enabled():  # all maps stay in memory anyway
        return pooled(0, n_out)
    n_filters = len(range(conv.n_filters)[filters])
    n_tiles = math.ceil(len(maps) * n_filters * n_bands * n_out * pool[1] / TILE_VALUES)
    step = _even_step(n_out, max(1, n_tiles))
    out = maps.new_empty(len(maps), n_bands // pool[0], n_out, n_filters).permute(0, 3, 1, 2)
    for start in range(0, n_out, step):
        start = min(start, n_out - step)  # tiles of one size: a kernel is laid out for one
        out[..., start : start + step] = pooled(start, step)
    return out


def _even_step(n: int, n_tiles: int) -> int:
    """Return the size of about so many tiles that leave the last one to overlap least.

    >>> _even_step(85, 6)
    17
    """
    near = range(max(1, n_tiles * 3 // 4), n_tiles * 3 // 2 + 1)
    return min((math.ceil(n / tiles) for tiles in near), key=lambda step: -n % step)
