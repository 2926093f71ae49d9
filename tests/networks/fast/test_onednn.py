"""Kernels that oneDNN has laid out; operators that are missing, fail or give wrong numbers are noticed."""

from __future__ import annotations

import copy
import pickle
import platform
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from elmarc.errors import PlainPathWarning
from elmarc.features.pooling import pool
from elmarc.networks import RandomCNN, build_network, fast
from elmarc.networks.blocks import RandomConv
from elmarc.networks.fast import onednn, plain

OPERATORS = (*onednn.CONVOLUTION, *onednn.PRODUCT)
NETWORKS = [  # kept kernels, matrix products; Toom-Cook products of maps, and of bands
    ("vgg", {"size": "small"}, 1300),
    ("timbral", {"size": "small"}, 40),
    ("sample_level", {"n_filters": 128, "layers": ["pool1", "pool2"]}, 20_000),
    ("timbral", {"n_filters": 64}, 300),
]

needs_operators = pytest.mark.skipif(
    fast.is_plain() or not onednn.is_offered(*OPERATORS),
    reason="this processor or torch has no such operators",
)


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A process in which nothing has been compared yet."""
    fresh = onednn._Record()
    monkeypatch.setattr(onednn, "_record", fresh)
    return fresh


@pytest.fixture(params=NETWORKS, ids=["vgg", "timbral", "sample_level", "timbral of 64 bands"])
def case(request: pytest.FixtureRequest, rng: np.random.Generator) -> tuple[RandomCNN, torch.Tensor]:
    name, settings, length = request.param
    network = build_network(name, **settings)
    x = rng.normal(0, 0.1, size=(1, length, network.n_bands)).astype(np.float32)
    return network, torch.from_numpy(x)


def operators(**replaced: Callable[..., Any]) -> SimpleNamespace:
    kept = {name: getattr(torch.ops.mkldnn, name) for name in (*OPERATORS, "_is_mkldnn_bf16_supported")}
    return SimpleNamespace(**(kept | replaced))


def wrong(name: str, spoil: Callable[[torch.Tensor], object]) -> dict[str, Callable[..., Any]]:
    def operator(*arguments: Any) -> torch.Tensor:
        out = getattr(torch.ops.mkldnn, name)(*arguments).clone()
        spoil(out)
        return out

    return {name: operator}


def failing(*_: Any) -> torch.Tensor:
    raise RuntimeError("could not create a primitive")


def no_tensor(*_: Any) -> None:
    return None


FAULTS: dict[str, dict[str, Callable[..., Any]]] = {
    "raises": dict.fromkeys(OPERATORS, failing),
    "raises when used": dict.fromkeys((onednn.CONVOLUTION[1], onednn.PRODUCT[1]), failing),
    "gives no tensor": dict.fromkeys((onednn.CONVOLUTION[1], onednn.PRODUCT[1]), no_tensor),
    "gives other numbers": {
        **wrong(onednn.CONVOLUTION[1], lambda out: out.mul_(1.01)),
        **wrong(onednn.PRODUCT[1], lambda out: out.mul_(1.01)),
    },
    "leaves the last filter out": {
        **wrong(onednn.CONVOLUTION[1], lambda out: out[:, -1].zero_()),
        **wrong(onednn.PRODUCT[1], lambda out: out[:, -1].zero_()),
    },
    "leaves the last frame out": {
        **wrong(onednn.CONVOLUTION[1], lambda out: out[..., -1].zero_()),
        **wrong(onednn.PRODUCT[1], lambda out: out[-1].zero_()),
    },
}


@needs_operators
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_noticed_once_and_the_features_are_right(
    fault: str, case: tuple[RandomCNN, torch.Tensor], record: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, x = case
    with plain():
        expected = pool(network, x)
    monkeypatch.setattr(onednn, "OPS", operators(**FAULTS[fault]))
    with pytest.warns(PlainPathWarning) as caught:
        found = pool(network, x)
    assert len(caught) == 1
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4 * float(expected.max()))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again = pool(network, x)
    assert torch.equal(again, found)
    assert record.failed
    assert not record.passed


@needs_operators
def test_the_warning_names_torch_the_processor_and_the_way_out(
    record: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onednn, "OPS", operators(**FAULTS["raises"]))
    with pytest.warns(PlainPathWarning) as caught:
        build_network("vgg", size="small", layers=["pool1"])(torch.ones(1, 8, 96))
    message = str(caught[0].message)
    for part in (torch.__version__, platform.machine(), "could not create a primitive", "ELMARC_PLAIN=1"):
        assert part in message


@needs_operators
def test_missing_operators_are_named(record: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    network, x = build_network("vgg", size="small", layers=["pool1"]), torch.ones(2, 16, 96)
    with plain():
        expected = pool(network, x)
    monkeypatch.setattr(onednn, "OPS", SimpleNamespace())
    with pytest.warns(PlainPathWarning, match="lacks _reorder_convolution_weight") as caught:
        found = pool(network, x)
    assert len(caught) == 1
    assert torch.equal(found, expected)


@needs_operators
def test_a_fault_of_one_kind_leaves_the_others_alone(record: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def of_two_taps(*arguments: Any) -> torch.Tensor:
        kernel = arguments[0]
        return failing() if kernel.shape[3] == 2 else torch.ops.mkldnn._reorder_convolution_weight(*arguments)

    monkeypatch.setattr(onednn, "OPS", operators(_reorder_convolution_weight=of_two_taps))
    with pytest.warns(PlainPathWarning):
        convolved(2)
    convolved(3)
    assert {kind.weight[3] for kind in record.failed} == {2}
    assert {kind.weight[3] for kind in record.passed} == {3}


def convolved(taps: int) -> torch.Tensor:
    conv = RandomConv((taps, 4, 8), taps=(1, taps))
    conv.weight.fill_(1.0)
    return conv(torch.ones(1, 4, 1, 20))


@needs_operators
def test_each_kind_is_compared_once(
    case: tuple[RandomCNN, torch.Tensor], record: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    network, x = case
    pool(network, x)
    passed = set(record.passed)
    assert passed
    assert not record.failed
    monkeypatch.setattr(onednn, "_check", failing)
    pool(network, x)  # compares nothing
    assert record.passed == passed


@needs_operators
def test_silence_proves_nothing(record: Any) -> None:
    network = build_network("vgg", size="small", layers=["pool1"])
    network(torch.zeros(1, 8, 96))
    network(torch.full((1, 8, 96), torch.nan))
    assert not record.passed
    assert not record.failed
    network(torch.ones(1, 8, 96))
    assert record.passed


@needs_operators
def test_weights_that_cancel_are_no_fault(record: Any) -> None:
    network = build_network("vgg", size="small", layers=["pool1"])
    weights = network.get_weights()
    weights[0] -= weights[0].mean(axis=(0, 1, 2), keepdims=True)
    network.set_weights(weights)
    network(torch.full((1, 8, 96), 1e3))
    assert record.passed
    assert not record.failed


@needs_operators
def test_threads_agree_and_warn_once(record: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    network, x = build_network("vgg", size="small"), torch.rand(8, 1300, 96)
    with plain():
        expected = pool(network, x)
    monkeypatch.setattr(onednn, "OPS", operators(**FAULTS["gives other numbers"]))
    with pytest.warns(PlainPathWarning) as caught, ThreadPoolExecutor(8) as threads:
        found = torch.cat(list(threads.map(lambda clip: pool(network, clip[None]), x)))
    assert len(caught) == 1
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4 * float(expected.max()))


def random_conv(kernel_shape: tuple[int, ...], rng: np.random.Generator, **settings) -> RandomConv:
    conv = RandomConv(kernel_shape, **settings)
    conv.set_kernel(rng.normal(size=kernel_shape).astype(np.float32))
    conv.bias.copy_(torch.from_numpy(rng.normal(size=kernel_shape[-1])))
    return conv


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(("dtype", "rtol"), [(torch.float32, 1e-4), (torch.bfloat16, 0.02)])
def test_kernels_equal_a_plain_convolution(dtype: torch.dtype, rtol: float, rng) -> None:
    conv = random_conv((3, 3, 20, 40), rng, taps=(3, 3), pad_bands=1)
    for n_frames in (50, 7, 50):
        maps = torch.from_numpy(rng.normal(size=(1, 20, 6, n_frames))).to(dtype)
        expected = F.conv2d(maps.float(), conv.weight.to(dtype).float(), conv.bias, padding=(1, 0))
        torch.testing.assert_close(conv(maps).float(), expected, rtol=rtol, atol=5 * rtol)
        some = conv(maps, filters=slice(3, 9)).float()
        torch.testing.assert_close(some, expected[:, 3:9], rtol=rtol, atol=5 * rtol)
        conv.set_kernel(-conv.get_kernel())  # taken up by the next


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda conv: pickle.loads(pickle.dumps(conv))])
def test_a_convolution_that_has_run_can_be_copied(copied, rng: np.random.Generator) -> None:
    conv = random_conv((3, 20, 40), rng, taps=(1, 3))
    maps = torch.from_numpy(rng.normal(size=(1, 20, 1, 50)).astype(np.float32))
    before = conv(maps)
    assert torch.equal(copied(conv)(maps), before)
