"""The task: what a worker does, as a specification that can be sent to any process.

A task is some clips of a data set and a system's features. Its configuration is complete (seed, input
length, absolute paths), and it holds hashes and row numbers, but no module, weights or samples. `run_task` is
the only thing that workers do: a function of the task alone, so a task may be done twice, and gives the same
bytes anywhere. There are two kinds:

- `Extraction`: the features of some clips. All heads, splits and seeds of a head share these rows, so that
  a classifier is fitted where they come together, in the process that runs the study.
- `Training`: one split of one cell whose network is trained. Splits share nothing but the clips.
"""

from __future__ import annotations

import hashlib
import json
import math
import platform
import threading
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np

from elmarc import __version__
from elmarc._types import FeatureArray
from elmarc.audio.issues import Issues
from elmarc.errors import AudioError, ConfigError, ElmarcError, TransientError
from elmarc.features.cache import FrontEndCache, Stopwatch, front_ends
from elmarc.features.contents import Contents
from elmarc.features.extractor import Compute, FeatureExtractor
from elmarc.features.parallel import Hashed, Outcomes
from elmarc.features.store import definition_key
from elmarc.networks.make import is_object
from elmarc.study import build
from elmarc.study.executors import AHEAD, Pool
from elmarc.study.sections import FRONTEND_SECTIONS, JoinedBase
from elmarc.study.spec import Experiment
from elmarc.training.inputs import Inputs, open_inputs
from elmarc.training.loop import EpochReport, Trainer
from elmarc.training.nested import Part, Rung, SplitScore, evaluate_part, train_until
from elmarc.training.recipe import TrainingRecipe

Out = TypeVar("Out")
TASK_S = 20.0  # of work; about as much as the store lets a killed run lose
MOST_CLIPS = 512  # in a task: those of a shard
FIRST_CLIPS = 4  # while it is not known how long a clip takes
GROWTH = 8  # from one task to the next, at most: the first ones pay for set-up
_making = threading.Lock()  # a user's factory may use torch's random state, which threads share
_last = threading.local()  # the extractor of a thread's last task


@dataclass(frozen=True)
class Task(ABC, Generic[Out]):
    """Clips, and what is computed of them.

    Parameters
    ----------
    config : Experiment
        With the length of the input, and with absolute paths.
    definition : str
        The key of what the result follows from, as computed by whoever asks for it.
    pairs : tuple of (Clip, str)
        Clips and the hashes of what they hold.
    contents : Contents
        Of these clips.
    """

    config: Experiment
    definition: str
    pairs: tuple[Hashed, ...]
    contents: Contents

    @property
    def key(self) -> str:
        """The hash of what is computed."""
        parts = [self.definition, *(content for _, content in self.pairs)]
        return hashlib.sha256(" ".join(parts).encode()).hexdigest()

    def __dask_tokenize__(self) -> str:
        return self.key

    @abstractmethod
    def run(self) -> Out:
        """Do the task in a worker."""


def run_task(task: Task[Out]) -> Out:
    """Do a task: the only thing that workers do.

    Raises
    ------
    ConfigError
        What this process would compute is something else than the task says.
    TransientError
        A clip cannot be read here.
    """
    try:
        return task.run()
    except TransientError as problem:
        raise TransientError(
            f"{problem}: can be read where the run was started, and not by the worker on {platform.node()}: "
            "all workers must see the clips in the same folder"
        ) from None


@dataclass(frozen=True)
class Rows:
    """The features of a task's clips.

    `rows` [shape=(n_good, n_features)] are those of `contents`; `problems` and `issues` are by content.
    `seconds` is the time of the work without that of making the network.
    """

    contents: tuple[str, ...]
    rows: FeatureArray
    problems: dict[str, str]
    issues: dict[str, Issues]
    watch: Stopwatch
    seconds: float
    host: str


@dataclass(frozen=True)
class Extraction(Task[Rows]):
    """The features of some clips."""

    @classmethod
    def of(
        cls,
        config: Experiment,
        extractor: FeatureExtractor,
        pairs: Sequence[Hashed],
        contents: Contents,
    ) -> Extraction:
        """Return the task of computing what an extractor computes.

        Raises
        ------
        ConfigError
            The network is a module that only this process has, or one that states no key.
        """
        check_can_be_sent(config)
        if extractor.network is not None and not extractor.network.is_storable:
            raise ConfigError(
                f"{extractor.network.name}: other processes cannot check that they run the same module: "
                "state its key, or use the serial executor"
            )
        full, key = in_full(config, extractor), definition_key(extractor.definition)
        return cls(full, key, *with_absolute_paths(pairs, contents))

    def run(self) -> Rows:
        """Compute the features as the serial path does, by `FeatureExtractor.outcomes`."""
        if getattr(_last, "definition", None) != self.definition:
            _last.extractor = make_extractor(self.config)
            check_definition(definition_key(_last.extractor.definition), self.definition)
            _last.definition = self.definition
        extractor: FeatureExtractor = _last.extractor
        extractor.watch = Stopwatch()
        rows: dict[str, FeatureArray] = {}
        problems = {}
        start = time.perf_counter()
        for (_, content), outcome in extractor.outcomes(self.pairs, self.contents):
            if isinstance(outcome, AudioError):
                problems[content] = str(outcome)
            else:
                rows[content] = outcome
        seconds = time.perf_counter() - start
        X = np.stack(list(rows.values())) if rows else np.empty((0, len(extractor.columns)), np.float32)
        odd = {content: extractor.issues.pop(content) for content in rows if content in extractor.issues}
        return Rows(tuple(rows), X, problems, odd, extractor.watch, seconds, platform.node())


def computing(config: Experiment, extractor: FeatureExtractor, pool: Pool | None) -> Compute | None:
    """Return what `extractor.extract` takes as `compute`; None: it works in this process."""
    if pool is None:
        return None
    configs = {
        id(part): of_part for part, of_part in zip(extractor.parts, of_parts(config, extractor), strict=True)
    }

    def compute(part: FeatureExtractor, pairs: Sequence[Hashed], contents: Contents) -> Outcomes:
        first = {content: (clip, content) for clip, content in pairs}
        sizes = TaskSizes()

        def tasks() -> Iterator[Extraction]:
            left = deque(pairs)
            while left:
                n = sizes.next(len(left), pool.n_slots)
                yield Extraction.of(configs[id(part)], part, [left.popleft() for _ in range(n)], contents)

        for task, future in pool.finished(run_task, tasks()):
            done = future.result()
            sizes.learn(len(task.pairs), done.seconds)
            part.issues |= done.issues
            part.watch.add(done.watch)
            for content, row in zip(done.contents, done.rows, strict=True):
                yield first[content], row
            bad = [first[content] for _, content in task.pairs if content in done.problems]
            for pair, outcome in part.outcomes(bad, contents) if bad else ():
                if not isinstance(outcome, AudioError):
                    raise ElmarcError(
                        f"{pair[0]}: can be read here, and not by the worker on {done.host}: "
                        f"{done.problems[pair[1]]}: all workers must see the clips in the same folder"
                    )
                yield pair, outcome

    return compute


def of_parts(config: Experiment, extractor: FeatureExtractor) -> list[Experiment]:
    """Return a configuration for each part of joined networks; of one network, its own."""
    if not isinstance(config.network, JoinedBase):
        return [config]
    configs = []
    for part, section in zip(extractor.parts, config.network.parts, strict=True):
        front = part.frontend
        changes = {
            "network": None if part.network is None else section,
            "frontend": FRONTEND_SECTIONS[front.kind](kind=front.kind, **asdict(front)),
            "pooling": part.statistics,
        }
        configs.append(config.model_copy(update=changes))
    return configs


class TaskSizes:
    """How many clips a task gets: some 20 s of work, and at the end so few that all workers end together.

    >>> sizes = TaskSizes()
    >>> sizes.next(1000, n_slots=2)
    4
    >>> sizes.learn(4, seconds=4.0)
    >>> sizes.next(1000, n_slots=2), sizes.next(8, n_slots=2)
    (20, 2)
    """

    def __init__(self) -> None:
        self._n = FIRST_CLIPS

    def next(self, n_left: int, n_slots: int) -> int:
        """Return the size of the next task; `n_left` clips are to be done."""
        return max(1, min(n_left, self._n, math.ceil(n_left / (AHEAD * n_slots))))

    def learn(self, n_clips: int, seconds: float) -> None:
        """Take note of how long a task took."""
        due = TASK_S * n_clips / max(seconds, 1e-9)
        self._n = max(1, min(math.floor(due), GROWTH * n_clips, MOST_CLIPS))


@dataclass(frozen=True)
class Training(Task[SplitScore | Rung]):
    """The training of a network for one split, or its first epochs, and the evaluation there.

    Parameters
    ----------
    recipe : TrainingRecipe
    classes : tuple of str
    part : Part
        The rows of the split, which count the clips.
    weights : Path
        The folder of the trainings of a cell, which all workers see: any of them goes on from there.
    cache : Path or None
        The folder of front-end outputs, which a worker uses if it sees it.
    until : int or None
        Stop after so many epochs.
    """

    recipe: TrainingRecipe
    classes: tuple[str, ...]
    part: Part
    weights: Path
    cache: Path | None
    until: int | None = None

    @classmethod
    def of_splits(
        cls,
        config: Experiment,
        recipe: TrainingRecipe,
        inputs: Inputs,
        parts: Sequence[Part],
        *,
        classes: tuple[str, ...],
        weights: Path,
        until: int | None = None,
    ) -> list[Training]:
        """Return the tasks of a cell, one for each split."""
        extractor, contents = inputs.extractor, inputs.contents
        pairs = [(clip, contents.of(clip)) for clip in inputs.clips]
        common = in_full(config, extractor), _training_key(extractor, recipe)
        sent = with_absolute_paths(pairs, contents)
        cache = None if extractor.cache is None else extractor.cache.root.absolute()
        return [
            cls(*common, *sent, recipe, classes, part, weights.absolute(), cache, until) for part in parts
        ]

    @property
    def key(self) -> str:
        """The hash of what is computed, and of where it is kept."""
        clips = [(clip.label, content) for clip, content in self.pairs]
        where = asdict(self.part), str(self.weights), self.until
        parts = [self.definition, self.config.seed, self.classes, clips, *where]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def run(self) -> SplitScore | Rung:
        """Read the clips, train and evaluate."""
        with self._front_ends() as cache:
            extractor = make_extractor(self.config, cache)
            extractor.strict = True
            try:
                inputs = open_inputs(extractor, [clip for clip, _ in self.pairs], self.contents)
            except AudioError as problem:
                raise TransientError(str(problem)) from None
            return self.run_on(inputs)

    def run_on(
        self,
        inputs: Inputs,
        *,
        on_epoch: EpochReport | None = None,
        check: Callable[[], None] | None = None,
    ) -> SplitScore | Rung:
        """Train and evaluate on clips that were read already; for `on_epoch` and `check` see `Trainer`."""
        extractor = make_extractor(self.config)
        check_definition(_training_key(extractor, self.recipe), self.definition)
        assert extractor.network is not None
        trainer = Trainer(
            extractor.network, inputs, self.classes, recipe=self.recipe, statistics=self.config.pooling,
            seed=self.config.seed, on_epoch=on_epoch, check=check,
        )  # fmt: skip
        if self.until is not None:
            return train_until(trainer, self.part, self.weights, self.until)
        return evaluate_part(trainer, self.part, self.weights)

    @contextmanager
    def _front_ends(self) -> Iterator[FrontEndCache | None]:
        """Give the run's own front-end outputs where this machine sees them, else others for this task."""
        if self.cache is not None and self.cache.is_dir():
            yield FrontEndCache(self.cache)
            return
        with front_ends(None) as cache:
            yield cache


def _training_key(extractor: FeatureExtractor, recipe: TrainingRecipe) -> str:
    return definition_key({"features": extractor.definition, "training": recipe.definition()})


def with_absolute_paths(pairs: Sequence[Hashed], contents: Contents) -> tuple[tuple[Hashed, ...], Contents]:
    """Return clips with absolute paths, and what is known of their files."""
    sent = tuple((replace(clip, path=clip.path.absolute()), content) for clip, content in pairs)
    signatures = {
        away.path: contents.signatures[clip.path]
        for (clip, _), (away, _) in zip(pairs, sent, strict=True)
        if clip.path in contents.signatures
    }
    return sent, Contents({clip.id: content for clip, content in sent}, {}, signatures)


def check_can_be_sent(config: Experiment) -> None:
    """Refuse a network that only this process has.

    Raises
    ------
    ConfigError
        It is a module that is held in memory.
    """
    factory = getattr(config.network, "factory", None)
    if isinstance(factory, str) and is_object(factory):
        raise ConfigError(
            f"{factory}: a module in memory cannot be sent to other processes: name a factory "
            "('package.module:Name' or 'path/to/file.py:Name'), or use the serial executor"
        )


def in_full(config: Experiment, extractor: FeatureExtractor) -> Experiment:
    """Return a configuration with all that its extractor took from the data set and the current folder."""
    changes: dict[str, Any] = {"strict": False}
    network = config.network
    if network is not None and extractor.network is not None:
        positions = "n_frames" if extractor.network.input_unit == "frames" else "n_samples"
        length = {"seconds": None, "n_frames": None, "n_samples": None, positions: extractor.length}
        length["fix_length"] = extractor.fix_length  # type: ignore[assignment]
        changes["input"] = config.input.model_copy(update=length)
    if extractor.network is None:
        front: Any = extractor.frontend
        changes["frontend"] = FRONTEND_SECTIONS[front.kind](kind=front.kind, **asdict(front))
    factory = getattr(network, "factory", None)
    if network is not None and isinstance(factory, str):
        source, _, name = factory.rpartition(":")
        if source.endswith(".py"):
            changes["network"] = network.model_copy(update={"factory": f"{Path(source).absolute()}:{name}"})
    return config.model_copy(update=changes)


def make_extractor(config: Experiment, cache: FrontEndCache | None = None) -> FeatureExtractor:
    """Return a new extractor of a configuration `in_full`; threads make theirs one after the other."""
    with _making:
        return build.extractor(config, None, cache=cache)[0]


def check_definition(own: str, requested: str) -> None:
    """Refuse to compute something else than the task says.

    Raises
    ------
    ConfigError
        The keys of what is computed here and of what was asked for differ.
    """
    if own != requested:
        raise ConfigError(
            f"the worker on {platform.node()}, elmarc {__version__}, makes other features than were asked "
            "for: give it the same elmarc, and the same files of your own networks"
        )
