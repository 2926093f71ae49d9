"""What networks are fed, clip by clip, as often as training asks for it."""

from __future__ import annotations

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

Array = NDArray[np.float32]
Index = NDArray[np.intp]


@dataclass(frozen=True)
class Inputs:
    """The clips that can be used, with the sums that their standardisation follows from.

    Parameters
    ----------
    extractor : FeatureExtractor
        Its front-end, length and cache.
    contents : Contents
        Of the clips.
    clips : list of Clip
        Those that can be used.
    sums, squares : np.ndarray [shape=(n_clips, n_bands)]
        Mean and mean square of each band.
    skipped : tuple of (str, str)
        The other clips by id, and why not.
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
        """What is odd about the clips, in sentences."""
        odd = {clip.id: self.extractor.issues.get(self.contents.of(clip)) for clip in self.clips}
        return notes({name: found for name, found in odd.items() if found}, len(self.clips))

    def standards(self, rows: Index) -> tuple[Array, Array]:
        """Return mean and standard deviation of each band over some clips; 1 for bands that are constant.

        Raises
        ------
        DatasetError
            Those are not finite.
        """
        level = self.sums[rows].mean(axis=0)
        spread = np.sqrt(np.maximum(self.squares[rows].mean(axis=0) - level**2, 0.0))
        spread[spread <= 1e-6 * (1.0 + np.abs(level))] = 1.0
        if not (np.isfinite(level).all() and np.isfinite(spread).all()):
            bad = [int(i) for i in rows if not np.isfinite([self.sums[i], self.squares[i]]).all()]
            named_clips = ", ".join(str(self.clips[i]) for i in bad[:3]) or f"{len(rows)} clips"
            raise DatasetError(
                f"{named_clips}: mean and deviation of the input are not finite: leave such clips out, or "
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
    """Read every clip once, which fills the extractor's cache.

    Parameters
    ----------
    extractor : FeatureExtractor
    clips : sequence of Clip
    contents : Contents
        Of the clips.
    progress : callable or None
        Called with the number of clips done and of all.

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
