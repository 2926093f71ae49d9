"""From results to a classifier of new clips: the best system, and the training of one on all clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from elmarc.comparison.compare import comparisons
from elmarc.comparison.records import SystemScore, system_of
from elmarc.datasets.base import Dataset
from elmarc.errors import ConfigError
from elmarc.evaluation.splits import keep_together
from elmarc.features.cache import front_ends
from elmarc.features.contents import contents_of
from elmarc.features.fitted import FITTED
from elmarc.features.store import FeatureStore, definition_key
from elmarc.model import SoundClassifier
from elmarc.model.learning import expectation
from elmarc.model.sound_classifier import trained_classifier
from elmarc.networks.random_cnn import RandomCNN
from elmarc.networks.section import EXTERNAL
from elmarc.results import Result
from elmarc.study import build, record
from elmarc.study.clips import Material
from elmarc.study.observer import Observer
from elmarc.study.spec import Experiment
from elmarc.training.inputs import open_inputs
from elmarc.training.loop import Row, Run, Trainer
from elmarc.training.model import learnt
from elmarc.training.nested import train_on_all


@dataclass(frozen=True)
class Winner:
    """The best system of a ranking that can be fitted: `record.config_of` its result is its configuration.

    Parameters
    ----------
    result : Result
        That of its first seed.
    score : SystemScore
        Its place in the ranking.
    n_systems : int
        How many it was the best of.
    tied : tuple of str
        Systems of its classifier that are not significantly different from it.
    passed_over : tuple of str
        Better ones that cannot be fitted: see `can_be_fitted`.
    """

    result: Result
    score: SystemScore
    n_systems: int
    tied: tuple[str, ...]
    passed_over: tuple[str, ...]


@dataclass(frozen=True)
class Fit:
    """A classifier that was fitted on all clips of a data set.

    `skipped` are the clips that could not be used, by id, and why.
    """

    model: SoundClassifier
    skipped: tuple[tuple[str, str], ...]
    notes: tuple[str, ...]


def winner(results: Sequence[Result], *, clips_key: str | None = None) -> Winner:
    """Return the best system of the results of one data set.

    Parameters
    ----------
    results : sequence of Result
        Those that can be compared, see `summary.comparable`. Of two protocols, nested counts.
    clips_key : str or None
        The data set that is meant, where there are results for several.

    Raises
    ------
    ConfigError
        There are several data sets and none is meant, or no system can be fitted.
    """
    names = list(dict.fromkeys(result.dataset for result in results))
    meant = names
    if len(names) > 1:
        meant = list(dict.fromkeys(r.dataset for r in results if clips_key and r.clips_key == clips_key))
    if len(meant) != 1:
        raise ConfigError(
            f"found results for {', '.join(names)}: give the DATA that is meant, or the folder of one alone"
        )
    of_set = [each for each in comparisons(results) if each.dataset == meant[0]]
    comparison = min(of_set, key=lambda each: each.protocol != "nested")
    passed: list[str] = []
    for place, score in enumerate(comparison.scores):
        first = min(
            (
                r
                for r in results
                if (r.dataset, r.protocol) == (comparison.dataset, comparison.protocol)
                and system_of(r) == score.system
            ),
            key=lambda result: result.seed,
        )
        if can_be_fitted(first):
            tied = tuple(comparison.scores[k].label for k in comparison.tied(place))
            return Winner(first, score, len(comparison.scores), tied, tuple(passed))
        passed.append(score.label)
    raise ConfigError(
        f"none of {', '.join(passed)} can be fitted: their features were read from a file or are themselves "
        "fitted, or they are modules of your own that were trained (a model file keeps neither their code "
        "nor their norms), or an older elmarc ranked them: train a network of elmarc, run rank again, or "
        "name --network and --classifier"
    )


def can_be_fitted(result: Result) -> bool:
    """Return whether the system of a result can be fitted for new clips.

    Features that were read from a file cannot be computed for them, and a model file cannot hold features
    that are fitted, nor a user's module that was trained.
    """
    config, network = result.config, result.config.get("network")
    is_own = isinstance(network, Mapping) and network.get("kind") == EXTERNAL
    if (config.get("frontend") or {}).get("kind") in FITTED:
        return False
    return bool(config) and not config.get("features_file") and not (is_own and "training" in config)


def fit_trained(
    result: Result,
    config: Experiment,
    data: Dataset,
    *,
    store: FeatureStore | None = None,
    folder: Path | None = None,
    observer: Observer | None = None,
) -> Fit:
    """Train the network of a result of `elmarc train` once more, on all clips, by the same recipe.

    Parameters
    ----------
    result : Result
        Its score is the accuracy to expect.
    config : Experiment
        Its own, see `record.config_of`.
    data : Dataset
    store : FeatureStore or None
        In whose folder the inputs lie while they are needed.
    folder : Path or None
        Where the training is stored, so that it can go on; None stores nothing.
    observer : Observer or None
        Gets the progress.

    Raises
    ------
    ElmarcError
        The clips cannot be used, or the recipe is another version's.
    """
    recipe = config.training
    assert recipe is not None
    watch = observer or Observer()

    def on_epoch(run: Run, epoch: int, row: Row) -> None:
        text = f"all clips, rate {run.learning_rate:g}, loss {row['loss']:.2f}"
        watch.on_epoch(epoch, run.n_epochs, text)

    watch.on_features(config.label, len(data.clips))
    material = Material(data, contents_of(data.clips, n_workers=config.n_workers))
    key = definition_key({"config": record.settings(config), "clips": material.key})[:16]
    with front_ends(store) as cache:
        drawn, notes = build.extractor(config, data, cache=cache)
        inputs = open_inputs(drawn, data.clips, material.contents, progress=watch.on_inputs)
        assert drawn.network is not None
        trainer = Trainer(
            drawn.network,
            inputs,
            data.classes,
            recipe=recipe,
            statistics=config.pooling,
            seed=config.seed,
            on_epoch=on_epoch,
        )
        folds, groups = ([getattr(clip, name) or "" for clip in inputs.clips] for name in ("fold", "group"))
        together = keep_together(groups, folds, kind=data.split_kind)
        chosen = train_on_all(trainer, keep_together=together, folder=folder and folder / key)
    parts = learnt(trainer.model)
    extractor, _ = build.extractor(config, data)
    assert isinstance(extractor.network, RandomCNN)
    extractor.network.set_weights(parts.weights, standards=parts.standards)
    extractor.strict = True  # what is predicted has a row for each clip
    model = trained_classifier(
        build.sound_classifier(config, extractor),
        extractor,
        (parts.coef, parts.intercept),
        classes=data.classes,
        labels=inputs.labels,
        best_params=chosen,
        expected=expectation(
            result.accuracy, result.predictions, n_folds=len(result.folds), n_classes=len(result.classes)
        ),
    )
    return Fit(model, inputs.skipped, (*notes, *inputs.notes))
