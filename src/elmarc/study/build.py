"""Configuration to objects: the only place where names meet classes."""

from __future__ import annotations

from dataclasses import replace
from os.path import exists  # says no to a name that is too long, where Path raises
from pathlib import Path
from typing import Any

from elmarc import datasets
from elmarc.classifiers.grids import ClassifierSpec, make_classifier
from elmarc.datasets.base import Dataset, OnMissing, Unlabelled, nearly_whole
from elmarc.errors import DatasetError
from elmarc.features.assemble import assemble, make_frontend
from elmarc.features.cache import FrontEndCache
from elmarc.features.extractor import FeatureExtractor
from elmarc.features.store import FeatureStore
from elmarc.frontends import FrontEnd
from elmarc.networks import make_network
from elmarc.networks.base import Network
from elmarc.networks.section import JOINED
from elmarc.results import Result
from elmarc.study import spec as cfg


def dataset(section: cfg.Data, *, keep_missing: bool = False, held: Dataset | None = None) -> Dataset:
    """Open a data set; `keep_missing` keeps clips that are named but absent, for `validate` to list.

    `held` is the data set that a section of kind "object" stands for.

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
        case cfg.ObjectData() if held is not None:
            data = held
        case cfg.ObjectData():
            raise DatasetError(
                f"{section.name}: was held in memory by the program that ranked it: open it there, and "
                "hand it over as a Dataset"
            )
    if held is None and not keep_missing:
        data = nearly_whole(data)
    if section.n_folds is not None:
        data = replace(data, n_folds=section.n_folds)
    if section.shuffle:
        data = replace(data, shuffle=True)
    return data


def clips(section: cfg.Data) -> Dataset | Unlabelled:
    """Open what features are made of: a data set, or a file or folder without classes.

    Raises
    ------
    DatasetError
        It is not as described.
    """
    path = section.source if isinstance(section, cfg.ClipsData) else ""
    is_place = isinstance(path, Path) and path.suffix.lower() != ".csv" and exists(path)
    if is_place and not datasets.has_classes(path):
        return datasets.open_unlabelled(path)
    return dataset(section)


def frontend(section: cfg.FrontEnd) -> FrontEnd:
    """Return the front-end of a configuration."""
    return make_frontend(section.model_dump(), network=None)


def network(section: cfg.Network, *, seed: int, n_bands: int) -> Network:
    """Return the network of a configuration for inputs of so many bands, its weights drawn from the seed."""
    return make_network(network_section(section), seed=seed, n_bands=n_bands)


def network_section(section: cfg.Network) -> dict[str, Any]:
    """Return the keys of a network that say something; None within a factory's options is its own."""
    return {key: value for key, value in section.model_dump(mode="json").items() if value is not None}


def classifier(system: cfg.System) -> ClassifierSpec:
    """Return the classifier of a system with its grid, in front of it a scaler where it is asked for."""
    section = system.classifier
    assert section is not None  # no grid belongs to a training
    return make_classifier(
        section.name, random_state=system.seed, standardise=section.standardise, ridge=section.ridge
    )


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
    work: dict[str, Any] = {
        "batch_size": config.batch_size or 8,
        "n_workers": config.n_workers,
        "device": config.device,
        "strict": config.strict,
        "store": store,
        "cache": cache,
    }
    default = None if data is None else data.input_length or datasets.suggest_input_length(data)
    if config.network is not None and config.network.kind == JOINED:
        joined = assemble(
            network_section(config.network), recipe=config.recipe, seed=config.seed,
            duration=config.input.seconds, default_length=default, fix_length=config.input.fix_length, **work,
        )  # fmt: skip
        return joined, []
    front = frontend(config.frontend)
    if config.network is None or front.unit is None:  # without a network there is no unit
        return assemble(None, frontend=front, **work), []
    built = assemble(
        network_section(config.network),
        frontend=front,
        seed=config.seed,
        duration=config.input.seconds,
        input_length=config.input.positions(front.unit),
        default_length=default,
        fix_length=config.input.fix_length,
        statistics=config.pooling,
        **work,
    )
    notes: list[str] = []
    if built.network is not None and not built.network.is_storable:
        notes.append(f"{built.network.name} states no key: its features are not stored")
    is_given = config.input.seconds or config.input.positions(front.unit)
    if is_given or default is None:
        return built, notes
    return built, notes + _lengthened(built, front.n_positions(default.seconds(front.unit)))


def _lengthened(extractor: FeatureExtractor, length: int) -> list[str]:
    """Say where clips of the data set's own length were made longer for the network."""
    net, longer = extractor.network, extractor.length
    if net is None or longer == length:
        return []
    needs = f"{net.name} needs {net.min_input_length} {net.input_unit}"
    return [f"{needs}; clips of {length} were made {longer} by {extractor.fix_length}"]


def open_source(result: Result) -> Dataset:
    """Open again the data set that a result was made of.

    Raises
    ------
    ElmarcError
        It does not lie where it lay.
    """
    config = cfg.parse_experiment({"data": result.source, "network": "mfcc"}, source="result.json")
    return dataset(config.data)
