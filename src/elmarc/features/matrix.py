"""Features of many clips, with what each row and column is."""

from __future__ import annotations

import io
import json
import zipfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from elmarc._atomic import write_atomic
from elmarc._errors import ConfigError, StoreError
from elmarc._types import Definition, FeatureArray

FORMATS = (".npz", ".parquet", ".csv")
_SIDE_COLUMNS = ("id", "label", "fold", "group")


@dataclass(frozen=True)
class FeatureMatrix:
    """One row a clip, one column a feature.

    Parameters
    ----------
    X : np.ndarray [shape=(n_clips, n_features)], float32
    ids, labels, folds, groups : tuples of n_clips strings
        "" where a clip has no fold or group.
    columns : tuple of n_features strings
        Layer, channel and statistic, as "pool3/17/mean".
    definition : dict
        Everything that the numbers follow from.
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
        sides = {len(self.ids), len(self.labels), len(self.folds), len(self.groups)}
        if sides != {n_clips} or len(self.columns) != n_features:
            raise ValueError(f"X is {self.X.shape}, beside {sides} clips and {len(self.columns)} columns")

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def y(self) -> NDArray[np.str_]:
        """The labels as an array."""
        return np.asarray(self.labels)

    def join(self, other: FeatureMatrix) -> FeatureMatrix:
        """Put the columns of two matrices of the same clips side by side."""
        if self.ids != other.ids:
            raise ValueError("the two matrices hold other clips: extract both from the same data set")
        X = np.hstack([self.X, other.X])
        definition = {"joined": [self.definition, other.definition]}
        return replace(self, X=X, columns=self.columns + other.columns, definition=definition)

    def to_frame(self) -> pd.DataFrame:
        """Return a DataFrame: id, label, fold and group, then a float32 column a feature."""
        sides = {name: getattr(self, f"{name}s") for name in _SIDE_COLUMNS}
        return pd.concat([pd.DataFrame(sides), pd.DataFrame(self.X, columns=list(self.columns))], axis=1)

    def save(self, path: str | Path) -> Path:
        """Write .npz (the only form that `load` reads), .parquet or .csv, by the ending of `path`."""
        path = Path(path)
        buffer = io.BytesIO()
        match path.suffix.lower():
            case ".npz":
                arrays: dict[str, Any] = {
                    name: np.asarray(getattr(self, f"{name}s"), dtype=str) for name in _SIDE_COLUMNS
                }
                definition = np.asarray(json.dumps(self.definition))
                np.savez(buffer, X=self.X, columns=np.asarray(self.columns), definition=definition, **arrays)
            case ".parquet":
                self.to_frame().to_parquet(buffer, index=False)
            case ".csv":
                buffer.write(self.to_frame().to_csv(index=False).encode())
            case other:
                raise ConfigError(f"{path}: cannot write {other or 'a file without ending'}: use {FORMATS}")
        write_atomic(path, buffer.getvalue())
        return path

    @classmethod
    def load(cls, path: str | Path) -> FeatureMatrix:
        """Read an .npz written by `save`. Raises StoreError for anything else, pickles above all."""
        path = Path(path)
        try:
            with np.load(path, allow_pickle=False) as file:
                sides = {f"{name}s": tuple(map(str, file[name])) for name in _SIDE_COLUMNS}
                key = "definition" if "definition" in file else "recipe"  # as it was called once
                definition = json.loads(str(file[key]))
                return cls(
                    X=file["X"], columns=tuple(map(str, file["columns"])), definition=definition, **sides
                )
        except FileNotFoundError:
            raise StoreError(f"{path}: no such feature file: write one with `elmarc extract`") from None
        except (ValueError, KeyError, OSError, AttributeError, zipfile.BadZipFile):
            raise StoreError(
                f"{path}: not a feature file of elmarc. Pickles, as the 2018 program wrote, are not read: "
                "loading one can run any code. Extract again with `elmarc extract DATA -o FEATURES.npz`"
            ) from None
