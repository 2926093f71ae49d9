"""The suites pass for elmarc's adapters, and fail where a fault is planted."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from tests.adapters.conformance import check_hear, check_mteb, check_xares

from elmarc.adapters import hear, mteb, xares

NETWORKS = ("timbral_temporal", "sample_level", "mfcc")


def hear_module(network: str = "sample_level", **faulty: Any) -> SimpleNamespace:
    """HEAR's module for a network, with some functions replaced."""
    functions = {
        "load_model": lambda path="": hear.load_model(path, network=network, scaled=False),
        "get_scene_embeddings": hear.get_scene_embeddings,
        "get_timestamp_embeddings": hear.get_timestamp_embeddings,
    }
    return SimpleNamespace(**functions | faulty)


def test_the_hear_module_itself_passes() -> None:
    check_hear(hear)


@pytest.mark.parametrize("network", NETWORKS)
def test_hear_passes(network: str) -> None:
    check_hear(hear_module(network))


def timestamps(change: Callable[..., Any]) -> dict[str, Any]:
    def faulty(audio: torch.Tensor, model: Any) -> Any:
        return change(*hear.get_timestamp_embeddings(audio, model))

    return {"get_timestamp_embeddings": faulty}


def scenes(change: Callable[..., Any]) -> dict[str, Any]:
    def faulty(audio: torch.Tensor, model: Any) -> Any:
        return change(hear.get_scene_embeddings(audio, model))

    return {"get_scene_embeddings": faulty}


def wrong_rate(path: str = "") -> Any:
    model = hear.load_model(path, network="sample_level")
    model.sample_rate = 12000
    return model


def stretched(X: torch.Tensor) -> torch.Tensor:
    """Each frame twice, as if the hop were half of what it is."""
    return X.repeat_interleave(2, dim=1)[:, : X.shape[1]]


HEAR_FAULTS = {
    "timestamps of another hop": (timestamps(lambda X, t: (X, t * 1.2)), "last timestamp|ms apart"),
    "frames of another hop": (
        timestamps(lambda X, t: (X.repeat_interleave(2, 1)[:, : X.shape[1]], t)),
        "click",
    ),
    "frames shifted": (timestamps(lambda X, t: (X.roll(3, 1), t)), "click"),
    "irregular timestamps": (timestamps(lambda X, t: (X, t + torch.arange(t.shape[1]) % 2)), "regular"),
    "timestamps in seconds": (timestamps(lambda X, t: (X, t / 1000)), "last timestamp"),
    "frames in float64": (timestamps(lambda X, t: (X.double(), t)), "float64"),
    "frames transposed": (timestamps(lambda X, t: (X.transpose(1, 2), t)), "shape"),
    "timestamps of one clip": (timestamps(lambda X, t: (X, t[0])), "shape"),
    "frames of the batch": (timestamps(lambda X, t: (X - X.mean(0), t)), "batch"),
    "scenes in half": (scenes(lambda X: X.half()), "float16"),
    "scenes with an axis more": (scenes(lambda X: X[:, None]), "shape"),
    "scenes of the batch": (scenes(lambda X: X / X.abs().max()), "batch"),
    "scenes by place": (scenes(lambda X: X + torch.arange(len(X))[:, None]), "batch"),
    "scenes not finite": (scenes(lambda X: X / 0), "finite"),
    "weights not from the seed": (
        {"load_model": lambda path="": hear.load_model(path, network="temporal", seed=next(SEEDS))},
        "loaded again",
    ),
    "a rate that HEAR has not": ({"load_model": wrong_rate}, "sample_rate"),
}
SEEDS = iter(range(10))


@pytest.mark.parametrize("fault", HEAR_FAULTS)
def test_hear_fails_with(fault: str) -> None:
    faulty, words = HEAR_FAULTS[fault]
    with pytest.raises(AssertionError, match=words):
        check_hear(hear_module(**faulty))


class Encoder(xares.ElmarcEncoder):
    """An encoder whose output is changed."""

    def __init__(
        self, change: Callable[[torch.Tensor], torch.Tensor] = lambda X: X, **attributes: Any
    ) -> None:
        super().__init__("sample_level")
        self.change = change
        for name, value in attributes.items():
            setattr(self, name, value)

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        return self.change(super().forward(audio))


class Named(Encoder):
    """A class whose name ends in another word."""


@pytest.mark.parametrize("network", NETWORKS)
def test_xares_passes(network: str) -> None:
    check_xares(xares.ElmarcEncoder(network))


@pytest.mark.parametrize(
    ("encoder", "words"),
    [
        (lambda: Encoder(hop_size_in_ms=50.0), "hops"),
        (lambda: Encoder(hop_size_in_ms=40.5), "hops|click"),
        (lambda: Encoder(stretched), "click"),
        (lambda: Encoder(lambda X: X.double()), "float64"),
        (lambda: Encoder(lambda X: X.transpose(1, 2)), "shape"),
        (lambda: Encoder(lambda X: X.mean(1)), "axes"),
        (lambda: Encoder(lambda X: X - X.mean(0)), "batch"),
        (lambda: Encoder(output_dim=7), "shape"),
        (lambda: Encoder(sampling_rate=32000), "hops|click"),
        (Named, "end in Encoder"),
    ],
)
def test_xares_fails_with(encoder: Callable[[], Encoder], words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        check_xares(encoder())


class Changed(mteb.ElmarcEncoder):
    """An encoder whose output or input is changed."""

    def __init__(
        self, after: Callable[..., Any] = lambda X: X, before: Callable[..., Any] = lambda b: b
    ) -> None:
        super().__init__("elmarc/sample_level")
        self.after, self.before = after, before

    def encode(self, inputs: Any, **settings: Any) -> Any:
        return self.after(super().encode([self.before(batch) for batch in inputs], **settings))


def at_16_khz(batch: Any) -> Any:
    return {"audio": [{**clip, "sampling_rate": 16000} for clip in batch["audio"]]}


def padded(batch: Any) -> Any:
    longest = max(np.shape(clip["array"])[-1] for clip in batch["audio"])
    pad = [longest - np.shape(clip["array"])[-1] for clip in batch["audio"]]
    return {
        "audio": [
            {**clip, "array": np.pad(clip["array"], (0, n)) if np.ndim(clip["array"]) == 1 else clip["array"]}
            for clip, n in zip(batch["audio"], pad, strict=True)
        ]
    }


@pytest.mark.parametrize("network", NETWORKS)
def test_mteb_passes(network: str) -> None:
    check_mteb(mteb.ElmarcEncoder(f"elmarc/{network}", device="cpu"))


@pytest.mark.parametrize(
    ("encoder", "words"),
    [
        (lambda: Changed(lambda X: X.astype(np.float64)), "float64"),
        (lambda: Changed(lambda X: X[:-1]), "shape"),
        (lambda: Changed(lambda X: X[:, None]), "shape"),
        (lambda: Changed(lambda X: list(X)), "list"),
        (lambda: Changed(lambda X: X - X.mean(0)), "order|channels|rate"),
        (lambda: Changed(before=padded), "batch"),
        (lambda: Changed(before=at_16_khz), "rate"),
        (lambda: Changed(lambda X: X[::-1].copy()), "order"),
    ],
)
def test_mteb_fails_with(encoder: Callable[[], Changed], words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        check_mteb(encoder())
