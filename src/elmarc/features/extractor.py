"""Clips to features: decode ahead of the network, reuse stored rows, skip clips that cannot be used."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TypeAlias, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from elmarc._resources import memory_bytes, n_cores
from elmarc._types import Definition, FeatureArray, FixLength
from elmarc.audio.issues import Issues, notes
from elmarc.audio.length import fit_length
from elmarc.audio.opening import refuse_if_away
from elmarc.datasets.base import Clip
from elmarc.errors import AudioError, ConfigError, DatasetError
from elmarc.features.cache import FrontEndCache, Stopwatch
from elmarc.features.contents import Contents, contents_of
from elmarc.features.device_logmel import on_device
from elmarc.features.frames import FrameFeatures, Sequencer
from elmarc.features.matrix import FeatureMatrix
from elmarc.features.parallel import Hashed, Outcomes, Workers, ahead, in_batches, named, one_by_one
from elmarc.features.pooling import column_names, pool
from elmarc.features.store import FeatureStore, RowWriter
from elmarc.frontends.base import FrontEnd
from elmarc.networks.base import Network

Item = TypeVar("Item")
Array = NDArray[np.float32]
Progress = Callable[[int, int], None]  # clips done, clips in all
Compute: TypeAlias = Callable[["FeatureExtractor", Sequence[Hashed], Contents], Outcomes]

INPUT_COPIES = 8  # of a clip's input, in float32, that a network's first layers take at least


@dataclass(frozen=True)
class Extraction:
    """Features of the clips that can be used.

    `skipped` has (clip id, reason), `issues` are by clip id. `n_computed` rows were not in the store.
    `frontend_s` and `network_s` are median seconds per clip on one worker, of decoding and front-end (also
    where another network of the study had them computed) and of the network; None where nothing was computed.
    """

    matrix: FeatureMatrix
    skipped: tuple[tuple[str, str], ...]
    n_computed: int
    seconds: float
    frontend_s: float | None = None
    network_s: float | None = None
    issues: Mapping[str, Issues] = field(default_factory=dict)

    @property
    def notes(self) -> list[str]:
        """Issues of the clips, in sentences."""
        return notes(self.issues, len(self.matrix))


class FeatureExtractor:
    """Turn clips into features.

    Parameters
    ----------
    frontend : FrontEnd
        Waveform to network input, or to one vector per clip (MFCC).
    network : Network or None
        None where the front-end gives the vector itself.
    length : int or None
        Frames or samples fed to the network; needed with a network.
    fix_length : {"crop", "zero-pad", "repeat-pad"}
        What to do with clips of another length.
    statistics : sequence of str
        Statistics of each feature map.
    batch_size : int, n_workers : int or None, device : str
        Clips processed at once, at most; threads, None for one per core; "auto" (a GPU where there is one),
        "cpu", "cuda", "cuda:0", ... Without influence on the features.
    store : FeatureStore or None
        Where rows are kept between runs.
    cache : FrontEndCache or None
        Where the networks of a study share front-end outputs.
    strict : bool
        Whether a clip that cannot be used ends the run.

    Raises
    ------
    ConfigError
        Front-end, network and length do not fit together. Before any audio is read.
    """

    def __init__(
        self,
        frontend: FrontEnd,
        network: Network | None = None,
        *,
        length: int | None = None,
        fix_length: FixLength = "crop",
        statistics: Sequence[str] = ("mean",),
        batch_size: int = 8,
        n_workers: int | None = None,
        device: str = "auto",
        store: FeatureStore | None = None,
        cache: FrontEndCache | None = None,
        strict: bool = False,
    ) -> None:
        self.frontend = frontend
        self.network = network
        self.length = length
        self.fix_length: FixLength = fix_length
        self.statistics = tuple(statistics)
        self.batch_size = batch_size
        self.n_workers = n_workers or n_cores()
        self.device = resolve_device(device)
        self._frontend = on_device(frontend, self.device)
        self.store = store if network is None or network.is_storable else None
        self.cache = cache
        self.strict = strict
        self.issues: dict[str, Issues] = {} if cache is None else cache.issues  # by content hash, or id
        self.watch = Stopwatch()  # of the current extraction
        self._sequencers: dict[float | None, Sequencer] = {}
        _check_fit(network, frontend, length)
        if network is not None:
            network.to(self.device)

    @property
    def parts(self) -> tuple[FeatureExtractor, ...]:
        """The extractors whose features are joined: this one alone."""
        return (self,)

    @property
    def input_length(self) -> int | list[int | None] | None:
        """The length that is fed to the network, or to each of joined ones."""
        return self.length

    @property
    def definition(self) -> Definition:
        """Everything that changes the features."""
        parts: Definition = {"frontend": self.frontend.definition()}
        if self.network is not None:
            parts["input"] = {"length": self.length, "fix_length": self.fix_length}
            parts["network"] = self.network.definition()
            parts["pooling"] = list(self.statistics)
        return parts

    @property
    def frame_definition(self) -> Definition:
        """Everything that changes the features over time but their rate: clips are read whole."""
        return {part: value for part, value in self.definition.items() if part in ("frontend", "network")}

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the features: layer, channel and statistic."""
        if self.network is None:
            return self.frontend.columns
        return tuple(column_names(self.network, self.statistics))

    def extract(
        self,
        clips: Sequence[Clip],
        *,
        contents: Contents | None = None,
        progress: Progress | None = None,
        compute: Compute | None = None,
    ) -> Extraction:
        """Return the features of all clips that can be used, in their order.

        Parameters
        ----------
        clips : sequence of Clip
        contents : Contents or None
            The clips' hashes, where they are known already.
        progress : callable or None
            Called with the number of clips done and of all.
        compute : callable or None
            Replaces `outcomes`, for example by other processes.

        Raises
        ------
        AudioError
            With `strict`: the first clip that cannot be used.
        DatasetError
            No clip can be used.
        """
        start, self.watch = time.perf_counter(), Stopwatch()
        contents = contents or contents_of(clips, n_workers=self.n_workers)
        for clip in clips:
            if self.strict and clip.id in contents.problems:
                raise contents.problems[clip.id]
        skipped = {clip.id: str(contents.problems[clip.id]) for clip in clips if clip.id in contents.problems}

        first = contents.to_read(clips)  # a clip for each content
        places = {content: place for place, content in enumerate(first)}
        X, missing = self._stored_rows(first)
        outcomes = (compute or FeatureExtractor.outcomes)(self, missing, contents)

        def report(n_done: int) -> None:
            if progress is not None:
                progress(len(clips) - len(missing) + n_done, len(clips))

        reasons = self._collect(outcomes, X, places, report)
        for clip in clips:
            content = contents.of(clip)
            if content in reasons:  # the message names the first clip of these bytes
                skipped[clip.id] = reasons[content].replace(str(first[content].path), str(clip.path), 1)
        used = [clip for clip in clips if clip.id not in skipped]
        if not used:
            examples = "; ".join(f"{name}: {reason}" for name, reason in list(skipped.items())[:3])
            raise DatasetError(f"none of the {len(clips)} clips can be used: {examples}")
        rows = np.array([places[contents.of(clip)] for clip in used])
        matrix = FeatureMatrix.of_clips(
            used,
            X if np.array_equal(rows, np.arange(len(X))) else X[rows],  # a copy only where it has to be
            columns=self.columns,
            definition=self.definition,
        )
        frontend_s = network_s = None
        if n_computed := len(missing) - len(reasons):
            frontend_s = self.cache.seconds(self.frontend) if self.cache else self.watch.median("frontend")
            network_s = 0.0 if self.network is None else self.watch.median("network")
        return Extraction(
            matrix,
            tuple(skipped.items()),
            n_computed,
            time.perf_counter() - start,
            frontend_s,
            network_s,
            {clip.id: of_clip for clip in used if (of_clip := self.issues.get(contents.of(clip)))},
        )

    def _stored_rows(self, first: Mapping[str, Clip]) -> tuple[FeatureArray, list[Hashed]]:
        """Return an array with a row for each content, filled where it is stored, and what is not."""
        shape = len(first), len(self.columns)
        if self.store is None:
            return np.empty(shape, np.float32), [(clip, content) for content, clip in first.items()]
        stored, rows = self.store.read(self.definition, list(first), n_features=shape[1])
        if stored:
            self.issues |= self.store.issues(self.definition)
        if len(stored) == len(first):
            return rows, []
        X, is_stored = np.empty(shape, np.float32), set(stored)
        if stored:  # in the order of `first`
            X[[place for place, content in enumerate(first) if content in is_stored]] = rows
        return X, [(clip, content) for content, clip in first.items() if content not in is_stored]

    def _collect(
        self, outcomes: Outcomes, X: FeatureArray, places: Mapping[str, int], progress: Callable[[int], None]
    ) -> dict[str, str]:
        """Put computed rows into X and into the store; return why clips have none, by content hash."""
        reasons: dict[str, str] = {}
        writer = RowWriter(self.store, self.definition, self.issues)
        progress(0)
        try:
            with closing(outcomes):
                for n_done, ((clip, content), outcome) in enumerate(outcomes, start=1):
                    if isinstance(outcome, AudioError):
                        refuse_if_away(clip.path, outcome)
                        problem = named(outcome, str(clip), str(clip.path))
                        if self.strict:
                            raise problem
                        reasons[content] = str(problem)
                    else:
                        row = X[places[content]]
                        row[:] = outcome.reshape(row.shape)  # which raises where the length is another
                        writer.add(content, row)
                    progress(n_done)
        finally:
            writer.flush()
        return reasons

    def outcomes(self, pairs: Sequence[Hashed], contents: Contents) -> Outcomes:
        """Yield clips with their features, or with what is wrong with them, in order; without the store.

        Parameters
        ----------
        pairs : sequence of (Clip, str)
            Clips with their content hashes.
        contents : Contents
            Notices a clip that changes meanwhile.
        """
        yield from self._outcomes(pairs, lambda pair: self.prepare(pair[0], contents))

    def extract_waveforms(self, waveforms: Array | Sequence[Array]) -> FeatureArray:
        """Return features of waveforms, each [shape=(n_samples,)] at the front-end's rate.

        Raises
        ------
        AudioError
            A waveform cannot be used.
        """
        rows = []
        for i, outcome in self._outcomes(
            range(len(waveforms)), lambda i: self._fit(self._frontend(waveforms[i]), f"row {i}")
        ):
            if isinstance(outcome, AudioError):
                raise named(outcome, f"row {i}", f"row {i}")
            rows.append(outcome)
        return np.stack(rows)

    def stream(
        self, items: Iterable[Item], load: Callable[[Item], Array]
    ) -> Iterator[tuple[Item, FeatureArray | AudioError]]:
        """Yield items with their features as they are computed, a few at a time.

        Parameters
        ----------
        items : iterable
        load : callable
            Returns an item's waveform [shape=(n_samples,)] at the front-end's rate; threads call it.
        """
        return self._outcomes(items, lambda item: self._fit(self._frontend(load(item)), "the clip"))

    def _outcomes(
        self, items: Iterable[Item], prepare: Callable[[Item], Array]
    ) -> Iterator[tuple[Item, FeatureArray | AudioError]]:
        if self.network is not None and self.device.type != "cpu":
            yield from in_batches(
                items, prepare, self.pool, n_workers=self.n_workers, batch_size=self.batch_size
            )
            return
        n_workers = min(self.n_workers, self.batch_size)
        yield from one_by_one(
            items, prepare, self.pool, n_workers=n_workers, n_threads=self._threads(n_workers)
        )

    def _threads(self, n_workers: int) -> int:
        """Return the number of threads of each worker."""
        alone = self.network is not None and self.network.one_thread
        return 1 if alone else max(1, n_cores() // n_workers)

    def prepare(self, clip: Clip, contents: Contents | None = None) -> Array:
        """Return the network's input for one clip [shape=(length, n_bands)], or the vector itself.

        Parameters
        ----------
        clip : Clip
        contents : Contents or None
            The clip's hash; without it the cache is bypassed.

        Raises
        ------
        AudioError
            The clip cannot be used, or its file has changed since it was hashed.
        """

        def load(sr: int) -> Array:
            if contents is None:
                return clip.load(sr=sr)
            y, issues = contents.load(clip, sr=sr)
            if issues:
                self.issues[contents.of(clip)] = issues
            return y

        if self.cache is None or contents is None:
            with self.watch.lap("frontend"):
                return self._fit(self._frontend(load(self.frontend.sr)), str(clip))
        return self._fit(self.cache.output(self._frontend, contents.of(clip), load), str(clip))

    def _fit(self, whole: Array, name: str) -> Array:
        if self.network is None or self.length is None:
            return np.asarray(whole)
        return fit_length(whole, self.length, how=self.fix_length, name=name, unit=self.network.input_unit)

    def pool(self, inputs: Array) -> FeatureArray:
        """Return features [shape=(batch, n_features)] of network inputs [shape=(batch, length, n_bands)]."""
        if self.network is None:
            return inputs
        x = torch.from_numpy(np.require(inputs, requirements=["C", "W"]))
        if self.device.type == "cuda":
            x = x.pin_memory().to(self.device, non_blocking=True)
        with self.watch.lap("network", len(x)):
            features: FeatureArray = pool(self.network, x, statistics=self.statistics).cpu().numpy()
        return features

    def sequencer(self, rate: float | None = None) -> Sequencer:
        """Return what turns waveforms into features over time, `rate` frames per second: see `Sequencer`."""
        if rate not in self._sequencers:
            self._sequencers[rate] = Sequencer(self.frontend, self.network, rate=rate)
        return self._sequencers[rate]

    def sequence(self, clip: Clip | Array, *, rate: float | None = None) -> FrameFeatures:
        """Return the features of one clip over time. It is read whole, whatever `length` is.

        Parameters
        ----------
        clip : Clip, or np.ndarray [shape=(n_samples,)]
            A waveform has the front-end's rate.
        rate : float or None
            Frames per second; None: those of the fastest layer, at most 50.

        Raises
        ------
        AudioError
            The clip cannot be used.
        ConfigError
            `rate` is not positive, or a layer has no positions over time.
        """
        sequencer = self.sequencer(rate)
        if not isinstance(clip, Clip):
            return sequencer(clip)
        try:
            y, issues = clip.load_with_issues(sr=self.frontend.sr)
            if issues:
                self.issues[clip.id] = issues
            return sequencer(y)
        except AudioError as problem:
            raise named(problem, str(clip), str(clip.path)) from None

    def sequences(
        self, clips: Sequence[Clip | Array], *, rate: float | None = None
    ) -> Iterator[FrameFeatures | AudioError]:
        """Yield the features over time of clips, in order, or what is wrong with a clip: see `sequence`.

        Parameters
        ----------
        clips : sequence of Clip or waveform
        rate : float or None
        """
        self.sequencer(rate)
        n_workers = min(self.n_workers, self.batch_size)
        with Workers(n_workers, self._threads(n_workers)) as workers:
            for _, future in ahead(workers, lambda clip: self.sequence(clip, rate=rate), clips, n_workers):
                try:
                    yield future.result()
                except AudioError as problem:
                    if self.strict:
                        raise
                    yield problem


def resolve_device(device: str) -> torch.device:
    """Return the torch device of a name; "auto" is the GPU where there is one."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        resolved = torch.device(device)
    except RuntimeError:
        raise ConfigError(f"device: {device!r} is unknown: use auto, cpu or cuda") from None
    for kind, backend, gpu in (("cuda", torch.cuda, "GPU"), ("mps", torch.backends.mps, "Apple GPU")):
        if resolved.type == kind and not backend.is_available():
            raise ConfigError(
                f"device: {device!r} was asked for, but torch finds no {gpu} here: use auto or cpu"
            )
    return resolved


def _check_fit(network: Network | None, frontend: FrontEnd, length: int | None) -> None:
    """Refuse a network that does not take what the front-end gives, or needs more of it."""
    if network is None:
        if frontend.unit is not None:
            raise ConfigError(f"a {frontend.kind} front-end gives no vector per clip: add a network")
        return
    if (frontend.unit, frontend.n_bands) != (network.input_unit, network.n_bands):
        gives = (
            "one vector per clip" if frontend.unit is None else f"{frontend.unit} of {frontend.n_bands} bands"
        )
        raise ConfigError(
            f"{network.name} takes {network.input_unit} of {network.n_bands} bands, and a {frontend.kind} "
            f"front-end gives {gives}: choose a front-end of that unit, and build the network for its bands"
        )
    if length is not None and length * frontend.n_bands * INPUT_COPIES * 4 > memory_bytes():
        raise ConfigError(
            f"{network.name} would be fed {length} {frontend.unit} per clip, which do not fit into memory: "
            "feed less (input.seconds)"
        )
    if length is None or length < network.min_input_length:
        raise ConfigError(
            f"{network.name} needs at least {network.min_input_length} {frontend.unit}, and would be fed "
            f"{length}: feed more (repeat-pad makes short clips longer), or choose another network"
        )
