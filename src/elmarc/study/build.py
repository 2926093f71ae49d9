"""Configuration to objects: the only place where names meet classes."""

from __future__ import annotations

from dataclasses import replace
from os.path import exists  # False for a name that is too long, where Path raises
from pathlib import Path
from typing import Any

from elmarc import datasets
from elmarc._resources import memory_bytes
from elmarc.classifiers.grids import ClassifierSpec, make_classifier
from elmarc.datasets.base import Dataset, OnMissing, Unlabelled, nearly_whole
from elmarc.errors import ConfigError, DatasetError
from elmarc.features.assemble import FeatureOptions, assemble
from elmarc.features.cache import FrontEndCache
from elmarc.features.extractor import FeatureExtractor
from elmarc.features.fitted import FITTED, FittedFeatures
from elmarc.features.recipes import RECIPES, unit_read
from elmarc.features.store import FeatureStore
from elmarc.features.transformer import RandomCNNFeatures
from elmarc.frontends import FrontEnd
from elmarc.model import SoundClassifier
from elmarc.networks.section import JOINED
from elmarc.results import Result
from elmarc.study import spec as cfg


def dataset(section: cfg.Data, *, keep_missing: bool = False, in_memory: Dataset | None = None) -> Dataset:
    """Open a data set; `keep_missing` keeps clips that are named but absent, for `validate` to list.

    `in_memory` is the data set that a section of kind "object" stands for.

    Raises
    ------
    DatasetError
        It is not as described, or lacks more clips than `base.MOST_MISSING`.
    """
    on_missing: OnMissing | None = "keep" if keep_missing else None
    options = section.model_dump(exclude={"kind", "n_folds", "shuffle", "keep_duplicates_together"})
    match section:
        case cfg.ClipsData():
            data = datasets.open_dataset(options.pop("source"), **options, on_missing=on_missing)
        case cfg.ListsData():
            data = datasets.open_lists(**options, on_missing=on_missing or "skip")
        case cfg.ObjectData() if in_memory is not None:
            data = in_memory
        case cfg.ObjectData():
            raise DatasetError(
                f"{section.name}: was held in memory by the program that ranked it: open it there, and "
                "hand it over as a Dataset"
            )
    if in_memory is None and not keep_missing:
        data = nearly_whole(data)
    if section.n_folds is not None:
        data = replace(data, n_folds=section.n_folds)
    return replace(data, shuffle=True) if section.shuffle else data


def clips(section: cfg.Data) -> Dataset | Unlabelled:
    """Open what features are made of: a data set, or a file or folder without classes."""
    path = section.source if isinstance(section, cfg.ClipsData) else ""
    is_place = isinstance(path, Path) and path.suffix.lower() != ".csv" and exists(path)
    if is_place and not datasets.has_classes(path):
        return datasets.open_unlabelled(path)
    return dataset(section)


def open_source(result: Result) -> Dataset:
    """Open again the data set that a result was made of.

    Raises
    ------
    ElmarcError
        It does not lie where it lay.
    """
    config = cfg.parse_experiment({"data": result.source, "network": "mfcc"}, source="result.json")
    return dataset(config.data)


def network_section(section: cfg.Network) -> dict[str, Any]:
    """Return the keys of a network that say something; None within a factory's options is its own."""
    return {key: value for key, value in section.model_dump(mode="json").items() if value is not None}


def classifier(system: cfg.System, behind: FittedFeatures | None = None) -> ClassifierSpec:
    """Return the classifier of a system with its grid, behind a scaler where one is wanted.

    In front of both stands `behind`, the `fitted_features` of the system.
    """
    section = system.classifier
    assert section is not None  # no grid belongs to a training
    return make_classifier(
        section.name,
        random_state=system.seed,
        standardise=section.standardise,
        ridge=section.ridge,
        behind=behind,
    )


def fitted_features(system: cfg.System) -> FittedFeatures | None:
    """Return what makes features of a system's log-mels that are fitted to clips, where it has such."""
    if system.features_file is not None or system.frontend.kind not in FITTED:
        return None
    n_bands = system.frontend.options()["n_mels"]
    return FITTED[system.frontend.kind](n_bands=n_bands, random_state=system.seed)


def feature_options(system: cfg.System) -> FeatureOptions:
    """Return the options of a system's features."""
    net, fed = system.network, system.input
    own: dict[str, Any] = {"frontend": system.frontend.model_dump()}
    if net is not None:
        own |= {"statistics": system.pooling} if net.kind != JOINED else {"frontend": None}
        own |= {"duration": fed.seconds, "fix_length": fed.fix_length}
        own["input_length"] = fed.n_frames if unit_read(net) == "frames" else fed.n_samples
    network = system.frontend.kind if net is None else network_section(net)
    return FeatureOptions(network, recipe=system.recipe, seed=system.seed, **own)


def extractor(
    config: cfg.Experiment,
    data: Dataset | Unlabelled | None,
    *,
    store: FeatureStore | None = None,
    cache: FrontEndCache | None = None,
) -> tuple[FeatureExtractor, list[str]]:
    """Return the extractor of a configuration, and notes on what it does to the clips.

    Where the configuration gives no length, it is the data set's own, raised to what the network needs where
    short clips are padded anyway, as the study did for VGG on 4 s clips. A configuration that gives both
    length and `fix_length` needs no data set.
    """
    options = feature_options(config)
    default = None if data is None else data.input_length or datasets.suggest_input_length(data)
    made = assemble(
        options,
        default_length=default,
        batch_size=config.batch_size or 8,
        n_workers=config.n_workers,
        device=config.device,
        strict=config.strict,
        store=store,
        cache=cache,
    )
    net, front = made.network, made.frontend
    if net is None:
        if data is not None and fitted_features(config):
            _check_memory(front, len(data.clips))
        return made, []
    notes = [] if net.is_storable else [f"{net.name} states no key: its features are not stored"]
    if default is not None and not options.duration and not options.input_length:
        length = front.n_positions(default.seconds(net.input_unit))
        if length != made.length:
            notes.append(
                f"{net.name} needs {net.min_input_length} {net.input_unit}; clips of {length} were made "
                f"{made.length} by {made.fix_length}"
            )
    return made, notes


def _check_memory(front: FrontEnd, n_clips: int) -> None:
    """Refuse more log-mels than fit into memory: all, those of a training part, and a copy in other order."""
    needed = 3 * 4 * n_clips * front.n_bands
    if needed > memory_bytes():
        raise ConfigError(
            f"{front.kind}: the log-mels of {n_clips} clips take {needed / 2**30:.1f} GiB while fitting, "
            f"and there are {memory_bytes() / 2**30:.1f}: read less of each clip (--set frontend.seconds=2), "
            "or leave it out"
        )


def sound_classifier(config: cfg.Experiment, made: FeatureExtractor) -> SoundClassifier:
    """Return the classifier, not fitted, whose features are those of an extractor of the configuration."""
    fed: dict[str, Any] = {}
    if config.network is not None:
        fed = {"duration": None, "input_length": made.input_length, "fix_length": made.fix_length}
    classifier = config.classifier or cfg.Classifier(name="ridge")
    recipe = config.recipe
    if classifier.name == "elm":  # the recipe sets its ridge; all else that a recipe sets is given
        recipe = next(name for name in (recipe, *RECIPES) if RECIPES[name].ridge == classifier.ridge)
    parameters = {**vars(feature_options(config)), **fed, "recipe": recipe}
    features = RandomCNNFeatures(
        random_state=parameters.pop("seed"),
        **parameters,
        batch_size=made.batch_size,
        n_workers=config.n_workers,
        device=config.device,
        store=made.store.root if made.store and not made.store.was_refused else None,
    )
    return SoundClassifier(
        features, classifier.name, standardise=classifier.standardise, random_state=config.seed
    )
