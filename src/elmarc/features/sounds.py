"""X of the scikit-learn estimators: clips in files, or waveforms in memory, behind one interface."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from numbers import Integral
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import validate_data

from elmarc._types import FeatureArray, Waveform
from elmarc.audio.decode import resample
from elmarc.audio.length import InputLength
from elmarc.datasets.base import Clip, Dataset, Unlabelled, length_for, trusted_durations
from elmarc.errors import (
    AudioError,
    ClipWarning,
    ConfigError,
    CutWarning,
    DatasetError,
    RateWarning,
    warn,
)
from elmarc.features.extractor import Extraction, FeatureExtractor
from elmarc.frontends.base import as_waveforms

EXPECTED = "paths, Clips, waveforms (arrays of n_samples) or pairs (waveform, rate in Hz), all of one kind"
SHORT_BYTES = 2  # longer integers are taken: scikit-learn checks that of every estimator


@dataclass(frozen=True)
class Files:
    """Clips in files, with their data set and its input length where there is one."""

    clips: tuple[Clip, ...]
    input_length: InputLength | None = None
    dataset: Dataset | None = None

    def durations_s(self) -> list[float]:
        """Return the seconds of each clip by its header, 0 where it cannot be read."""
        seconds = []
        for clip in self.clips:
            try:
                seconds.append(clip.duration_s())
            except AudioError:
                seconds.append(0.0)
        return seconds

    def at(self, sr: int) -> Sequence[Clip]:
        """Return the clips, for `FeatureExtractor.sequences`."""
        return self.clips

    def features(self, extractor: FeatureExtractor) -> FeatureArray:
        """Return a row per clip; the extractor has to be strict."""
        extraction = extractor.extract(self.clips)
        warn_of_issues(extraction)
        return extraction.matrix.X


@dataclass(frozen=True)
class Waveforms:
    """Mono waveforms in memory and their rates in Hz."""

    arrays: tuple[Waveform, ...]
    rates: tuple[int, ...]
    input_length: InputLength | None = None

    def durations_s(self) -> list[float]:
        """Return the seconds of each array."""
        return [len(y) / sr for y, sr in zip(self.arrays, self.rates, strict=True)]

    def at(self, sr: int) -> Sequence[Waveform]:
        """Return the arrays at one rate."""
        return _Resampled(self, sr)

    def features(self, extractor: FeatureExtractor) -> FeatureArray:
        """Return a row per array."""
        return extractor.extract_waveforms(self.at(extractor.frontend.sr))


Sounds: TypeAlias = Files | Waveforms


@dataclass(frozen=True)
class _Resampled(Sequence[Waveform]):
    """Waveforms at one rate, each resampled when it is used."""

    of: Waveforms
    sr: int

    def __len__(self) -> int:
        return len(self.of.arrays)

    def __getitem__(self, i: Any) -> Any:
        return resample(self.of.arrays[i], orig_sr=self.of.rates[i], target_sr=self.sr)


def default_length(sounds: Sounds) -> InputLength:
    """Return the data set's input length, or `length_for` the clips; a DatasetError if none can be read."""
    if sounds.input_length is not None:
        return sounds.input_length
    durations, problem = (
        trusted_durations(sounds.clips) if isinstance(sounds, Files) else (sounds.durations_s(), None)
    )
    if not any(durations):
        raise DatasetError(f"X: none of its clips can be read: {problem or 'all are empty'}")
    return length_for([seconds for seconds in durations if seconds])


def extract(sounds: Sounds, extractor: FeatureExtractor) -> FeatureArray:
    """Return a row per clip, and warn of clips that are cut; an AudioError if a clip cannot be used."""
    warn_of_cuts(sounds, extractor)
    return sounds.features(extractor)


def warn_of_issues(extraction: Extraction) -> None:
    """Warn of clips that are far too loud, silent, constant or truncated, in one `ClipWarning` per kind."""
    for note in extraction.notes:
        warn(note, ClipWarning)


def warn_of_cuts(sounds: Sounds, extractor: FeatureExtractor) -> None:
    """Warn of clips that are longer than the input, once in a cross-validation."""
    if message := cuts(sounds, extractor):
        warn(f"{message}; with a greater duration=SECONDS more of each is used", CutWarning, once=True)


def cuts(sounds: Sounds, extractor: FeatureExtractor) -> str:
    """Return how many clips are longer than the input, in words; "" where none is."""
    front, length = extractor.frontend, extractor.length
    if length is None:
        return ""
    durations = sounds.durations_s()
    n_cut = sum(front.n_positions(seconds) > length for seconds in durations if seconds)
    if not n_cut:
        return ""
    return (
        f"{n_cut} of {len(durations)} clips are longer than the {length} {front.unit} that are fed to the "
        f"network, the longest {max(durations):.4g} s: their ends are cut"
    )


def read_sounds(X: Any, *, sr: int, estimator: BaseEstimator, reset: bool) -> Sounds:
    """Return the clips of X.

    Parameters
    ----------
    X : sequence, array, Series, one-column DataFrame, tensor or Dataset
        Paths, `Clip`s, waveforms, or pairs (waveform, rate). Numbers in rows of one length are checked by
        scikit-learn: `transform` takes rows as long as those of `fit`.
    sr : int
        Hz; the rate of waveforms that come without one.
    estimator, reset
        As for scikit-learn's `validate_data`; the estimator's `input_sr` is None where no rate is given.

    Warns
    -----
    RateWarning
        A waveform comes without a rate, and the estimator has none.

    Raises
    ------
    ConfigError
        X is one clip, empty, or holds something else.
    AudioError
        A waveform is not a mono array of floating point samples.
    """
    _refuse_one(X)
    if isinstance(X, Dataset | Unlabelled):
        dataset = X if isinstance(X, Dataset) else None
        return Files(tuple(map(_named, X.clips)), X.input_length, dataset)
    X = _plain(X)
    if _is_table(X):
        if isinstance(X, np.ndarray) and X.dtype.kind in "iu" and X.dtype.itemsize <= SHORT_BYTES:
            as_waveforms(X)  # refuses integer samples, whose full scale is not 1
        rows = validate_data(estimator, X, dtype=np.float32, reset=reset)
        _warn_of_rate(estimator, sr, reset=reset)
        return Waveforms(tuple(rows), (sr,) * len(rows))
    items = list(X)
    if not items:
        raise ConfigError(f"X is empty: expected {EXPECTED}")
    if all(isinstance(item, str | Path | Clip) for item in items):
        clips = (item if isinstance(item, Clip) else Clip(id="", path=Path(item), label="") for item in items)
        return Files(tuple(map(_named, clips)))
    pairs = [_pair(item, i, sr) for i, item in enumerate(items)]
    if not all(map(_is_pair, items)):
        _warn_of_rate(estimator, sr, reset=reset)
    return Waveforms(tuple(y for y, _ in pairs), tuple(rate for _, rate in pairs))


def _warn_of_rate(estimator: Any, sr: int, *, reset: bool) -> None:
    """Warn, once per fit, of the rate that is assumed where neither waveforms nor estimator have one."""
    if estimator.input_sr is None and (reset or not getattr(estimator, "_rate_assumed", False)):
        warn(
            f"X holds waveforms without a rate, which are taken for {sr} Hz: say so with "
            f"RandomCNNFeatures(input_sr={sr}), or give their own there or in pairs (waveform, rate in Hz)",
            RateWarning,
        )
        if reset:
            estimator._rate_assumed = True


def _refuse_one(X: Any) -> None:
    """Refuse a single clip, and objects that are no sequence."""
    if isinstance(X, str | Path | Clip):
        way_out = f"elmarc.datasets.open_clips({str(X)!r})" if Path(str(X)).is_dir() else f"[{str(X)!r}]"
        raise ConfigError(f"X is one path, {str(X)!r}, expected several clips: give {way_out}")
    if X is None or type(X) is dict or isinstance(X, Iterator):
        raise ConfigError(f"X is a {type(X).__name__}, expected a list of {EXPECTED}")


def _plain(X: Any) -> Any:
    """Turn a tensor into an array, and one column of text or arrays into a sequence."""
    if hasattr(X, "detach") or (not hasattr(X, "shape") and hasattr(X, "__array__")):
        return _array(X)
    if hasattr(X, "columns") and len(X.columns) == 1:
        column = X[X.columns[0]]
        return X if _is_numeric(column) else column
    if isinstance(X, np.ndarray) and X.ndim == 2 and X.shape[1] == 1 and X.dtype.kind in "UO":
        return X.ravel()
    return X


def _is_table(X: Any) -> bool:
    """Return whether X holds numbers in rows of one length, rather than a sequence of clips."""
    if isinstance(X, list | tuple):
        return bool(X) and not (
            isinstance(X[0], str | Path | Clip) or hasattr(X[0], "shape") or _is_pair(X[0])
        )
    return hasattr(X, "columns") or _is_numeric(X) or len(getattr(X, "shape", (0,))) != 1


def _is_numeric(X: Any) -> bool:
    return getattr(getattr(X, "dtype", None), "kind", "O") in "biufc"


def _is_pair(item: Any) -> bool:
    return isinstance(item, list | tuple) and len(item) == 2 and getattr(item[0], "ndim", 0) > 0


def _pair(item: Any, i: int, sr: int) -> tuple[Waveform, int]:
    """Return the samples and the rate of one item."""
    array, rate = item if _is_pair(item) else (item, sr)
    if not hasattr(array, "shape") or not isinstance(rate, Integral):
        text = f"{type(item).__name__} {str(item)[:40]}"
        raise ConfigError(f"X, row {i}: found {text}, expected {EXPECTED}")
    y = _array(array)
    if y.ndim != 1:
        raise AudioError(
            f"X, row {i}: found an array of shape {y.shape}, expected (n_samples,): average its channels"
        )
    try:
        return as_waveforms(y), int(rate)
    except AudioError as problem:
        raise AudioError(f"X, row {i}: {problem}") from None


def _array(samples: Any) -> NDArray[Any]:
    """Return an array, or a tensor of any precision, as an array."""
    if hasattr(samples, "detach"):
        samples = samples.detach().cpu()
        samples = (samples.float() if samples.is_floating_point() else samples).numpy()
    return np.asarray(samples)


def _named(clip: Clip) -> Clip:
    """Name a clip by its file and segment: ids are unique within one data set only."""
    return replace(clip, id=str(clip))
