"""Features of many clips, with the names of rows and columns, and files of them.

The parts of a file are found by name, in any case: vectors under one of VECTORS, clips under one of IDS,
labels under one of LABELS. A file may also hold one vector per clip, each under the clip's id. Nothing is
unpickled.
"""

from __future__ import annotations

import html
import json
import re
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from elmarc._io import csv_text, replacing, unprefixed
from elmarc._names import special
from elmarc._types import Definition, FeatureArray
from elmarc.datasets.base import Clip
from elmarc.errors import ConfigError, StoreError

VECTORS = ("X", "features", "embeddings", "embedding", "vectors")
PATHS = ("paths", "path", "files", "file", "filenames", "filename")
IDS = ("ids", "id", *PATHS, "names", "name", "clips", "clip")
LABELS = ("labels", "label")
FOLDS = ("folds", "fold")
GROUPS = ("groups", "group")
NO_FEATURES = (*LABELS, *FOLDS, *GROUPS, "split", "start", "end")  # columns of a table

INDEX = "Unnamed: 0"  # pandas's name for the column of an index
MAX_SMALL = 5 * 10**8  # bytes that any file may expand to
MAX_GROWTH = 100  # times its size, if it expands to more; features shrink to a third or a tenth
MESSAGE_LENGTH = 300  # characters of another package's message
SHOWN = 5  # rows and columns in a notebook

Parts: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class FeatureMatrix:
    """One row per clip, one column per feature.

    Parameters
    ----------
    X : np.ndarray [shape=(n_clips, n_features)], float32
    ids, labels, folds, groups : tuples of n_clips strings
        "" where a clip has no fold or group, or a file of another program has no label.
    columns : tuple of n_features strings
        Layer, channel and statistic, as "pool3/17/mean".
    definition : dict
        Everything that changes the numbers.
    """

    X: FeatureArray
    ids: tuple[str, ...]
    labels: tuple[str, ...]
    folds: tuple[str, ...]
    groups: tuple[str, ...]
    columns: tuple[str, ...]
    definition: Definition = field(default_factory=dict)

    def __post_init__(self) -> None:
        n_clips, n_features = self.X.shape
        lengths = set(map(len, self._sides.values()))
        if lengths != {n_clips} or len(self.columns) != n_features:
            raise ValueError(
                f"X has shape {self.X.shape}, for {lengths} clips and {len(self.columns)} columns"
            )

    @classmethod
    def of_clips(
        cls, clips: Sequence[Clip], X: FeatureArray, *, columns: tuple[str, ...], definition: Definition
    ) -> FeatureMatrix:
        """Return the features of clips with their labels, folds and groups."""
        return cls(
            X=X,
            ids=tuple(clip.id for clip in clips),
            labels=tuple(clip.label for clip in clips),
            folds=tuple(clip.fold or "" for clip in clips),
            groups=tuple(clip.group or "" for clip in clips),
            columns=columns,
            definition=definition,
        )

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def y(self) -> NDArray[np.str_]:
        """The labels as an array."""
        return np.asarray(self.labels)

    @property
    def _sides(self) -> dict[str, tuple[str, ...]]:
        return {"id": self.ids, "label": self.labels, "fold": self.folds, "group": self.groups}

    def join(self, other: FeatureMatrix) -> FeatureMatrix:
        """Put the columns of two matrices of the same clips side by side."""
        if self.ids != other.ids:
            raise ValueError("the matrices hold other clips: extract both from the same data set")
        X = np.hstack([self.X, other.X])
        definition = {"joined": [self.definition, other.definition]}
        return replace(self, X=X, columns=self.columns + other.columns, definition=definition)

    def to_frame(self) -> pd.DataFrame:
        """Return a DataFrame: id, label, fold and group, then a float32 column per feature."""
        return pd.concat(
            [pd.DataFrame(self._sides), pd.DataFrame(self.X, columns=list(self.columns))], axis=1
        )

    def save(self, path: str | Path) -> Path:
        """Write .npz, .parquet, .csv or .pt (PyTorch), by the ending of `path`, for `load`.

        CSV has no place for the definition; everything else is restored to the last bit. Raises a ConfigError
        where the ending is another one.
        """
        path, definition = Path(path), json.dumps(self.definition)
        texts: Parts = {"columns": list(self.columns), "definition": definition}
        texts |= {f"{name}s": list(side) for name, side in self._sides.items()}
        with replacing(path) as file:
            match path.suffix.lower():
                case ".npz":
                    arrays: Parts = {name: np.asarray(text) for name, text in texts.items()}
                    np.savez(file, X=self.X, **arrays)
                case ".parquet":
                    frame = self.to_frame()
                    frame.attrs["definition"] = definition
                    frame.to_parquet(file, index=False)
                case ".csv":
                    file.write(csv_text(self.to_frame()).encode())
                case ".pt":
                    import torch

                    torch.save({"X": torch.from_numpy(self.X), **texts}, file)
                case other:
                    raise ConfigError(
                        f"{path}: cannot write {other or 'a file without ending'}: use {FORMATS}"
                    )
        return path

    @classmethod
    def load(cls, path: str | Path) -> FeatureMatrix:
        """Read a file of features: one that `save` wrote, or one of another program.

        Parameters
        ----------
        path : str or Path
            .npz, .parquet, .csv or .pt; `elmarc.features.matrix` says what other programs' files must hold.

        Raises
        ------
        StoreError
            It does not say which vector belongs to which clip, or is of another format, such as a pickle.
        """
        path = Path(path)
        return _matrix_of(path, _read(path))

    def __repr__(self) -> str:
        n_clips, n_features = self.X.shape
        return f"<FeatureMatrix: {n_clips} clips x {n_features} features, {len(set(self.labels))} classes>"

    def _repr_html_(self) -> str:
        """Return the first rows and columns, for notebooks."""
        frame = self.to_frame().iloc[:SHOWN, : len(self._sides) + SHOWN]
        return f"<p>{html.escape(repr(self))}</p>{frame.to_html(index=False)}"


def _read(path: Path) -> Parts:
    """Return the parts of a file by name."""
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise _unreadable(path, f"its ending is none of {', '.join(READERS)}")
    try:
        if kind := special(path):
            raise _unreadable(path, f"it is {kind}")
        return reader(path)
    except FileNotFoundError:
        raise StoreError(f"{path}: no such feature file: write one with `elmarc extract`") from None
    except StoreError:
        raise
    except Exception as problem:  # zipfile, zlib, NumPy, pandas, pyarrow and torch have no base in common
        raise _unreadable(path, problem) from None


def _matrix_of(path: Path, parts: Parts) -> FeatureMatrix:
    """Return the features that the parts of a file stand for."""
    ids_key = _key(parts, IDS)
    key = _vectors_key(path, parts, ids_key)
    if key is None:  # each vector under the id of its clip
        ids, vectors, parts = list(parts), list(parts.values()), {}
    else:
        ids, vectors = _texts(path, ids_key, parts[ids_key]) if ids_key else [], parts[key]
    X = _array_of(path, key or "vectors", vectors)
    if not ids or len(ids) != len(X):
        raise _unclear(path, f"{len(X)} vectors, but {len(ids)} ids", parts)
    repeated = [name for name, count in Counter(ids).items() if count > 1]
    if repeated:
        raise StoreError(
            f"{path}: {repeated[0]} is named twice ({len(repeated)} such ids): expected one vector per clip; "
            "ids of segments end in their times, as a.wav#1.5-3"
        )
    columns = [f"{key or 'vector'}/{k}" for k in range(X.shape[1])]
    if "columns" in parts:
        names = _texts(path, "columns", parts["columns"])
        if len(names) != len(columns):
            raise StoreError(
                f"{path}: names {len(names)} columns, and its vectors have {len(columns)} numbers"
            )
        columns = names
    labels, folds, groups = (_side(path, parts, names, len(ids)) for names in (LABELS, FOLDS, GROUPS))
    definition = _definition(path, parts.get("definition"))
    return FeatureMatrix(X, tuple(ids), labels, folds, groups, tuple(columns), definition)


def _key(parts: Iterable[str], names: tuple[str, ...]) -> str | None:
    """Return the first of `names` that there is, as it is spelled in the file."""
    spelled = {part.lower(): part for part in parts}
    return next((spelled[name.lower()] for name in names if name.lower() in spelled), None)


def _vectors_key(path: Path, parts: Parts, ids_key: str | None) -> str | None:
    """Return the name of the vectors; None where each is under the id of its clip."""
    if (key := _key(parts, VECTORS)) is not None:
        return key
    if ids_key is None and parts and all(np.ndim(part) == 1 and _is_numbers(part) for part in parts.values()):
        return None
    flat = [name for name, part in parts.items() if np.ndim(part) == 2 and _is_numbers(part)]
    if len(flat) != 1:
        raise _unclear(path, f"{len(flat)} arrays of shape (clips, features)", parts)
    return flat[0]


def _array_of(path: Path, key: str, vectors: Any) -> FeatureArray:
    if not isinstance(vectors, np.ndarray) or vectors.dtype == object:
        shapes = dict.fromkeys(np.shape(vector) for vector in vectors)
        if len(shapes) > 1:
            listed = ", ".join(map(str, shapes))
            raise StoreError(f"{path}: vectors have shapes {listed}: expected one length for all clips")
        vectors = np.asarray(list(vectors))
    if vectors.ndim != 2 or 0 in vectors.shape or not _is_numbers(vectors):
        raise StoreError(
            f"{path}: {key} has shape {vectors.shape} and holds {vectors.dtype}: expected real numbers, "
            "(clips, features); where there is a vector for each moment, save their mean over time"
        )
    with np.errstate(over="ignore"):  # what does not fit is infinite, and refused as such
        return np.asarray(vectors, dtype=np.float32)


def _is_numbers(part: Any) -> bool:
    return np.asarray(part).dtype.kind in "fiu"


def _texts(path: Path, key: str, values: Any) -> list[str]:
    try:
        array = np.asarray(values)
        if array.ndim == 1 and array.dtype.kind in "USOiu":
            return [str(value) for value in values]
        problem = f"has shape {array.shape}"
    except (SystemError, ValueError):  # characters beyond Unicode; lists of several lengths
        problem = "holds what is no text"
    raise StoreError(f"{path}: {key} {problem}: expected one text per clip")


def _side(path: Path, parts: Parts, names: tuple[str, ...], n_clips: int) -> tuple[str, ...]:
    key = _key(parts, names)
    if key is None:
        return ("",) * n_clips
    texts = tuple(_texts(path, key, parts[key]))
    if len(texts) != n_clips:
        raise StoreError(f"{path}: found {len(texts)} {key} for {n_clips} clips, expected one per clip")
    return texts


def _definition(path: Path, text: Any) -> Definition:
    try:
        definition = {} if text is None else json.loads(str(text))
    except (ValueError, RecursionError, SystemError):
        definition = None
    if not isinstance(definition, dict):
        raise StoreError(f"{path}: its definition is damaged, expected JSON: write the file again")
    return definition


def _read_npz(path: Path) -> Parts:
    with open(path, "rb") as opened:  # np.load would leave it open where the zip is damaged
        with zipfile.ZipFile(opened) as archive:
            _check_growth(path, sum(part.file_size for part in archive.infolist()))
        opened.seek(0)
        with np.load(opened, allow_pickle=False) as file:
            return {name: file[name] for name in file}


def _check_growth(path: Path, n_bytes: int) -> None:
    """Refuse a small file that expands to more than any features compress to."""
    if n_bytes > max(MAX_SMALL, MAX_GROWTH * path.stat().st_size):
        raise StoreError(
            f"{path}: {path.stat().st_size} bytes that stand for {n_bytes}: no features are like that. "
            "Save it without compression if it is"
        )


def _read_pt(path: Path) -> Parts:
    import torch

    if tarfile.is_tarfile(path):  # torch would unpack it into a temporary folder
        raise _unreadable(path, "a tar, as torch wrote before 2017: save it again with torch.save")
    parts = torch.load(path, map_location="cpu", weights_only=True)
    if not isinstance(parts, Mapping) or not all(isinstance(name, str) for name in parts):
        raise _unclear(path, f"a {type(parts).__name__} without ids", {})
    return {name: _array(part) if isinstance(part, torch.Tensor) else part for name, part in parts.items()}


def _array(tensor: Any) -> Any:
    """Return a tensor as an array; half precision, which NumPy may not have, becomes float32."""
    if tensor.nbytes > max(MAX_SMALL, tensor.untyped_storage().nbytes()):
        raise ValueError(f"a tensor of shape {tuple(tensor.shape)} repeats a few numbers")
    return (tensor.float() if tensor.is_floating_point() else tensor).detach().cpu().numpy()


def _read_csv(path: Path) -> Parts:
    """Read texts as they are: a clip may be named null, and a label NA."""
    names = [str(name) for name in pd.read_csv(path, nrows=0, encoding="utf-8-sig").columns]
    texts = [name for name in names if name.lower() in {*IDS, *NO_FEATURES} or name == INDEX]
    missing = {name: ["", "nan", "NaN", "NA", "null"] for name in names if name not in texts}
    table = pd.read_csv(
        path, dtype=dict.fromkeys(texts, str), keep_default_na=False, na_values=missing, encoding="utf-8-sig"
    )
    if table.index.nlevels > 1 or (table.index.dtype.kind == "O" and _key(names, IDS) is not None):
        raise StoreError(f"{path}: its rows have more cells than its header: name each column")
    for name in texts:
        table[name] = table[name].map(unprefixed, na_action="ignore")
    return _of_table(path, table)


def _read_parquet(path: Path) -> Parts:
    about = pq.read_metadata(path)
    _check_growth(path, 4 * about.num_rows * about.num_columns)
    return _of_table(path, pd.read_parquet(path))


def _of_table(path: Path, table: pd.DataFrame) -> Parts:
    """Return a table's columns as parts; a column of lists holds the vectors."""
    if _key(map(str, table.columns), IDS) is not None:
        table = table.drop(columns=INDEX, errors="ignore")  # row numbers, as pandas writes them
    elif INDEX in table:
        table = table.rename(columns={INDEX: "id"})
    elif table.index.dtype.kind == "O":
        table = table.reset_index(names="id")
    ids = _key(map(str, table.columns), IDS)
    sides = [name for name in table.columns if str(name) == ids or str(name).lower() in NO_FEATURES]
    rest = table.drop(columns=sides)
    parts: Parts = {
        str(name): ["" if value is None or value != value else str(value) for value in table[name].tolist()]
        for name in sides
    }
    if rest.shape[1] == 1 and rest.dtypes.iloc[0].kind == "O":
        return parts | {str(rest.columns[0]): list(rest.iloc[:, 0])}
    strange = [name for name in rest.columns if rest[name].dtype.kind not in "fiu"]
    if strange:
        raise StoreError(
            f"{path}: column {strange[0]!r} holds no numbers: expected one of {', '.join(IDS)}, perhaps "
            "label, fold and group, and then a column of numbers per feature; take other columns out"
        )
    parts |= {"X": rest.to_numpy(), "columns": [str(name) for name in rest.columns]}
    return parts | {name: text for name, text in table.attrs.items() if name == "definition"}


READERS: dict[str, Callable[[Path], Parts]] = {
    ".npz": _read_npz,
    ".parquet": _read_parquet,
    ".csv": _read_csv,
    ".pt": _read_pt,
}
FORMATS = tuple(READERS)


def _unclear(path: Path, content: str, parts: Parts) -> StoreError:
    listed = ", ".join(f"{name} {np.shape(part)}" for name, part in list(parts.items())[:6])
    return StoreError(
        f"{path}: found {content}{f' ({listed})' if listed else ''}: expected vectors of shape (clips, "
        f"features) under one of {', '.join(VECTORS)}, and as many ids under one of {', '.join(IDS[:8])}; or "
        "one vector per clip, each under its id"
    )


def _unreadable(path: Path, reason: str | Exception) -> StoreError:
    first = (str(reason).splitlines() or [type(reason).__name__])[0][:MESSAGE_LENGTH]
    first = re.sub(r"<([\w.]+) object at 0x\w+>", r"\1", first)
    return StoreError(
        f"{path}: not a feature file that elmarc reads ({first}). Pickles, as the 2018 program wrote, are "
        "not read: loading one can run any code. Save ids as text (np.asarray(ids, dtype=str)). Extract "
        "again, where elmarc made the features, with `elmarc extract DATA -o FEATURES.npz`"
    )
