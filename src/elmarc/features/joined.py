"""Joined features: the vectors of several networks, or of the MFCC and a network, one after the other.

Each part is extracted and stored by itself, so that joining features that were ranked alone costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from elmarc._types import Definition, FeatureArray
from elmarc.datasets.base import Clip
from elmarc.errors import AudioError, ConfigError, DatasetError
from elmarc.features.contents import Contents, contents_of
from elmarc.features.extractor import Compute, Extraction, FeatureExtractor, Progress
from elmarc.features.matrix import FeatureMatrix


class JoinedExtractor(FeatureExtractor):
    """Turn clips into the features of several extractors, side by side.

    `frontend`, `length`, `fix_length` and `statistics` are those of the first part that has a network;
    `network` is None. Raises a ConfigError where the rates of the front-ends differ.
    """

    def __init__(self, parts: Sequence[FeatureExtractor]) -> None:
        rates = sorted({part.frontend.sr for part in parts})
        if len(rates) > 1:
            raise ConfigError(f"joined features: found rates of {rates} Hz, expected one: set sr")
        first = next((part for part in parts if part.network is not None), parts[0])
        vars(self).update(vars(first), network=None)
        self._parts = tuple(parts)
        for part in parts:
            part.issues = self.issues  # one list for all

    @property
    def parts(self) -> tuple[FeatureExtractor, ...]:
        """The extractors whose features are joined."""
        return self._parts

    @property
    def input_length(self) -> list[int | None]:
        """The input length of each part; None for an MFCC."""
        return [part.length for part in self.parts]

    @property
    def definition(self) -> Definition:
        """Everything that changes the features."""
        return {"joined": [part.definition for part in self.parts]}

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the features: part, layer, channel and statistic."""
        return tuple(
            column if part.network is None else f"{part.network.name}/{column}"
            for part in self.parts
            for column in part.columns
        )

    def extract(
        self,
        clips: Sequence[Clip],
        *,
        contents: Contents | None = None,
        progress: Progress | None = None,
        compute: Compute | None = None,
    ) -> Extraction:
        """Return the features of all clips that every part can use: see `FeatureExtractor.extract`."""
        contents = contents or contents_of(clips, n_workers=self.n_workers)
        each: list[Extraction] = []

        def report(done: int, total: int) -> None:
            if progress is not None:
                progress((len(each) * total + done) // len(self.parts), total)

        for part in self.parts:
            part.strict = self.strict
            each.append(part.extract(clips, contents=contents, progress=report, compute=compute))
        skipped = {name: reason for one in each for name, reason in one.skipped}
        used = [clip for clip in clips if clip.id not in skipped]
        if not used:
            raise DatasetError(f"none of the {len(clips)} clips can be used: {next(iter(skipped.values()))}")
        X = np.hstack([_rows(one.matrix, used) for one in each])
        return Extraction(
            FeatureMatrix.of_clips(used, X, columns=self.columns, definition=self.definition),
            tuple(skipped.items()),
            max(one.n_computed for one in each),
            sum(one.seconds for one in each),
            _sum([one.frontend_s for one in each]),
            _sum([one.network_s for one in each]),
            {name: issues for one in each for name, issues in one.issues.items()},
        )

    def prepare(self, clip: Clip, contents: Contents | None = None) -> Any:
        """Refuse, with a ConfigError: each part has an input of its own."""
        raise ConfigError("joined features have no one input: prepare the clip for each of the parts")

    def extract_waveforms(self, waveforms: Any) -> FeatureArray:
        """Return features of waveforms: see `FeatureExtractor.extract_waveforms`."""
        return np.hstack([part.extract_waveforms(waveforms) for part in self.parts])

    def stream(self, items: Iterable[Any], load: Any) -> Iterator[tuple[Any, FeatureArray | AudioError]]:
        """Yield items with their features as they are computed, one at a time."""
        for item in items:
            try:
                y = load(item)
            except AudioError as problem:
                yield item, problem
                continue
            each = [outcome for part in self.parts for _, outcome in part.stream((y,), np.asarray)]
            yield item, _joined(each)

    def sequencer(self, rate: float | None = None) -> Any:
        """Refuse, with a ConfigError: the frames of each network have other times."""
        raise ConfigError("joined features have no frames over time: name one of the parts")


def _rows(matrix: FeatureMatrix, clips: Sequence[Clip]) -> FeatureArray:
    places = {name: row for row, name in enumerate(matrix.ids)}
    return matrix.X[[places[clip.id] for clip in clips]]


def _joined(outcomes: Sequence[FeatureArray | AudioError]) -> FeatureArray | AudioError:
    for outcome in outcomes:
        if isinstance(outcome, AudioError):
            return outcome
    return np.concatenate([np.ravel(np.asarray(outcome)) for outcome in outcomes])


def _sum(times: Sequence[float | None]) -> float | None:
    known = [time for time in times if time is not None]
    return sum(known) if len(known) == len(times) else None
