"""The inputs of a training: clips, their standardisation, and crops, masks and mixtures."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from elmarc.audio.issues import notes
from elmarc.audio.opening import refuse_if_away
from elmarc.datasets.base import Clip
from elmarc.errors import AudioError, DatasetError
from elmarc.features.contents import Contents
from elmarc.features.extractor import FeatureExtractor
from elmarc.features.parallel import Workers, ahead, checked, named
from elmarc.training.recipe import TrainingRecipe

Array = NDArray[np.float32]
Index = NDArray[np.intp]


@dataclass(frozen=True)
class Inputs:
    """The clips that can be used, with the sums that their standardisation follows from.

    Parameters
    ----------
    extractor : FeatureExtractor
        Its front-end, length and cache are used.
    contents : Contents
    clips : list of Clip
    sums, squares : np.ndarray [shape=(n_clips, n_bands)]
        Mean and mean square of each band.
    skipped : tuple of (str, str)
        The other clips by id, and the reason.
    """

    extractor: FeatureExtractor
    contents: Contents
    clips: list[Clip]
    sums: NDArray[np.float64] = field(repr=False)
    squares: NDArray[np.float64] = field(repr=False)
    skipped: tuple[tuple[str, str], ...] = ()

    def __getitem__(self, i: int) -> Array:
        """Return the input of a clip [shape=(length, n_bands)]."""
        return self.extractor.prepare(self.clips[i], self.contents)

    @property
    def length(self) -> int:
        """Frames or samples of each clip."""
        assert self.extractor.length is not None
        return self.extractor.length

    @property
    def labels(self) -> list[str]:
        """The clips' labels."""
        return [clip.label for clip in self.clips]

    @property
    def notes(self) -> list[str]:
        """Findings about the audio of the clips, in sentences."""
        issues = {clip.id: self.extractor.issues.get(self.contents.of(clip)) for clip in self.clips}
        return notes({name: each for name, each in issues.items() if each}, len(self.clips))

    def standards(self, rows: Index) -> tuple[Array, Array]:
        """Return mean and standard deviation of each band over some clips; 1 for bands that are constant.

        Raises
        ------
        DatasetError
            They are not finite.
        """
        level = self.sums[rows].mean(axis=0)
        spread = np.sqrt(np.maximum(self.squares[rows].mean(axis=0) - level**2, 0.0))
        spread[spread <= 1e-6 * (1.0 + np.abs(level))] = 1.0
        if not (np.isfinite(level).all() and np.isfinite(spread).all()):
            bad = [int(i) for i in rows if not np.isfinite([self.sums[i], self.squares[i]]).all()]
            names = ", ".join(str(self.clips[i]) for i in bad[:3]) or f"{len(rows)} clips"
            raise DatasetError(
                f"{names}: mean and deviation of the input are not finite: leave such clips out, or "
                "write their samples within [-1, 1]"
            )
        return level.astype(np.float32), spread.astype(np.float32)


def open_inputs(
    extractor: FeatureExtractor,
    clips: Sequence[Clip],
    contents: Contents,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Inputs:
    """Read every clip once, which fills the extractor's cache; `progress` gets the clips done and all.

    Raises
    ------
    AudioError
        With the extractor's `strict`: the first clip that cannot be used.
    TransientError
        A clip cannot be read at the moment.
    DatasetError
        None can be used.
    """
    good, sums, squares, skipped = [], [], [], []

    def read(clip: Clip) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        if problem := contents.problems.get(clip.id):
            raise problem
        x = checked(extractor.prepare(clip, contents))
        if isinstance(x, AudioError):
            raise x
        return x.mean(axis=0, dtype=np.float64), np.square(x, dtype=np.float64).mean(axis=0)

    with Workers(extractor.n_workers) as workers:
        for clip, future in ahead(workers, read, clips, 2 * extractor.n_workers):
            try:
                level, square = future.result()
            except AudioError as problem:
                refuse_if_away(clip.path, problem)
                if extractor.strict:
                    raise
                skipped.append((clip.id, str(named(problem, str(clip), str(clip.path)))))
            else:
                good.append(clip)
                sums.append(level)
                squares.append(square)
            if progress is not None:
                progress(len(good) + len(skipped), len(clips))
    if not good:
        some = "; ".join(f"{name}: {reason}" for name, reason in skipped[:3])
        raise DatasetError(f"none of the {len(clips)} clips can be used: {some}")
    return Inputs(extractor, contents, good, np.stack(sums), np.stack(squares), tuple(skipped))


def crop_length(length: int, recipe: TrainingRecipe, *, shortest: int) -> int:
    """Return the frames or samples of clips of `length` in a step, at least what the network needs."""
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

    def span(n: int, longest: float) -> slice:
        width = int(rng.integers(round(longest * n) + 1))
        start = int(rng.integers(n - width + 1))
        return slice(start, start + width)

    _, n_frames, n_bands = batch.shape
    for clip in batch:
        for _ in range(recipe.n_masks):
            clip[:, span(n_bands, recipe.band_mask)] = 0.0
            clip[span(n_frames, recipe.frame_mask)] = 0.0


def mixup(
    batch: Array, targets: Array, recipe: TrainingRecipe, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Mix each clip [shape=(clips, length, bands)], and its target [shape=(clips, classes)], with another."""
    if not recipe.mixup:
        return batch, targets
    share = np.float32(rng.beta(recipe.mixup, recipe.mixup))
    other = rng.permutation(len(batch))
    return share * batch + (1 - share) * batch[other], share * targets + (1 - share) * targets[other]
