"""Files of networks: one section, or a space of many under `networks`.

    space: all
    networks:
      - {name: 7x86 pool1x11 n160, kind: single_layer, filter_shape: [7, 86], pool_shape: [1, 11], ...}

Whatever takes a network's section from a file takes it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from elmarc.errors import ConfigError

ENDINGS = (".yaml", ".yml", ".toml", ".json")
MANY = "networks"
DRAWN = "Drawn from the seed before any clip was heard."  # the first line of a space that was sampled


def is_network_file(value: Any) -> bool:
    """Tell the name of a file of networks from the name of a network.

    >>> is_network_file("space.yaml"), is_network_file("vgg"), is_network_file("models.py:MyNet")
    (True, False, False)
    """
    return isinstance(value, str) and value.lower().endswith(ENDINGS)


def sections_of(document: Mapping[str, Any], source: str) -> list[dict[str, Any]]:
    """Return the sections of networks that a file holds, unchecked.

    Raises
    ------
    ConfigError
        `networks` is no list of sections.
    """
    if MANY not in document:
        return [dict(document)]
    many = document[MANY]
    if not isinstance(many, list) or not many or not all(isinstance(one, Mapping) for one in many):
        raise ConfigError(f"{source}: {MANY}: expected a list of network sections")
    return [dict(one) for one in many]


def space_text(sections: Sequence[Mapping[str, Any]], *, heading: str, about: Mapping[str, Any]) -> str:
    """Return a space as YAML: what it is, and a line for each network."""
    lines = [f"# {line}" for line in heading.splitlines()]
    lines += [f"{key}: {value}" for key, value in about.items() if value is not None]
    lines.append(f"{MANY}:")
    for section in sections:
        flow = yaml.safe_dump(
            dict(section), default_flow_style=True, sort_keys=False, width=10**6, allow_unicode=True
        )
        lines.append(f"- {flow.strip()}")
    return "\n".join(lines) + "\n"


def write_path(path: Path) -> Path:
    """Return the path of a space to write.

    Raises
    ------
    ConfigError
        Its ending is not YAML's.
    """
    if path.suffix.lower() not in (".yaml", ".yml"):
        raise ConfigError(f"{path}: a space is written as YAML: give a name that ends in .yaml")
    return path
