"""Files of features: those that elmarc writes, and those of other programs that say which vector is whose.

What a file has to say is found by name, in any case: vectors under one of VECTORS, clips under one of IDS,
labels under one of LABELS. A file may also hold one vector a clip, each under the clip's id. Nothing is
unpickled.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
from numpy.typing import NDArray

from elmarc._io import csv_text, unprefixed
from elmarc._names import special
from elmarc._types import Definition, FeatureArray
from elmarc.errors import ConfigError, StoreError

VECTORS = ("X", "features", "embeddings", "embedding", "vectors")
IDS = (
    "ids", "id", "paths", "path", "files", "file", "filenames", "filename", "names", "name", "clips", "clip",
)  # fmt: skip
LABELS = ("labels", "label")
FOLDS = ("folds", "fold")
GROUPS = ("groups", "group")
DEFINITIONS = ("definition", "recipe")  # as it was called once
BESIDE = (*LABELS, *FOLDS, *GROUPS, "split", "start", "end")  # columns of a table that are no features

INDEX = "Unnamed: 0"  # what pandas calls the column of an index

SHOWN = 300  # characters of another package's message
MAX_SMALL = 5 * 10**8  # bytes that any file may stand for
MAX_GROWTH = 100  # times its size, if it stands for more; features shrink to a third or a tenth

Parts = dict[str, Any]


def read(path: Path) -> dict[str, Any]:
    """Return what a file holds, as the arguments of a FeatureMatrix; "" where it names no label.

    Raises
    ------
    StoreError
        It cannot be read, or does not say which vector belongs to which clip.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise _unreadable(path, f"its ending is none of {', '.join(READERS)}")
    try:
        if what := special(path):
            raise _unreadable(path, f"it is {what}")
        parts = reader(path)
    except FileNotFoundError:
        raise StoreError(f"{path}: no such feature file: write one with `elmarc extract`") from None
    except StoreError:
        raise
    except Exception as problem:  # zipfile, zlib, NumPy, pandas, pyarrow and torch have no base in common
        raise _unreadable(path, problem) from None
    return _fields(path, parts)


def _fields(path: Path, parts: Parts) -> dict[str, Any]:
    """Sort what was read into vectors, ids and what stands beside them."""
    ids_key = _key(parts, IDS)
    key = _vectors_key(path, parts, ids_key)
    ids = list(parts) if key is None else _texts(path, ids_key or "", parts[ids_key]) if ids_key else []
    vectors = list(parts.values()) if key is None else parts[key]
    X = _matrix(path, key or "vectors", vectors)
    if not ids or len(ids) != len(X):
        raise _unclear(path, f"{len(X)} vectors, but {len(ids)} ids", parts)
    twice = [name for name, count in Counter(ids).items() if count > 1]
    if twice:
        raise StoreError(
            f"{path}: {twice[0]} is named twice ({len(twice)} such ids): expected one vector a clip; ids of "
            "segments end in their times, as a.wav#1.5-3"
        )
    own = parts if key is not None else {}
    sides = {
        name: _side(path, own, names, len(ids))
        for name, names in (("labels", LABELS), ("folds", FOLDS), ("groups", GROUPS))
    }
    return {
        "X": X,
        "ids": tuple(ids),
        **sides,
        "columns": _columns(path, own, [f"{key or 'vector'}/{k}" for k in range(X.shape[1])]),
        "definition": _definition(path, own.get(_key(own, DEFINITIONS) or "")),
    }


def _columns(path: Path, parts: Parts, own: list[str]) -> tuple[str, ...]:
    """Return the names of the features: `own`, where a file has none."""
    if "columns" not in parts:
        return tuple(own)
    names = tuple(_texts(path, "columns", parts["columns"]))
    if len(names) != len(own):
        raise StoreError(f"{path}: names {len(names)} columns, and its vectors have {len(own)} numbers")
    return names


def _definition(path: Path, text: Any) -> Definition:
    try:
        definition = {} if text is None else json.loads(str(text))
    except (ValueError, RecursionError, SystemError):
        definition = None
    if not isinstance(definition, dict):
        raise StoreError(f"{path}: its definition is damaged, expected JSON: write the file again")
    return definition


def _key(parts: Iterable[str], names: tuple[str, ...]) -> str | None:
    """Return the first of `names` that there is, as it is spelled in the file."""
    spelled = {part.lower(): part for part in parts}
    return next((spelled[name.lower()] for name in names if name.lower() in spelled), None)


def _vectors_key(path: Path, parts: Parts, ids_key: str | None) -> str | None:
    """Return where the vectors lie; None where each stands under the id of its clip."""
    if (key := _key(parts, VECTORS)) is not None:
        return key
    if ids_key is None and parts and all(np.ndim(part) == 1 and _is_numbers(part) for part in parts.values()):
        return None
    flat = [name for name, part in parts.items() if np.ndim(part) == 2 and _is_numbers(part)]
    if len(flat) != 1:
        raise _unclear(path, f"{len(flat)} arrays of shape (clips, features)", parts)
    return flat[0]


def _matrix(path: Path, key: str, vectors: Any) -> FeatureArray:
    if not isinstance(vectors, np.ndarray) or vectors.dtype == object:
        lengths = Counter(np.shape(vector) for vector in vectors)
        if len(lengths) > 1:
            shapes = ", ".join(map(str, lengths))
            raise StoreError(f"{path}: vectors have shapes {shapes}: expected one length for all clips")
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
        found = f"has shape {array.shape}"
    except (SystemError, ValueError):  # letters beyond Python's last; lists of several lengths
        found = "holds what is no text"
    raise StoreError(f"{path}: {key} {found}: expected one text a clip")


def _side(path: Path, parts: Parts, names: tuple[str, ...], n_clips: int) -> tuple[str, ...]:
    key = _key(parts, names)
    if key is None:
        return ("",) * n_clips
    texts = tuple(_texts(path, key, parts[key]))
    if len(texts) != n_clips:
        raise StoreError(f"{path}: {len(texts)} {key} beside {n_clips} clips: expected one a clip")
    return texts


def _read_npz(path: Path) -> Parts:
    with open(path, "rb") as opened:  # NumPy leaves it open where the zip is damaged
        with zipfile.ZipFile(opened) as archive:
            _check_growth(path, sum(part.file_size for part in archive.infolist()))
        opened.seek(0)
        with np.load(opened, allow_pickle=False) as file:
            return {name: file[name] for name in file}


def _check_growth(path: Path, n_bytes: int) -> None:
    """Refuse a small file that stands for more than any features compress to."""
    if n_bytes > max(MAX_SMALL, MAX_GROWTH * path.stat().st_size):
        raise StoreError(
            f"{path}: {path.stat().st_size} bytes that stand for {n_bytes}: no features are like that. "
            "Save it without compression if it is"
        )


def _read_pt(path: Path) -> Parts:
    import torch

    try:
        if tarfile.is_tarfile(path):  # torch would unpack it into a temporary folder
            raise ValueError("a tar, as torch wrote before 2017: save it again with torch.save")
        held = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise
    except Exception as problem:  # torch raises errors of many kinds, an UnpicklingError for foreign types
        raise _unreadable(path, problem) from None
    if not isinstance(held, Mapping) or not all(isinstance(name, str) for name in held):
        raise _unclear(path, f"a {type(held).__name__} without ids", {})
    return {name: _plain(part) for name, part in held.items()}


def _plain(part: Any) -> Any:
    """Return a tensor as an array; half precision that NumPy does not have becomes float32."""
    import torch

    if not isinstance(part, torch.Tensor):
        return part
    if part.nbytes > max(MAX_SMALL, part.untyped_storage().nbytes()):
        raise ValueError(f"a tensor of shape {tuple(part.shape)} repeats a few numbers")
    return (part.float() if part.is_floating_point() else part).detach().cpu().numpy()


def _read_csv(path: Path) -> Parts:
    """Read words as they stand: a clip may be called null, and a label NA."""
    names = [str(name) for name in pd.read_csv(path, nrows=0, encoding="utf-8-sig").columns]
    words = [name for name in names if name.lower() in {*IDS, *BESIDE} or name == INDEX]
    missing = {name: ["", "nan", "NaN", "NA", "null"] for name in names if name not in words}
    table = pd.read_csv(
        path, dtype=dict.fromkeys(words, str), keep_default_na=False, na_values=missing, encoding="utf-8-sig"
    )
    if table.index.nlevels > 1 or (table.index.dtype.kind == "O" and _key(names, IDS) is not None):
        raise StoreError(f"{path}: its rows have more cells than its header: name each column")
    for name in words:
        table[name] = table[name].map(unprefixed, na_action="ignore")
    return _of_table(path, table)


def _read_parquet(path: Path) -> Parts:
    about = pq.read_metadata(path)
    _check_growth(path, 4 * about.num_rows * about.num_columns)
    return _of_table(path, pd.read_parquet(path))


def _of_table(path: Path, table: pd.DataFrame) -> Parts:
    """Return a table's columns as parts; one that holds a list a row is the vectors."""
    if _key(map(str, table.columns), IDS) is not None:
        table = table.drop(columns=INDEX, errors="ignore")  # the numbers of rows, as pandas writes them
    elif INDEX in table:
        table = table.rename(columns={INDEX: "id"})
    elif table.index.dtype.kind == "O":
        table = table.reset_index(names="id")
    ids = _key(map(str, table.columns), IDS)
    beside = [name for name in table.columns if str(name) == ids or str(name).lower() in BESIDE]
    rest = table.drop(columns=beside)
    parts: Parts = {str(name): _column(table[name]) for name in beside}
    if rest.shape[1] == 1 and rest.dtypes.iloc[0].kind == "O":
        return parts | {str(rest.columns[0]): list(rest.iloc[:, 0])}
    strange = [name for name in rest.columns if rest[name].dtype.kind not in "fiu"]
    if strange:
        raise StoreError(
            f"{path}: column {strange[0]!r} holds no numbers: expected one of {', '.join(IDS)}, perhaps "
            "label, fold and group, and then a number a feature; take other columns out"
        )
    parts |= {"X": rest.to_numpy(), "columns": [str(name) for name in rest.columns]}
    return parts | {name: text for name, text in table.attrs.items() if name in DEFINITIONS}


def _column(values: pd.Series) -> list[str]:
    return ["" if value is None or value != value else str(value) for value in values.tolist()]


READERS: dict[str, Callable[[Path], Parts]] = {
    ".npz": _read_npz, ".parquet": _read_parquet, ".csv": _read_csv, ".pt": _read_pt,
}  # fmt: skip
FORMATS = tuple(READERS)


def written(path: Path, parts: Parts, table: Callable[[], pd.DataFrame]) -> bytes:
    """Return the bytes of a file, its form by the ending of `path`.

    Parameters
    ----------
    path : Path
        Only its ending is looked at.
    parts : dict
        X, an array; columns, ids, labels, folds and groups, lists of text; definition, JSON.
    table : callable
        Gives the same as a DataFrame.

    Raises
    ------
    ConfigError
        The ending is none of FORMATS.
    """
    buffer = io.BytesIO()
    match path.suffix.lower():
        case ".npz":
            arrays: dict[str, NDArray[Any]] = {name: np.asarray(part) for name, part in parts.items()}
            np.savez(buffer, **arrays)  # type: ignore[arg-type]  # its own flag is no array
        case ".parquet":
            frame = table()
            frame.attrs["definition"] = parts["definition"]
            frame.to_parquet(buffer, index=False)
        case ".csv":
            buffer.write(csv_text(table()).encode())
        case ".pt":
            import torch

            torch.save(parts | {"X": torch.from_numpy(parts["X"])}, buffer)
        case other:
            raise ConfigError(f"{path}: cannot write {other or 'a file without ending'}: use {FORMATS}")
    return buffer.getvalue()


def _unclear(path: Path, found: str, parts: Parts) -> StoreError:
    held = ", ".join(f"{name} {np.shape(part)}" for name, part in list(parts.items())[:6])
    return StoreError(
        f"{path}: found {found}{f' ({held})' if held else ''}: expected vectors of shape (clips, features) "
        f"under one of {', '.join(VECTORS)}, and as many ids under one of {', '.join(IDS[:8])}; or one "
        "vector a clip, each under its id"
    )


def _unreadable(path: Path, reason: str | Exception) -> StoreError:
    first = (str(reason).splitlines() or [type(reason).__name__])[0][:SHOWN]
    first = re.sub(r"<([\w.]+) object at 0x\w+>", r"\1", first)
    return StoreError(
        f"{path}: not a feature file that elmarc reads ({first}). Pickles, as the 2018 program wrote, are "
        "not read: loading one can run any code. Save ids as text (np.asarray(ids, dtype=str)). Extract "
        "again, where elmarc made the features, with `elmarc extract DATA -o FEATURES.npz`"
    )
