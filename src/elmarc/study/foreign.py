"""Features that another program made: which vector is whose, and whether they can be ranked.

The vectors of a file are joined to the clips of a data set by the first rule that finds one for every clip:
the clip's id, its path, the name of its file, that name without its ending. A key that two clips or two
vectors share finds nothing: it would be a guess.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from elmarc.datasets.base import Clip, Dataset
from elmarc.datasets.folder import AUDIO_SUFFIXES
from elmarc.errors import ConfigError
from elmarc.features.matrix import FeatureMatrix
from elmarc.features.recipes import BASELINE
from elmarc.networks import NETWORKS

SHOWN = 3  # examples in a message


def read_foreign(path: Path, data: Dataset) -> tuple[FeatureMatrix, list[str]]:
    """Return a file's vectors as the features of a data set, a row a clip in its order, and notes.

    Ids, labels, folds and groups are the data set's. Labels that the file holds are compared with them.

    Raises
    ------
    ConfigError
        A clip has no vector, a label differs, or a vector is not finite.
    StoreError
        The file cannot be read, or does not say which vector belongs to which clip.
    """
    matrix = FeatureMatrix.load(path)
    rule, rows = _join(path, matrix.ids, data)
    _check_labels(path, [matrix.labels[row] for row in rows], data.clips)
    X = matrix.X[rows]
    _check_finite(path, X, data.clips)
    notes = [f"features read from {path.name}, not extracted"]
    if rule != "id":
        notes.append(f"{path.name}: vectors were found by the {rule} of each clip")
    if len(matrix) > len(rows):
        notes.append(f"{path.name}: {len(matrix) - len(rows)} vectors belong to no clip of {data.name}")
    side = {
        name: tuple(getattr(clip, name) or "" for clip in data.clips) for name in ("label", "fold", "group")
    }
    ids = tuple(clip.id for clip in data.clips)
    definition = {"file": content_key(path), "holds": matrix.definition}
    return replace(
        matrix, X=X, ids=ids, labels=side["label"], folds=side["fold"], groups=side["group"],
        definition=definition,
    ), notes  # fmt: skip


def content_key(path: Path) -> str:
    """Return a hash of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def named_files(features: Sequence[str | Path]) -> dict[str, Path]:
    """Read `NAME=FILE` or `FILE`, whose name is then the file's without its ending.

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
        Reports would take the file for the baseline, or show published numbers beside it.
    """
    for name in files:
        if name in (BASELINE, *NETWORKS, *ranked):
            raise _taken(name, "the baseline has it" if name == BASELINE else "a network has it")


def _taken(name: str, by: str) -> ConfigError:
    return ConfigError(f"features {name}: {by}, that name: give them another, as in my-{name}=FILE")


def _join(path: Path, ids: Sequence[str], data: Dataset) -> tuple[str, list[int]]:
    """Return the first rule that finds a vector for every clip, and their rows."""
    best: tuple[str, list[str]] | None = None
    for rule, (of_clip, of_id) in RULES.items():
        rows = _rows([of_clip(clip) for clip in data.clips], [of_id(name) for name in ids])
        missing = [clip.id for clip, row in zip(data.clips, rows, strict=True) if row is None]
        if not missing:
            return rule, [row for row in rows if row is not None]
        if best is None or len(missing) < len(best[1]):
            best = rule, missing
    rule, missing = best or ("id", [])
    raise ConfigError(
        f"{path}: {len(missing)} of {len(data.clips)} clips of {data.name} have no vector of their own there "
        f"({_some(missing)}): {', '.join(RULES)} were tried, and {rule} found the most; a key that two share "
        f"finds none. Its own ids are such as {_some(ids)}: write those of the clips, such as {missing[0]}"
    )


def _rows(wanted: Sequence[str], known: Sequence[str]) -> list[int | None]:
    """Return the row of each key; None where there is none, or where the key is not of one alone."""
    n_wanted, n_known = Counter(wanted), Counter(known)
    row = {key: i for i, key in enumerate(known) if n_known[key] == 1}
    return [row.get(key) if n_wanted[key] == 1 else None for key in wanted]


def _file_name(text: str) -> str:
    return re.split(r"[\\/]", text)[-1]


def _stem(text: str) -> str:
    """Leave out the ending of an audio file, and no other: `blues.00000` has none."""
    name = _file_name(text)
    stem, ending = os.path.splitext(name)
    return stem if ending.lower() in AUDIO_SUFFIXES else name


RULES: Mapping[str, tuple[Callable[[Clip], str], Callable[[str], str]]] = {
    "id": (lambda clip: clip.id, str),
    "path": (lambda clip: os.path.abspath(clip.path), os.path.abspath),
    "file name": (lambda clip: clip.path.name, _file_name),
    "stem": (lambda clip: _stem(clip.path.name), _stem),
}


def _check_labels(path: Path, found: Sequence[str], clips: Sequence[Clip]) -> None:
    differ = [
        f"{clip.id} is {label!r} in the file and {clip.label!r} in the data set"
        for label, clip in zip(found, clips, strict=True)
        if label not in ("", clip.label)
    ]
    if differ:
        raise ConfigError(
            f"{path}: {len(differ)} labels differ ({_some(differ)}): use the data set's labels, or take the "
            "labels out of the file"
        )


def _check_finite(path: Path, X: np.ndarray, clips: Sequence[Clip]) -> None:
    bad = [clip.id for clip, fine in zip(clips, np.isfinite(X).all(axis=1), strict=True) if not fine]
    if bad:
        raise ConfigError(
            f"{path}: the vectors of {len(bad)} clips hold NaN or infinite values ({_some(bad)}): expected "
            "finite numbers that fit float32; compute these again"
        )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:SHOWN]) + (", ..." if len(names) > SHOWN else "")
