"""From the evaluation of a cell to its Result, and to the files beside it."""

from __future__ import annotations

import platform
from collections.abc import Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from elmarc import __version__, metrics
from elmarc._io import csv_text, write_atomic
from elmarc._resources import n_cores
from elmarc._types import Definition
from elmarc.errors import ConfigError
from elmarc.evaluation.protocol import Evaluation
from elmarc.features.extractor import Extraction, FeatureExtractor
from elmarc.features.fitted import FittedFeatures
from elmarc.features.store import definition_key
from elmarc.networks.make import is_object
from elmarc.networks.random_cnn import RandomCNN
from elmarc.reports.tables import report_text
from elmarc.results import Failure, Prediction, Result, Skipped
from elmarc.study.clips import Material
from elmarc.study.spec import Data, Experiment, parse_experiment, recipe_name

EXECUTION_KEYS = {"name", "batch_size", "device", "n_workers", "strict", "store", "results", "notes"}
PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "soundfile", "soxr")


@dataclass(frozen=True)
class UsedClips:
    """The clips of a cell that could be used, and their features.

    `skipped` are the others with the reason why not, `definition` is what the features follow from.
    """

    ids: Sequence[str]
    labels: Sequence[str]
    groups: Sequence[str]
    n_features: int
    definition: Definition
    skipped: Sequence[tuple[str, str]]
    timings: dict[str, float]

    @classmethod
    def of(
        cls, extraction: Extraction, *, classify_s: float, fitted: FittedFeatures | None = None
    ) -> UsedClips:
        """Return those of an extraction.

        `s_per_clip` is what one clip costs on one worker, from file to features. It counts decoding and
        front-end for every network alike, whichever of them had them made. Features that came from the store
        cost nothing here, and have no such entries. Those of `fitted` were computed beside the classifier.
        """
        matrix, front, network = extraction.matrix, extraction.frontend_s, extraction.network_s
        n_features, definition = matrix.X.shape[1], matrix.definition
        if fitted is not None:
            network, n_features = fitted.fits.seconds, fitted.fits.n_features or n_features
            definition = {**definition, "fitted": fitted.definition()}
        timings = {"extract_s": extraction.seconds, "classify_s": classify_s}
        if front is not None and network is not None:
            timings |= {"frontend_s_per_clip": front, "network_s_per_clip": network}
            timings["s_per_clip"] = front + network
        return cls(
            matrix.ids,
            matrix.labels,
            matrix.groups,
            n_features,
            definition,
            extraction.skipped,
            timings,
        )


def make_result(
    config: Experiment,
    material: Material,
    used: UsedClips,
    extractor: FeatureExtractor | None,
    evaluation: Evaluation,
    *,
    notes: Sequence[str] = (),
) -> Result:
    """Put together the record of a finished cell."""
    labels = [used.labels[i] for i, _, _ in evaluation.held_out]
    predicted = [label for _, label, _ in evaluation.held_out]
    net, data = config.network, material.dataset
    keys = settings(config, without={"data"})
    head: Definition = {key: keys[key] for key in ("classifier", "training") if key in keys}
    return Result(
        dataset=data.name,
        classes=list(data.classes),
        n_clips=len(used.ids),
        features=config.label,
        n_features=used.n_features,
        classifier=config.head_name,
        protocol=config.protocol,
        protocol_note=evaluation.note,
        seed=config.seed,
        accuracy=evaluation.accuracy,
        macro_f1=metrics.macro_f1(labels, predicted),
        recalls=metrics.recalls(labels, predicted, classes=data.classes),
        folds=evaluation.folds,
        best_params=evaluation.best_params,
        grid=evaluation.grid,
        predictions=[
            Prediction(used.ids[i], used.labels[i], label, fold, used.groups[i])
            for i, label, fold in evaluation.held_out
        ],
        definition={"features": used.definition, **head},
        definition_key=definition_key(used.definition),
        recipe=recipe_name(config.recipe, config.model_dump()),
        size=config.size,
        n_filters=net.n_filters if net else None,
        notes=list(dict.fromkeys(notes)),
        skipped=[Skipped(clip, reason) for clip, reason in used.skipped],
        cost=_cost(extractor),
        timings=used.timings,
        environment=dict(_environment()),
        source=source(config.data),
        config=keys,
        clips_key=material.key,
        created=_now(),
    )


def failure(config: Experiment, material: Material, reason: str) -> Failure:
    """Return the record of a cell that cannot be run."""
    return Failure(
        dataset=material.dataset.name,
        features=config.label,
        size=config.size or "",
        classifier=config.head_name,
        protocol=config.protocol,
        seed=config.seed,
        reason=reason,
        clips_key=material.key,
        created=_now(),
    )


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def source(data: Data) -> dict[str, Any]:
    """Return the data section of a configuration with absolute paths: it can be opened from anywhere."""
    section = data.model_dump(exclude_none=True)
    return {key: str(value.resolve()) if isinstance(value, Path) else value for key, value in section.items()}


def settings(config: Experiment, *, without: Set[str] = frozenset()) -> dict[str, Any]:
    """Return the keys of a configuration that a result follows from: not its name, nor how it is computed."""
    return config.model_dump(mode="json", exclude={*EXECUTION_KEYS, *without})


def config_of(result: Result, *, trust: bool, **changes: Any) -> Experiment:
    """Return the configuration that a result was made by, on the clips that it was made of.

    Parameters
    ----------
    result : Result
    trust : bool
        Whether a module that the result names may be imported: results may be anybody's.
    **changes : Any
        Further keys.

    Raises
    ------
    ConfigError
        It names such a module, which is not trusted; or it says what this elmarc does not know.
    """
    config = parse_experiment({"data": result.source, **result.config, **changes}, source="result.json")
    factory = getattr(config.network, "factory", None)
    if isinstance(factory, str) and not trust and not is_object(factory):
        raise ConfigError(
            f"the results name {factory}, code that would be imported and run: add --trust if they are your "
            "own, or if you trust whoever made them"
        )
    return config


def write(result: Result, folder: Path) -> None:
    """Write confusion.csv, report.txt and, last, result.json: a cell with that file is finished."""
    labels = [prediction.label for prediction in result.predictions]
    predicted = [prediction.predicted for prediction in result.predictions]
    table = metrics.confusion(labels, predicted, classes=result.classes)
    write_atomic(folder / "confusion.csv", csv_text(table, index=True))
    write_atomic(folder / "report.txt", report_text(result))
    result.save(folder)


@cache
def _environment() -> dict[str, str]:
    """Return versions and machine."""
    versions = {"elmarc": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            versions[package] = "unknown"
    return versions | {
        "system": platform.platform(),
        "machine": platform.machine(),
        "cores": str(n_cores()),
    }


def _cost(extractor: FeatureExtractor | None) -> dict[str, float] | None:
    parts = () if extractor is None else extractor.parts
    nets = [(part.network, part.length) for part in parts if part.length is not None]
    known = [(net, length) for net, length in nets if isinstance(net, RandomCNN)]
    if not known or len(known) < len(nets):
        return None
    return {
        "n_parameters": sum(net.n_parameters for net, _ in known),
        "multiply_adds_per_clip": sum(net.multiply_adds(length) for net, length in known),
    }
