"""The commands that go on with a cell, such as the one that won: extract its features, fit its classifier."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from elmarc import _defaults
from elmarc.comparison.records import SystemScore, system_of
from elmarc.networks import NETWORKS
from elmarc.networks.section import EXTERNAL, section_of_text
from elmarc.results import Result
from elmarc.study import studies
from elmarc.study.cells import Cell
from elmarc.study.spec import Data, Experiment

PLACES = ("path", "name", "audio", "target")  # keys of a data section that extract has arguments for
ONLY_SPLITS = ("kind", "n_folds", "shuffle", "keep_duplicates_together")  # keys that change no feature
SHAPING = ("network", "frontend", "input", "pooling")


def winning_cell(best: SystemScore, cells: Sequence[Cell]) -> Cell | None:
    """Return the first cell of a system, by seed; None where no finished cell is one of it."""
    mine = [cell for cell in cells if (r := cell.finished()) is not None and system_of(r) == best.system]
    return min(mine, key=lambda cell: cell.config.seed, default=None)


def extract_command(config: Experiment, *, output: str = "features.npz") -> str:
    """Return `elmarc extract ...`, quoted for a shell, that gives the features of a configuration.

    Everything that differs from what `extract` does by itself is said.
    """
    net = config.network
    kind = studies.BASELINE if net is None else getattr(net, "factory", net.kind)
    words = ["elmarc", "extract", *_data_words(config.data), "--network", kind]
    common: dict[str, Any] = {"seed": config.seed, "recipe": config.recipe}
    section: dict[str, Any] = section_of_text(kind)
    if net is not None:
        width = {"n_filters": net.n_filters} if net.n_filters else {"size": net.size} if net.size else {}
        needed = (
            {key: getattr(net, key) for key in NETWORKS[net.kind].required} if net.kind in NETWORKS else {}
        )
        section |= {"precision": net.precision, **width, **needed}
        words += _options({**width, "seed": config.seed})
        words += [
            word for key, value in needed.items() for word in ("--set", f"network.{key}={_yaml(value)}")
        ]
    if config.recipe != _defaults.RECIPE:
        words += ["--recipe", config.recipe]
    if net is not None and net.precision != "float32":
        words += ["--precision", net.precision]
    if config.device != "auto":
        words += ["--device", config.device]
    words += ["--strict"] * config.strict
    plain = studies.extraction_config({"kind": "folder", "path": "."}, section, common, ())
    for key, value in _changes(config, plain):
        words += ["--set", f"{key}={_yaml(value)}"]
    return shlex.join([*words, "-o", output])


def fit_command(folder: Path, best: Result, *, output: str = "model.elmarc") -> str:
    """Return `elmarc fit ...`, quoted for a shell, that fits the winner of a folder of results."""
    is_own = (best.config.get("network") or {}).get("kind") == EXTERNAL
    return shlex.join(["elmarc", "fit", "--from", str(folder), *["--trust"] * is_own, "-o", output])


def with_seeds(words: Sequence[str], n: int) -> str:
    """Return a command that was typed, quoted for a shell, with n seeds.

    >>> with_seeds(["rank", "sounds", "--seeds", "2"], 5), with_seeds(["run", "a.yaml"], 2)
    ('elmarc rank sounds --seeds 5', "elmarc run a.yaml --set 'seed=[0,1]'")
    """
    if words[:1] == ["run"]:
        return shlex.join(["elmarc", *words, "--set", f"seed=[{','.join(map(str, range(n)))}]"])
    pairs = zip(words, ["", *words], strict=False)
    other = [w for w, before in pairs if not w.startswith("--seeds") and before != "--seeds"]
    return shlex.join(["elmarc", *other, "--seeds", str(n)])


def _data_words(data: Data) -> list[str]:
    section = data.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    first = "toy" if data.kind == "toy" else str(section.get("name") or section.get("path", ""))
    rest = {key: value for key, value in section.items() if key in ("audio", "target")}
    other = {f"data.{key}": value for key, value in section.items() if key not in (*PLACES, *ONLY_SPLITS)}
    sets = [word for key, value in other.items() for word in ("--set", f"{key}={_yaml(value)}")]
    return [first, *_options(rest), *sets]


def _options(values: Mapping[str, Any]) -> list[str]:
    return [word for key, value in values.items() for word in (f"--{key.replace('_', '-')}", str(value))]


def _changes(config: Experiment, plain: Experiment) -> Iterator[tuple[str, Any]]:
    """Yield the keys, dotted, whose values shape features and are not those of `plain`."""
    wanted, found = (c.model_dump(mode="json", include=set(SHAPING)) for c in (config, plain))
    for section in SHAPING:
        mine, other = wanted[section], found[section]
        if not isinstance(mine, dict) or not isinstance(other, dict):
            if mine != other:
                yield section, mine
            continue
        changed = {key: value for key, value in mine.items() if value != other.get(key)}
        yield from ((f"{section}.{key}", value) for key, value in changed.items())


def _yaml(value: Any) -> str:
    """Return a value as `--set` reads it; words need no quotes of their own."""
    return value if isinstance(value, str) and value.isidentifier() else json.dumps(value)
