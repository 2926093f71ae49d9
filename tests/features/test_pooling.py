"""Statistics over positions, one column a channel."""

from __future__ import annotations

from functools import partial
from typing import get_args

import numpy as np
import pytest
import torch

from elmarc._types import Precision
from elmarc.errors import ConfigError
from elmarc.features.pooling import column_names, pool, rounding
from elmarc.features.statistics import STATISTICS, Map
from elmarc.networks import STUDY_NETWORKS, RandomCNN, build_network


def lagged(a: np.ndarray, lag: int) -> np.ndarray:
    """Sum of products of deviations `lag` apart in time, over the sum of their squares; 0 where all are 0."""
    deviations = a - a.mean(axis=(2, 3), keepdims=True)
    products = (deviations[:, :, lag:] * deviations[:, :, : max(a.shape[2] - lag, 0)]).sum(axis=(2, 3))
    energy = (deviations**2).sum(axis=(2, 3))
    return np.divide(products, energy, out=np.zeros_like(energy), where=energy > 1e-9)


def beat(a: np.ndarray, part: int) -> np.ndarray:
    """Mean of the autocorrelation at a part of each period, weighted by exp(30 r) of the period."""
    periods = range(16, min(64, a.shape[2] // 2) + 1)
    if not periods:
        return np.zeros(a.shape[:2])
    weights = np.exp(30 * np.stack([lagged(a, period) for period in periods]))
    return np.average([lagged(a, period // part) for period in periods], axis=0, weights=weights)


IN_NUMPY = {
    "mean": lambda a: a.mean(axis=(2, 3)),
    "std": lambda a: a.std(axis=(2, 3)),
    "max": lambda a: a.max(axis=(2, 3)),
    "ppv": lambda a: (a > 0).mean(axis=(2, 3)),
    **{f"lag{lag}": partial(lagged, lag=lag) for lag in (1, 2, 4, 8, 16)},
    "beat": partial(beat, part=1),
    "half_beat": partial(beat, part=2),
    "quarter_beat": partial(beat, part=4),
}


def clips(network: RandomCNN, rng: np.random.Generator, n: int = 3) -> torch.Tensor:
    shape = (n, network.min_input_length + 50, network.n_bands)
    return torch.from_numpy(rng.normal(size=shape).astype(np.float32))


@pytest.mark.parametrize("name", STUDY_NETWORKS)
def test_features_are_the_statistics_of_the_maps(name: str, rng: np.random.Generator) -> None:
    network = build_network(name, n_filters=4)
    x = clips(network, rng)
    maps = [a.reshape(*a.shape[:3], -1).numpy().astype(np.float64) for a in network(x).values()]
    expected = [IN_NUMPY[statistic](a) for statistic in STATISTICS for a in maps]
    found = pool(network, x, statistics=tuple(STATISTICS))
    assert found.dtype == torch.float32
    np.testing.assert_allclose(found.numpy(), np.concatenate(expected, axis=1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", STUDY_NETWORKS)
def test_a_clip_does_not_see_its_batch(name: str, rng: np.random.Generator) -> None:
    network = build_network(name, n_filters=4)
    x = clips(network, rng)
    together = pool(network, x, statistics=("mean", "std"))
    alone = torch.cat([pool(network, x[i : i + 1], statistics=("mean", "std")) for i in (2, 0, 1)])
    assert torch.equal(alone, together[[2, 0, 1]])


def test_columns_are_named_in_their_order(rng: np.random.Generator) -> None:
    network = build_network("vgg", n_filters=3, layers=["pool2", "pool1"])
    x = clips(network, rng)
    names = column_names(network, ("max", "mean"))
    features = pool(network, x, statistics=("max", "mean"))
    assert len(names) == len(set(names)) == features.shape[1] == 12
    maps = network(x)
    for name, column in zip(names, features.T, strict=True):
        layer, channel, statistic = name.split("/")
        values = maps[layer][:, int(channel)].flatten(1)
        torch.testing.assert_close(column, values.amax(1) if statistic == "max" else values.mean(1))


@pytest.mark.parametrize("name", ["mixed", "timbral_temporal"])
def test_tiles_that_are_pooled_together_give_what_each_gives(name: str, rng: np.random.Generator) -> None:
    network = build_network(name, n_filters=8)
    x, statistics = clips(network, rng)[:1], tuple(STATISTICS)
    each = {
        (layer, channel + i, statistic): value
        for layer, maps, _, channel in network.tiles(x)
        for statistic in statistics
        for i, value in enumerate(STATISTICS[statistic](Map(maps))[0].tolist())
    }
    for column, value in zip(
        column_names(network, statistics), pool(network, x, statistics=statistics)[0], strict=True
    ):
        layer, channel, statistic = column.split("/")
        assert value.item() == each[layer, int(channel), statistic], column


def test_a_large_offset_does_not_spoil_the_deviation() -> None:
    maps = torch.full((1, 1, 100_000), 1000.0)
    maps[..., ::2] += 1
    assert STATISTICS["std"](Map(maps)).item() == pytest.approx(0.5, rel=1e-3)


def test_autocorrelation_knows_the_period_and_not_the_level(rng: np.random.Generator) -> None:
    beat = torch.from_numpy(np.tile(rng.random(8).astype(np.float32), 200))[None, None]
    at_period, off = STATISTICS["lag8"](Map(beat)).item(), STATISTICS["lag4"](Map(beat)).item()
    assert at_period == pytest.approx(1 - 8 / 1600, abs=1e-3)
    assert off < 0.9
    assert STATISTICS["lag8"](Map(1e-3 * beat + 0.1)).item() == pytest.approx(at_period, abs=1e-3)


@pytest.mark.parametrize("precision", get_args(Precision))
def test_a_gpu_rounds_to_tf32_only_when_asked(precision: Precision) -> None:
    network = build_network("temporal", n_filters=4, precision=precision)
    before = torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
    with rounding(network, torch.device("cuda")):
        assert torch.backends.cudnn.allow_tf32 == (precision == "tf32")
        assert torch.backends.cuda.matmul.allow_tf32 == (precision == "tf32")
    assert before == (torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision())


@pytest.mark.parametrize("on", [False, True])
def test_cudnns_other_flags_stay_the_users(on: bool) -> None:
    cudnn, names = torch.backends.cudnn, ("enabled", "benchmark", "deterministic")
    with cudnn.flags(**dict.fromkeys((*names, "allow_tf32"), on)):
        with rounding(build_network("temporal", n_filters=4), torch.device("cuda")):
            assert [getattr(cudnn, name) for name in names] == [on] * 3
            assert not cudnn.allow_tf32
        assert [getattr(cudnn, name) for name in (*names, "allow_tf32")] == [on] * 4


def test_tf32_is_float32_on_a_cpu_and_stored_apart(rng: np.random.Generator) -> None:
    single, rounded = (build_network("7x96", n_filters=4, precision=p) for p in ("float32", "tf32"))
    x = clips(single, rng)
    assert torch.equal(pool(single, x), pool(rounded, x))
    assert single.definition() != rounded.definition()


@pytest.mark.parametrize("level", [0.0, 0.1, 1000.0])
def test_autocorrelation_of_a_constant_map_is_zero(level: float) -> None:
    maps = torch.full((2, 3, 1001), level)
    assert torch.equal(STATISTICS["lag1"](Map(maps)), torch.zeros(2, 3))


@pytest.mark.parametrize("name", ["frame_level", "frame_level_many"])
def test_compat_makes_one_number_of_each_back_end_map(name: str, rng: np.random.Generator) -> None:
    corrected, published = (build_network(name, n_filters=4, compat=compat) for compat in (None, "2018"))
    x = clips(corrected, rng)
    per_layer = pool(corrected, x).reshape(3, -1, 4)
    expected = per_layer.clone()
    expected[:, -3:] = 0
    expected[:, -3:, 0] = per_layer[:, -3:].mean(dim=2)
    torch.testing.assert_close(pool(published, x), expected.flatten(1))


def test_half_precision_is_pooled_in_full(rng: np.random.Generator) -> None:
    network = build_network("7x96", n_filters=4, precision="bfloat16")
    x = clips(network, rng, n=1)
    maps = network(x)["pool"]
    assert maps.dtype == torch.bfloat16
    torch.testing.assert_close(pool(network, x), maps.float().mean(dim=(2, 3)))


@pytest.mark.parametrize(
    ("statistics", "match"),
    [
        (("median",), "unknown pooling statistic 'median'"),
        ((), "at least one"),
        (("max", "max"), "each once"),
    ],
)
def test_statistics_that_do_not_exist_are_named(statistics: tuple[str, ...], match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        pool(build_network("vgg", n_filters=1), torch.zeros(1, 1280, 96), statistics=statistics)


def test_compat_refuses_statistics_that_2018_had_not() -> None:
    network = build_network("frame_level", n_filters=1, compat="2018")
    with pytest.raises(ConfigError, match="has the mean alone"):
        pool(network, torch.zeros(1, 2000, 1), statistics=("mean", "std"))


@pytest.mark.parametrize("period", [16, 23, 40, 64])
def test_the_beat_is_the_same_at_each_tempo(period: int) -> None:
    clip = torch.zeros(1, 1, 320)
    clip[..., ::period] = 1.0  # of 5 to 20 beats
    clip[..., period // 2 :: period] = 0.5
    beat, half, quarter = (
        STATISTICS[name](Map(clip)).item() for name in ("beat", "half_beat", "quarter_beat")
    )
    assert beat > 0.7
    assert beat > half > 0.4
    assert quarter < 0.1


@pytest.mark.parametrize("n_beside", [1, 2, 5])
def test_the_beat_has_the_same_bytes_whatever_stands_beside_it(
    n_beside: int, rng: np.random.Generator
) -> None:
    maps = torch.from_numpy(rng.random((2, 10, 235)).astype(np.float32))
    parts = [STATISTICS["beat"](Map(part.contiguous())) for part in maps.split(n_beside, dim=1)]
    assert torch.equal(torch.cat(parts, dim=1), STATISTICS["beat"](Map(maps)))


def test_a_clip_shorter_than_two_beats_has_none() -> None:
    short = Map(torch.rand(2, 3, 31, generator=torch.Generator().manual_seed(0)))
    assert not STATISTICS["beat"](short).any()


def test_mixed_has_beats_of_changes_alone(rng: np.random.Generator) -> None:
    network = build_network("mixed", n_filters=2)
    names = column_names(network, ("mean", "beat"))
    assert names == [f"peaks/{i}/mean" for i in range(54)] + [f"whole/{i}/beat" for i in range(12)]
    x = clips(network, rng)
    expected = torch.cat(
        [STATISTICS["mean"](Map(network(x)["peaks"])), STATISTICS["beat"](Map(network(x)["whole"]))], 1
    )
    torch.testing.assert_close(pool(network, x, statistics=("mean", "beat")), expected)


def test_statistics_that_no_layer_takes_are_refused() -> None:
    network = build_network("mixed", n_filters=1, layers=["whole"])
    with pytest.raises(ConfigError, match=r"mixed: found pooling \['mean'\].*\['whole'\]"):
        pool(network, torch.zeros(1, 40, 96), statistics=("mean",))
