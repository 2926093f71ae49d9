"""Features of a network that an experiment reads from a file: are they those that it asks for?"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from elmarc._types import Definition
from elmarc.datasets.base import Dataset
from elmarc.errors import ConfigError
from elmarc.features.matrix import FeatureMatrix

SHOWN = 3  # differences named in a message


def read_features(path: Path, data: Dataset, definition: Definition) -> tuple[FeatureMatrix, list[str]]:
    """Return the features of a file, a row for each clip of the data set in its order, and notes.

    Folds and groups are the data set's. `definition` is what the configuration would extract.

    Raises
    ------
    ConfigError
        The file is about other clips, other labels, or features made in another way.
    StoreError
        The file cannot be read.
    """
    matrix = FeatureMatrix.load(path)
    _check_clips(path, matrix, data)
    _check_definition(path, matrix.definition, definition)
    row = {name: i for i, name in enumerate(matrix.ids)}
    order = [row[clip.id] for clip in data.clips]
    folds = tuple(clip.fold or "" for clip in data.clips)
    groups = tuple(clip.group or "" for clip in data.clips)
    notes = [f"features read from {path.name}, not extracted"]
    if folds != tuple(matrix.folds[i] for i in order) or groups != tuple(matrix.groups[i] for i in order):
        notes.append(f"{path.name} has other folds or groups: those of {data.name} were used")
    ids, labels = tuple(clip.id for clip in data.clips), tuple(clip.label for clip in data.clips)
    return replace(matrix, X=matrix.X[order], ids=ids, labels=labels, folds=folds, groups=groups), notes


def _check_clips(path: Path, matrix: FeatureMatrix, data: Dataset) -> None:
    known, wanted = dict(zip(matrix.ids, matrix.labels, strict=True)), {c.id: c.label for c in data.clips}
    missing = [name for name in wanted if name not in known]
    extra = [name for name in known if name not in wanted]
    labels = [
        f"{name} is {known[name]!r} in the file and {label!r} in the data set"
        for name, label in wanted.items()
        if known.get(name, label) != label
    ]
    lines = [
        f"{len(names)} {what} ({_some(names)})"
        for names, what in (
            (missing, "clips of the data set are not in the file"),
            (extra, "clips of the file are not in the data set"),
            (labels, "labels differ"),
        )
        if names
    ]
    if lines:
        raise _mismatch(path, f"does not fit {data.name}: {'; '.join(lines)}")


def _check_definition(path: Path, found: Definition, wanted: Definition) -> None:
    network = wanted.get("network", {})
    if network.get("network") == "external" and network["key"] is None:
        raise _mismatch(path, "cannot be compared with a module that states no key: state one")
    as_read = json.loads(json.dumps(wanted))  # tuples become lists, as in the file
    differences = list(_differences(found, as_read))
    if differences:
        raise _mismatch(path, f"holds other features than the configuration asks for: {_some(differences)}")


def _differences(found: Any, wanted: Any, key: str = "") -> Iterator[str]:
    """Name the values that differ, by dotted key."""
    if isinstance(found, Mapping) and isinstance(wanted, Mapping):
        for name in dict.fromkeys((*wanted, *found)):
            place = f"{key}.{name}" if key else str(name)
            yield from _differences(found.get(name), wanted.get(name), place)
    elif found != wanted:
        yield f"{key} is {found!r} in the file, {wanted!r} in the configuration"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")


def _mismatch(path: Path, what: str) -> ConfigError:
    return ConfigError(
        f"features_file {path} {what}. Leave features_file out to extract the features, or write the file "
        "again with `elmarc extract`"
    )
