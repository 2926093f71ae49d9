"""A task: some clips through one network, said so that any process can do it.

A task holds no module and no samples: a configuration with a seed, paths, and the hashes of what the clips
hold. Its key is the hash of what it computes, so that to do it twice does no harm.
"""

from __future__ import annotations

import hashlib
import platform
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from elmarc import __version__, _resources
from elmarc._resources import keep_freed_memory
from elmarc._types import FeatureArray
from elmarc.audio.issues import Issues
from elmarc.errors import AudioError, ConfigError, ElmarcError, TransientError
from elmarc.features.cache import FrontEndCache, Stopwatch
from elmarc.features.contents import Contents
from elmarc.features.extractor import FeatureExtractor
from elmarc.features.parallel import Hashed
from elmarc.features.store import definition_key
from elmarc.networks.make import is_held
from elmarc.study import build
from elmarc.study.spec import Experiment

_making = threading.Lock()  # a factory of one's own may use torch's random state, which threads share
_made = threading.local()  # the extractor of a thread's last task
_set_up = threading.Lock()


@dataclass(frozen=True)
class Task:
    """Clips whose features are to be computed.

    Parameters
    ----------
    config : Experiment
        With the length of the input, and with paths from the root.
    definition : str
        The key of what the features follow from, as whoever asks for them has it.
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


@dataclass(frozen=True)
class Done:
    """What became of a task: rows of the clips that have them, and what is wrong with the others.

    `rows` [shape=(n_good, n_features)] are of `contents`; `problems` and `issues` are by content. `seconds`
    are those of the work, without the time that making the network took.
    """

    contents: tuple[str, ...]
    rows: FeatureArray
    problems: dict[str, str]
    issues: dict[str, Issues]
    watch: Stopwatch
    seconds: float
    host: str


def make_task(
    config: Experiment, extractor: FeatureExtractor, pairs: Sequence[Hashed], contents: Contents
) -> Task:
    """Return the task of computing what an extractor computes.

    Raises
    ------
    ConfigError
        The network is a module that this process holds in memory.
    """
    there, known = from_anywhere(pairs, contents)
    check_can_be_sent(config)
    if extractor.network is not None and not extractor.network.is_storable:
        raise ConfigError(
            f"{extractor.network.name}: other processes cannot check that they run the same module: state "
            "its key, or use the serial executor"
        )
    return Task(in_full(config, extractor), definition_key(extractor.definition), there, known)


def from_anywhere(pairs: Sequence[Hashed], contents: Contents) -> tuple[tuple[Hashed, ...], Contents]:
    """Return clips with paths from the root, and what is known of their files."""
    there = tuple((replace(clip, path=clip.path.absolute()), content) for clip, content in pairs)
    signatures = {
        away.path: contents.signatures[clip.path]
        for (clip, _), (away, _) in zip(pairs, there, strict=True)
        if clip.path in contents.signatures
    }
    return there, Contents({clip.id: content for clip, content in there}, {}, signatures)


def check_can_be_sent(config: Experiment) -> None:
    """Refuse a network that only this process has.

    Raises
    ------
    ConfigError
        It is a module that is held in memory.
    """
    factory = getattr(config.network, "factory", None)
    if isinstance(factory, str) and is_held(factory):
        raise ConfigError(
            f"{factory}: a module in memory cannot be sent to other processes: name a factory "
            "('package.module:Name' or 'path/to/file.py:Name'), or use the serial executor"
        )


def in_full(config: Experiment, extractor: FeatureExtractor) -> Experiment:
    """Return a configuration that says all that an extractor of it took from the data set and the folder."""
    changes: dict[str, Any] = {"strict": False}
    network = config.network
    if network is not None and extractor.network is not None:
        positions = "n_frames" if extractor.network.input_unit == "frames" else "n_samples"
        length = {"seconds": None, "n_frames": None, "n_samples": None, positions: extractor.length}
        length["fix_length"] = extractor.fix_length  # type: ignore[assignment]
        changes["input"] = config.input.model_copy(update=length)
    factory = getattr(network, "factory", None)
    if network is not None and isinstance(factory, str):
        changes["network"] = network.model_copy(update={"factory": _from_root(factory)})
    return config.model_copy(update=changes)


def _from_root(factory: str) -> str:
    source, _, name = factory.rpartition(":")
    return f"{Path(source).absolute()}:{name}" if source.endswith(".py") else factory


def do(task: Task) -> Done:
    """Do a task as the serial path does, with `FeatureExtractor.outcomes`.

    Raises
    ------
    ConfigError
        The features that this process makes are others than those asked for.
    TransientError
        A clip cannot be read here at the moment.
    """
    extractor = _extractor(task)
    extractor.watch = Stopwatch()
    rows: dict[str, FeatureArray] = {}
    problems = {}
    start = time.perf_counter()
    try:
        for (_, content), outcome in extractor.outcomes(task.pairs, task.contents):
            if isinstance(outcome, AudioError):
                problems[content] = str(outcome)
            else:
                rows[content] = outcome
    except TransientError as problem:
        raise not_seen(problem) from None
    seconds = time.perf_counter() - start
    X = np.stack(list(rows.values())) if rows else np.empty((0, len(extractor.columns)), np.float32)
    odd = {content: extractor.issues.pop(content) for content in rows if content in extractor.issues}
    return Done(tuple(rows), X, problems, odd, extractor.watch, seconds, platform.node())


def not_seen(problem: ElmarcError) -> TransientError:
    """Return the error that this worker cannot read a clip, which the process that asked for it has read."""
    return TransientError(
        f"{problem}: can be read where the run was started, and not by the worker on {platform.node()}: all "
        "workers must see the clips in the same folder"
    )


def share(n_cores: int) -> None:
    """Let this worker process use so many cores: our threads, torch's and those of the BLAS.

    It keeps the memory that it frees: Dask tells glibc to give back all it can, which halves the pace of
    large networks.
    """
    keep_freed_memory()
    with _set_up:
        _resources.take_share(n_cores)
        threadpool_limits(n_cores)


def _extractor(task: Task) -> FeatureExtractor:
    """Return the extractor of a task; the one of the thread's last task, where it is the same."""
    if getattr(_made, "definition", None) == task.definition:
        kept: FeatureExtractor = _made.extractor
        return kept
    extractor = made(task.config)
    check_definition(definition_key(extractor.definition), task.definition)
    _made.definition, _made.extractor = task.definition, extractor
    return extractor


def made(config: Experiment, cache: FrontEndCache | None = None) -> FeatureExtractor:
    """Return a new extractor of a configuration `in_full`; threads make theirs one after the other."""
    with _making:
        return build.extractor(config, None, cache=cache)[0]


def check_definition(found: str, asked: str) -> None:
    """Refuse to make anything else than was asked for.

    Raises
    ------
    ConfigError
        The keys of what is made here, and of what was asked for, are not the same.
    """
    if found != asked:
        raise ConfigError(
            f"the worker on {platform.node()}, elmarc {__version__}, makes other features than were asked "
            "for: give it the same elmarc, and the same files of your own networks"
        )
