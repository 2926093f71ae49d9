"""Clips in, a FeatureMatrix out: decoding ahead of the network, rows into the store, bad clips set aside."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeAlias, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from elmarc._resources import n_cores
from elmarc._types import Definition, FeatureArray, FixLength
from elmarc.audio.length import fit_length
from elmarc.audio.oddities import Oddities
from elmarc.datasets.base import Clip
from elmarc.errors import AudioError, DatasetError
from elmarc.features.cache import FrontEndCache
from elmarc.features.contents import Contents, contents_of
from elmarc.features.extraction import Extraction as Extraction
from elmarc.features.fitting import check_fit, resolve_device
from elmarc.features.frames import Sequence as FrameSequence
from elmarc.features.frames import Sequencer
from elmarc.features.matrix import FeatureMatrix
from elmarc.features.outcomes import Hashed, Outcomes, named
from elmarc.features.parallel import in_batches, one_by_one
from elmarc.features.pooling import column_names, pool
from elmarc.features.rows import RowBlock, Rows, collect, gathered
from elmarc.features.stopwatch import Stopwatch
from elmarc.features.store import FeatureStore
from elmarc.features.workers import Workers, ahead
from elmarc.frontends.base import FrontEnd
from elmarc.networks.base import Network

Item = TypeVar("Item")
Array = NDArray[np.float32]
Progress = Callable[[int, int], None]  # clips done, clips in all
Compute: TypeAlias = Callable[["FeatureExtractor", Sequence[Hashed], Contents], Outcomes]


class FeatureExtractor:
    """Turn clips into features.

    Parameters
    ----------
    frontend : FrontEnd
        Waveform to network input, or to a vector a clip (MFCC).
    network : Network or None
        None where the front-end gives the vector itself.
    length : int or None
        Frames or samples fed to the network; needed with a network.
    fix_length : {"crop", "zero-pad", "repeat-pad"}
        What to do with clips of another length.
    statistics : sequence of str
        What is kept of each feature map.
    batch_size : int
        Clips in work at once, at most; without influence on the features, as are the next two.
    n_workers : int or None
        Threads; None: one a core.
    device : str
        "auto", "cpu", "cuda" or "cuda:0", ...; "auto" is the GPU where there is one.
    store : FeatureStore or None
        Where rows are kept between runs.
    cache : FrontEndCache or None
        Where front-end outputs are shared between the networks of a study.
    strict : bool
        Whether a bad clip ends the run.

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
        self.store = store if network is None or network.is_storable else None
        self.cache = cache
        self.strict = strict
        self.oddities: dict[str, Oddities] = {} if cache is None else cache.oddities  # by content, or clip
        self.watch = Stopwatch()  # of the extraction that is going on
        self._sequencers: dict[float | None, Sequencer] = {}
        check_fit(network, frontend, length)
        if network is not None:
            network.to(self.device)

    @property
    def definition(self) -> Definition:
        """Everything that the features follow from."""
        parts: Definition = {"frontend": self.frontend.definition()}
        if self.network is not None:
            parts["input"] = {"length": self.length, "fix_length": self.fix_length}
            parts["network"] = self.network.definition()
            parts["pooling"] = list(self.statistics)
        return parts

    @property
    def frame_definition(self) -> Definition:
        """Everything that features over time follow from, but for their rate: clips are read whole."""
        return {part: value for part, value in self.definition.items() if part in ("frontend", "network")}

    @property
    def columns(self) -> tuple[str, ...]:
        """Name the columns: layer, channel and statistic."""
        if self.network is None:
            return self.frontend.columns
        return tuple(column_names(self.network, self.statistics))

    @property
    def layer_rates(self) -> dict[str, float]:
        """Positions per second of each layer that is read: the front-end's over the layer's reduction."""
        rate = self.frontend.positions_per_second
        if self.network is None or rate is None:
            return {}
        return {layer: rate / self.network.reduction(layer) for layer in self.network.layers}

    def extract(
        self,
        clips: Sequence[Clip],
        *,
        contents: Contents | None = None,
        progress: Progress | None = None,
        compute: Compute | None = None,
    ) -> Extraction:
        """Return the features of all clips that can be read, in their order.

        Parameters
        ----------
        clips : sequence of Clip
        contents : Contents or None
            The clips' hashes, where the caller has them already.
        progress : callable or None
            Called with the number of clips done and of all.
        compute : callable or None
            What does the work that `outcomes` does, in other processes perhaps; None: this process.

        Raises
        ------
        AudioError
            With `strict`: the first clip that cannot be used.
        DatasetError
            No clip can be used.
        """
        start = time.perf_counter()
        self.watch = Stopwatch()
        known = contents or contents_of(clips, n_workers=self.n_workers)
        hashes, skipped = self._hashes(clips, known)
        first = known.to_read(clips)
        stored = self._stored(list(first))
        missing = [(clip, content) for content, clip in first.items() if content not in stored]
        outcomes = (compute or FeatureExtractor.outcomes)(self, missing, known)
        computed = Rows(len(missing), definition=self.definition, store=self.store)
        report, n_known = progress or _silent, len(clips) - len(missing)
        reasons = collect(
            outcomes, computed, self.oddities, strict=self.strict,
            progress=lambda done: report(n_known + done, len(clips)),
        )  # fmt: skip
        for clip, content in zip(clips, hashes, strict=True):
            if content in reasons:  # said of the first clip of these bytes
                skipped[clip.id] = reasons[content].replace(str(first[content].path), str(clip.path), 1)
        good = [i for i, clip in enumerate(clips) if clip.id not in skipped]
        if not good:
            some = "; ".join(f"{name}: {reason}" for name, reason in list(skipped.items())[:3])
            raise DatasetError(f"none of the {len(clips)} clips can be used: {some}")
        X = gathered([hashes[i] for i in good], stored, computed)
        used = [clips[i] for i in good]
        matrix = FeatureMatrix.of_clips(used, X, columns=self.columns, definition=self.definition)
        odd = {clips[i].id: self.oddities[hashes[i]] for i in good if self.oddities.get(hashes[i])}
        seconds, costs = time.perf_counter() - start, self._costs(len(computed))
        return Extraction(matrix, tuple(skipped.items()), len(computed), seconds, *costs, odd)

    def _stored(self, contents: Sequence[str]) -> RowBlock:
        """Return the rows that the store holds."""
        if self.store is None:
            return RowBlock()
        found, rows = self.store.read(self.definition, contents, n_features=len(self.columns))
        self.oddities |= self.store.oddities(self.definition) if found else {}
        return RowBlock(found, rows)

    def _costs(self, n_computed: int) -> tuple[float | None, float | None]:
        """Return the seconds a clip of front-end and network."""
        if not n_computed:
            return None, None
        front = self.cache.seconds(self.frontend) if self.cache else self.watch.median("frontend")
        return front, 0.0 if self.network is None else self.watch.median("network")

    def extract_waveforms(self, waveforms: Array | Sequence[Array]) -> FeatureArray:
        """Return features of waveforms, each [shape=(n_samples,)] at the front-end's rate.

        Raises
        ------
        AudioError
            A waveform cannot be used.
        """
        rows = []
        for i, outcome in self._outcomes(
            range(len(waveforms)), lambda i: self._fit(self.frontend(waveforms[i]), f"row {i}")
        ):
            if isinstance(outcome, AudioError):
                raise named(outcome, f"row {i}", f"row {i}")
            rows.append(outcome)
        return np.stack(rows)

    def stream(
        self, items: Iterable[Item], load: Callable[[Item], Array]
    ) -> Iterator[tuple[Item, FeatureArray | AudioError]]:
        """Yield items with their features as they come; a few are held at once.

        Parameters
        ----------
        items : iterable
        load : callable
            Gives an item's waveform [shape=(n_samples,)] at the front-end's rate; called in threads.
        """
        return self._outcomes(items, lambda item: self._fit(self.frontend(load(item)), "the clip"))

    def sequencer(self, rate: float | None = None) -> Sequencer:
        """Return what turns waveforms into features over time, `rate` frames a second: see `Sequencer`."""
        if rate not in self._sequencers:
            self._sequencers[rate] = Sequencer(self.frontend, self.network, rate=rate)
        return self._sequencers[rate]

    def sequence(self, clip: Clip | Array, *, rate: float | None = None) -> FrameSequence:
        """Return the features of one clip over time.

        The clip is read whole: `length`, `fix_length` and `statistics` are those of vectors.

        Parameters
        ----------
        clip : Clip, or np.ndarray [shape=(n_samples,)]
            A waveform has the front-end's rate.
        rate : float or None
            Frames per second; None: those of the fastest layer, at most 50.

        Returns
        -------
        (times_s [shape=(n_frames,)], features [shape=(n_frames, n_features)])
            Centres in seconds, and float32 features; `sequencer(rate).columns` names the columns.

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
            y, odd = clip.hear(sr=self.frontend.sr)
            if odd:
                self.oddities[clip.id] = odd
            return sequencer(y)
        except AudioError as problem:
            raise named(problem, str(clip), str(clip.path)) from None

    def sequences(
        self, clips: Sequence[Clip | Array], *, rate: float | None = None
    ) -> Iterator[FrameSequence | AudioError]:
        """Yield the features over time of many clips, in order, or what is wrong with a clip.

        Parameters
        ----------
        clips : sequence of Clip or np.ndarray
        rate : float or None
            As for `sequence`.

        Raises
        ------
        ConfigError
            As for `sequence`.
        """
        self.sequencer(rate)
        n_workers = min(self.n_workers, self.batch_size)
        with Workers(n_workers, self._threads(n_workers)) as workers:
            for _, future in ahead(workers, lambda clip: self.sequence(clip, rate=rate), clips, n_workers):
                try:
                    yield future.result()
                except AudioError as problem:
                    self._raise_if_strict(problem)
                    yield problem

    def prepare(self, clip: Clip, contents: Contents | None = None) -> Array:
        """Return what the network is fed for one clip [shape=(length, n_bands)], or the vector itself.

        Parameters
        ----------
        clip : Clip
        contents : Contents or None
            What the clip held when it was hashed, by which the cache knows it; None passes the cache by.

        Raises
        ------
        AudioError
            The clip cannot be used, or its file has changed since it was hashed.
        """

        def load(sr: int) -> Array:
            if contents is None:
                return clip.load(sr=sr)
            y, odd = contents.hear(clip, sr=sr)
            if odd:
                self.oddities[contents.of(clip)] = odd
            return y

        if self.cache is None or contents is None:
            with self.watch.lap("frontend"):
                return self._fit(self.frontend(load(self.frontend.sr)), str(clip))
        return self._fit(self.cache.output(self.frontend, contents.of(clip), load), str(clip))

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

    def _hashes(self, clips: Sequence[Clip], known: Contents) -> tuple[list[str], dict[str, str]]:
        """Return each clip's hash, "" where it cannot be read, and the reasons by clip id."""
        skipped = {}
        for clip in clips:
            if problem := known.problems.get(clip.id):
                self._raise_if_strict(problem)
                skipped[clip.id] = str(problem)
        return [known.of(clip) for clip in clips], skipped

    def _raise_if_strict(self, problem: AudioError) -> None:
        if self.strict:
            raise problem

    def outcomes(self, pairs: Sequence[Hashed], contents: Contents) -> Outcomes:
        """Yield clips with their features, or with what is wrong with them, in order; the store is not asked.

        Parameters
        ----------
        pairs : sequence of (Clip, str)
            Clips and the hashes of what they hold.
        contents : Contents
            The same hashes, by which a clip that changes meanwhile is noticed.
        """
        yield from self._outcomes(pairs, lambda pair: self.prepare(pair[0], contents))

    def _outcomes(
        self, items: Iterable[Item], prepare: Callable[[Item], Array]
    ) -> Iterator[tuple[Item, FeatureArray | AudioError]]:
        """Yield each item with its features, or with what is wrong with it, in order."""
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
        """Return the threads of a worker."""
        alone = self.network is not None and self.network.one_thread
        return 1 if alone else max(1, n_cores() // n_workers)


def _silent(done: int, total: int) -> None:
    """Report to nobody."""
