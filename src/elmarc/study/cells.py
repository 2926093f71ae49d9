"""Cells: what is to be run, on which clips, and in which folder its result lies.

A cell is one Experiment on the clips that its data set holds now. Its folder's name ends in a hash of the
configuration, of the clips (labels, folds, groups and the bytes of each file) and of the versions that the
numbers depend on: a cell finds its own result, and no other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sklearn.model_selection import ParameterGrid

from elmarc import results
from elmarc._types import Definition
from elmarc.datasets.base import Dataset
from elmarc.errors import DatasetError, ElmarcError, StoreError
from elmarc.evaluation.protocol import EVALUATION_VERSION
from elmarc.features import store
from elmarc.features.extractor import resolve_device
from elmarc.features.store import definition_key
from elmarc.frontends import check_installed
from elmarc.networks.make import identity
from elmarc.networks.section import EXTERNAL
from elmarc.study import build, record
from elmarc.study.clips import Material, digest, open_material
from elmarc.study.features_in import content_key, read_features
from elmarc.study.spec import Experiment

VERSIONS = {
    "features": store.SCHEMA_VERSION,
    "evaluation": EVALUATION_VERSION,
    "result": results.SCHEMA_VERSION,
}


@dataclass(frozen=True)
class Cell:
    """One experiment, the clips it is about, and the folder of its result.

    `n_read` is the length of vectors that are read from a file of another program; None: they are extracted.
    `module` identifies the network where it is a user's module: see `networks.make.identity`.
    """

    config: Experiment
    material: Material
    folder: Path
    n_read: int | None = None
    module: Definition | None = None

    def finished(self) -> results.Result | None:
        """Return the result of an earlier run, None where there is none that may be taken over.

        Not taken over are damaged files, results that left clips out where the run is strict, those of
        another network, and those of a module that was edited between its cell and its features.
        """
        file = self.folder / "result.json"
        try:
            result = results.load(file) if file.exists() else None
        except StoreError:
            return None
        if result is None or (self.config.strict and result.skipped):
            return None
        network: Any = (result.definition.get("features") or {}).get("network", {})
        is_same = all(network.get(key) == value for key, value in (self.module or {}).items())
        is_same &= result.config.get("network") == record.settings(self.config)["network"]
        return result if is_same else None

    def failure(self) -> results.Failure | None:
        """Return why an earlier run could not run the cell; None where none tried, or one could."""
        return results.load_failure(self.folder)

    def fail(self, problem: ElmarcError) -> results.Failure:
        """Keep why the cell cannot be run, for whoever reads the results."""
        failure = record.failure(self.config, self.material, str(problem))
        failure.save(self.folder)
        return failure

    def identified(self, result: results.Result) -> results.Result:
        """Return a result that names its run, where its network is a module without a key."""
        if self.module is None or "run" not in self.module:
            return result
        features = result.definition["features"]
        features = {**features, "network": {**features["network"], **self.module}}
        return replace(result, definition={**result.definition, "features": features})


def make_cells(
    configs: Sequence[Experiment],
    folder: str | Path,
    *,
    materials: Mapping[str, Dataset] | None = None,
) -> list[Cell]:
    """Open every data set once, and return the cells of configurations in their order.

    Parameters
    ----------
    configs : sequence of Experiment
        One for each cell.
    folder : str or Path
        Where results lie.
    materials : mapping of str to Dataset, or None
        By name, the data sets in memory that sections of kind "object" stand for.

    Raises
    ------
    ElmarcError
        A data set is not as described, a file of another program's features does not fit it, or torch lacks
        the device.
    """
    for device in dict.fromkeys(config.device for config in configs):
        resolve_device(device)
    for config in configs:
        check_installed(config.frontend.kind)
    unread = {c.data.model_dump_json() for c in configs if c.features_file is not None}
    opened: dict[str, Material] = {}
    modules: dict[Any, Definition | None] = {}
    widths: dict[tuple[Path, str], int] = {}
    cells = []
    for config in configs:
        key = config.data.model_dump_json()
        if key not in opened:
            in_memory = (materials or {}).get(getattr(config.data, "name", ""))
            opened[key] = open_material(config, in_memory, is_read=key not in unread)
        material = opened[key]
        _check_choice(config, material.dataset)
        if config.network is not None and config.network not in modules:
            modules[config.network] = identity(build.network_section(config.network))
        module = modules.get(config.network)
        n_read = None
        if config.features_file is not None and config.network is None:
            if (config.features_file, key) not in widths:  # one that does not fit ends the run here
                matrix, _ = read_features(config.features_file, material.dataset)
                widths[config.features_file, key] = matrix.X.shape[1]
            n_read = widths[config.features_file, key]
        name = f"{_name(config)}-{_identity(config, material, module)[:8]}"
        cells.append(Cell(config, material, Path(folder) / "cells" / name, n_read, module))
    return cells


def _check_choice(config: Experiment, data: Dataset) -> None:
    """Refuse, before any work, a classifier that has too few clips to choose its hyper-parameters by."""
    if config.training or config.protocol != "nested" or data.split_kind != "none":
        return
    if len(data.clips) > 2 * len(data.classes):
        return
    spec = build.classifier(config)
    if len(ParameterGrid(spec.grid)) > 1:
        raise DatasetError(
            f"{data.name}: no class has three clips, and {spec.name} chooses its hyper-parameters on clips "
            "held out of those it learns from: add clips, or take a classifier that chooses none, such as "
            "ridge"
        )


def finished(cells: Sequence[Cell]) -> list[results.Result]:
    """Read the results of those cells that have one."""
    return [result for cell in cells if (result := cell.finished()) is not None]


def failures(cells: Sequence[Cell]) -> tuple[results.Failure, ...]:
    """Read why those cells that could not be run could not."""
    return tuple(failure for cell in cells if (failure := cell.failure()) is not None)


def by_features(cells: Sequence[Cell]) -> list[list[Cell]]:
    """Group cells whose features are the same, in the order of their first member."""
    groups: dict[str, list[Cell]] = {}
    for cell in cells:
        groups.setdefault(features_key(cell.config), []).append(cell)
    return list(groups.values())


def features_key(config: Experiment) -> str:
    """Return a hash of all that the features of a cell follow from, its clips apart."""
    parts = record.settings(config, without={"classifier", "protocol"})
    if config.network is None or getattr(config.network, "weights", "redraw") == "keep":
        parts.pop("seed")  # no weights are drawn
    return definition_key(parts)


def _name(config: Experiment) -> str:
    net = config.network
    width = "" if net is None or net.kind == EXTERNAL else f"-{net.n_filters or net.size}"
    features = f"{config.label}{width}".replace(" ", "_")
    return f"{features}-{config.head_name}-seed{config.seed}-{config.protocol}"


def _identity(config: Experiment, material: Material, module: Definition | None) -> str:
    file = config.features_file
    content = content_key(file) if file and file.is_file() else None
    fitted = build.fitted_features(config)
    more = [part for part in (module, fitted and fitted.definition()) if part is not None]
    return digest([record.settings(config), material.key, VERSIONS, content, *more])
