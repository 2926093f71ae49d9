"""Items one by one and in batches: the same rows, and the same problems, in order."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

from elmarc.errors import AudioError
from elmarc.features.extractor import FeatureExtractor
from elmarc.features.parallel import Workers, full_precision, in_batches, one_by_one
from elmarc.frontends.waveform import RawWaveform
from elmarc.networks import ExternalNetwork, build_network
from elmarc.networks.base import Network

BAD = {2, 3, 4, 5, 7}  # a batch of four with one good item, and one with three


def prepare(item: int) -> np.ndarray:
    if item in BAD:
        raise AudioError(f"{item} is bad")
    return np.full(3, np.inf if item == 9 else item, np.float32)


def pool(inputs: np.ndarray) -> np.ndarray:
    return inputs * 2


def rows(outcomes: object) -> list:
    return [(item, str(out) if isinstance(out, AudioError) else out.tolist()) for item, out in outcomes]


@pytest.mark.parametrize("batch_size", [1, 2, 4, 20])
def test_batches_give_what_single_items_give(batch_size: int) -> None:
    alone = rows(one_by_one(range(10), prepare, pool, n_workers=2, n_threads=1))
    together = rows(in_batches(range(10), prepare, pool, n_workers=2, batch_size=batch_size))
    assert together == alone
    assert [item for item, _ in alone] == list(range(10))
    assert alone[1] == (1, [2.0, 2.0, 2.0])
    assert alone[2] == (2, "2 is bad")
    assert "overflow" in alone[9][1]


@pytest.fixture(autouse=True)
def _settings() -> Iterator[None]:
    """A user's own settings, unlike the defaults."""
    before = torch.get_num_threads(), torch.get_float32_matmul_precision()
    torch.set_num_threads(3)
    torch.set_float32_matmul_precision("high")
    yield
    torch.set_num_threads(before[0])
    torch.set_float32_matmul_precision(before[1])


def in_new_thread() -> int:
    """The number of threads that a thread finds which computes for the first time."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(torch.get_num_threads).result()


def external() -> Network:
    module = nn.Sequential(nn.Flatten(), nn.Unflatten(1, (1, -1)), nn.Conv1d(1, 4, 64, stride=32))
    return ExternalNetwork(module, input_unit="samples", input_length=2000, reduction=32)


def test_no_other_thread_sees_the_workers_number_of_threads() -> None:
    with Workers(2, 1) as workers:
        assert workers.submit(torch.get_num_threads).result() == 1
        assert in_new_thread() == 3
        assert torch.get_num_threads() == 3


@pytest.mark.parametrize("network", [external(), build_network("sample_level", n_filters=4)])
def test_callers_that_overlap_leave_threads_and_precision_as_they_were(
    network: Network, rng: np.random.Generator
) -> None:
    y = 0.1 * rng.standard_normal((6, 2500)).astype(np.float32)
    extractor = FeatureExtractor(RawWaveform(), network, length=2500)

    def work(_: int) -> tuple[np.ndarray, int]:
        return extractor.extract_waveforms(y), torch.get_num_threads()

    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(work, range(24)))
    assert all(np.array_equal(X, results[0][0]) for X, _ in results)
    assert {n for _, n in results} == {3}
    assert (torch.get_num_threads(), in_new_thread()) == (3, 3)
    assert torch.get_float32_matmul_precision() == "high"


def test_precision_comes_back_with_the_last_of_those_who_need_it() -> None:
    first, second = Workers(1), Workers(1)
    first.__exit__(None, None, None)
    assert torch.get_float32_matmul_precision() == "highest"
    second.__exit__(None, None, None)
    assert torch.get_float32_matmul_precision() == "high"


def test_an_error_brings_the_precision_back() -> None:
    with pytest.raises(ValueError, match="ours"), full_precision:
        raise ValueError("ours")
    assert torch.get_float32_matmul_precision() == "high"
