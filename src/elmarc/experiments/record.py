"""From the outcome of a cell to its Result, and to the files beside it."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from elmarc import __version__
from elmarc._atomic import write_atomic
from elmarc._cores import n_cores
from elmarc.config.loading import ExperimentConfig
from elmarc.config.recipes import recipe_name
from elmarc.datasets.base import Dataset
from elmarc.evaluation import metrics
from elmarc.evaluation.protocol import Outcome
from elmarc.features.extractor import Extraction, FeatureExtractor
from elmarc.features.store import recipe_key
from elmarc.reports.cell_report import report_text
from elmarc.results import Prediction, Result, Skipped

PACKAGES = ("torch", "numpy", "scipy", "scikit-learn", "soundfile", "soxr")


def make_result(
    config: ExperimentConfig,
    data: Dataset,
    extraction: Extraction,
    extractor: FeatureExtractor | None,
    outcome: Outcome,
    classify_s: float,
) -> Result:
    """Put together the record of a finished cell."""
    matrix = extraction.matrix
    labels = [matrix.labels[i] for i, _, _ in outcome.held_out]
    predicted = [label for _, label, _ in outcome.held_out]
    net = config.network
    size = None if net is None or net.n_filters else net.size or "large"
    return Result(
        dataset=data.name,
        classes=list(data.classes),
        n_clips=len(matrix),
        features=feature_name(config),
        n_features=matrix.X.shape[1],
        classifier=config.classifier.name,
        protocol=config.protocol,
        protocol_note=outcome.note,
        seed=config.seed,
        accuracy=outcome.accuracy,
        macro_f1=metrics.macro_f1(labels, predicted),
        recalls=metrics.recalls(labels, predicted, classes=data.classes),
        folds=outcome.folds,
        best_params=outcome.best_params,
        grid=outcome.grid,
        predictions=[
            Prediction(matrix.ids[i], matrix.labels[i], label, fold, matrix.groups[i])
            for i, label, fold in outcome.held_out
        ],
        recipe={"features": matrix.recipe, "classifier": config.classifier.model_dump(mode="json")},
        recipe_key=recipe_key(matrix.recipe),
        recipe_name=recipe_name(config.recipe, config.model_dump()),
        size=size,
        n_filters=net.n_filters if net else None,
        skipped=[Skipped(clip, reason) for clip, reason in extraction.skipped],
        cost=_cost(extractor),
        timings=_timings(extraction, classify_s),
        environment=environment(),
        source=config.data.model_dump(mode="json", exclude_none=True),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def feature_name(config: ExperimentConfig) -> str:
    """Name a cell's features: the network, or mfcc; with `_2018` where it keeps that program's average."""
    if config.network is None:
        return "mfcc"
    averaged_as_2018 = config.network.compat and config.network.kind.startswith("frame_level")
    return config.network.kind + ("_2018" if averaged_as_2018 else "")


def with_notes(result: Result, notes: Sequence[str]) -> Result:
    """Return the result with what its reader should know."""
    return replace(result, notes=list(dict.fromkeys(notes)))


def write(result: Result, folder: Path) -> None:
    """Write confusion.csv, report.txt and, last, result.json: a cell with that file is finished."""
    labels = [prediction.label for prediction in result.predictions]
    predicted = [prediction.predicted for prediction in result.predictions]
    table = metrics.confusion(labels, predicted, classes=result.classes)
    write_atomic(folder / "confusion.csv", table.to_csv())
    write_atomic(folder / "report.txt", report_text(result))
    result.save(folder)


def environment() -> dict[str, str]:
    """Return versions and machine."""
    found = {"elmarc": __version__, "python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found | {
        "system": platform.platform(),
        "machine": platform.machine(),
        "cores": str(n_cores()),
    }


def _cost(extractor: FeatureExtractor | None) -> dict[str, float] | None:
    if extractor is None or extractor.network is None or extractor.length is None:
        return None
    net = extractor.network
    return {
        "n_parameters": net.n_parameters,
        "multiply_adds_per_clip": net.multiply_adds(extractor.length),
    }


def _timings(extraction: Extraction, classify_s: float) -> dict[str, float]:
    timings = {"extract_s": extraction.seconds, "classify_s": classify_s}
    if extraction.n_computed:
        timings["s_per_clip"] = extraction.seconds / extraction.n_computed
    return timings
