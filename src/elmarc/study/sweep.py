"""One document, many experiments: `key=value` overrides, and lists that stand for every combination.

    network: {kind: [vgg, temporal], size: [small, large]}
    classifier: [svm, elm]
    seed: [0, 1, 2]

One document may hold networks of both kinds and the MFCC: what the network of an experiment cannot use is
left out of it, as long as another one uses it. A key that no experiment can use is an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import product
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from elmarc.config.files import yaml_value
from elmarc.config.schema import checked, sections
from elmarc.errors import ConfigError
from elmarc.frontends import FRONTENDS, frontends_of
from elmarc.networks import NETWORKS
from elmarc.networks.section import EXTERNAL
from elmarc.study.sections import (
    FRONTEND_SECTIONS,
    NETWORK_SECTIONS,
    OWN_SECTION,
    default_frontend,
    unit_read,
)
from elmarc.study.spec import Experiment, expand

OF_NETWORKS = ("input", "pooling")  # sections that say nothing where there is no network
OPAQUE = ("network.options", "network.reduction")  # sections of no keys of ours


def _list_keys() -> Iterator[str]:
    """Yield the keys that hold a list anyway, dotted."""
    for name, field in Experiment.model_fields.items():
        if _holds_list(field.annotation):
            yield name
    for name, forms in sections(Experiment).items():
        yield from (f"{name}.{key}" for form in forms for key in _lists_of(form))


def _lists_of(form: type[BaseModel]) -> Iterator[str]:
    return (key for key, field in form.model_fields.items() if _holds_list(field.annotation))


def _holds_list(annotation: Any) -> bool:
    return get_origin(annotation) is tuple or any(_holds_list(part) for part in get_args(annotation))


LIST_KEYS = frozenset((*_list_keys(), "training.learning_rates"))


@dataclass(frozen=True)
class SweepConfig:
    """A grid of experiments: the document as it was written, and the experiments it stands for."""

    name: str
    document: Mapping[str, Any]
    experiments: tuple[Experiment, ...]

    def cells(self) -> list[Experiment]:
        """Return the experiments, each once, the first key of the document varying slowest."""
        return list(self.experiments)


def apply_overrides(document: Mapping[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    """Return a copy with `key=value` pairs put in; values are read as YAML.

    >>> apply_overrides({"network": "vgg"}, ["network.size=small", "seed=[0, 1]"])
    {'network': {'kind': 'vgg', 'size': 'small'}, 'seed': [0, 1]}
    """
    changed = deepcopy(dict(document))
    for text in overrides:
        key, equals, value = text.partition("=")
        if not (key.strip() and equals):
            raise ConfigError(f"--set {text}: expected key=value, as in classifier.name=elm")
        _put(changed, key.strip().split("."), yaml_value(value, f"--set {text}"), text)
    return changed


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
        elif isinstance(value, Mapping) and place not in OPAQUE:
            lists |= axes(value, f"{place}.")
    return lists


def make_sweep(document: Mapping[str, Any], source: str) -> SweepConfig:
    """Check every combination and return the sweep.

    Raises
    ------
    ConfigError
        With a line for each problem, however many cells it spoils.
    """
    empty = [key for key, values in axes(document).items() if not _variants(values, key)]
    if empty:
        raise ConfigError(f"{source}: {empty[0]}: found an empty list, expected at least one value")
    cells = _variants({key: value for key, value in document.items() if key != "kind"})
    experiments = check_cells(fit_cells(cells, source), source)
    return SweepConfig(experiments[0].name, document, experiments)


def _is_axis(key: str, value: Any) -> bool:
    if not isinstance(value, list | tuple):
        return False
    return key not in LIST_KEYS or any(item is None or isinstance(item, list | tuple) for item in value)


def _variants(value: Any, key: str = "") -> list[Any]:
    """Return what `value` can be, every list in it resolved."""
    if _is_axis(key, value):
        return [variant for item in value for variant in _variants(item, key)]
    if isinstance(value, Mapping) and key not in OPAQUE:
        inner = [_variants(item, f"{key}.{name}" if key else str(name)) for name, item in value.items()]
        return [dict(zip(value, choice, strict=True)) for choice in product(*inner)]
    return [value]


def fit_cells(cells: Sequence[Mapping[str, Any]], source: str = "config") -> list[dict[str, Any]]:
    """Leave out of each document what its network cannot use, as long as another one's can.

    That is a front-end of another unit; the keys of a front-end without `kind` that this cell's does not
    have; keys of the study's networks for one of your own, and the other way round; and where there is no
    network, the sections `input` and `pooling` and the network's options.

    Raises
    ------
    ConfigError
        No cell reads a front-end that is given.
    """
    full = [{key: expand(key, value) for key, value in cell.items()} for cell in cells]
    _check_frontends(full, source)
    known = {key for cell in full for key in FRONTEND_SECTIONS[_frontend_kind(cell)].model_fields}
    with_network = any(_unit(cell) is not None for cell in full)
    fitted = [_fitted(cell, known, with_network=with_network) for cell in full]
    return _fit_networks(fitted)


def _fit_networks(cells: list[dict[str, Any]]) -> list[dict[str, Any]]:
    known = {key for cell in cells for key in _network_keys(cell)}
    for cell in cells:
        network, own = cell.get("network"), _network_keys(cell)
        if isinstance(network, Mapping) and own:
            cell["network"] = {key: v for key, v in network.items() if key in own or key not in known}
    return cells


def _network_keys(cell: Mapping[str, Any]) -> set[str]:
    """Return the keys that a cell's network may have; none where it is the baseline or unknown."""
    if (kind := _kind(cell, "network")) == EXTERNAL:
        return set(OWN_SECTION.model_fields)
    named = isinstance(kind, str) and kind in NETWORKS
    return {key for form in NETWORK_SECTIONS for key in form.model_fields} if named else set()


def _kind(cell: Mapping[str, Any], section: str) -> Any:
    value = cell.get(section)
    return value.get("kind") if isinstance(value, Mapping) else None


def _network(cell: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the section of a network; what is none, and refused later, counts as one of the study's."""
    network = cell.get("network")
    return network if network is None or isinstance(network, Mapping) else {}


def _unit(cell: Mapping[str, Any]) -> str | None:
    return unit_read(_network(cell))


def _reads(cell: Mapping[str, Any], kind: Any) -> bool:
    return _is_frontend(kind) and FRONTENDS[kind].unit == _unit(cell)


def _is_frontend(kind: Any) -> bool:
    return isinstance(kind, str) and kind in FRONTENDS


def _frontend_kind(cell: Mapping[str, Any]) -> str:
    given = _kind(cell, "frontend")
    return given if _reads(cell, given) else default_frontend(_network(cell))


def _fitted(cell: dict[str, Any], known: set[str], *, with_network: bool) -> dict[str, Any]:
    fitted = dict(cell)
    frontend = cell.get("frontend")
    if isinstance(frontend, Mapping):
        if "kind" not in frontend:
            own = FRONTEND_SECTIONS[_frontend_kind(cell)].model_fields
            fitted["frontend"] = {key: v for key, v in frontend.items() if key in own or key not in known}
        elif _is_frontend(frontend["kind"]) and not _reads(cell, frontend["kind"]):
            del fitted["frontend"]
    if with_network and _unit(cell) is None:
        for section in OF_NETWORKS:
            fitted.pop(section, None)
        if (alone := _kind(cell, "network")) in frontends_of(None):
            fitted["network"] = {"kind": alone}
    return fitted


def _check_frontends(cells: list[dict[str, Any]], source: str) -> None:
    """Refuse a front-end that no network of the sweep reads: it would be left out in silence."""
    for kind in filter(_is_frontend, [_kind(cell, "frontend") for cell in cells]):
        if not any(_reads(cell, kind) for cell in cells):
            raise ConfigError(f"{source}: frontend.kind: no network of the sweep reads '{kind}'")


def check_cells(cells: Sequence[Mapping[str, Any]], source: str = "config") -> tuple[Experiment, ...]:
    """Return the experiments of several documents, each once.

    Raises
    ------
    ConfigError
        With a line for each problem, however many cells it spoils.
    """
    experiments: dict[Experiment, None] = {}
    lines: dict[str, None] = {}
    for cell in cells:
        try:
            experiments[checked(Experiment, cell, source)] = None
        except ConfigError as error:
            lines |= dict.fromkeys(str(error).splitlines())
    if lines:
        raise ConfigError("\n".join(lines))
    return tuple(experiments)


def _put(section: dict[str, Any], path: list[str], value: Any, text: str) -> None:
    """Set a dotted key; a list of sections gets it in each."""
    key, *rest = path
    if not rest:
        section[key] = value
        return
    inner = section.get(key)
    section[key] = (
        [expand(key, item) for item in inner] if isinstance(inner, list) else expand(key, inner or {})
    )
    for item in section[key] if isinstance(inner, list) else [section[key]]:
        if not isinstance(item, dict):
            raise ConfigError(f"--set {text}: {key} holds a single value, not keys of its own")
        _put(item, rest, value, text)
