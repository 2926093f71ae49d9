"""A task of training: one held-out part of one cell, said so that any process can train and judge it.

A task holds no module, no weights and no samples: a configuration with a seed, paths, hashes and rows. The
weights are kept in the run's folder, from which any worker goes on; what comes back is small.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from elmarc.errors import AudioError, ConfigError, TransientError
from elmarc.features.cache import FrontEndCache
from elmarc.features.contents import Contents
from elmarc.features.extractor import FeatureExtractor
from elmarc.features.parallel import Hashed
from elmarc.features.store import definition_key
from elmarc.study.executors.tasks import check_definition, from_anywhere, in_full, made, not_seen
from elmarc.study.runner import front_ends
from elmarc.study.spec import Experiment
from elmarc.training.inputs import Inputs, open_inputs
from elmarc.training.loop import Told, Trainer
from elmarc.training.protocol import Judged, Part, judge
from elmarc.training.recipe import TrainingRecipe


@dataclass(frozen=True)
class TrainingTask:
    """A part that is to be trained and judged.

    Parameters
    ----------
    config : Experiment
        With the length of the input, and with paths from the root.
    recipe : TrainingRecipe
    definition : str
        The key of what the first weights and the training follow from, as whoever asks has it.
    classes : tuple of str
    pairs : tuple of (Clip, str)
        The clips that can be used and the hashes of what they hold; rows count them.
    contents : Contents
        Of these clips.
    part : Part
    weights : Path
        The folder where trainings are kept, which all workers see.
    cache : Path or None
        The folder of front-end outputs, which a worker uses if it sees it.
    """

    config: Experiment
    recipe: TrainingRecipe
    definition: str
    classes: tuple[str, ...]
    pairs: tuple[Hashed, ...]
    contents: Contents
    part: Part
    weights: Path
    cache: Path | None

    @property
    def key(self) -> str:
        """The hash of what is computed, and of where it is kept."""
        clips = [(clip.label, content) for clip, content in self.pairs]
        parts = [self.definition, self.config.seed, self.classes, clips, asdict(self.part), str(self.weights)]
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()

    def __dask_tokenize__(self) -> str:
        return self.key


def training_tasks(
    config: Experiment,
    recipe: TrainingRecipe,
    inputs: Inputs,
    parts: Sequence[Part],
    *,
    classes: tuple[str, ...],
    weights: Path,
) -> list[TrainingTask]:
    """Return the tasks of a cell, one a part.

    Parameters
    ----------
    config : Experiment
    recipe : TrainingRecipe
    inputs : Inputs
        Of its clips; its extractor's cache is named to the workers.
    parts : sequence of Part
    classes : tuple of str
    weights : Path
        The folder where trainings are kept.
    """
    extractor, contents = inputs.extractor, inputs.contents
    pairs, known = from_anywhere([(clip, contents.of(clip)) for clip in inputs.clips], contents)
    asked, key = in_full(config, extractor), _key(extractor, recipe)
    cache = None if extractor.cache is None else extractor.cache.root.absolute()
    return [
        TrainingTask(asked, recipe, key, classes, pairs, known, part, weights.absolute(), cache)
        for part in parts
    ]


def do(task: TrainingTask) -> Judged:
    """Do a task in a worker, which reads the clips itself.

    Raises
    ------
    ElmarcError
        It cannot read them, or would train anything else than was asked for.
    """
    with _cache(task) as cache:
        extractor = made(task.config, cache)
        extractor.strict = True
        try:
            inputs = open_inputs(extractor, [clip for clip, _ in task.pairs], task.contents)
        except (AudioError, TransientError) as problem:
            raise not_seen(problem) from None
        return train_part(task, inputs)


def train_part(
    task: TrainingTask,
    inputs: Inputs,
    *,
    told: Told | None = None,
    check: Callable[[], None] | None = None,
) -> Judged:
    """Train and judge a part, as every executor does.

    Parameters
    ----------
    task : TrainingTask
    inputs : Inputs
        Of its clips.
    told, check : callable or None
        As for `Trainer`.

    Raises
    ------
    ConfigError
        Another network or recipe would be trained than was asked for.
    """
    extractor = made(task.config)
    check_definition(_key(extractor, task.recipe), task.definition)
    if extractor.network is None:
        raise ConfigError(f"{task.config.frontend.kind}: has no network, and cannot be trained")
    trainer = Trainer(
        extractor.network, inputs, task.classes, recipe=task.recipe, statistics=task.config.pooling,
        seed=task.config.seed, told=told, check=check,
    )  # fmt: skip
    return judge(trainer, task.part, task.weights)


def _key(extractor: FeatureExtractor, recipe: TrainingRecipe) -> str:
    return definition_key({"features": extractor.definition, "training": recipe.definition()})


@contextmanager
def _cache(task: TrainingTask) -> Iterator[FrontEndCache | None]:
    """Give the run's own front-end outputs where this machine sees them, else others for this task."""
    if task.cache is not None and task.cache.is_dir():
        yield FrontEndCache(task.cache)
        return
    with front_ends(None) as cache:
        yield cache
