"""The record of one cell of a study, and its file `result.json`, which other tools can read.

A cell is one data set x one kind of features x one classifier x one seed x one protocol. Its record is
`result.json`; everything in it but `timings`, `environment`, `created`, `command` and `source` follows from
the definition and the seed alone, so two runs can be compared byte by byte.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import islice
from pathlib import Path
from statistics import fmean
from typing import Any

import pandas as pd
from pydantic import TypeAdapter, ValidationError

from elmarc import metrics
from elmarc._io import write_atomic
from elmarc._names import special
from elmarc.errors import StoreError

SCHEMA_VERSION = 3
ROUNDING = 1e-9  # sums in another order
FAILED = "failed.json"  # of a cell that could not be run


@dataclass(frozen=True)
class FoldScore:
    """The score on one held-out part, and the hyper-parameters used for it."""

    name: str
    n_test: int
    accuracy: float
    params: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Candidate:
    """One point of the hyper-parameter grid with its score on every part used to choose."""

    params: dict[str, Any]
    mean: float
    scores: list[float]


@dataclass(frozen=True)
class Prediction:
    """The predicted label of one held-out clip; `group` is "" where the clip has none."""

    id: str
    label: str
    predicted: str
    fold: str
    group: str = ""


@dataclass(frozen=True)
class Skipped:
    """A clip that gave no features, and why."""

    id: str
    reason: str


@dataclass(frozen=True)
class Result:
    """One cell of a study; see the module docstring.

    `accuracy`, `macro_f1` and `recalls` lie in [0, 1]; `accuracy` is the number to report: the mean over
    folds, or the test accuracy where the data set has fixed lists.
    """

    dataset: str
    classes: list[str]
    n_clips: int
    features: str  # a network's name, or "mfcc"
    n_features: int
    classifier: str
    protocol: str
    seed: int
    accuracy: float
    macro_f1: float
    recalls: dict[str, float]
    folds: list[FoldScore]
    best_params: dict[str, Any]
    predictions: list[Prediction]
    definition: dict[str, Any]
    definition_key: str
    recipe: str = "2018"
    size: str | None = None
    n_filters: int | None = None
    protocol_note: str = ""
    grid: list[Candidate] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    cost: dict[str, int | float] | None = None  # n_parameters, multiply_adds_per_clip
    timings: dict[str, float] = field(default_factory=dict)  # seconds
    environment: dict[str, str] = field(default_factory=dict)
    created: str = ""
    source: dict[str, Any] = field(default_factory=dict)  # of the clips, as in a configuration
    config: dict[str, Any] = field(default_factory=dict)  # of this cell, as in a configuration
    command: str = ""  # line that ran it
    clips_key: str = ""  # of clips, labels, folds and the bytes of each file: equal for equal data sets
    schema_version: int = SCHEMA_VERSION

    def to_json(self) -> str:
        """Return the record as JSON text; the same result gives the same bytes."""
        return "".join(self._pieces())

    def _pieces(self) -> Iterator[str]:
        """Yield the text piece by piece: whole, that of a million predictions takes a gigabyte."""
        encoder = json.JSONEncoder(indent=1, ensure_ascii=False, allow_nan=False, default=vars)
        tokens = encoder.iterencode(self)
        while piece := "".join(islice(tokens, 4096)):
            yield piece
        yield "\n"

    @classmethod
    def from_json(cls, text: str, *, source: str = "result.json") -> Result:
        """Rebuild a record. Raises StoreError where the text is damaged or of another version."""
        try:
            version = json.loads(text, parse_constant=_refuse_constant).get("schema_version")
        except (ValueError, AttributeError, RecursionError) as problem:
            raise StoreError(f"{source}: not a result of elmarc ({problem})") from None
        if version != SCHEMA_VERSION:
            raise StoreError(
                f"{source}: result version {version}, this elmarc reads {SCHEMA_VERSION}: run the cell again"
            )
        try:
            result = _reader().validate_json(text, strict=True)
            _check_consistent(result)
        except ValueError as problem:
            raise StoreError(
                f"{source}: not a result of elmarc ({_first(problem)}): run the cell again"
            ) from None
        return result

    @property
    def label(self) -> str:
        """A short name of the cell's features: the network and, where it is not the large one, its size."""
        return self.features if self.size in (None, "large") else f"{self.features} ({self.size})"

    def save(self, folder: str | Path) -> Path:
        """Write `folder/result.json` atomically and return its path."""
        path = Path(folder) / "result.json"
        write_atomic(path, self._pieces())
        return path


@cache
def _reader() -> TypeAdapter[Result]:
    return TypeAdapter(Result)


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no number")


def _first(problem: ValueError) -> str:
    if not isinstance(problem, ValidationError):
        return str(problem)
    error = problem.errors(include_input=False)[0]
    return f"{'.'.join(map(str, error['loc']))}: {error['msg']}"


def _check_consistent(result: Result) -> None:
    """Refuse what no run can have written: it would be compared as if one had."""
    for name in ("accuracy", "macro_f1"):
        if not 0 <= getattr(result, name) <= 1:
            raise ValueError(f"{name}: found {getattr(result, name)}, expected 0 to 1")
    if not result.predictions or not result.folds:
        raise ValueError("it holds no predictions or no folds")
    classes = set(result.classes)
    if len(classes) < len(result.classes):
        raise ValueError("classes: one is named twice")
    if result.n_clips < len(result.predictions):
        raise ValueError(
            f"n_clips: found {result.n_clips}, and there are {len(result.predictions)} predictions"
        )
    unknown = [p.id for p in result.predictions if not {p.label, p.predicted} <= classes]
    if unknown:
        raise ValueError(f"predictions: the label of {unknown[0]!r} is none of the classes")
    if len({p.id for p in result.predictions}) < len(result.predictions):
        raise ValueError("predictions: a clip is there twice")
    _check_scores(result)


def _check_scores(result: Result) -> None:
    """Refuse scores that do not follow from the predictions of the same file."""
    labels, predicted = [p.label for p in result.predictions], [p.predicted for p in result.predictions]
    hits: dict[str, list[bool]] = {}
    for p in result.predictions:
        hits.setdefault(p.fold, []).append(p.label == p.predicted)
    if sorted(fold.name for fold in result.folds) != sorted(hits):
        raise ValueError("folds: their names are not those of the predictions")
    for fold in result.folds:
        if fold.n_test != len(hits[fold.name]):
            raise ValueError(
                f"folds: {fold.name!r} has {len(hits[fold.name])} predictions, not {fold.n_test}"
            )
        _check_score(f"folds: the accuracy of {fold.name!r}", fold.accuracy, fmean(hits[fold.name]))
    _check_score("accuracy", result.accuracy, fmean(fold.accuracy for fold in result.folds))
    recalls = metrics.recalls(labels, predicted, classes=result.classes)
    if set(result.recalls) != set(recalls):
        raise ValueError("recalls: their classes are not those of the predictions")
    for label, recall in recalls.items():
        _check_score(f"recalls: that of {label!r}", result.recalls[label], recall)
    _check_score("macro_f1", result.macro_f1, metrics.macro_f1(labels, predicted))


def _check_score(name: str, written: float, follows: float) -> None:
    if not abs(written - follows) <= ROUNDING:
        raise ValueError(f"{name}: found {written}, and {follows} follows from the predictions")


def load(path: str | Path) -> Result:
    """Read one `result.json`; StoreError where it is damaged, of another version, or cannot be read."""
    try:
        if what := special(path):
            raise StoreError(f"{path}: is {what}, expected a result of elmarc: take it away")
        text = Path(path).read_text(encoding="utf-8")
    except UnicodeDecodeError as problem:
        raise StoreError(f"{path}: not a result of elmarc ({problem.reason}): run the cell again") from None
    except OSError as problem:
        raise StoreError(f"{path}: cannot be read ({problem.strerror}): run the cell again") from None
    return Result.from_json(text, source=str(path))


def collect(folder: str | Path, *, notes: list[str] | None = None) -> list[Result]:
    """Read every `result.json` below a folder, in the order of their paths.

    Those that cannot be read are left out, and named in `notes`; without it, they are an error.
    """
    paths = sorted(
        Path(parent, "result.json")
        for parent, folders, names in os.walk(folder)
        if "result.json" in (*folders, *names)
    )
    if not paths:
        raise StoreError(f"{folder}: no result.json below it: give the folder that a run printed")
    results, problems = [], []
    for path in paths:
        try:
            results.append(load(path))
        except StoreError as problem:
            problems.append(problem)
    if problems and (notes is None or not results):
        raise problems[0]
    if problems and notes is not None:
        notes.append(f"{len(problems)} results are left out, such as {problems[0]}")
    return results


@dataclass(frozen=True)
class Failure:
    """A cell that could not be run, and why; written as `failed.json` in place of its result."""

    dataset: str
    features: str  # a network's name, or "mfcc"
    size: str
    classifier: str
    protocol: str
    seed: int
    reason: str
    clips_key: str = ""
    created: str = ""

    def save(self, folder: str | Path) -> None:
        """Write `folder/failed.json` atomically."""
        write_atomic(Path(folder) / FAILED, json.dumps(vars(self), indent=1, ensure_ascii=False) + "\n")


def load_failure(folder: str | Path) -> Failure | None:
    """Read `folder/failed.json`; None where there is none that can be read."""
    path = Path(folder) / FAILED
    try:
        if not path.is_file():
            return None
        return TypeAdapter(Failure).validate_json(path.read_bytes(), strict=True)
    except (OSError, ValueError):
        return None


SCALARS = (
    *("dataset", "n_clips", "features", "n_features", "classifier", "protocol", "seed", "accuracy"),
    *("macro_f1", "recipe", "size", "n_filters"),
)


def to_frame(results: Iterable[Result]) -> pd.DataFrame:
    """Return one row a result: what was run, its scores, costs and times (without predictions)."""
    rows = [
        {name: getattr(result, name) for name in SCALARS} | (result.cost or {}) | result.timings
        for result in results
    ]
    return pd.DataFrame(rows)
