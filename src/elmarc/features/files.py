"""Files of features: read those of elmarc and of other programs, write vectors and features over time.

A reader finds the parts of a file by name, in any case: vectors under one of VECTORS, clips under one of IDS,
labels under one of LABELS. A file may also hold one vector per clip, each under the clip's id. Nothing is
unpickled.
"""

from __future__ import annotations

import json
import re
import tarfile
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from elmarc._io import csv_text, replacing, unprefixed
from elmarc._names import special
from elmarc._types import Definition, FeatureArray
from elmarc.errors import ConfigError, StoreError

if TYPE_CHECKING:
    from elmarc.features.frames import FrameFeatures

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

Parts: TypeAlias = dict[str, Any]
FRAME_FORMATS = (".npz", ".parquet", ".csv")


def read(path: Path) -> dict[str, Any]:
    """Return the content of a file, as the arguments of a FeatureMatrix; "" where it has no labels.

    Raises a StoreError where it cannot be read, or does not say which vector belongs to which clip.
    """
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise _unreadable(path, f"its ending is none of {', '.join(READERS)}")
    try:
        if kind := special(path):
            raise _unreadable(path, f"it is {kind}")
        parts = reader(path)
    except FileNotFoundError:
        raise StoreError(f"{path}: no such feature file: write one with `elmarc extract`") from None
    except StoreError:
        raise
    except Exception as problem:  # zipfile, zlib, NumPy, pandas, pyarrow and torch have no base in common
        raise _unreadable(path, problem) from None

    ids_key = _key(parts, IDS)
    key = _vectors_key(path, parts, ids_key)
    if key is None:  # each vector under the id of its clip
        ids, vectors, sides = list(parts), list(parts.values()), {}
    else:
        ids, vectors, sides = _texts(path, ids_key, parts[ids_key]) if ids_key else [], parts[key], parts
    X = _matrix(path, key or "vectors", vectors)
    if not ids or len(ids) != len(X):
        raise _unclear(path, f"{len(X)} vectors, but {len(ids)} ids", parts)
    repeated = [name for name, count in Counter(ids).items() if count > 1]
    if repeated:
        raise StoreError(
            f"{path}: {repeated[0]} is named twice ({len(repeated)} such ids): expected one vector per clip; "
            "ids of segments end in their times, as a.wav#1.5-3"
        )
    columns = [f"{key or 'vector'}/{k}" for k in range(X.shape[1])]
    if "columns" in sides:
        names = _texts(path, "columns", sides["columns"])
        if len(names) != len(columns):
            raise StoreError(
                f"{path}: names {len(names)} columns, and its vectors have {len(columns)} numbers"
            )
        columns = names
    return {
        "X": X,
        "ids": tuple(ids),
        "labels": _side(path, sides, LABELS, len(ids)),
        "folds": _side(path, sides, FOLDS, len(ids)),
        "groups": _side(path, sides, GROUPS, len(ids)),
        "columns": tuple(columns),
        "definition": _definition(path, sides.get("definition")),
    }


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


def _matrix(path: Path, key: str, vectors: Any) -> FeatureArray:
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


def _unclear(path: Path, found: str, parts: Parts) -> StoreError:
    listed = ", ".join(f"{name} {np.shape(part)}" for name, part in list(parts.items())[:6])
    return StoreError(
        f"{path}: found {found}{f' ({listed})' if listed else ''}: expected vectors of shape (clips, "
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


def write(path: Path, parts: Parts, table: Callable[[], pd.DataFrame]) -> None:
    """Write the features of clips, in the format of the ending of `path`.

    `parts` are X, an array; columns, ids, labels, folds and groups, lists of text; definition, JSON. `table`
    returns the same as a DataFrame. Raises a ConfigError where the ending is none of FORMATS.
    """
    with replacing(path) as file:
        match path.suffix.lower():
            case ".npz":
                arrays: dict[str, Any] = {name: np.asarray(part) for name, part in parts.items()}
                np.savez(file, **arrays)
            case ".parquet":
                frame = table()
                frame.attrs["definition"] = parts["definition"]
                frame.to_parquet(file, index=False)
            case ".csv":
                file.write(csv_text(table()).encode())
            case ".pt":
                import torch

                torch.save(parts | {"X": torch.from_numpy(parts["X"])}, file)
            case other:
                raise ConfigError(f"{path}: cannot write {other or 'a file without ending'}: use {FORMATS}")


def write_frames(
    path: str | Path,
    clips: Iterable[tuple[str, FrameFeatures]],
    *,
    columns: Sequence[str],
    definition: Definition,
) -> tuple[int, int]:
    """Write the features of (id, FrameFeatures) over time; return the numbers of clips and frames.

    The ending of `path` is one of FRAME_FORMATS, else a ConfigError is raised. A table (.parquet, .csv) has
    the columns id, time_s and then the features; clips are written one by one, so they need not fit into
    memory together. An .npz holds `X` [shape=(n_frames, n_features)], `times_s`, `ids`, `columns`,
    `definition` (JSON) and `offsets`: the frames of clip i are `X[offsets[i]:offsets[i + 1]]`. CSV has no
    place for the definition.
    """
    path, n_clips, n_frames = Path(path), 0, 0

    def counted() -> Iterator[tuple[str, FrameFeatures]]:
        nonlocal n_clips, n_frames
        for name, frames in clips:
            n_clips, n_frames = n_clips + 1, n_frames + len(frames.times_s)
            yield name, frames

    with replacing(path) as file:
        match path.suffix.lower():
            case ".npz":
                _write_npz_frames(file, counted(), list(columns), definition)
            case ".parquet":
                _write_parquet_frames(file, counted(), list(columns), definition)
            case ".csv":
                file.write(csv_text(pd.DataFrame(columns=["id", "time_s", *columns])).encode())
                for name, frames in counted():
                    file.write(csv_text(_table(name, frames, list(columns)), header=False).encode())
            case other:
                ending = other or "a file without ending"
                raise ConfigError(f"{path}: cannot write frames as {ending}: use {', '.join(FRAME_FORMATS)}")
    return n_clips, n_frames


def _write_npz_frames(
    file: BinaryIO, clips: Iterable[tuple[str, FrameFeatures]], columns: list[str], definition: Definition
) -> None:
    ids: list[str] = []
    times: list[Any] = [np.empty(0)]
    rows = [np.empty((0, len(columns)), np.float32)]
    for name, frames in clips:
        ids.append(name)
        times.append(frames.times_s)
        rows.append(frames.features)
    arrays: dict[str, Any] = {
        "X": np.concatenate(rows),
        "times_s": np.concatenate(times),
        "offsets": np.cumsum(list(map(len, times))),
        "ids": np.asarray(ids, dtype=str),
        "columns": np.asarray(columns),
        "definition": np.asarray(json.dumps(definition)),
    }
    np.savez(file, **arrays)


def _write_parquet_frames(
    file: BinaryIO, clips: Iterable[tuple[str, FrameFeatures]], columns: list[str], definition: Definition
) -> None:
    fields = [("id", pa.string()), ("time_s", pa.float64()), *((name, pa.float32()) for name in columns)]
    schema = pa.schema(fields, metadata={"definition": json.dumps(definition)})
    with pq.ParquetWriter(file, schema) as writer:
        for name, frames in clips:
            rows = pa.Table.from_pandas(
                _table(name, frames, columns), pa.schema(fields), preserve_index=False
            )
            writer.write_table(rows.replace_schema_metadata(schema.metadata))


def _table(name: str, frames: FrameFeatures, columns: list[str]) -> pd.DataFrame:
    sides = pd.DataFrame({"id": name, "time_s": frames.times_s})
    return pd.concat([sides, pd.DataFrame(frames.features, columns=columns)], axis=1)
