"""How much of a clip to feed where neither the study nor the data set says so."""

from __future__ import annotations

import math

import numpy as np

from elmarc._errors import AudioError, DatasetError
from elmarc.audio.length import InputLength
from elmarc.datasets.base import Dataset

STUDY_S = 29.2  # of GTZAN and Ballroom: what the study's longest inputs hold
HEARD_WHOLE = 0.95


def suggest_input_length(dataset: Dataset, *, sr: int = 12000, hop_length: int = 256) -> InputLength:
    """Return a length that holds 95 % of the clips whole, at most 29.2 s; shorter clips are repeated.

    Only headers are read. Clips that cannot be read do not count.

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
    seconds = min(STUDY_S, float(np.quantile(durations, HEARD_WHOLE, method="higher")))
    n_samples = max(1, math.ceil(seconds * sr))
    return InputLength(n_frames=1 + n_samples // hop_length, n_samples=n_samples, fix_length="repeat-pad")
