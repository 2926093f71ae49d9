"""Configuration to objects: the only place where names meet classes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from elmarc import datasets
from elmarc._types import FixLength, Size
from elmarc.classifiers.grids import ClassifierSpec, make_classifier
from elmarc.config import sections as cfg
from elmarc.datasets.base import Dataset, OnMissing
from elmarc.features.cache import FrontEndCache
from elmarc.features.extractor import FeatureExtractor
from elmarc.features.store import FeatureStore
from elmarc.frontends.base import FrontEnd
from elmarc.frontends.logmel import LogMel
from elmarc.frontends.mfcc import MFCC
from elmarc.frontends.waveform import RawWaveform
from elmarc.networks import NETWORKS, Preset, build_network
from elmarc.networks.base import RandomCNN

PAPER_FRAMES = 1376  # what the study repeated short clips to where a network needs more than they have


def dataset(section: cfg.Data, *, keep_missing: bool = False) -> Dataset:
    """Open a data set; `keep_missing` keeps clips that are named but absent, for `validate` to list.

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


def frontend(section: cfg.FrontEnd) -> FrontEnd:
    """Return the front-end of a configuration."""
    options = section.model_dump(exclude={"kind"})
    kinds = {"logmel": LogMel, "waveform": RawWaveform, "mfcc": MFCC}
    built: FrontEnd = kinds[section.kind](**options)
    return built


def network(section: cfg.Network, *, seed: int, n_mels: int) -> RandomCNN:
    """Return the network of a configuration, its weights drawn from the seed."""
    options = section.model_dump(exclude={"kind", "size", "narrower"}, exclude_none=True)
    size = section.size or "large"
    if section.narrower > 1:
        options["n_filters"] = narrowed(NETWORKS[section.kind], size, section.narrower)
    n_bands = n_mels if NETWORKS[section.kind].load().input_unit == "frames" else None
    return build_network(section.kind, size=size, seed=seed, n_bands=n_bands, **options)


def narrowed(preset: Preset, size: Size, divisor: int) -> int:
    """Return the filters of a size over `divisor`, rounded down to what the network can have."""
    step = preset.load().filters_multiple
    n_filters: int = getattr(preset, size) // divisor
    return max(step, n_filters - n_filters % step)


def classifier(section: cfg.ClassifierSection, *, seed: int) -> ClassifierSpec:
    """Return the classifier of a configuration with its grid."""
    return make_classifier(section.name, random_state=seed, scale=section.scale, ridge=section.ridge)


def input_length(
    config: cfg.ExperimentConfig, data: Dataset, net: RandomCNN
) -> tuple[int, FixLength, list[str]]:
    """Return (frames or samples fed to the network, what to do with other clips, notes).

    What the configuration says holds. Otherwise it is the data set's own length, raised to what the network
    needs where short clips are padded anyway, as the study did for VGG on 4 s clips.
    """
    default = data.input_length or datasets.suggest_input_length(data)
    how = config.input.fix_length or default.fix_length
    in_frames = net.input_unit == "frames"
    given = config.input.n_frames if in_frames else config.input.n_samples
    length = given or (default.n_frames if in_frames else default.n_samples)
    if given or length >= net.min_input_length or how == "crop":
        return length, how, []
    longer = max(PAPER_FRAMES, net.min_input_length) if in_frames else net.min_input_length
    needs = f"{net.name} needs {net.min_input_length} {net.input_unit}"
    note = f"{needs}; clips of {length} were made {longer} by {how}"
    return longer, how, [note]


def extractor(
    config: cfg.ExperimentConfig,
    data: Dataset,
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
    n_mels = getattr(config.frontend, "n_mels", 96)
    net = network(config.network, seed=config.seed, n_mels=n_mels)
    length, how, notes = input_length(config, data, net)
    built = FeatureExtractor(front, net, length=length, fix_length=how, statistics=config.pooling, **work)
    return built, notes
