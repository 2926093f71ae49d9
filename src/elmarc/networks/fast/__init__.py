"""The same feature maps, faster; no other module is needed to understand the networks.

`elmarc.networks.blocks` defines each layer by torch's public calls. First it calls `convolve` or `band_peaks`
here, which return the same map or None:

- `toom_cook` needs two to four times fewer multiplications where a layer has many channels.
- `band_products` turns tall filters on spectrograms into matrix products.
- `onednn` caches kernels in oneDNN's layout, which both need; its operators are not public, so each kind of
  layer is compared with the public call at first use, and given up where the two differ.

What each gains, network by network, is in docs/performance.md.

**Plain path.** With `ELMARC_PLAIN=1` in the environment, or inside `with plain():`, none of this is used:
every layer is one `torch.nn.functional.conv2d`. In float32, features differ by at most 1e-4 of a network's
largest, as they may between processors: stores and results serve both. In bfloat16 they differ by its
rounding.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import torch
from torch import Tensor

from elmarc.networks.fast import onednn, toom_cook
from elmarc.networks.fast.band_products import BandProducts
from elmarc.networks.fast.onednn import VARIABLE, Layer, Untrusted, WeightCache

__all__ = ["WeightCache", "band_peaks", "convolve", "plain"]

# With 7 or 3 x 3 taps Toom-Cook pays from here. With 3 taps it takes 1.3 times as long at 128 channels
# (sample_level large, recipe v2) and pays from 256; the features of v2 would change by 5e-7.
FEWEST_CHANNELS = 128
FEWEST_BANDS = 64  # the same for filters over bands, whose values at points serve all places
FEWEST_FILTERS = 128
FEWEST_POSITIONS = 1000


_open_blocks: list[None] = []  # one for each open `plain` block, in all threads together


@contextmanager
def plain() -> Iterator[None]:
    """Compute every layer by torch's public calls alone while the block is open, in all threads.

    >>> import torch
    >>> from elmarc.networks import build_network
    >>> with plain():
    ...     maps = build_network("vgg", size="small", layers=["pool1"])(torch.zeros(1, 8, 96))
    """
    _open_blocks.append(None)
    try:
        yield
    finally:
        _open_blocks.pop()


def is_plain() -> bool:
    """Return whether ELMARC_PLAIN or an open `plain` block asks for public calls alone."""
    return bool(_open_blocks) or os.environ.get(VARIABLE, "0") not in {"", "0"}


def convolve(layer: Layer, maps: Tensor, filters: slice) -> Tensor | None:
    """Return `F.conv2d(maps, layer.weight[filters], ...)`, or None where no faster way applies.

    `maps` are (clips, channels, bands, frames).
    """
    if is_plain():
        return None
    _, n_channels, *taps = layer.weight.shape
    if n_channels == 1 and layer.pad_bands == 0 and maps.shape[2] > 1:
        return BandProducts(layer, maps).maps(filters)
    if filters == slice(None) and _is_large(layer, maps, (taps[0], taps[1]), n_channels >= FEWEST_CHANNELS):
        with suppress(Untrusted):
            return toom_cook.convolve(layer, maps)
    if onednn.packs_kernels(maps):
        with suppress(Untrusted):
            kernel = layer.cache.get(
                f"kernel {filters}",
                layer.weight,
                maps,
                lambda weight: onednn.pack_kernel(
                    weight[filters].to(maps.dtype), maps.shape, pad_bands=layer.pad_bands
                ),
                shape=maps.shape,
            )
            return onednn.convolve(maps, kernel, layer.bias[filters].to(maps.dtype))
    return None


def band_peaks(layer: Layer, maps: Tensor) -> Callable[[slice], Tensor] | None:
    """Return a function from filters to their maps' maxima over bands, rectified, (clips, filters, frames).

    It is made once for one map (clips, 1, bands, frames), since all filters share work.
    """
    if is_plain():
        return None
    products = BandProducts(layer, maps)
    _, _, n_bands, n_frames = layer.weight.shape
    if not _is_large(layer, maps, (1, n_frames), n_bands >= FEWEST_BANDS):
        return products.peaks

    def peaks(filters: slice) -> Tensor:
        try:
            return products.peaks_at_points(filters)
        except Untrusted:
            return products.peaks(filters)

    return peaks


def _is_large(layer: Layer, maps: Tensor, taps: tuple[int, int], has_channels: bool) -> bool:
    """Return whether Toom-Cook pays: on a CPU and in float32; cuDNN chooses such algorithms by itself."""
    return (
        has_channels
        and len(layer.weight) >= FEWEST_FILTERS
        and taps in toom_cook.POINTS
        and len(maps) == 1
        and maps.shape[2] * maps.shape[3] >= FEWEST_POSITIONS
        and maps.dtype == torch.float32
        and onednn.packs_kernels(maps)
    )
