"""Cells: what is to be run, on which clips, and in which folder its result lies.

A cell is one ExperimentConfig on the clips that its data set holds now. Its folder's name ends in a hash of
what was asked, of the clips (labels, folds, groups and the bytes of each file) and of the versions that the
numbers depend on; so the same thing is found again, and anything else is not.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from elmarc import results
from elmarc._errors import StoreError
from elmarc.config.sections import ExperimentConfig
from elmarc.datasets.base import Dataset
from elmarc.evaluation.protocol import EVALUATION_VERSION
from elmarc.evaluation.splits import dataset_splits
from elmarc.experiments import build, record
from elmarc.features import store
from elmarc.features.contents import Contents, contents_of
from elmarc.features.fitting import resolve_device
from elmarc.features.store import definition_key

EXECUTION_KEYS = {"name", "batch_size", "device", "n_workers", "strict", "store", "results", "notes"}
VERSIONS = {
    "features": store.SCHEMA_VERSION,
    "evaluation": EVALUATION_VERSION,
    "result": results.SCHEMA_VERSION,
}


@dataclass(frozen=True)
class Material:
    """A data set that was opened, and what the files of its clips hold."""

    dataset: Dataset
    contents: Contents

    @cached_property
    def key(self) -> str:
        """A hash of all that the scores depend on: clips, labels, folds, groups and how they are split."""
        data = self.dataset
        clips = [(clip.id, clip.label, clip.fold, clip.group, self.contents.of(clip)) for clip in data.clips]
        return _digest([data.split_kind, data.n_folds, clips])


@dataclass(frozen=True)
class Cell:
    """One experiment, the clips it is about, and the folder of its result."""

    config: ExperimentConfig
    material: Material
    folder: Path

    def finished(self) -> results.Result | None:
        """Return the result of an earlier run, None where there is none that may be taken over.

        A strict run asks for every clip: a result that left clips out is no answer to it. Nor is a damaged
        file, which is written anew.
        """
        file = self.folder / "result.json"
        try:
            found = results.load(file) if file.exists() else None
        except StoreError:
            return None
        incomplete = found is not None and self.config.strict and found.skipped
        return None if incomplete else found


def open_material(config: ExperimentConfig, held: Dataset | None = None) -> Material:
    """Open the data set of a configuration and read its files, for their hashes.

    Parameters
    ----------
    config : ExperimentConfig
        Whose `data` section says what to open.
    held : Dataset or None
        The data set that a section of kind "object" stands for.

    Raises
    ------
    DatasetError
        The data set is not as described, or cannot be split.
    """
    data = build.dataset(config.data, held=held)
    dataset_splits(data, shuffle=config.data.shuffle)  # what cannot be split is said before it is heard
    return Material(data, contents_of(data.clips, n_workers=config.n_workers))


def make_cells(
    configs: Sequence[ExperimentConfig],
    folder: str | Path,
    *,
    materials: Mapping[str, Dataset] | None = None,
) -> list[Cell]:
    """Open every data set once and say which cells there are, in the order of `configs`.

    Parameters
    ----------
    configs : sequence of ExperimentConfig
        One for each cell.
    folder : str or Path
        Where results lie.
    materials : mapping of str to Dataset, or None
        By name, the data sets that are held in memory: those that sections of kind "object" stand for.

    Raises
    ------
    ElmarcError
        A data set is not as described, or torch lacks the device.
    """
    for device in dict.fromkeys(config.device for config in configs):
        resolve_device(device)
    opened: dict[str, Material] = {}
    cells = []
    for config in configs:
        key = config.data.model_dump_json()
        if key not in opened:
            held = (materials or {}).get(getattr(config.data, "name", ""))
            opened[key] = open_material(config, held)
        material = opened[key]
        name = f"{_name(config)}-{_identity(config, material)[:8]}"
        cells.append(Cell(config, material, Path(folder) / "cells" / name))
    return cells


def finished(cells: Sequence[Cell]) -> list[results.Result]:
    """Read the results of those cells that have one."""
    return [result for cell in cells if (result := cell.finished()) is not None]


def by_features(cells: Sequence[Cell]) -> list[list[Cell]]:
    """Group cells whose features are the same, in the order of their first member."""
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(_features_key(cell.config), []).append(cell)
    return list(groups.values())


def _features_key(config: ExperimentConfig) -> str:
    parts = config.model_dump(mode="json", exclude={*EXECUTION_KEYS, "classifier", "protocol"})
    if config.network is None:
        parts.pop("seed")  # the MFCC has no weights to draw
    return definition_key(parts)


def _name(config: ExperimentConfig) -> str:
    net = config.network
    width = "" if net is None else f"-{net.n_filters or net.size}"
    features = f"{record.feature_name(config)}{width}"
    return f"{features}-{config.classifier.name}-seed{config.seed}-{config.protocol}"


def _identity(config: ExperimentConfig, material: Material) -> str:
    asked: dict[str, Any] = config.model_dump(mode="json", exclude=EXECUTION_KEYS)
    file = config.features_file
    content = None if file is None or not file.exists() else hashlib.sha256(file.read_bytes()).hexdigest()
    return _digest([asked, material.key, VERSIONS, content])


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()
