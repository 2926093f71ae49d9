"""Joined features: the vectors of several networks, or of the MFCC and a network, one after the other.

Each part is extracted and stored by itself, so that joining features that were ranked alone costs nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from typing import Any

import numpy as np

from elmarc._types import Definition, FeatureArray
from elmarc.datasets.base import Clip
from elmarc.errors import AudioError, ConfigError, DatasetError
from elmarc.features.contents import Contents, contents_of
from elmarc.features.extractor import Compute, Extraction, FeatureExtractor, Progress
from elmarc.features.matrix import FeatureMatrix
from elmarc.features.parallel import Hashed, Outcomes


class JoinedExtractor(FeatureExtractor):
    """Turn clips into the features of several extractors, side by side.

    `frontend`, `length`, `fix_length` and `statistics` are those of the first part that has a network;
    `network` is None.

    Parameters
    ----------
    parts : sequence of FeatureExtractor
        Two or more, whose front-ends have one rate.

    Raises
    ------
    ConfigError
        Their rates differ.
    """

    def __init__(self, parts: Sequence[FeatureExtractor]) -> None:
        self.parts = tuple(parts)
        rates = sorted({part.frontend.sr for part in self.parts})
        if len(rates) > 1:
            raise ConfigError(f"joined features: found rates of {rates} Hz, expected one: set sr")
        first = next((part for part in self.parts if part.network is not None), self.parts[0])
        self.frontend, self.network = first.frontend, None
        self.length, self.fix_length, self.statistics = first.length, first.fix_length, first.statistics
        self.batch_size, self.n_workers, self.device = first.batch_size, first.n_workers, first.device
        self.store, self.cache, self.watch = first.store, first.cache, first.watch
        self.issues = first.issues
        for part in self.parts:
            part.issues = self.issues  # one list for all

    @property
    def strict(self) -> bool:
        """Whether a clip that cannot be used ends the run."""
        return self.parts[0].strict

    @strict.setter
    def strict(self, value: bool) -> None:
        for part in self.parts:
            part.strict = value

    @property
    def lengths(self) -> list[int | None]:
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
        """Return the features of all clips that every part can use: see `FeatureExtractor.extract`.

        `compute` is not called: parts are computed in this process, or found in the store.
        """
        contents = contents or contents_of(clips, n_workers=self.n_workers)
        n = len(self.parts)

        def report(k: int) -> Progress | None:
            return progress and (lambda done, total: progress((k * total + done) // n, total))

        each = [
            part.extract(clips, contents=contents, progress=report(k)) for k, part in enumerate(self.parts)
        ]
        skipped = {name: reason for one in each for name, reason in one.skipped}
        used = [clip for clip in clips if clip.id not in skipped]
        if not used:
            raise DatasetError(f"none of the {len(clips)} clips can be used: {next(iter(skipped.values()))}")
        rows = [_rows(one.matrix, used) for one in each]
        matrix = FeatureMatrix.of_clips(
            used, np.hstack(rows), columns=self.columns, definition=self.definition
        )
        return Extraction(
            matrix,
            tuple(skipped.items()),
            max(one.n_computed for one in each),
            sum(one.seconds for one in each),
            _sum([one.frontend_s for one in each]),
            _sum([one.network_s for one in each]),
            {name: issues for one in each for name, issues in one.issues.items()},
        )

    def outcomes(self, pairs: Sequence[Hashed], contents: Contents) -> Outcomes:
        """Yield clips with their features, or with what is wrong with them, in order; without the store."""
        each = [part.outcomes(pairs, contents) for part in self.parts]
        try:
            for outcomes in zip(*each, strict=True):
                yield outcomes[0][0], _joined([outcome for _, outcome in outcomes])
        finally:
            for one in each:
                with closing(one):
                    pass

    def extract_waveforms(self, waveforms: Any) -> FeatureArray:
        """Return features of waveforms, each [shape=(n_samples,)] at the front-ends' rate.

        Raises
        ------
        AudioError
            A waveform cannot be used.
        """
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
        """Refuse: frames of several networks have times of their own.

        Raises
        ------
        ConfigError
            Always.
        """
        raise ConfigError("joined features have no frames over time: name one of the parts")


def _rows(matrix: FeatureMatrix, clips: Sequence[Clip]) -> FeatureArray:
    places = {name: row for row, name in enumerate(matrix.ids)}
    return matrix.X[[places[clip.id] for clip in clips]]


def _joined(outcomes: Sequence[FeatureArray | AudioError]) -> FeatureArray | AudioError:
    for outcome in outcomes:
        if isinstance(outcome, AudioError):
            return outcome
    return np.concatenate([np.ravel(outcome) for outcome in outcomes if not isinstance(outcome, AudioError)])


def _sum(times: Sequence[float | None]) -> float | None:
    known = [time for time in times if time is not None]
    return sum(known) if len(known) == len(times) else None
