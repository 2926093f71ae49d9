"""What training does to clips, so that none is seen twice alike: crops, masks, mixtures."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from elmarc.training.recipe import TrainingRecipe

Array = NDArray[np.float32]


def crop_length(length: int, recipe: TrainingRecipe, *, shortest: int) -> int:
    """Return the frames or samples that a step sees of clips of `length`, at least what the network needs."""
    return min(length, max(shortest, math.ceil(recipe.crop * length)))


def crop(x: Array, length: int, rng: np.random.Generator) -> Array:
    """Cut `length` positions from a clip [shape=(n, bands)] at a random place; its beginning follows its end.

    >>> crop(np.arange(4.0)[:, None], 3, np.random.default_rng(3))[:, 0]
    array([3., 0., 1.])
    """
    start = int(rng.integers(len(x)))
    cut: Array = np.take(x, np.arange(start, start + length), axis=0, mode="wrap")
    return cut


def mask(batch: Array, recipe: TrainingRecipe, rng: np.random.Generator) -> None:
    """Put zeros over some bands and some frames of each spectrogram [shape=(clips, frames, bands)], in place.

    SpecAugment of Park et al. 2019 without time warping, on standardised spectrograms: zero is the mean.
    """
    _, n_frames, n_bands = batch.shape
    for clip in batch:
        for _ in range(recipe.n_masks):
            clip[:, _span(n_bands, recipe.band_mask, rng)] = 0.0
            clip[_span(n_frames, recipe.frame_mask, rng)] = 0.0


def _span(n: int, longest: float, rng: np.random.Generator) -> slice:
    width = int(rng.integers(round(longest * n) + 1))
    start = int(rng.integers(n - width + 1))
    return slice(start, start + width)


def mixup(
    batch: Array, targets: Array, recipe: TrainingRecipe, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Mix each clip of a batch, and its target, with another one.

    Parameters
    ----------
    batch : np.ndarray [shape=(clips, length, bands)]
    targets : np.ndarray [shape=(clips, classes)]
        One 1 a row.
    recipe : TrainingRecipe
    rng : np.random.Generator

    Returns
    -------
    (np.ndarray, np.ndarray)
        Of the same shapes.
    """
    if not recipe.mixup:
        return batch, targets
    share = np.float32(rng.beta(recipe.mixup, recipe.mixup))
    other = rng.permutation(len(batch))
    return share * batch + (1 - share) * batch[other], share * targets + (1 - share) * targets[other]
