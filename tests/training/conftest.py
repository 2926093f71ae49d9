"""Forty sounds of half a second, of two classes, and a trainer of a very small network on them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.cli.conftest import elmarc as elmarc
from tests.sounds import SR, tone, write, write_noise

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

N_CLIPS = 40
Make = Callable[..., Trainer]


@pytest.fixture
def sounds(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Return a folder of forty sounds: hiss, and tones in a little noise."""
    folder = tmp_path / "clips"
    for i in range(N_CLIPS):
        if i % 2:
            write(folder / "tone" / f"{i:02d}.wav", tone(1000 + 100 * i, rng))
        else:
            write_noise(folder / "hiss" / f"{i:02d}.wav", rng, SR // 2)
    return folder


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
