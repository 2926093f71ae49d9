"""Classify a long recording over time, by windows, and merge them into events."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from elmarc._types import FeatureArray
from elmarc.audio.recordings import Window, windows
from elmarc.errors import AudioError, CutWarning
from elmarc.model.sound_classifier import SoundClassifier
from elmarc.model.unknown import LEVEL, UNKNOWN

CHUNK = 64  # rows of features that are classified at once


@dataclass(frozen=True)
class Event:
    """Neighbouring windows of one label; `probability` is their mean."""

    start_s: float
    end_s: float
    label: str
    probability: float


@dataclass(frozen=True)
class Timeline:
    """Labels and probabilities of the windows of one recording, in order.

    Parameters
    ----------
    start_s, end_s : np.ndarray [shape=(n_windows,)]
        Seconds from the beginning.
    labels : tuple of str
        "(unknown)" where no class reaches the minimum of confidence, or the sound is of no class.
    probabilities : np.ndarray [shape=(n_windows, n_classes)]
    classes : tuple of str
        Of the columns.
    unknown : np.ndarray [shape=(n_windows,)] or None
        P-values: see `SoundClassifier.unknown`; None where the model has none.
    """

    start_s: NDArray[np.float64]
    end_s: NDArray[np.float64]
    labels: tuple[str, ...]
    probabilities: NDArray[np.float64]
    classes: tuple[str, ...]
    unknown: NDArray[np.float64] | None = None

    @property
    def borders_s(self) -> NDArray[np.float64]:
        """Where each window's own part begins and ends [shape=(n_windows, 2)].

        Windows that overlap share the overlap, half each; others have all of theirs.
        """
        borders = np.column_stack([self.start_s, self.end_s])
        overlaps = self.end_s[:-1] > self.start_s[1:]
        middle = (self.end_s[:-1] + self.start_s[1:]) / 2
        borders[:-1, 1] = np.where(overlaps, middle, borders[:-1, 1])
        borders[1:, 0] = np.where(overlaps, middle, borders[1:, 0])
        return borders

    def events(self) -> tuple[Event, ...]:
        """Merge neighbouring windows of one label; those without a label are left out."""
        borders, events = self.borders_s, []
        gaps = np.concatenate([[0], np.cumsum(self.start_s[1:] > self.end_s[:-1])])
        for (label, _), group in groupby(range(len(borders)), key=lambda i: (self.labels[i], gaps[i])):
            rows = list(group)
            if label != UNKNOWN:
                shares = self.probabilities[rows, self.classes.index(label)]
                start_s, end_s = float(borders[rows[0], 0]), float(borders[rows[-1], 1])
                events.append(Event(start_s, end_s, label, float(shares.mean())))
        return tuple(events)


def timeline(
    model: SoundClassifier,
    path: str | Path,
    *,
    window_s: float,
    hop_s: float | None = None,
    min_confidence: float = 0.0,
    unknown: bool = True,
    progress: Callable[[int], None] | None = None,
    issues: dict[str, str] | None = None,
) -> Timeline:
    """Return labels and probabilities over time of a recording of any length, which is read piecewise.

    A window has the features of a clip that is cut out of the file at the same times, bit for bit.

    Parameters
    ----------
    window_s, hop_s : float
        Length of a window, and from one to the next, in seconds; None: half a window.
    min_confidence : float
        In [0, 1]; the label of a window whose best class is less probable is "(unknown)".
    unknown : bool
        Whether windows with sounds of no class are labelled so too.
    progress : callable or None
        Called with the number of windows done.
    issues : dict or None
        Receives the issues of the recording: see `elmarc.audio.issues`.

    Raises
    ------
    AudioError
        The recording cannot be read, or a window cannot be used.
    ConfigError
        `window_s` or `hop_s` is not positive.
    """
    times, labels, shares = [], [], []
    alike: list[NDArray[np.float64] | None] = []
    hop_s = hop_s if hop_s is not None else window_s / 2
    parts = windows(path, window_s=window_s, hop_s=hop_s, issues=issues)
    rows = _rows(model, parts, str(path))
    while chunk := list(islice(rows, CHUNK)):
        features = np.stack([row for _, row in chunk])
        predicted, probabilities = model.classify(features)
        alike.append(model.familiarity(features))
        times += [(window.start_s, window.end_s) for window, _ in chunk]
        labels += named(predicted, probabilities, min_confidence, alike[-1] if unknown else None)
        shares.append(probabilities)
        if progress:
            progress(len(times))
    start_s, end_s = np.asarray(times).T
    p = [part for part in alike if part is not None]
    return Timeline(
        start_s, end_s, tuple(labels), np.concatenate(shares), tuple(map(str, model.classes_)),
        np.concatenate(p) if p else None,
    )  # fmt: skip


def named(
    labels: NDArray[np.generic],
    shares: NDArray[np.float64],
    min_confidence: float,
    unknown: NDArray[np.float64] | None = None,
) -> list[str]:
    """Return labels as text, `UNKNOWN` where the best class is less probable than `min_confidence`.

    So it is where the p-value `unknown` is at most `LEVEL`.
    """
    sure = shares.max(axis=1) >= min_confidence
    if unknown is not None:
        sure &= unknown > LEVEL
    return [str(label) if ok else UNKNOWN for label, ok in zip(labels, sure, strict=True)]


def _rows(
    model: SoundClassifier, parts: Iterator[Window], name: str
) -> Iterator[tuple[Window, FeatureArray]]:
    """Yield windows with their features."""
    extractor = model.extractor_
    for window, outcome in extractor.stream(parts, lambda window: window.load(sr=extractor.frontend.sr)):
        if isinstance(outcome, AudioError):
            raise AudioError(f"{name}: from {window.start_s:g} to {window.end_s:g} s: {outcome}")
        yield window, outcome


def warn_of_cut_windows(model: SoundClassifier, window_s: float) -> None:
    """Warn where windows are longer than what the network is fed."""
    front, length = model.extractor_.frontend, model.extractor_.length
    if length is not None and front.n_positions(window_s) > length:
        fed_s = length / front.positions_per_second if front.positions_per_second else 0.0
        warnings.warn(
            f"windows of {window_s:g} s are longer than the {fed_s:.4g} s of a clip that the model uses: "
            "their ends are cut; give a shorter --window",
            CutWarning,
            stacklevel=2,
        )
