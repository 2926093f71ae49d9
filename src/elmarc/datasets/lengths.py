"""How much of a clip to feed where neither the study nor the data set says so."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from elmarc._errors import AudioError, DatasetError
from elmarc.audio.length import STUDY_S, InputLength
from elmarc.datasets.base import Dataset
from elmarc.datasets.unlabelled import Unlabelled

HEARD_WHOLE = 0.95
STUDY_SR = 12000  # lengths end on a sample of this rate, so that clips of any rate are heard to their end


def suggest_input_length(dataset: Dataset | Unlabelled) -> InputLength:
    """Return a length that holds 95 % of the clips whole, at most 29.2 s; shorter clips are repeated.

    Only headers are read. Clips that cannot be read do not count.

    Parameters
    ----------
    dataset : Dataset or Unlabelled
        One without a length of its own.

    Raises
    ------
    DatasetError
        No clip can be read.
    """
    durations, problem = [], None
    for clip in dataset.clips:
        try:
            durations.append(clip.duration_s())
        except AudioError as unreadable:
            problem = unreadable
    if not any(durations):
        raise DatasetError(f"{dataset.name}: none of its clips can be read: {problem or 'all are empty'}")
    return length_for(durations)


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
