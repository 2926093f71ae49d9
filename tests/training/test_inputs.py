"""Crops, masks and mixtures do what they say and nothing else; the recipe refuses what makes no sense."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from elmarc.errors import ConfigError
from elmarc.training.inputs import crop, crop_length, mask, mixup
from elmarc.training.recipe import TrainingRecipe

RECIPE = TrainingRecipe()


def test_a_crop_is_a_piece_of_the_clip_that_goes_round(rng: np.random.Generator) -> None:
    x = np.arange(10, dtype=np.float32)[:, None]
    starts = set()
    for _ in range(200):
        cut = crop(x, 7, rng)[:, 0]
        starts.add(int(cut[0]))
        assert np.array_equal(cut, (cut[0] + np.arange(7)) % 10)
    assert starts == set(range(10))


@pytest.mark.parametrize(("length", "shortest", "expected"), [(100, 1, 75), (100, 90, 90), (100, 100, 100)])
def test_a_crop_holds_what_the_network_needs(length: int, shortest: int, expected: int) -> None:
    assert crop_length(length, RECIPE, shortest=shortest) == expected


def test_masks_cover_bands_and_frames_and_leave_the_rest(rng: np.random.Generator) -> None:
    batch = np.ones((50, 40, 96), np.float32)
    mask(batch, RECIPE, rng)
    assert set(np.unique(batch)) == {0.0, 1.0}
    for clip in batch:
        bands, frames = (clip == 0).all(axis=0), (clip == 0).all(axis=1)
        assert np.array_equal(clip == 0, frames[:, None] | bands[None, :])
        assert bands.sum() <= RECIPE.n_masks * 12
        assert frames.sum() <= RECIPE.n_masks * 4
    assert (batch == 0).any(axis=(1, 2)).mean() > 0.9


def test_a_mixture_has_the_targets_of_its_clips(rng: np.random.Generator) -> None:
    targets = np.eye(5, dtype=np.float32)[rng.integers(5, size=12)]
    batch, mixed = mixup(targets[:, :, None].copy(), targets, RECIPE, rng)
    np.testing.assert_allclose(batch[:, :, 0], mixed, rtol=1e-6)
    np.testing.assert_allclose(mixed.sum(axis=1), 1.0, rtol=1e-6)


def test_the_learning_rate_rises_and_falls() -> None:
    rates = [RECIPE.learning_rate(0.01, step, 100) for step in range(100)]
    assert np.argmax(rates) in (9, 10)
    assert max(rates) == 0.01
    assert np.all(np.diff(rates[:10]) > 0)
    assert np.all(np.diff(rates[10:]) < 0)
    assert 0 < rates[-1] < 1e-5
    assert RECIPE.learning_rate(0.01, 0, 1) == 0.01


@pytest.mark.parametrize(
    ("keys", "named"),
    [
        ({"epochs": 0}, "epochs"),
        ({"batch_size": 1}, "batch_size"),
        ({"learning_rates": ()}, "learning_rates"),
        ({"learning_rates": (0.1, 0.1)}, "learning_rates"),
        ({"learning_rates": (float("nan"),)}, "learning_rates"),
    ],
)
def test_a_recipe_out_of_range_is_refused(keys: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        TrainingRecipe(**keys)
