"""Convolution along time with two to three times fewer multiplications, in float32.

Toom-Cook (Winograd) and the short FFT are one idea: take the values of two polynomials at n points, multiply
them there, and find the product's coefficients again. Points at infinity and on the real axis cost one
multiplication; a complex one stands for its conjugate too and costs three. With points on the unit circle the
algorithm is as well-conditioned as an FFT.

Source: Lavin & Gray 2016, "Fast algorithms for convolutional neural networks", arXiv 1509.09308; Winograd,
"Arithmetic complexity of computations", SIAM 1980, for the transposition that turns products into filters.
"""

from __future__ import annotations

import functools
import itertools
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

INFINITY = complex("inf")
UNIT_CIRCLE_16 = (1, -1, *(np.exp(2j * np.pi * k / 16) for k in range(1, 8)))
REAL_8 = (0, 1, -1, 2, -2, 0.5, -0.5, INFINITY)
TILE_POSITIONS = 1024  # at a time: fewer read the matrices too often, more leave the cache
# taps -> points: the fastest on CPUs whose features stay within 1e-5 of the direct form's
POINTS: dict[int, tuple[complex, ...]] = {3: REAL_8, 7: UNIT_CIRCLE_16}


class Algorithm(NamedTuple):
    """Outputs = gather @ ((expand @ taps) * (spread @ inputs)), for inputs in a row."""

    gather: NDArray[np.float64]  # outputs x products
    expand: NDArray[np.float64]  # products x taps
    spread: NDArray[np.float64]  # products x inputs


@functools.cache
def algorithm(n_taps: int, points: tuple[complex, ...]) -> Algorithm:
    """Return the bilinear algorithm of a filter of `n_taps` that takes its products at these points.

    >>> gather, expand, spread = algorithm(3, REAL_8)
    >>> x, taps = np.arange(8.0), np.array([1.0, -2.0, 4.0])
    >>> bool(np.allclose(gather @ ((expand @ taps) * (spread @ x)), np.convolve(x, taps[::-1], "valid")))
    True
    """
    n_inputs = sum(2 if _is_complex(point) else 1 for point in points)
    n_outputs = n_inputs - n_taps + 1
    both = [q for p in points for q in ((p, p.conjugate()) if _is_complex(p) else (p,))]
    interpolate = np.linalg.inv(_values(both, n_inputs)).T  # transposed: from inputs to points
    first = np.cumsum([0, *(2 if _is_complex(p) else 1 for p in points[:-1])])
    gather, expand, spread = [], [], []
    for point, e, g, b in zip(
        points, _values(points, n_outputs), _values(points, n_taps), interpolate[first], strict=True
    ):
        if _is_complex(point):  # 2 Re(e g b) in three real products
            gather += [2 * (e.real - e.imag), -2 * e.imag, -2 * e.real]
            expand += [g.real, g.imag - g.real, g.real + g.imag]
            spread += [b.real + b.imag, b.real, b.imag]
        else:
            gather, expand, spread = [*gather, e.real], [*expand, g.real], [*spread, b.real]
    return Algorithm(np.stack(gather, axis=1), np.stack(expand), np.stack(spread))


def transform_kernel(weight: Tensor) -> Tensor:
    """Return a weight (filters, channels, bands, taps) as matrices (bands, products, channels, filters)."""
    n_taps = weight.shape[3]
    expand = _tensor(algorithm(n_taps, POINTS[n_taps]).expand, weight)
    products = weight.new_empty(weight.shape[2], len(expand), weight.shape[1], weight.shape[0])
    for i, taps in enumerate(expand):  # one by one: all at once would take twice the memory
        products[:, i] = torch.matmul(weight, taps).permute(2, 1, 0)
    return products


def convolve(maps: Tensor, products: Tensor, bias: Tensor, *, n_taps: int, pad_bands: int = 0) -> Tensor:
    """Convolve (1, channels, bands, frames), "valid" in frames, with a kernel from `transform_kernel`."""
    n_out = maps.shape[3] - n_taps + 1
    n_tiles = max(1, round(maps.shape[2] * n_out / TILE_POSITIONS))
    edges = [i * n_out // n_tiles for i in range(n_tiles + 1)]
    n_bands = maps.shape[2] + 2 * pad_bands - len(products) + 1
    out = maps.new_empty(1, n_bands, n_out, len(bias)).permute(0, 3, 1, 2)
    for first, last in itertools.pairwise(edges):
        tile = _convolve_tile(maps[..., first : last + n_taps - 1], products, n_taps, pad_bands)
        torch.add(tile, bias[:, None, None], out=out[..., first:last])
    return out


def _convolve_tile(maps: Tensor, products: Tensor, n_taps: int, pad_bands: int) -> Tensor:
    gather, _, spread = (_tensor(matrix, maps) for matrix in algorithm(n_taps, POINTS[n_taps]))
    step, n_inputs = len(gather), spread.shape[1]
    _, channels, n_bands, n_frames = maps.shape
    n_blocks = -(-n_frames // step)
    n_padded = n_bands + 2 * pad_bands
    # A band's last block reads on into the next band; the frames it spoils are cut off below
    rows = maps.new_zeros(n_padded * n_blocks * step + n_inputs - step, channels)
    inside = rows[: n_padded * n_blocks * step].view(n_padded, n_blocks * step, channels)
    inside[pad_bands : pad_bands + n_bands, :n_frames] = maps[0].permute(1, 2, 0)
    windows = rows.as_strided((n_padded * n_blocks, n_inputs, channels), (step * channels, channels, 1))
    at_points = torch.matmul(spread, windows).transpose(0, 1)  # products, blocks of all bands, channels
    del rows, inside, windows  # freed before the next large ones
    n_bands_out = n_padded - len(products) + 1
    places = n_bands_out * n_blocks
    total = torch.bmm(at_points[:, :places], products[0])
    for band, matrices in enumerate(products[1:], start=1):
        total.baddbmm_(at_points[:, band * n_blocks : band * n_blocks + places], matrices)
    del at_points
    out = torch.matmul(gather, total.transpose(0, 1)).reshape(1, n_bands_out, n_blocks * step, -1)
    return out[:, :, : n_frames - n_taps + 1].permute(0, 3, 1, 2)


def _is_complex(point: complex) -> bool:
    return point.imag != 0


def _values(points: list[complex] | tuple[complex, ...], n: int) -> NDArray[np.complex128]:
    """Return a row a point: what each of n coefficients adds to a polynomial's value there."""
    rows = [np.eye(n)[-1] if p == INFINITY else np.power(complex(p), np.arange(n)) for p in points]
    return np.stack(rows).astype(np.complex128)


def _tensor(matrix: NDArray[np.float64], like: Tensor) -> Tensor:
    return torch.from_numpy(matrix).to(like.device, like.dtype)
