"""From a training to a classifier of new clips: the winner, trained once more, on all of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from elmarc.datasets.base import Dataset
from elmarc.evaluation.splits import keep_together
from elmarc.features.cache import front_ends
from elmarc.features.contents import contents_of
from elmarc.features.store import FeatureStore, definition_key
from elmarc.model import SoundClassifier
from elmarc.model.learning import Expectation, expectation
from elmarc.model.sound_classifier import trained_classifier
from elmarc.networks.random_cnn import RandomCNN
from elmarc.results import Result
from elmarc.study import build, record
from elmarc.study.clips import Material
from elmarc.study.observer import Observer
from elmarc.study.spec import Experiment
from elmarc.study.winner import Winner, sound_classifier
from elmarc.training.inputs import open_inputs
from elmarc.training.loop import Row, Run, Trainer
from elmarc.training.model import learnt
from elmarc.training.nested import train_on_all


@dataclass(frozen=True)
class Fit:
    """A classifier that was fitted on all clips of a data set.

    Parameters
    ----------
    model : SoundClassifier
    skipped : tuple of (str, str)
        Clips that could not be used, by id, and why.
    notes : tuple of str
        What is odd about the clips.
    """

    model: SoundClassifier
    skipped: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def fit_trained(
    best: Winner,
    config: Experiment,
    data: Dataset,
    *,
    store: FeatureStore | None = None,
    folder: Path | None = None,
    observer: Observer | None = None,
) -> Fit:
    """Train the network of a study's winner on all clips, by the recipe of that study.

    Parameters
    ----------
    best : Winner
        Of results of `elmarc train`.
    config : Experiment
        Its own, see `Winner.config`.
    data : Dataset
    store : FeatureStore or None
        In whose folder the inputs lie while they are needed.
    folder : Path or None
        Where the training is kept, so that it can go on; None keeps nothing.
    observer : Observer or None
        Told how far it has come.

    Raises
    ------
    ElmarcError
        The clips cannot be used, or the recipe is another version's.
    """
    recipe = config.training
    assert recipe is not None  # see `Winner.is_trained`
    observer = observer or Observer()
    observer.on_features(config.label, len(data.clips))
    material = Material(data, contents_of(data.clips, n_workers=config.n_workers))
    with front_ends(store) as cache:
        drawn, notes = build.extractor(config, data, cache=cache)
        inputs = open_inputs(drawn, data.clips, material.contents, progress=observer.on_inputs)
        assert drawn.network is not None
        trainer = Trainer(
            drawn.network, inputs, data.classes, recipe=recipe, statistics=config.pooling, seed=config.seed,
            on_epoch=partial(_told, observer),
        )  # fmt: skip
        folds, groups = ([getattr(clip, key) or "" for clip in inputs.clips] for key in ("fold", "group"))
        kept = folder and folder / _key(config, material)
        together = keep_together(groups, folds, kind=data.split_kind)
        chosen = train_on_all(trainer, keep_together=together, folder=kept)
    found = learnt(trainer.model)
    extractor, _ = build.extractor(config, data)
    assert isinstance(extractor.network, RandomCNN)
    extractor.network.set_weights(found.weights, standards=found.standards)
    extractor.strict = True  # what is predicted has a row for each clip
    model = trained_classifier(
        sound_classifier(config, extractor), extractor, (found.coef, found.intercept),
        classes=data.classes, labels=inputs.labels, best_params=chosen, expected=_expected(best.result),
    )  # fmt: skip
    return Fit(model, inputs.skipped, (*notes, *inputs.notes))


def _told(observer: Observer, run: Run, epoch: int, row: Row) -> None:
    said = f"all clips, rate {run.learning_rate:g}, loss {row['loss']:.2f}"
    observer.on_epoch(epoch, run.n_epochs, said)


def _key(config: Experiment, material: Material) -> str:
    """Return the name of the folder of a training, by all that its weights follow from."""
    return definition_key({"config": record.settings(config), "clips": material.key})[:16]


def _expected(result: Result) -> Expectation:
    return expectation(
        result.accuracy, result.predictions, n_folds=len(result.folds), n_classes=len(result.classes)
    )
