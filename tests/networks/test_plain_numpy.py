"""Every network against a plain float64 version of its definition: loops over taps, nothing clever."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from elmarc.networks import RandomCNN, build_network

Array = NDArray[np.float64]


def same(n: int, kernel: int, stride: int) -> tuple[int, int]:
    total = max((-(-n // stride) - 1) * stride + kernel - n, 0)
    return total // 2, total - total // 2


def conv(x: Array, kernel: Array, bias: Array, *, stride: int = 1, padding: str = "valid") -> Array:
    """x (*positions, channels), kernel (*taps, channels, filters)."""
    taps = kernel.shape[:-2]
    if padding == "same":
        x = np.pad(x, [*(same(n, k, stride) for n, k in zip(x.shape, taps, strict=False)), (0, 0)])
    counts = [(n - k) // stride + 1 for n, k in zip(x.shape, taps, strict=False)]
    out = np.zeros((*counts, kernel.shape[-1])) + bias
    for tap in np.ndindex(taps):
        places = tuple(slice(t, t + (n - 1) * stride + 1, stride) for t, n in zip(tap, counts, strict=True))
        out += x[places] @ kernel[tap]
    return out


def max_pool(x: Array, *size: int) -> Array:
    for axis, step in enumerate(size):
        n = x.shape[axis] // step
        x = np.take(x, range(n * step), axis=axis)
        x = x.reshape(*x.shape[:axis], n, step, *x.shape[axis + 1 :]).max(axis=axis + 1)
    return x


def relu(x: Array) -> Array:
    return np.maximum(x, 0)


def elu(x: Array) -> Array:
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def vgg(x: Array, weights: Iterator[Array]) -> Iterator[Array]:
    for pool in ((4, 2), (4, 3), (5, 2), (4, 2), (4, 4)):
        x = max_pool(elu(conv(x, next(weights), next(weights), padding="same")), *pool)
        yield x


def single_layer(x: Array, weights: Iterator[Array]) -> Iterator[Array]:
    x = relu(conv(x, next(weights), next(weights)))
    yield x
    yield max_pool(x, 2, 3)


def timbral_temporal(x: Array, weights: Iterator[Array]) -> Iterator[Array]:
    timbral = []
    for time_pad in (3, 1, 0) * 2:
        padded = np.pad(x, [(time_pad, time_pad), (0, 0), (0, 0)])
        timbral.append(relu(conv(padded, next(weights), next(weights))).max(axis=1))
    yield np.concatenate(timbral, axis=-1)
    envelope = x.mean(axis=1)
    yield np.concatenate(
        [relu(conv(envelope, next(weights), next(weights), padding="same")) for _ in range(4)], axis=-1
    )


def sample_level(x: Array, weights: Iterator[Array]) -> Iterator[Array]:
    x = relu(conv(x, next(weights), next(weights), stride=3))
    yield x
    for _ in range(6):
        x = max_pool(relu(conv(x, next(weights), next(weights), padding="same")), 3)
        yield x


def back_end(x: Array, weights: Iterator[Array]) -> Iterator[Array]:
    first = relu(conv(x, next(weights)[:, :, 0], next(weights)))
    yield first
    second = relu(conv(first, next(weights)[:, :, 0], next(weights), padding="same")) + first
    yield second
    pooled = max_pool(second, 2)
    yield relu(conv(pooled, next(weights)[:, :, 0], next(weights), padding="same")) + pooled


def frame_level(x: Array, weights: Iterator[Array]) -> Iterator[Array]:
    x = relu(conv(x, next(weights), next(weights), stride=32))
    yield x
    yield from back_end(x, weights)


def frame_level_many(x: Array, weights: Iterator[Array]) -> Iterator[Array]:
    fronts = [relu(conv(x, next(weights), next(weights), stride=32, padding="same")) for _ in range(5)]
    yield from fronts
    yield from back_end(np.concatenate(fronts, axis=-1), weights)


def mixed(x: Array, weights: Iterator[Array]) -> Iterator[Array]:
    peaks, whole = [], []
    for (height, step), frames in product({8: 2, 24: 3, 48: 4, 88: 2}.items(), (5, 11, 21)):
        padded = np.pad(x, [same(len(x), frames, 1), (0, 0), (0, 0)])
        places = relu(conv(padded, next(weights), next(weights)))[:, ::step]
        zones = np.array_split(places, {88: 1, 48: 2}.get(height, 3), axis=1)
        peaks += [zone.max(axis=1) for zone in zones]
        whole.append(places.max(axis=1)[:, : places.shape[-1] // 2])
    yield np.concatenate(peaks, axis=-1)
    yield np.concatenate(whole, axis=-1)


CASES = [
    (vgg, "vgg", 1297, {}),
    (single_layer, "single_layer", 23, {"filter_shape": (5, 80), "pool_shape": (2, 3)}),
    (timbral_temporal, "timbral_temporal", 37, {}),
    (timbral_temporal, "timbral_temporal_audio", 9, {}),
    (sample_level, "sample_level", 2213, {}),
    (mixed, "mixed", 37, {}),
    (frame_level, "frame_level", 801, {}),
    (frame_level_many, "frame_level_many", 801, {}),
]


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(("plain", "name", "length", "shapes"), CASES, ids=[case[1] for case in CASES])
def test_maps_equal_the_plain_definition(plain, name, length, shapes, rng: np.random.Generator) -> None:
    network = build_network(name, n_filters=4, seed=3, **shapes)
    with_biases(network, rng)
    x = rng.normal(size=(2, length, network.n_bands)).astype(np.float32)
    maps = network(torch.from_numpy(x))
    for clip in range(2):
        start = x[clip].astype(np.float64)
        start = start[..., None] if network.input_unit == "frames" else start
        weights = (w.astype(np.float64) for w in network.get_weights())
        for layer, expected in zip(network.layer_names, plain(start, weights), strict=True):
            found = maps[layer][clip].numpy()
            np.testing.assert_allclose(found, np.moveaxis(expected, -1, 0), rtol=1e-4, atol=2e-5)


def with_biases(network: RandomCNN, rng: np.random.Generator) -> None:
    weights = network.get_weights()
    weights[1::2] = [rng.normal(0, 0.5, bias.shape).astype(np.float32) for bias in weights[1::2]]
    network.set_weights(weights)
