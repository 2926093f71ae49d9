"""Configurations: a file -> an experiment, a sweep or a study; and back to YAML."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from elmarc.config.files import is_network_file, read_document, read_networks, yaml_text
from elmarc.study.request import study_of
from elmarc.study.sections import FRONTEND_SECTIONS
from elmarc.study.spec import Experiment, parse_experiment
from elmarc.study.sweep import SweepConfig, apply_overrides, is_sweep, make_sweep

SHORT_FORMS = ("data", "network", "frontend", "classifier", "pooling")


def load_config(path: str | Path, overrides: Iterable[str] = ()) -> Experiment | SweepConfig:
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
        document["network"] = read_networks(file)
    return parse_config(document, source=str(path))


def parse_config(document: Mapping[str, Any], *, source: str = "config") -> Experiment | SweepConfig:
    """Check a document that is already in memory; a list where one value belongs makes it a sweep."""
    if "study" in document:
        study = study_of({key: value for key, value in document.items() if key != "name"})
        return SweepConfig(str(document.get("name", study.kind)), document, tuple(study.experiments()))
    return make_sweep(document, source) if is_sweep(document) else parse_experiment(document, source=source)


def to_yaml(config: Experiment | SweepConfig, *, every_key: bool = False) -> str:
    """Write YAML that reads back as the same configuration; `every_key` adds what was left to its default."""
    if isinstance(config, SweepConfig):
        document = dict(config.document)
    else:
        document = {"name": config.name, **config.model_dump(mode="json", exclude_unset=not every_key)}
    return yaml_text(document)


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of an experiment or sweep, for editors that complete and check while typing."""
    schema = Experiment.model_json_schema()
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
