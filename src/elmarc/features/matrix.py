"""Features of many clips, with the names of rows and columns."""

from __future__ import annotations

import html
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from elmarc._types import Definition, FeatureArray
from elmarc.datasets.base import Clip
from elmarc.features import files

SHOWN = 5  # rows and columns in a notebook
_SIDE_COLUMNS = ("id", "label", "fold", "group")


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
        sides = {len(self.ids), len(self.labels), len(self.folds), len(self.groups)}
        if sides != {n_clips} or len(self.columns) != n_features:
            raise ValueError(f"X has shape {self.X.shape}, for {sides} clips and {len(self.columns)} columns")

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

    def join(self, other: FeatureMatrix) -> FeatureMatrix:
        """Put the columns of two matrices of the same clips side by side."""
        if self.ids != other.ids:
            raise ValueError("the matrices hold other clips: extract both from the same data set")
        X = np.hstack([self.X, other.X])
        definition = {"joined": [self.definition, other.definition]}
        return replace(self, X=X, columns=self.columns + other.columns, definition=definition)

    def to_frame(self) -> pd.DataFrame:
        """Return a DataFrame: id, label, fold and group, then a float32 column per feature."""
        sides = {name: getattr(self, f"{name}s") for name in _SIDE_COLUMNS}
        return pd.concat([pd.DataFrame(sides), pd.DataFrame(self.X, columns=list(self.columns))], axis=1)

    def save(self, path: str | Path) -> Path:
        """Write .npz, .parquet, .csv or .pt (PyTorch), by the ending of `path`, for `load`.

        CSV has no place for the definition; everything else is restored to the last bit.

        Raises
        ------
        ConfigError
            The ending is another one.
        """
        path = Path(path)
        parts: dict[str, Any] = {
            "X": self.X,
            "columns": list(self.columns),
            "definition": json.dumps(self.definition),
            **{f"{name}s": list(getattr(self, f"{name}s")) for name in _SIDE_COLUMNS},
        }
        files.write(path, parts, self.to_frame)
        return path

    @classmethod
    def load(cls, path: str | Path) -> FeatureMatrix:
        """Read a file of features: one that `save` wrote, or one of another program.

        Parameters
        ----------
        path : str or Path
            .npz, .parquet, .csv or .pt. `elmarc.features.files` says what other programs' files must hold.

        Raises
        ------
        StoreError
            It does not say which vector belongs to which clip, or is of another format, such as a pickle.
        """
        return cls(**files.read(Path(path)))

    def __repr__(self) -> str:
        n_clips, n_features = self.X.shape
        return f"<FeatureMatrix: {n_clips} clips x {n_features} features, {len(set(self.labels))} classes>"

    def _repr_html_(self) -> str:
        """Return the first rows and columns, for notebooks."""
        frame = self.to_frame().iloc[:SHOWN, : len(_SIDE_COLUMNS) + SHOWN]
        return f"<p>{html.escape(repr(self))}</p>{frame.to_html(index=False)}"
