"""Configuration to objects: the only place where names meet classes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from elmarc import datasets
from elmarc._errors import DatasetError
from elmarc._types import FixLength, Size, Unit
from elmarc.audio.length import STUDY_LENGTH
from elmarc.classifiers.grids import ClassifierSpec, make_classifier
from elmarc.config import sections as cfg
from elmarc.datasets.base import Dataset, OnMissing
from elmarc.datasets.unlabelled import Unlabelled
from elmarc.features.cache import FrontEndCache
from elmarc.features.extractor import FeatureExtractor
from elmarc.features.store import FeatureStore
from elmarc.frontends import FRONTENDS, FrontEnd
from elmarc.networks import NETWORKS, Preset, build_network
from elmarc.networks.random_cnn import RandomCNN

# What the study repeated short clips to where a network needs more frames than they have.
RAISED_TO_S: dict[Unit, float] = {"frames": STUDY_LENGTH.frames_s, "samples": 0.0}


def dataset(section: cfg.Data, *, keep_missing: bool = False, held: Dataset | None = None) -> Dataset:
    """Open a data set; `keep_missing` keeps clips that are named but absent, for `validate` to list.

    `held` is the data set that a section of kind "object" stands for.

    Raises
    ------
    DatasetError
        It is not as described.
    """
    on_missing: OnMissing | None = "keep" if keep_missing else None
    match section:
        case cfg.NamedData():
            found = datasets.open_dataset(
                section.name, audio=section.audio, metadata=section.metadata, on_missing=on_missing
            )
        case cfg.FolderData():
            found = datasets.open_dataset(section.path)
        case cfg.TableData():
            found = datasets.open_dataset(section.path, audio=section.audio, on_missing=on_missing)
        case cfg.ToyData():
            found = datasets.open_dataset("toy", target=section.target)
        case cfg.ObjectData() if held is not None:
            found = held
        case cfg.ObjectData():
            raise DatasetError(
                f"{section.name}: was held in memory by the program that ranked it: open it there, and "
                "hand it over as a Dataset"
            )
        case cfg.ListsData():
            found = datasets.open_lists(
                section.audio,
                name=section.name,
                files=section.files,
                train=section.train,
                validation=section.validation,
                test=section.test,
                metadata=section.metadata,
                on_missing=on_missing or "raise",
            )
    if section.n_folds is not None:
        found = replace(found, n_folds=section.n_folds)
    return found


def clips(section: cfg.Data) -> Dataset | Unlabelled:
    """Open what features are made of: a data set, or a file or folder without classes.

    Raises
    ------
    DatasetError
        It is not as described.
    """
    path = section.path if isinstance(section, cfg.FolderData) else None
    if path and path.exists() and not datasets.has_classes(path):
        return datasets.open_unlabelled(path)
    return dataset(section)


def frontend(section: cfg.FrontEnd) -> FrontEnd:
    """Return the front-end of a configuration."""
    built: FrontEnd = FRONTENDS[section.kind](**section.options())
    return built


def network(section: cfg.Network, *, seed: int, n_bands: int) -> RandomCNN:
    """Return the network of a configuration for inputs of so many bands, its weights drawn from the seed."""
    options = section.model_dump(exclude={"kind", "narrower"}, exclude_none=True)
    if section.size is not None and section.narrower > 1:
        preset = NETWORKS[section.kind]
        options["n_filters"] = narrowed(preset, options.pop("size"), section.narrower)
    return build_network(section.kind, seed=seed, n_bands=n_bands, **options)


def narrowed(preset: Preset, size: Size, divisor: int) -> int:
    """Return the filters of a size over `divisor`, rounded down to what the network can have."""
    step = preset.load().filters_multiple
    n_filters: int = getattr(preset, size) // divisor
    return max(step, n_filters - n_filters % step)


def classifier(section: cfg.ClassifierSection, *, seed: int) -> ClassifierSpec:
    """Return the classifier of a configuration with its grid."""
    return make_classifier(
        section.name, random_state=seed, standardise=section.standardise, ridge=section.ridge
    )


def input_length(
    config: cfg.ExperimentConfig, data: Dataset | Unlabelled, front: FrontEnd, net: RandomCNN
) -> tuple[int, FixLength, list[str]]:
    """Return (frames or samples fed to the network, what to do with other clips, notes).

    What the configuration says holds. Otherwise it is the data set's own length, raised to what the network
    needs where short clips are padded anyway, as the study did for VGG on 4 s clips.
    """
    default = data.input_length or datasets.suggest_input_length(data)
    how = config.input.fix_length or default.fix_length
    unit = net.input_unit
    given = config.input.positions(unit)
    if given is None and config.input.seconds is not None:
        given = front.n_positions(config.input.seconds)
    length = given or front.n_positions(default.seconds(unit))
    if given or length >= net.min_input_length or how == "crop":
        return length, how, []
    longer = max(net.min_input_length, front.n_positions(RAISED_TO_S[unit]))
    needs = f"{net.name} needs {net.min_input_length} {unit}"
    return longer, how, [f"{needs}; clips of {length} were made {longer} by {how}"]


def extractor(
    config: cfg.ExperimentConfig,
    data: Dataset | Unlabelled,
    *,
    store: FeatureStore | None = None,
    cache: FrontEndCache | None = None,
) -> tuple[FeatureExtractor, list[str]]:
    """Return the extractor of a configuration, and notes on what it does to the clips."""
    front = frontend(config.frontend)
    work: dict[str, Any] = {
        "batch_size": config.batch_size or 8,
        "n_workers": config.n_workers,
        "device": config.device,
        "strict": config.strict,
        "store": store,
        "cache": cache,
    }
    if config.network is None:
        return FeatureExtractor(front, **work), []
    net = network(config.network, seed=config.seed, n_bands=front.n_bands)
    length, how, notes = input_length(config, data, front, net)
    built = FeatureExtractor(front, net, length=length, fix_length=how, statistics=config.pooling, **work)
    return built, notes
