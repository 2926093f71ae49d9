"""Files of configurations (YAML, TOML, JSON, the 2018 `config_file.py`), read as plain values."""

from __future__ import annotations

import json
import stat
import tomllib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from elmarc._choices import did_you_mean
from elmarc.config import legacy
from elmarc.errors import ConfigError

MAX_BYTES = 300_000  # of a file; YAML is read at about 100 kB/s
MAX_VALUES = 100_000  # of a document, each alias counted as what it stands for
BAD_VALUE = (ValueError, TypeError, AttributeError, OverflowError, LookupError)  # of PyYAML's constructors
WIDTH = 110  # columns


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
        _check_values(document, str(path))
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply to be a configuration") from None
    if not isinstance(document, dict):
        raise ConfigError(f"{path}: found no `key: value` lines, expected data, network and classifier")
    return document


def is_network_file(value: Any) -> bool:
    """Return whether a value names a file of networks, and not a network.

    >>> is_network_file("space.yaml"), is_network_file("vgg"), is_network_file("models.py:MyNet")
    (True, False, False)
    """
    return isinstance(value, str) and value.lower().endswith((".yaml", ".yml", ".toml", ".json"))


def read_networks(path: str) -> list[dict[str, Any]]:
    """Return the sections of networks that a file holds: one, or many under `networks`; unchecked.

    Raises
    ------
    ConfigError
        It cannot be read, or `networks` is no list of sections.
    """
    document = read_document(path)
    if "networks" not in document:
        return [document]
    sections = document["networks"]
    if not isinstance(sections, list) or not sections or not all(isinstance(s, dict) for s in sections):
        raise ConfigError(f"{path}: networks: expected a list of network sections")
    return sections


def _text(path: Path) -> str:
    """Return the text of a file that may be one of a configuration: no pipe, no device, not too long."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            what = "a folder" if stat.S_ISDIR(status.st_mode) else "a pipe, a socket or a device"
            raise ConfigError(f"{path}: is {what}, expected a file with a configuration")
        if status.st_size > MAX_BYTES:
            raise ConfigError(
                f"{path}: holds {status.st_size} bytes, expected at most {MAX_BYTES} for a configuration"
            )
        return path.read_text(encoding="utf-8-sig")
    except ConfigError:
        raise
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise ConfigError(f"{path}: cannot be read: {reason}") from None


def yaml_value(text: str, source: str) -> Any:
    """Read YAML, such as the value of a `--set`.

    Raises
    ------
    ConfigError
        It is no YAML, or too large.
    """
    try:
        document = yaml.safe_load(text)
        _check_values(document, source)
        return document
    except ConfigError:
        raise
    except BAD_VALUE as error:
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


def _check_values(document: Any, source: str) -> None:
    """Refuse a document that leads back to itself, holds a !!set or !!omap, or stands for too many values."""
    if _count(document, {}, source) > MAX_VALUES:
        raise ConfigError(
            f"{source}: stands for more than {MAX_VALUES} values, too many for a configuration: write fewer "
            "aliases (*name)"
        )


def _count(value: Any, known: dict[int, int | None], source: str) -> int:
    """Count the values within a value; `known` holds None for one that is being counted."""
    if isinstance(value, tuple | set):  # YAML that is written again has lists in their place
        raise ConfigError(f"{source}: holds a !!set, !!omap or !!pairs, expected a plain list ([a, b])")
    if not isinstance(value, Mapping | list):
        return 1
    if id(value) in known:
        n_values = known[id(value)]
        if n_values is None:
            raise ConfigError(f"{source}: a value holds itself (an alias within its own anchor)")
        return n_values
    known[id(value)] = None
    inner: Iterable[Any] = value.values() if isinstance(value, Mapping) else value
    known[id(value)] = total = 1 + sum(_count(item, known, source) for item in inner)
    return total


def yaml_text(document: Mapping[str, Any]) -> str:
    """Return YAML in which short sections and lists go on one line."""
    return yaml.dump(dict(document), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=WIDTH)


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


READERS: dict[str, Callable[[str, str], Any]] = {
    ".yaml": yaml_value,
    ".yml": yaml_value,
    ".toml": _toml,
    ".json": _json,
    ".py": legacy.read_document,
}
