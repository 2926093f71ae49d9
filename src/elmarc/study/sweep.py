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

from elmarc.config.files import yaml_value
from elmarc.config.schema import checked, sections
from elmarc.errors import ConfigError
from elmarc.features.recipes import default_frontend, unit_read
from elmarc.frontends import FRONTENDS, frontends_of
from elmarc.networks import NETWORKS
from elmarc.networks.section import EXTERNAL
from elmarc.study.sections import FRONTEND_SECTIONS, NETWORK_SECTIONS, OWN_SECTION
from elmarc.study.spec import Experiment, expand

OF_NETWORKS = {"input", "pooling"}  # sections that say nothing where there is no network
OPAQUE = ("network.options", "network.reduction")  # sections of no keys of ours


def _list_keys() -> Iterator[str]:
    """Yield the keys that hold a list anyway, dotted."""
    for name, field in Experiment.model_fields.items():
        if _holds_list(field.annotation):
            yield name
    for name, forms in sections(Experiment).items():
        for form in forms:
            yield from (
                f"{name}.{key}" for key, field in form.model_fields.items() if _holds_list(field.annotation)
            )


def _holds_list(annotation: Any) -> bool:
    return get_origin(annotation) is tuple or any(_holds_list(part) for part in get_args(annotation))


LIST_KEYS = frozenset((*_list_keys(), "training.learning_rates"))


@dataclass(frozen=True)
class SweepConfig:
    """A document as it was written, and the experiments that it stands for, each once.

    The first key of the document varies slowest.
    """

    name: str
    document: Mapping[str, Any]
    experiments: tuple[Experiment, ...]


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
    """Return whether a document says that it is a sweep, or holds a list where one value belongs."""
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
    for kind in (_kind(cell, "frontend") for cell in full):
        if kind in FRONTENDS and not any(_reads(cell, kind) for cell in full):
            raise ConfigError(f"{source}: frontend.kind: no network of the sweep reads '{kind}'")
    keys = [_usable_keys(cell) for cell in full]
    known = {part: set().union(*(each[part] for each in keys)) for part in ("", "frontend", "network")}
    return [_fitted(cell, usable, known) for cell, usable in zip(full, keys, strict=True)]


def _fitted(cell: dict[str, Any], usable: Mapping[str, set[str]], known: Mapping[str, set[str]]) -> Any:
    def without(section: Mapping[str, Any], part: str) -> dict[str, Any]:
        unused = known[part] - usable[part]
        return {key: value for key, value in section.items() if key not in unused}

    cell = without(cell, "")
    network, frontend = cell.get("network"), cell.get("frontend")
    if isinstance(frontend, Mapping):
        if "kind" not in frontend:
            cell["frontend"] = without(frontend, "frontend")
        elif _kind(cell, "frontend") in FRONTENDS and not _reads(cell, frontend["kind"]):
            del cell["frontend"]
    if isinstance(network, Mapping):
        if _kind(cell, "network") not in frontends_of(None):
            cell["network"] = without(network, "network") if usable["network"] else network
        elif known[""]:
            cell["network"] = {"kind": network["kind"]}
    return cell


def _usable_keys(cell: Mapping[str, Any]) -> dict[str, set[str]]:
    """Return what a cell's network can use: sections, keys of a front-end, keys of a network.

    The last are none for the baseline, for networks that are joined, and for an unknown kind.
    """
    kind, front = _kind(cell, "network"), _kind(cell, "frontend")
    if front is None or not _reads(cell, front):
        front = default_frontend(_network(cell))
    forms = [OWN_SECTION] if kind == EXTERNAL else list(NETWORK_SECTIONS) if kind in NETWORKS else []
    return {
        "": set() if unit_read(_network(cell)) is None else OF_NETWORKS,
        "frontend": set(FRONTEND_SECTIONS[front].model_fields),
        "network": {key for form in forms for key in form.model_fields},
    }


def _kind(cell: Mapping[str, Any], section: str) -> str | None:
    """Return the kind of a section, where it is a text."""
    value = cell.get(section)
    kind = value.get("kind") if isinstance(value, Mapping) else None
    return kind if isinstance(kind, str) else None


def _network(cell: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the section of a network; what is none, and refused later, counts as one of the study's."""
    network = cell.get("network")
    return network if network is None or isinstance(network, Mapping) else {}


def _reads(cell: Mapping[str, Any], kind: Any) -> bool:
    return kind in FRONTENDS and FRONTENDS[kind].unit == unit_read(_network(cell))


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
