"""A sweep: an experiment in which any value may be a list; its cells are every combination.

    network: {kind: [vgg, temporal], size: [small, large]}
    classifier: [svm, elm]
    seed: [0, 1, 2]

A front-end is combined with the networks that read it, and `input` with everything but the MFCC; so one sweep
may hold networks of both kinds beside the baseline.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any

from elmarc._errors import ConfigError
from elmarc.config.errors import checked
from elmarc.config.sections import ExperimentConfig, expand, input_kind

LIST_KEYS = ("pooling", "notes", "network.layers", "network.filter_shape", "network.pool_shape")


@dataclass(frozen=True)
class SweepConfig:
    """A grid of experiments: the document as it was written, and the experiments it stands for."""

    name: str
    document: Mapping[str, Any]
    experiments: tuple[ExperimentConfig, ...]

    def cells(self) -> list[ExperimentConfig]:
        """Return the experiments, each once, the first key of the document varying slowest."""
        return list(self.experiments)


def is_sweep(document: Mapping[str, Any]) -> bool:
    """Is this a sweep: does it say so, or does it hold a list where one value belongs?"""
    return document.get("kind") == "sweep" or bool(axes(document))


def axes(document: Mapping[str, Any], key: str = "") -> dict[str, list[Any]]:
    """Return the lists to combine, by dotted key.

    >>> axes({"network": {"kind": ["vgg", "temporal"]}, "seed": [0, 1], "pooling": ["mean"]})
    {'network.kind': ['vgg', 'temporal'], 'seed': [0, 1]}
    """
    lists: dict[str, list[Any]] = {}
    for name, value in document.items():
        place = f"{key}{name}"
        if _is_axis(place, value):
            lists[place] = list(value)
        elif isinstance(value, Mapping):
            lists |= axes(value, f"{place}.")
    return lists


def make_sweep(document: Mapping[str, Any], source: str) -> SweepConfig:
    """Check every combination and return the sweep.

    Raises
    ------
    ConfigError
        With a line for each problem, however many cells it spoils.
    """
    empty = [key for key, values in axes(document).items() if not values]
    if empty:
        raise ConfigError(f"{source}: {empty[0]}: found an empty list, expected at least one value")
    cells = [_in_full(cell) for cell in _variants({k: v for k, v in document.items() if k != "kind"})]
    _check_frontends(cells, source)
    experiments = _checked_cells([_fitting(cell) for cell in cells], source)
    return SweepConfig(experiments[0].name, document, experiments)


def _is_axis(key: str, value: Any) -> bool:
    if not isinstance(value, list | tuple):
        return False
    return key not in LIST_KEYS or any(item is None or isinstance(item, list | tuple) for item in value)


def _variants(value: Any, key: str = "") -> list[Any]:
    """Return what `value` can be, every list in it resolved."""
    if _is_axis(key, value):
        return [variant for item in value for variant in _variants(item, key)]
    if isinstance(value, Mapping):
        inner = [_variants(item, f"{key}.{name}" if key else str(name)) for name, item in value.items()]
        return [dict(zip(value, choice, strict=True)) for choice in product(*inner)]
    return [value]


def _in_full(cell: Mapping[str, Any]) -> dict[str, Any]:
    return {key: expand(key, value) for key, value in cell.items()}


def _kind(cell: Mapping[str, Any], section: str) -> Any:
    value = cell.get(section)
    return value.get("kind") if isinstance(value, Mapping) else None


def _wanted(cell: Mapping[str, Any]) -> str:
    network = _kind(cell, "network")
    return "mfcc" if network in (None, "mfcc") else input_kind(network)


def _fitting(cell: dict[str, Any]) -> dict[str, Any]:
    """Leave out a front-end that this cell's network does not read, and an input length for the MFCC."""
    unread = set()
    if _kind(cell, "frontend") not in (None, _wanted(cell)):
        unread.add("frontend")
    if _wanted(cell) == "mfcc":
        unread.add("input")
    return {key: value for key, value in cell.items() if key not in unread}


def _check_frontends(cells: list[dict[str, Any]], source: str) -> None:
    """Refuse a front-end that no network of the sweep reads: it would be left out in silence."""
    given = {_kind(cell, "frontend") for cell in cells} - {None}
    unread = sorted(map(str, given - {_wanted(cell) for cell in cells}))
    if unread:
        raise ConfigError(f"{source}: frontend.kind: no network of the sweep reads '{unread[0]}'")


def _checked_cells(cells: list[dict[str, Any]], source: str) -> tuple[ExperimentConfig, ...]:
    experiments: dict[ExperimentConfig, None] = {}
    lines: dict[str, None] = {}
    for cell in cells:
        try:
            experiments[checked(ExperimentConfig, cell, source)] = None
        except ConfigError as error:
            lines |= dict.fromkeys(str(error).splitlines())
    if lines:
        raise ConfigError("\n".join(lines))
    return tuple(experiments)
