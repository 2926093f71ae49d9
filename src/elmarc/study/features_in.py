"""Features from a file: which vector belongs to which clip, and whether they can be ranked.

The vectors of a file are joined to the clips of a data set by the first key that matches every clip: the
clip's id, its path, the name of its file, that name without its ending. A key that occurs twice matches
nothing: it would be a guess.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from elmarc._types import Definition
from elmarc.datasets.base import Clip, Dataset
from elmarc.datasets.folder import AUDIO_SUFFIXES
from elmarc.errors import ConfigError
from elmarc.features.matrix import FeatureMatrix
from elmarc.features.recipes import BASELINE
from elmarc.networks import NETWORKS

SHOWN = 3  # examples in a message


def read_features(
    path: Path, data: Dataset, definition: Definition | None = None
) -> tuple[FeatureMatrix, list[str]]:
    """Return a file's vectors as the features of a data set, a row per clip in its order, and notes.

    Ids, labels, folds and groups are the data set's; labels that the file holds must be the same.

    Parameters
    ----------
    path : Path
    data : Dataset
    definition : dict or None
        What the features must follow from; None: anything, also features of other programs.

    Raises
    ------
    ConfigError
        A clip has no vector, a label differs, a vector is not finite, or the features are other ones.
    StoreError
        The file cannot be read, or does not say which vector belongs to which clip.
    """
    matrix = FeatureMatrix.load(path)
    key, rows = _join(path, matrix.ids, data)
    X, clips = matrix.X[rows], data.clips
    ids, labels, folds, groups = (
        tuple(getattr(clip, name) or "" for clip in clips) for name in ("id", "label", "fold", "group")
    )
    differ = [
        f"{name} is {own!r} in the file and {label!r} in the data set"
        for name, own, label in zip(ids, [matrix.labels[row] for row in rows], labels, strict=True)
        if own not in ("", label)
    ]
    if differ:
        raise ConfigError(
            f"{path}: {len(differ)} labels differ ({_some(differ)}): use the data set's labels, or take the "
            "labels out of the file"
        )
    if definition is None:
        definition = {"file": content_key(path), "holds": matrix.definition}
    else:
        _check_definition(path, matrix.definition, definition)
        definition = matrix.definition
    if bad := [name for name, fine in zip(ids, np.isfinite(X).all(axis=1), strict=True) if not fine]:
        raise ConfigError(
            f"{path}: the vectors of {len(bad)} clips hold NaN or infinite values ({_some(bad)}): expected "
            "finite numbers that fit float32; compute these again"
        )
    notes = [f"features read from {path.name}, not extracted"]
    if key != "id":
        notes.append(f"{path.name}: vectors were found by the {key} of each clip")
    if len(matrix) > len(rows):
        notes.append(f"{path.name}: {len(matrix) - len(rows)} vectors belong to no clip of {data.name}")
    if any(
        matrix.folds[row] not in ("", fold) or matrix.groups[row] not in ("", group)
        for row, fold, group in zip(rows, folds, groups, strict=True)
    ):
        notes.append(f"{path.name} has other folds or groups: those of {data.name} were used")
    joined = replace(matrix, X=X, ids=ids, labels=labels, folds=folds, groups=groups, definition=definition)
    return joined, notes


def content_key(path: Path) -> str:
    """Return a hash of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def named_files(features: Sequence[str | Path]) -> dict[str, Path]:
    """Read `NAME=FILE`, or `FILE`, whose name is then the file's without its ending.

    Raises
    ------
    ConfigError
        Two files would have one name.
    """
    files: dict[str, Path] = {}
    for text in map(str, features):
        name, equals, path = text.partition("=")
        if not equals or Path(text).exists():
            name, path = Path(text).stem, text
        if name in files:
            raise _taken(name, f"{files[name]} has it")
        files[name] = Path(path)
    return files


def check_names(ranked: Sequence[str], files: Iterable[str]) -> None:
    """Refuse a file that is called like another row of the table, or like a network of the study.

    Raises
    ------
    ConfigError
        Reports would take the file for the baseline, or show published numbers next to it.
    """
    for name in files:
        if name in (BASELINE, *NETWORKS, *ranked):
            raise _taken(name, "the baseline has it" if name == BASELINE else "a network has it")


def _taken(name: str, by: str) -> ConfigError:
    return ConfigError(f"features {name}: {by}, that name: give them another, as in my-{name}=FILE")


def _join(path: Path, ids: Sequence[str], data: Dataset) -> tuple[str, list[int]]:
    """Return the first key that matches a vector to every clip, and their rows."""
    best: tuple[str, list[str]] | None = None
    for key, (of_clip, of_id) in KEYS.items():
        rows = _matches([of_clip(clip) for clip in data.clips], [of_id(name) for name in ids])
        missing = [clip.id for clip, row in zip(data.clips, rows, strict=True) if row is None]
        if not missing:
            return key, [row for row in rows if row is not None]
        if best is None or len(missing) < len(best[1]):
            best = key, missing
    key, missing = best or ("id", [])
    raise ConfigError(
        f"{path}: no vector for {len(missing)} of {len(data.clips)} clips of {data.name} ({_some(missing)}): "
        f"vectors are matched by {', '.join(KEYS)}, of which {key} matched the most; a key that occurs twice "
        f"matches none. The file's ids are such as {_some(ids)}: write the clips' own, such as {missing[0]}"
    )


def _matches(wanted: Sequence[str], known: Sequence[str]) -> list[int | None]:
    """Return the row of each key; None where there is none, or where the key occurs twice."""
    n_wanted, n_known = Counter(wanted), Counter(known)
    row = {key: i for i, key in enumerate(known) if n_known[key] == 1}
    return [row.get(key) if n_wanted[key] == 1 else None for key in wanted]


def _file_name(text: str) -> str:
    return re.split(r"[\\/]", text)[-1]


def _stem(text: str) -> str:
    """Return a file's name without the ending of audio, and no other: `blues.00000` has none."""
    stem, ending = os.path.splitext(_file_name(text))
    return stem if ending.lower() in AUDIO_SUFFIXES else stem + ending


KEYS: Mapping[str, tuple[Callable[[Clip], str], Callable[[str], str]]] = {
    "id": (lambda clip: clip.id, str),
    "path": (lambda clip: os.path.abspath(clip.path), os.path.abspath),
    "file name": (lambda clip: clip.path.name, _file_name),
    "stem": (lambda clip: _stem(clip.path.name), _stem),
}


def _check_definition(path: Path, of_file: Definition, expected: Definition) -> None:
    network = expected.get("network", {})
    if network.get("network") == "external" and network["key"] is None:
        raise ConfigError(
            f"features_file {path} cannot be compared with a module that states no key: state one, or leave "
            "features_file out to extract the features"
        )
    differ = list(_differences(of_file, json.loads(json.dumps(expected))))  # tuples become lists
    if differ:
        raise ConfigError(
            f"features_file {path} holds other features than the configuration asks for: {_some(differ)}. "
            "Leave features_file out to extract the features, or write the file again with `elmarc extract`"
        )


def _differences(of_file: Any, expected: Any, key: str = "") -> Iterator[str]:
    """Name the values that differ, by dotted key."""
    if isinstance(of_file, Mapping) and isinstance(expected, Mapping):
        for name in dict.fromkeys((*expected, *of_file)):
            place = f"{key}.{name}" if key else str(name)
            yield from _differences(of_file.get(name), expected.get(name), place)
    elif of_file != expected:
        yield f"{key} is {of_file!r} in the file, {expected!r} in the configuration"


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
