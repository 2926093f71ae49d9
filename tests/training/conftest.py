"""Forty sounds of half a second, of two classes, and a trainer of a very small network on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile as sf
from tests.cli.conftest import elmarc as elmarc

from elmarc.datasets import open_dataset
from elmarc.features.cache import FrontEndCache
from elmarc.features.contents import contents_of
from elmarc.features.extractor import FeatureExtractor
from elmarc.frontends import LogMel
from elmarc.networks import build_network
from elmarc.networks.base import Network
from elmarc.training.inputs import Inputs, open_inputs
from elmarc.training.loop import Trainer
from elmarc.training.recipe import TrainingRecipe

SR, N_CLIPS = 12000, 40
Make = Callable[..., Trainer]


@pytest.fixture
def sounds(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Return a folder of forty sounds: hiss, and tones in a little noise."""
    t = np.arange(SR // 2) / SR
    for i in range(N_CLIPS):
        path = tmp_path / "clips" / ("tone" if i % 2 else "hiss") / f"{i:02d}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = rng.standard_normal(t.size)
        sf.write(
            path, 0.3 * np.sin(2e3 * np.pi * (1 + i / 10) * t) + 0.01 * noise if i % 2 else 0.1 * noise, SR
        )
    return tmp_path / "clips"


def small_network() -> Network:
    return build_network("vgg", n_filters=4, pool_frames=(2, 2), pool_bands=(8, 4))


def inputs_of(folder: Path, network: Network, cache: Path) -> Inputs:
    data = open_dataset(folder)
    extractor = FeatureExtractor(LogMel(), network, length=20, cache=FrontEndCache(cache), device="cpu")
    return open_inputs(extractor, data.clips, contents_of(data.clips))


@pytest.fixture
def make(sounds: Path, tmp_path: Path) -> Make:
    """Return a function that makes a trainer, always from the same first weights."""

    def trainer(network: Network | None = None, recipe: dict[str, Any] | None = None, **keys: Any) -> Trainer:
        network = network or small_network()
        given = {"epochs": 4, "learning_rates": (0.01,)} | (recipe or {})
        inputs = inputs_of(sounds, network, tmp_path / "cache")
        classes = keys.pop("classes", ("hiss", "tone"))
        return Trainer(network, inputs, classes, recipe=TrainingRecipe(**given), **keys)

    return trainer
