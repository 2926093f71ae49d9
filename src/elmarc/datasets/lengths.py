"""How much of a clip to feed where neither the study nor the data set says so."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from elmarc.audio.length import STUDY_S, InputLength
from elmarc.datasets.base import Clip, Dataset
from elmarc.datasets.unlabelled import Unlabelled
from elmarc.errors import AudioError, DatasetError

HEARD_WHOLE = 0.95
MIN_DECODED = 3  # of the longest clips: a few clips have no longest 5 %
STUDY_SR = 12000  # lengths end on a sample of this rate, so that clips of any rate are heard to their end


def suggest_input_length(dataset: Dataset | Unlabelled) -> InputLength:
    """Return a length that holds 95 % of the clips whole, at most 29.2 s; shorter clips are repeated.

    Headers are read, and the longest clips decoded: see `trusted_durations`. Clips that cannot be read do not
    count.

    Parameters
    ----------
    dataset : Dataset or Unlabelled
        One without a length of its own.

    Raises
    ------
    DatasetError
        No clip can be read.
    """
    durations, problem = trusted_durations(dataset.clips)
    if not any(durations):
        raise DatasetError(f"{dataset.name}: none of its clips can be read: {problem or 'all are empty'}")
    return length_for([seconds for seconds in durations if seconds])


def trusted_durations(clips: Sequence[Clip]) -> tuple[list[float], AudioError | None]:
    """Return the seconds of each clip, as far as the input length follows from them, and the last problem.

    A header may lie, and its clip be skipped. So the clips from which the length follows, the longest 5 % and
    at least three, are decoded; where that makes some of them shorter, those that are the longest then.

    Parameters
    ----------
    clips : sequence of Clip

    Returns
    -------
    durations : list of float
        0 where a clip cannot be read.
    problem : AudioError or None
        Why one of them cannot be read.
    """
    durations, problem = np.zeros(len(clips)), None
    for k, clip in enumerate(clips):
        try:
            durations[k] = clip.duration_s()
        except AudioError as unreadable:
            problem = unreadable
    decoded = np.zeros(len(clips), bool)
    while len(doubtful := [k for k in _deciding(durations) if not decoded[k]]):
        for k in doubtful:
            decoded[k] = True
            try:
                durations[k] = min(durations[k], clips[k].true_duration_s())
            except AudioError as unreadable:
                durations[k], problem = 0.0, unreadable
    return durations.tolist(), problem


def _deciding(durations: NDArray[np.float64]) -> list[int]:
    """Return the indices of the clips from which the length follows, the longest first."""
    known = np.flatnonzero(durations)
    n_above = len(known) - math.ceil(HEARD_WHOLE * (len(known) - 1))
    longest = known[np.argsort(-durations[known], kind="stable")]
    return [int(k) for k in longest[: max(MIN_DECODED, n_above)]]


def length_for(durations: Sequence[float]) -> InputLength:
    """Return the length that holds 95 % of clips of these durations whole, at most 29.2 s.

    Parameters
    ----------
    durations : sequence of float
        Seconds, at least one.

    >>> length_for([1.0, 2.0, 40.0])
    InputLength(frames_s=29.2, samples_s=29.2, fix_length='repeat-pad')
    """
    longest = min(STUDY_S, float(np.quantile(durations, HEARD_WHOLE, method="higher")))
    seconds = math.ceil(longest * STUDY_SR) / STUDY_SR
    return InputLength(frames_s=seconds, samples_s=seconds, fix_length="repeat-pad")
