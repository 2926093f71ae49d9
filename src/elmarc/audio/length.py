"""Make clips as long as the network's input: crop, zero-pad or repeat-pad."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from elmarc._types import FixLength, Unit
from elmarc.errors import AudioError, ConfigError

STUDY_S = 29.2  # length of the study's longest clips, rounded


@dataclass(frozen=True)
class InputLength:
    """How much of a clip networks are fed, in seconds; a front-end turns them into frames or samples.

    Parameters
    ----------
    frames_s, samples_s : float
        For networks that read frames, and for those that read samples: the study's two lengths differ.
    fix_length : {"crop", "zero-pad", "repeat-pad"}
        What to do with clips of another length.
    """

    frames_s: float
    samples_s: float
    fix_length: FixLength

    def seconds(self, unit: Unit) -> float:
        """Return the length for networks that read this unit."""
        return self.frames_s if unit == "frames" else self.samples_s


STUDY_LENGTH = InputLength(frames_s=29.34, samples_s=350_000 / 12_000, fix_length="crop")  # 1376 frames


def fit_length(
    x: NDArray[Any],
    length: int,
    *,
    how: FixLength,
    axis: int = 0,
    name: str = "clip",
    unit: str = "samples",
) -> NDArray[Any]:
    """Return a waveform or log-mel with exactly `length` entries along `axis`, of the same dtype.

    Longer ones are cut to their first entries (a view, no copy). Of shorter ones, "crop" refuses all;
    "zero-pad" appends zeros, which in a log-mel are 0 dB, not silence, as in the study's program;
    "repeat-pad" tiles, then cuts. `name` and `unit` are for the message of an AudioError.

    >>> fit_length(np.array([1, 2, 3]), 5, how="repeat-pad")
    array([1, 2, 3, 1, 2])
    """
    if length < 1:
        raise ConfigError(f"length: {length} is not a length: give a positive number")
    if how not in get_args(FixLength):
        raise ConfigError(f"fix_length: {how!r} is unknown: use {', '.join(map(repr, get_args(FixLength)))}")
    n = x.shape[axis]
    if n == 0:
        raise AudioError(f"{name}: has no {unit}: replace it, or leave it out")
    if n >= length:
        cut: NDArray[Any] = np.moveaxis(np.moveaxis(x, axis, 0)[:length], 0, axis)
        return cut
    if how == "repeat-pad":
        tiled: NDArray[Any] = np.take(x, np.arange(length) % n, axis=axis)
        return tiled
    if how == "zero-pad":
        shape = list(x.shape)
        shape[axis] = length - n
        return np.concatenate([x, np.zeros(shape, x.dtype)], axis=axis)
    raise AudioError(
        f"{name}: has {n} {unit}, {length} are needed: set fix_length (in a file of 2018: "
        f"fix_length_by) to 'zero-pad' or 'repeat-pad', or ask for at most {n} {unit}"
    )
