"""Configurations: a file -> checked values, for one experiment or for a sweep.

YAML, TOML and JSON say the same things; a 2018 `config_file.py` is read too, never executed. Relative paths
are relative to the working directory in every form, as on the command line.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from elmarc._choices import did_you_mean
from elmarc.config import legacy, limits
from elmarc.config.errors import checked
from elmarc.config.network_files import is_network_file, sections_of
from elmarc.config.parts import FRONTEND_SECTIONS
from elmarc.config.sections import (
    ClassifierSection,
    Data,
    ExperimentConfig,
    FolderData,
    FrontEnd,
    HuggingFaceData,
    InputSection,
    ListsData,
    NamedData,
    Network,
    ObjectData,
    PackageData,
    TableData,
    ToyData,
    expand,
)
from elmarc.config.sweep import SweepConfig, is_sweep, make_sweep
from elmarc.errors import ConfigError

__all__ = [
    "ClassifierSection",
    "Data",
    "ExperimentConfig",
    "FolderData",
    "FrontEnd",
    "HuggingFaceData",
    "InputSection",
    "ListsData",
    "NamedData",
    "Network",
    "ObjectData",
    "PackageData",
    "SweepConfig",
    "TableData",
    "ToyData",
    "apply_overrides",
    "json_schema",
    "load_config",
    "parse_config",
    "parse_experiment",
    "read_document",
    "to_yaml",
]

WIDTH = 110  # columns
SHORT_FORMS = ("data", "network", "frontend", "classifier", "pooling")


def load_config(path: str | Path, overrides: Iterable[str] = ()) -> ExperimentConfig | SweepConfig:
    """Read a configuration: .yaml, .yml, .toml, .json, or the 2018 `config_file.py`.

    Parameters
    ----------
    path : str or Path
        An experiment without a `name` takes the file's.
    overrides : iterable of str
        `key=value` pairs, applied before anything is checked.

    Raises
    ------
    ConfigError
        With a line for each problem: the file, the dotted key, what was found and what was expected.
    """
    document = apply_overrides({"name": Path(path).stem, **read_document(path)}, overrides)
    file: Any = document.get("network")
    if is_network_file(file):
        document["network"] = sections_of(read_document(file), file)
    return parse_config(document, source=str(path))


def parse_config(document: Mapping[str, Any], *, source: str = "config") -> ExperimentConfig | SweepConfig:
    """Check a document that is already in memory; a list where one value belongs makes it a sweep."""
    return make_sweep(document, source) if is_sweep(document) else parse_experiment(document, source=source)


def parse_experiment(document: Mapping[str, Any], *, source: str = "config") -> ExperimentConfig:
    """Check a document of a single experiment."""
    return checked(ExperimentConfig, document, source)


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
        _put(changed, key.strip().split("."), _yaml(value, f"--set {text}"), text)
    return changed


def read_document(path: str | Path) -> dict[str, Any]:
    """Read a file as plain values, unchecked; the keys of a 2018 file come out under their new names."""
    path = Path(path)
    if path.suffix.lower() not in READERS:
        known = ", ".join(READERS)
        raise ConfigError(
            f"{path}: found '{path.suffix}', expected one of {known}{did_you_mean(path.suffix, READERS)}"
        )
    text = _text(path)
    try:
        document = READERS[path.suffix.lower()](text, str(path))
        limits.check_values(document, str(path))
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply to be a configuration") from None
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: found no `key: value` lines, expected data, network and classifier")
    return document


def _text(path: Path) -> str:
    """Return the text of a file that may be one of a configuration: no pipe, no device, not too long."""
    try:
        limits.check_file(path)
        return path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        if isinstance(error, ConfigError):
            raise
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigError(f"{path}: cannot be read: {reason}") from None


def to_yaml(config: ExperimentConfig | SweepConfig, *, every_key: bool = False) -> str:
    """Write YAML that reads back as the same configuration; `every_key` adds what was left to its default."""
    if isinstance(config, SweepConfig):
        document = dict(config.document)
    else:
        document = {"name": config.name, **config.model_dump(mode="json", exclude_unset=not every_key)}
    return yaml.dump(document, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH)


class _Dumper(yaml.SafeDumper):
    """Short sections and lists go on one line, all others are indented."""

    def represent_mapping(self, tag: str, mapping: Any, flow_style: bool | None = None) -> yaml.MappingNode:
        return super().represent_mapping(tag, mapping, flow_style=_is_short(mapping, mapping.values()))

    def represent_sequence(
        self, tag: str, sequence: Any, flow_style: bool | None = None
    ) -> yaml.SequenceNode:
        return super().represent_sequence(tag, sequence, flow_style=_is_short(sequence, sequence))


def _is_short(whole: object, parts: Iterable[object]) -> bool:
    return len(str(whole)) < WIDTH - 30 and not any(isinstance(part, dict) for part in parts)


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of an experiment or sweep, for editors that complete and check while typing."""
    schema = ExperimentConfig.model_json_schema()
    schema["required"] = [key for key in schema["required"] if key != "frontend"]
    _leave_kind_to_the_network(schema)
    for section in [schema, *schema["$defs"].values()]:
        keys = section.get("properties", {})
        keys.update({key: _one_or_many(inner, short=key in SHORT_FORMS) for key, inner in keys.items()})
    schema["properties"]["kind"] = {"const": "sweep"}
    return schema


def _leave_kind_to_the_network(schema: dict[str, Any]) -> None:
    """Let a front-end be written without its kind."""
    frontend = schema["properties"]["frontend"]
    schema["properties"]["frontend"] = {"anyOf": frontend["oneOf"]}
    for section in FRONTEND_SECTIONS.values():
        schema["$defs"][section.__name__]["required"].remove("kind")


def _one_or_many(inner: dict[str, Any], *, short: bool) -> dict[str, Any]:
    one = {"anyOf": [inner, {"type": "string"}]} if short else inner
    return {"anyOf": [one, {"type": "array", "items": one, "minItems": 1}]}


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


def _yaml(text: str, source: str) -> Any:
    try:
        document = yaml.safe_load(text)
        limits.check_values(document, source)
        return document
    except limits.BAD_VALUE as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{source}: a value cannot be read: {error}") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(f"{source}{where}: not YAML: {getattr(error, 'problem', error)}") from None


def _toml(text: str, source: str) -> Any:
    try:
        return tomllib.loads(text)
    except ValueError as error:  # TOMLDecodeError is one; so is a number of thousands of digits
        raise ConfigError(f"{source}: not TOML: {error}") from None


def _json(text: str, source: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"{source}, line {error.lineno}: not JSON: {error.msg}") from None
    except ValueError as error:
        raise ConfigError(f"{source}: a value cannot be read: {error}") from None


READERS: dict[str, Callable[[str, str], Any]] = {
    ".yaml": _yaml,
    ".yml": _yaml,
    ".toml": _toml,
    ".json": _json,
    ".py": legacy.read_document,
}
