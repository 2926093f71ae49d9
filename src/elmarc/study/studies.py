"""Ready studies: which cells a ranking and a reproduction consist of."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from elmarc import _defaults
from elmarc._choices import choose
from elmarc.audio.length import STUDY_LENGTH
from elmarc.classifiers.grids import CLASSIFIERS
from elmarc.config.files import read_document
from elmarc.config.network_files import is_network_file, sections_of
from elmarc.datasets import Dataset
from elmarc.datasets.named import known_name
from elmarc.datasets.packages import package_name
from elmarc.errors import ConfigError
from elmarc.features.recipes import BASELINE as BASELINE
from elmarc.features.recipes import WHOLE_CLIPS
from elmarc.networks import NETWORKS, STUDY_NETWORKS
from elmarc.networks.random_cnn import RandomCNN
from elmarc.networks.section import EXTERNAL, is_factory, module_spec, section_of_text
from elmarc.results import Result
from elmarc.study import build
from elmarc.study.documents import apply_overrides, check_cells, fit_cells
from elmarc.study.foreign import check_names, named_files
from elmarc.study.spec import Experiment, expand, parse_experiment


def data_section(
    data: str, *, audio: Path | None = None, target: str | None = None, split: str | None = None
) -> dict[str, Any]:
    """Read DATA as the command line takes it: a folder, a CSV file, a data set's name, or PACKAGE:NAME."""
    package, _ = package_name(data) or ("", "")
    if split is not None and package != "hf":
        raise ConfigError(f"--split {split}: {data} does not take it: only hf:NAME does")
    if package and target is None and not (package == "hf" and audio):
        given = {"audio": str(audio) if audio else None, "split": split}
        section: dict[str, Any] = expand("data", data)
        return section | {key: value for key, value in given.items() if value is not None}
    if package and audio:
        raise ConfigError(f"--audio {audio}: {data} holds its clips: leave it out")
    name = known_name(data)
    if name == "toy":
        return {"kind": "toy", "target": target or "rhythm"}
    if target is not None:
        raise ConfigError(f"--target {target}: only toy has targets, {data} has none: leave it out")
    if name and not (audio is None and Path(data).exists()):
        if audio is None:
            raise ConfigError(
                f"{name}: where do its clips lie? Name their folder: --audio DIR (in Python, audio=DIR)"
            )
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


def choose_networks(given: str | Sequence[Any], *, size: str, precision: str) -> list[dict[str, Any]]:
    """Return the sections of networks; "all" means the study's nine.

    Parameters
    ----------
    given : str or sequence
        Names, factories, files of networks (`config.network_files`), or sections; in a text with commas
        between.
    size, precision : str
        Of those that do not say their own.

    Raises
    ------
    ConfigError
        A name is unknown or there twice, or a network is given that no configuration can name.
    """
    words = _words(given)
    if words == ["all"]:
        words = list(STUDY_NETWORKS)
    known = [name for name, preset in NETWORKS.items() if not preset.required]
    sections = []
    for word in words:
        if not isinstance(word, str | Mapping):
            raise ConfigError(
                f"networks: found a {type(word).__name__} object, expected a name, a section of a "
                "configuration, 'package.module:Name' or 'path/to/file.py:Name'; rank takes modules too"
            )
        if isinstance(word, Mapping):
            sections.append(dict(word))
        elif is_network_file(word):
            sections += sections_of(read_document(word), word)
        elif is_factory(word):
            sections.append({**section_of_text(word), "precision": precision})
        else:
            name = choose("network", word.lower(), known)
            sections.append({"kind": name, "size": size, "precision": precision})
    chosen = [section for k, section in enumerate(sections) if section not in sections[:k]]
    _check_names(chosen)
    return chosen


def _check_names(sections: Sequence[Mapping[str, Any]]) -> None:
    """Two networks that bear one name would be taken for draws of one; the study's are told by their size."""
    names = [module_spec(section).label for section in sections if section.get("kind") == EXTERNAL]
    given = [section["name"] for section in sections if section.get("kind") != EXTERNAL and "name" in section]
    others = {section["kind"] for section in sections if "kind" in section and "name" not in section}
    for name in [*names, *given]:
        if [*names, *given, *others].count(name) > 1:
            raise ConfigError(
                f"networks: several are called {name!r}: give each a name of its own (key: name)"
            )


def _words(given: str | Sequence[Any]) -> list[Any]:
    words = given.split(",") if isinstance(given, str) else given
    return [word for word in (w.strip() if isinstance(w, str) else w for w in words) if word != ""]


def ranking_cells(
    data: Mapping[str, Any],
    *,
    networks: str | Sequence[Any] = "all",
    classifiers: str | Sequence[str] = _defaults.CLASSIFIER,
    size: str = _defaults.SIZE,
    precision: str = "float32",
    seeds: int = _defaults.SEEDS,
    protocol: str = "nested",
    baseline: bool = True,
    standardise: bool | str | None = None,
    features: Sequence[str | Path] | Mapping[str, str | Path] = (),
    recipe: str = _defaults.RECIPE,
    overrides: Sequence[str] = (),
    **common: Any,
) -> list[Experiment]:
    """Return the cells of a ranking: what `elmarc rank` and `elmarc.rank` run.

    Parameters
    ----------
    data : mapping
        The data section.
    networks, classifiers : str or sequence
        Names with commas between, or one by one; networks also as factories and as sections.
    standardise : bool, "squashed" or None
        None: yes under the recipe 2018 and the nested protocol, otherwise as the recipe has it.
    features : sequence of str or Path, or mapping of names to files
        Files of features made elsewhere: `NAME=FILE` or `FILE`.
    **common : Any
        Further keys of the configuration.

    Raises
    ------
    ConfigError
        Anything is unknown, does not fit together, or would have one name with another.
    """
    if standardise is None and recipe == "2018":
        standardise = protocol == "nested"
    chosen = classifiers if isinstance(classifiers, str) else ",".join(classifiers)
    sections: list[Any] = choose_networks(networks, size=size, precision=precision)
    cells = grid_cells(
        {"name": "rank", "data": dict(data), "protocol": protocol, "recipe": recipe, **common},
        networks=[BASELINE] * baseline + sections,
        classifiers=choose_names(chosen, tuple(CLASSIFIERS), what="classifier"),
        seeds=seeds,
        standardise=standardise,
        files=features if isinstance(features, Mapping) else named_files(features),
        overrides=overrides,
    )
    if not cells:
        raise ConfigError("nothing to rank: name a network, a file of features, or keep the baseline")
    return cells


def grid_cells(
    document: dict[str, Any],
    *,
    networks: Sequence[dict[str, Any] | str],
    classifiers: Sequence[str],
    seeds: int,
    standardise: bool | str | None = None,
    files: Mapping[str, str | Path] | None = None,
    overrides: Sequence[str] = (),
) -> list[Experiment]:
    """Return the cells networks x seeds x classifiers of one data set, cheapest network first.

    Parameters
    ----------
    document : dict
        The keys that all cells share: data, protocol, ...
    networks : sequence of sections or names
        "mfcc" stands for the baseline.
    standardise : bool, "squashed" or None
        Whether classifiers see standardised features; None: as the recipe has it.
    files : mapping of str to path, or None
        By name, features made elsewhere; they stand beside the networks.
    overrides : sequence of str
        `key=value`, applied to every cell that can use it; one that no cell can use is an error.
    """
    documents = []
    foreign: list[dict[str, Any]] = [
        {"network": BASELINE, "features_file": str(path), "features_name": name}
        for name, path in (files or {}).items()
    ]
    for features in [*({"network": network} for network in networks), *foreign]:
        for seed in range(seeds):
            for classifier in classifiers:
                section: dict[str, Any] = {"name": classifier}
                if standardise is not None:
                    section["standardise"] = standardise
                cell = {**document, **features, "classifier": section, "seed": seed}
                documents.append(apply_overrides(cell, overrides))
    fitted = fit_cells(documents, "--set")
    for cell in fitted:
        if cell.get("features_name"):
            cell["network"] = None
            cell.pop("frontend", None)
        elif expand("network", cell["network"]) == {"kind": BASELINE}:
            cell["frontend"] = {**WHOLE_CLIPS, **expand("frontend", cell.get("frontend", {}))}
    cells = check_cells(fitted)
    check_names([config.label for config in cells if not config.features_name], files or {})
    costs = {config.network: _multiply_adds(config) for config in cells}
    return sorted(cells, key=lambda config: costs[config.network])


def extraction_config(
    data: dict[str, Any], network: dict[str, Any], common: dict[str, Any], overrides: Sequence[str]
) -> Experiment:
    """Return what `elmarc extract` does: `network` is a section, of kind mfcc for the baseline."""
    document = {"data": data, "network": network, **common}
    if network["kind"] == BASELINE:
        document |= {"network": BASELINE, "frontend": WHOLE_CLIPS}
    return parse_experiment(apply_overrides(document, overrides))


def reproduction_cells(
    name: str, *, audio: Path, size: str, seeds: int, protocols: Sequence[str], overrides: Sequence[str] = ()
) -> list[Experiment]:
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
            {
                "name": f"reproduce-{name}",
                "recipe": "2018",
                "data": data_section(name, audio=audio),
                "protocol": protocol,
            },
            networks=networks,
            classifiers=("svm", "elm"),
            seeds=seeds,
            overrides=overrides,
        )
        for protocol in protocols
    ]
    return [config for pair in zip(*cells, strict=True) for config in pair]


def _multiply_adds(config: Experiment) -> float:
    """Return the dense arithmetic of a cell's network for a clip of 29.2 s, the measure of its cost.

    That of a network of one's own is not known: it comes last.
    """
    if config.network is None:
        return 0.0
    if config.network.kind == EXTERNAL:
        return math.inf
    front = build.frontend(config.frontend)
    net = build.network(config.network, seed=0, n_bands=front.n_bands)
    assert isinstance(net, RandomCNN)
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
