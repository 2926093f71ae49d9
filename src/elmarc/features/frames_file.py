"""Features over time in a file: a row a frame, clip by clip."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from elmarc._io import csv_text, replacing
from elmarc._types import Definition
from elmarc.errors import ConfigError
from elmarc.features import frames

Clips: TypeAlias = Iterable[tuple[str, frames.Sequence]]  # ids, and what is written of each
FORMATS = (".npz", ".parquet", ".csv")


def save_sequences(
    path: str | Path, clips: Clips, *, columns: Sequence[str], definition: Definition
) -> tuple[int, int]:
    """Write features over time, by the ending of `path`.

    A table (.parquet, .csv) has the columns id, time_s and then the features; its clips are written as they
    come, so that they need not fit into memory together. An .npz holds `X` [shape=(n_frames, n_features)],
    `times_s`, `ids`, `columns`, `definition` (JSON) and `offsets`: the frames of clip i are
    `X[offsets[i]:offsets[i + 1]]`.

    Parameters
    ----------
    path : str or Path
    clips : iterable of (id, Sequence)
    columns : sequence of str
        Names of the features.
    definition : dict
        What they follow from; JSON has no place in CSV.

    Returns
    -------
    (int, int)
        Clips and frames written.

    Raises
    ------
    ConfigError
        The ending is of no such form.
    """
    path = Path(path)
    counted = _Counted(clips)
    with replacing(path) as file:
        match path.suffix.lower():
            case ".npz":
                _write_npz(file, counted, list(columns), definition)
            case ".parquet":
                _write_parquet(file, counted, list(columns), definition)
            case ".csv":
                _write_csv(file, counted, list(columns))
            case other:
                found = other or "a file without ending"
                raise ConfigError(f"{path}: cannot write frames as {found}: use {', '.join(FORMATS)}")
    return counted.n_clips, counted.n_frames


class _Counted:
    """Clips, counted as they go by."""

    def __init__(self, clips: Clips) -> None:
        self._clips, self.n_clips, self.n_frames = clips, 0, 0

    def __iter__(self) -> Iterator[tuple[str, frames.Sequence]]:
        for name, found in self._clips:
            self.n_clips += 1
            self.n_frames += len(found.times_s)
            yield name, found


def _table(name: str, found: frames.Sequence, columns: list[str]) -> pd.DataFrame:
    sides = pd.DataFrame({"id": name, "time_s": found.times_s})
    return pd.concat([sides, pd.DataFrame(found.features, columns=columns)], axis=1)


def _write_parquet(file: BinaryIO, clips: _Counted, columns: list[str], definition: Definition) -> None:
    kinds = [("id", pa.string()), ("time_s", pa.float64()), *((name, pa.float32()) for name in columns)]
    schema = pa.schema(kinds, metadata={"definition": json.dumps(definition)})
    with pq.ParquetWriter(file, schema) as table:
        for name, found in clips:
            rows = pa.Table.from_pandas(_table(name, found, columns), pa.schema(kinds), preserve_index=False)
            table.write_table(rows.replace_schema_metadata(schema.metadata))


def _write_csv(file: BinaryIO, clips: _Counted, columns: list[str]) -> None:
    file.write(csv_text(pd.DataFrame(columns=["id", "time_s", *columns])).encode())
    for name, found in clips:
        file.write(csv_text(_table(name, found, columns), header=False).encode())


def _write_npz(file: BinaryIO, clips: _Counted, columns: list[str], definition: Definition) -> None:
    ids: list[str] = []
    all_times: list[frames.Times] = [np.empty(0)]
    rows = [np.empty((0, len(columns)), np.float32)]
    for name, found in clips:
        ids.append(name)
        all_times.append(found.times_s)
        rows.append(found.features)
    arrays: dict[str, Any] = {
        "X": np.concatenate(rows),
        "times_s": np.concatenate(all_times),
        "offsets": np.cumsum([len(times) for times in all_times]),
        "ids": np.asarray(ids, dtype=str),
        "columns": np.asarray(columns),
        "definition": np.asarray(json.dumps(definition)),
    }
    np.savez(file, **arrays)
