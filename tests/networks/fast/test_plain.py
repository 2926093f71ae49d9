"""The plain path: torch's public calls alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from elmarc.features.pooling import pool
from elmarc.networks import STUDY_NETWORKS, build_network, fast
from elmarc.networks.fast import onednn, plain


@pytest.fixture
def without_private_operators(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onednn, "OPS", None)


@pytest.mark.parametrize("name", STUDY_NETWORKS)
def test_features_are_within_1e4_of_the_largest(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    network = build_network(name, size="small")
    x = torch.rand(2, 1300 if network.input_unit == "frames" else 20_000, network.n_bands)
    ours = pool(network, x)
    monkeypatch.setattr(onednn, "OPS", None)
    with plain():
        found = pool(network, x)
    torch.testing.assert_close(found, ours, rtol=0, atol=1e-4 * float(ours.max()))


@pytest.mark.usefixtures("without_private_operators")
@pytest.mark.parametrize("value", ["1", "true"])
def test_the_environment_asks_for_it(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELMARC_PLAIN", value)
    monkeypatch.setattr(fast, "BandProducts", None)
    for name in ("vgg", "timbral"):
        network = build_network(name, size="small")
        assert pool(network, torch.ones(1, 1300, 96)).isfinite().all()


@pytest.mark.parametrize("value", ["", "0"])
def test_the_environment_may_say_no(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ELMARC_PLAIN", value)
    assert not fast.is_plain()


def test_it_holds_in_all_threads_until_the_last_block_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ELMARC_PLAIN", raising=False)
    with ThreadPoolExecutor(1) as thread:
        with plain():
            with plain():
                pass
            assert thread.submit(fast.is_plain).result()
        assert not thread.submit(fast.is_plain).result()


def test_it_ends_with_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ELMARC_PLAIN", raising=False)
    with pytest.raises(ZeroDivisionError), plain():
        raise ZeroDivisionError
    assert not fast.is_plain()
