"""Which way a layer is computed: the narrow door between the networks and this package."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from elmarc.networks.fast import onednn, toom_cook
from elmarc.networks.fast.band_products import BandProducts
from elmarc.networks.fast.onednn import Layer, Untrusted
from elmarc.networks.fast.toom_cook import POINTS, tiling

FEWEST_CHANNELS = 128  # from which fewer products pay: at 64 they lose, at 256 they win by 1.1 to 1.9
FEWEST_BANDS = 64  # the same for filters over bands, whose values at points serve all places
FEWEST_FILTERS = 128
FEWEST_POSITIONS = 1000

Peaks = Callable[[slice], Tensor]


def convolve(layer: Layer, maps: Tensor, filters: slice) -> Tensor | None:
    """Return `F.conv2d(maps, layer.weight[filters], ...)` computed sooner, or None where nothing is.

    Parameters
    ----------
    layer : the convolution.
    maps : Tensor [shape=(clips, channels, bands, frames)]
    filters : those to compute.
    """
    if is_plain():
        return None
    if layer.weight.shape[1] == 1 and layer.pad_bands == 0 and maps.shape[2] > 1:
        return BandProducts(layer, maps).maps(filters)
    for way in (_fewer_products, _kept_kernel):
        try:
            found = way(layer, maps, filters)
        except Untrusted:
            continue
        if found is not None:
            return found
    return None


def band_peaks(layer: Layer, maps: Tensor) -> Peaks | None:
    """Return a function from filters to their maps' maxima over bands, rectified, or None.

    It is made once for one map (clips, 1, bands, frames), since all filters share work, and gives
    (clips, filters, frames).
    """
    if is_plain():
        return None
    products = BandProducts(layer, maps)
    _, _, n_bands, n_frames = layer.weight.shape
    if not _is_worth_fewer_products(layer, maps, (1, n_frames), n_bands, FEWEST_BANDS):
        return products.peaks

    def peaks(filters: slice) -> Tensor:
        try:
            return products.peaks_at_points(filters)
        except Untrusted:
            return products.peaks(filters)

    return peaks


def _fewer_products(layer: Layer, maps: Tensor, filters: slice) -> Tensor | None:
    _, n_channels, bands, frames = layer.weight.shape
    taps = bands, frames
    if filters != slice(None) or not _is_worth_fewer_products(layer, maps, taps, n_channels, FEWEST_CHANNELS):
        return None
    n_blocks = tiling(maps.shape, taps, layer.pad_bands).n_blocks
    kernel = layer.kept.get(
        "products",
        layer.weight,
        maps,
        lambda weight: toom_cook.transform_kernel(weight, n_blocks),
        shape=n_blocks,
    )
    return toom_cook.convolve(maps, kernel, layer.bias, taps=taps, pad_bands=layer.pad_bands)


def _is_worth_fewer_products(
    layer: Layer, maps: Tensor, taps: tuple[int, int], n_channels: int, fewest_channels: int
) -> bool:
    """Tell whether a layer is large, on a CPU and in float32; cuDNN chooses such algorithms by itself."""
    return (
        n_channels >= fewest_channels
        and len(layer.weight) >= FEWEST_FILTERS
        and taps in POINTS
        and len(maps) == 1
        and maps.shape[2] * maps.shape[3] >= FEWEST_POSITIONS
        and maps.dtype == torch.float32
        and onednn.packs_kernels(maps)
    )


def _kept_kernel(layer: Layer, maps: Tensor, filters: slice) -> Tensor | None:
    if not onednn.packs_kernels(maps):
        return None
    kernel = layer.kept.get(
        f"kernel {filters}",
        layer.weight,
        maps,
        lambda weight: onednn.pack_kernel(
            weight[filters].to(maps.dtype), maps.shape, pad_bands=layer.pad_bands
        ),
        shape=maps.shape,
    )
    return onednn.convolve(maps, kernel, layer.bias[filters].to(maps.dtype))


VARIABLE = "ELMARC_PLAIN"


class _Requests:
    """How many `plain` blocks are open, in all threads together."""

    def __init__(self) -> None:
        self.n_open = 0
        self._lock = threading.Lock()

    def add(self, n: int) -> None:
        with self._lock:
            self.n_open += n


_requests = _Requests()


@contextmanager
def plain() -> Iterator[None]:
    """Compute every layer by torch's public calls alone while the block is open, in all threads.

    The environment variable ELMARC_PLAIN=1 does the same for a whole process. In float32, features agree with
    the faster ones within 1e-4 of the network's largest.

    >>> import torch
    >>> from elmarc.networks import build_network
    >>> with plain():
    ...     maps = build_network("vgg", size="small", layers=["pool1"])(torch.zeros(1, 8, 96))
    """
    _requests.add(1)
    try:
        yield
    finally:
        _requests.add(-1)


def is_plain() -> bool:
    """Return whether ELMARC_PLAIN or an open `plain` block asks for public calls alone."""
    return _requests.n_open > 0 or os.environ.get(VARIABLE, "0") not in {"", "0"}
