"""Ready studies: which cells a ranking and a reproduction consist of."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from elmarc._choices import choose
from elmarc._errors import ConfigError
from elmarc.audio.length import STUDY_LENGTH
from elmarc.config.loading import apply_overrides, parse_experiment
from elmarc.config.sections import ExperimentConfig, expand
from elmarc.config.sweep import check_cells, fit_cells
from elmarc.datasets import Dataset
from elmarc.datasets.opening import known_name
from elmarc.experiments import build
from elmarc.features.recipes import BASELINE as BASELINE
from elmarc.features.recipes import WHOLE_CLIPS
from elmarc.networks import STUDY_NETWORKS
from elmarc.networks.random_cnn import RandomCNN
from elmarc.results import Result


def data_section(data: str, *, audio: Path | None = None, target: str | None = None) -> dict[str, Any]:
    """Read DATA as the command line takes it: a folder, a CSV file, or a data set's name."""
    name = known_name(data)
    if name == "toy":
        return {"kind": "toy", "target": target or "rhythm"}
    if target is not None:
        raise ConfigError(f"--target {target}: only toy has targets, {data} has none: leave it out")
    if name and not (audio is None and Path(data).exists()):
        if audio is None:
            raise ConfigError(f"{name}: where do its clips lie? Say so with --audio DIR")
        return {"kind": "named", "name": name, "audio": str(audio)}
    if data.lower().endswith(".csv"):
        return {"kind": "table", "path": data} | ({"audio": str(audio)} if audio else {})
    return {"kind": "folder", "path": data}


def choose_names(text: str, known: Sequence[str], *, what: str) -> list[str]:
    """Read a comma-separated list of names; "all" means all known ones.

    >>> choose_names("svm, elm", ["svm", "elm", "knn"], what="classifier")
    ['svm', 'elm']
    """
    given = [name.strip().lower() for name in text.split(",") if name.strip()]
    chosen = list(known) if given == ["all"] else given
    return list(dict.fromkeys(choose(what, name, known) for name in chosen))


def grid_cells(
    document: dict[str, Any],
    *,
    networks: Sequence[dict[str, Any] | str],
    classifiers: Sequence[str],
    seeds: int,
    standardise: bool | None = None,
    overrides: Sequence[str] = (),
) -> list[ExperimentConfig]:
    """Return the cells networks x seeds x classifiers of one data set, cheapest network first.

    Parameters
    ----------
    document : dict
        The keys that all cells share: data, protocol, ...
    networks : sequence of sections or names
        "mfcc" stands for the baseline.
    standardise : bool or None
        Whether classifiers see standardised features; None: as the recipe has it.
    overrides : sequence of str
        `key=value`, applied to every cell that can use it; one that no cell can use is an error.
    """
    documents = []
    for network in networks:
        for seed in range(seeds):
            for classifier in classifiers:
                section: dict[str, Any] = {"name": classifier}
                if standardise is not None:
                    section["standardise"] = standardise
                cell = {**document, "network": network, "classifier": section, "seed": seed}
                documents.append(apply_overrides(cell, overrides))
    fitted = fit_cells(documents, "--set")
    for cell in fitted:
        if expand("network", cell["network"]) == {"kind": BASELINE}:
            cell["frontend"] = {**WHOLE_CLIPS, **expand("frontend", cell.get("frontend", {}))}
    cells = check_cells(fitted)
    costs = {config.network: _multiply_adds(config) for config in cells}
    return sorted(cells, key=lambda config: costs[config.network])


def extraction_config(
    data: dict[str, Any], network: dict[str, Any], common: dict[str, Any], overrides: Sequence[str]
) -> ExperimentConfig:
    """Return what `elmarc extract` does: `network` is a section, of kind mfcc for the baseline."""
    document = {"data": data, "network": network, **common}
    if network["kind"] == BASELINE:
        document |= {"network": BASELINE, "frontend": WHOLE_CLIPS}
    return parse_experiment(apply_overrides(document, overrides))


def reproduction_cells(
    name: str, *, audio: Path, size: str, seeds: int, protocols: Sequence[str], overrides: Sequence[str] = ()
) -> list[ExperimentConfig]:
    """Return the cells of the study's figure for a data set: nine networks and the MFCC, SVM and ELM.

    The frame-level networks come twice: averaged as they should be, and as the published numbers were.
    """
    networks: list[Any] = [BASELINE, *({"kind": kind, "size": size} for kind in STUDY_NETWORKS)]
    networks += [
        {"kind": kind, "size": size, "compat": "2018"} for kind in ("frame_level", "frame_level_many")
    ]
    if name == "urbansound8k":
        networks.append({"kind": "timbral_temporal_audio", "size": size})
    cells = [
        grid_cells(
            {"name": f"reproduce-{name}", "data": data_section(name, audio=audio), "protocol": protocol},
            networks=networks,
            classifiers=("svm", "elm"),
            seeds=seeds,
            overrides=overrides,
        )
        for protocol in protocols
    ]
    return [config for pair in zip(*cells, strict=True) for config in pair]


def _multiply_adds(config: ExperimentConfig) -> float:
    """Return the dense arithmetic of a cell's network for a clip of 29.2 s, the measure of its cost.

    That of a network of one's own is not known: it comes last.
    """
    if config.network is None:
        return 0.0
    front = build.frontend(config.frontend)
    net = build.network(config.network, seed=0, n_bands=front.n_bands)
    if not isinstance(net, RandomCNN):
        return math.inf
    length = front.n_positions(STUDY_LENGTH.seconds(net.input_unit))
    return float(net.multiply_adds(max(length, net.min_input_length)))


def open_source(result: Result) -> Dataset:
    """Open again the data set that a result was made of.

    Raises
    ------
    ElmarcError
        It does not lie where it lay.
    """
    config = parse_experiment({"data": result.source, "network": BASELINE}, source="result.json")
    return build.dataset(config.data)
