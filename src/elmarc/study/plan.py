"""From a request to experiments: networks by name, and systems x seeds x heads, cheapest first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from elmarc._choices import choose
from elmarc.audio.length import STUDY_LENGTH
from elmarc.config.files import is_network_file, read_networks
from elmarc.errors import ConfigError
from elmarc.features.assemble import FeatureOptions, make_frontend
from elmarc.features.fitted import check_unfitted
from elmarc.features.recipes import BASELINE, WHOLE_CLIPS
from elmarc.frontends import frontends_of
from elmarc.networks import NETWORKS, STUDY_NETWORKS, make_network
from elmarc.networks.random_cnn import RandomCNN
from elmarc.networks.section import (
    EXTERNAL,
    is_factory,
    module_spec,
    parts_of,
    section_of_text,
    with_options,
)
from elmarc.study import build
from elmarc.study.features_in import check_names
from elmarc.study.spec import Experiment, expand, parse_experiment
from elmarc.study.sweep import apply_overrides, check_cells, fit_cells


def experiments(
    document: Mapping[str, Any],
    *,
    systems: Sequence[Mapping[str, Any]],
    heads: Sequence[Mapping[str, Any]],
    seeds: int,
    overrides: Sequence[str] = (),
) -> list[Experiment]:
    """Return an experiment for each system, seed and head, the cheapest network first.

    Parameters
    ----------
    document : mapping
        The keys of a configuration that all share: data, recipe, ...
    systems, heads : sequence of mappings
        Further keys: `network`, or `features_file` and `features_name`; `classifier` or `training`.
    overrides : sequence of str
        `key=value`, applied wherever it can be; one that no experiment can use is an error.

    Raises
    ------
    ConfigError
        Anything is unknown, does not fit together, or would have one name with another.
    """
    if not systems:
        raise ConfigError("nothing to rank: name a network, a file of features, or keep the baseline")
    cells = [
        apply_overrides({**document, **system, **head, "seed": seed}, overrides)
        for system in systems
        for seed in range(seeds)
        for head in heads
    ]
    configs = check_cells([_whole(cell) for cell in fit_cells(cells, "--set")])
    foreign = {c.features_name: c.features_file for c in configs if c.features_name and c.features_file}
    check_names([config.label for config in configs if not config.features_name], foreign)
    costs = {net: _multiply_adds(config) for net, config in {c.network: c for c in configs}.items()}
    return sorted(configs, key=lambda config: costs[config.network])


def experiment(document: Mapping[str, Any], overrides: Sequence[str] = ()) -> Experiment:
    """Return one experiment from a document whose network is a section; of kind mfcc, it is the baseline."""
    kind = document["network"]["kind"]
    check_unfitted(kind)
    if kind in frontends_of(None):
        front = {"frontend": WHOLE_CLIPS} if kind == BASELINE else {}
        document = {**document, "network": kind, **front}
    return parse_experiment(apply_overrides(document, overrides))


def reproduction(
    study: Mapping[str, Any],
    *,
    size: str,
    seeds: int,
    protocols: Sequence[str],
    overrides: Sequence[str] = (),
) -> list[Experiment]:
    """Return the experiments of the study's figure for a data set: nine networks and the MFCC, SVM and ELM.

    The frame-level networks come twice: averaged as they should be, and as the published numbers were.

    Parameters
    ----------
    study : mapping
        The data section, of a named set.
    """
    networks = [{"kind": kind, "size": size} for kind in STUDY_NETWORKS]
    networks += [
        {"kind": kind, "size": size, "compat": "2018"} for kind in ("frame_level", "frame_level_many")
    ]
    if study["source"] == "urbansound8k":
        networks.append({"kind": "timbral_temporal_audio", "size": size})
    each = [
        experiments(
            {"name": f"reproduce-{study['source']}", "data": study, "protocol": protocol, "recipe": "2018"},
            systems=[{"network": network} for network in (BASELINE, *networks)],
            heads=[{"classifier": name} for name in ("svm", "elm")],
            seeds=seeds,
            overrides=overrides,
        )
        for protocol in protocols
    ]
    return [config for pair in zip(*each, strict=True) for config in pair]


def _whole(cell: dict[str, Any]) -> dict[str, Any]:
    """Return the keys of a cell without a network in full: features made elsewhere have no front-end."""
    if cell.get("features_name"):
        return {key: value for key, value in cell.items() if key != "frontend"} | {"network": None}
    if expand("network", cell["network"]) == {"kind": BASELINE}:
        return {**cell, "frontend": {**WHOLE_CLIPS, **expand("frontend", cell.get("frontend", {}))}}
    return cell


def choose_names(text: str, known: Sequence[str], *, what: str) -> list[str]:
    """Read a comma-separated list of names; "all" means all known ones.

    >>> choose_names("svm, elm", ["svm", "elm", "knn"], what="classifier")
    ['svm', 'elm']
    """
    names = [name.strip().lower() for name in text.split(",") if name.strip()]
    chosen = known if names == ["all"] else names
    return list(dict.fromkeys(choose(what, name, known) for name in chosen))


def choose_networks(networks: str | Sequence[Any], *, size: str, precision: str) -> list[dict[str, Any]]:
    """Return the sections of networks; "all" means the study's nine.

    Parameters
    ----------
    networks : str or sequence
        Names, factories, files of networks, or sections; in a text with commas between.
    size, precision : str
        Of those that have none of their own.

    Raises
    ------
    ConfigError
        A name is unknown or there twice, or a network is given that no configuration can name.
    """
    words = networks.split(",") if isinstance(networks, str) else networks
    words = [word for word in (w.strip() if isinstance(w, str) else w for w in words) if word != ""]
    known = [name for name, preset in NETWORKS.items() if not preset.required]
    alone = [name for name in frontends_of(None) if name != BASELINE]
    sections = []
    for word in STUDY_NETWORKS if words == ["all"] else words:
        if isinstance(word, Mapping):
            sections.append(dict(word))
        elif not isinstance(word, str):
            raise ConfigError(
                f"networks: found a {type(word).__name__} object, expected a name, a section of a "
                "configuration, 'package.module:Name' or 'path/to/file.py:Name'; rank takes modules too"
            )
        elif is_network_file(word):
            sections += read_networks(word)
        elif is_factory(word):
            sections.append({**section_of_text(word), "precision": precision})
        else:
            names = [name.strip().lower() for name in word.split("+")]
            more = [BASELINE] if len(names) > 1 else alone
            names = [choose("network", name, [*known, *more]) for name in names]
            section = section_of_text("+".join(names))
            options = {} if section["kind"] in alone else {"size": size, "precision": precision}
            sections.append(with_options(section, **options))
    chosen = [section for k, section in enumerate(sections) if section not in sections[:k]]
    _check_names(chosen)
    return chosen


def _check_names(sections: Sequence[Mapping[str, Any]]) -> None:
    """Refuse two networks of one name: they would pass for draws of one. The study's differ by their size."""
    own = [module_spec(section).label for section in sections if section.get("kind") == EXTERNAL]
    own += [section["name"] for section in sections if section.get("kind") != EXTERNAL and "name" in section]
    others = {section["kind"] for section in sections if "kind" in section and "name" not in section}
    for name in own:
        if [*own, *others].count(name) > 1:
            raise ConfigError(
                f"networks: several are called {name!r}: give each a name of its own (key: name)"
            )


def _multiply_adds(config: Experiment) -> float:
    """Return the dense arithmetic of a cell's network for a clip of 29.2 s, the measure of its cost.

    That of a user's module is not known: it comes last.
    """
    if config.network is None:
        return 0.0
    if config.network.kind == EXTERNAL:
        return math.inf
    cost = 0
    section = build.network_section(config.network)
    for part in parts_of(section) or [section]:
        if part["kind"] == BASELINE:
            continue
        front = make_frontend(FeatureOptions(part, recipe=config.recipe))
        net = make_network(part, n_bands=front.n_bands)
        assert isinstance(net, RandomCNN)
        length = front.n_positions(STUDY_LENGTH.seconds(net.input_unit))
        cost += net.multiply_adds(max(length, net.min_input_length))
    return float(cost)
