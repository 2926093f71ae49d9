"""Ready studies: which cells they consist of, and what they leave behind."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from elmarc._atomic import write_atomic
from elmarc._errors import ConfigError
from elmarc._types import Size
from elmarc.experiments import build
from elmarc.experiments.config import ExperimentConfig, parse_config
from elmarc.networks import STUDY_NETWORKS
from elmarc.results import Result

BASELINE = "mfcc"


def data_section(data: str, *, audio: Path | None = None, target: str | None = None) -> dict[str, Any]:
    """Read DATA as the command line takes it: a folder, a CSV file, or a data set's name."""
    from elmarc.datasets import DATASETS

    if data == "toy":
        return {"kind": "toy", "target": target or "rhythm"}
    if data in DATASETS and not (audio is None and Path(data).exists()):
        if audio is None:
            raise ConfigError(f"{data}: where do its clips lie? Say so with --audio DIR")
        return {"kind": "named", "name": data, "audio": str(audio)}
    if data.lower().endswith(".csv"):
        return {"kind": "table", "path": data} | ({"audio": str(audio)} if audio else {})
    return {"kind": "folder", "path": data}


def names(text: str, known: Sequence[str], *, what: str) -> list[str]:
    """Read a comma-separated list of names; "all" means all known ones."""
    import difflib

    chosen = list(known) if text == "all" else [name.strip() for name in text.split(",") if name.strip()]
    for name in chosen:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            raise ConfigError(f"{what} {name!r} is unknown{hint} Known: {', '.join(known)}")
    return chosen


def rank_cells(
    data: dict[str, Any],
    *,
    networks: Sequence[str],
    classifiers: Sequence[str],
    size: Size,
    seeds: int,
    protocol: str,
    common: dict[str, Any] | None = None,
) -> list[ExperimentConfig]:
    """Return the cells of a ranking, cheapest network first."""
    cells = []
    for name in sorted(networks, key=lambda name: _multiply_adds(name, size)):
        network = None if name == BASELINE else {"kind": name, "size": size}
        frontend = {"frontend": {"kind": "mfcc"}} if network is None else {}
        for seed in range(seeds):
            for classifier in classifiers:
                document = {
                    "name": "rank",
                    "data": data,
                    "network": network,
                    "classifier": {"name": classifier},
                    "protocol": protocol,
                    "seed": seed,
                    **frontend,
                    **(common or {}),
                }
                cells.append(parse_config(document))
    return cells


def _multiply_adds(name: str, size: Size) -> float:
    """Return the dense arithmetic of a network for a 29.2 s clip, a measure of its cost."""
    if name == BASELINE:
        return 0.0
    section = parse_config({"data": "toy", "network": {"kind": name, "size": size}}).network
    net = build.network(section, seed=0, n_mels=96)
    return float(net.multiply_adds(1376 if net.input_kind == "logmel" else 350_000))
