"""Recipes: one word sets what is left open, what is said holds, and results name what was done."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, get_args

import numpy as np
import pytest
import yaml

from elmarc._types import RecipeName
from elmarc.datasets.base import Dataset
from elmarc.errors import ConfigError
from elmarc.evaluation.protocol import evaluate
from elmarc.evaluation.splits import make_splits
from elmarc.features.recipes import RECIPES, STATISTICS
from elmarc.frontends import FRONTENDS
from elmarc.networks import NETWORKS, STUDY_NETWORKS, make_network
from elmarc.networks.make import narrowed
from elmarc.study import build
from elmarc.study.load import parse_config, to_yaml
from elmarc.study.spec import Experiment, parse_experiment, recipe_name
from elmarc.study.sweep import SweepConfig

TOY: dict[str, Any] = {"recipe": "2018", "data": "toy", "network": {"kind": "7x96", "size": "small"}}


def parse(**changes: Any) -> Experiment:
    return parse_experiment({**TOY, **changes})


def named(config: Experiment) -> str:
    return recipe_name(config.recipe, config.model_dump())


def test_every_recipe_can_be_named_on_the_command_line() -> None:
    assert set(get_args(RecipeName)) == set(RECIPES)


def test_v2_is_the_default() -> None:
    document = {key: value for key, value in TOY.items() if key != "recipe"}
    assert parse_experiment(document) == parse(recipe="v2")


def test_2018_leaves_every_default_as_it_is() -> None:
    config = parse()
    assert config == parse(recipe=2018)
    front = FRONTENDS[config.frontend.kind](**config.frontend.options()).definition()
    assert not {"shift_db", "scale_db", "levelling"} & front.keys()
    assert config.pooling == ("mean",)
    assert not config.classifier.standardise
    assert named(config) == "2018"


def test_one_word_sets_front_end_pooling_width_and_classifier() -> None:
    config = parse(recipe="v2")
    front = config.frontend.model_dump()
    assert (front["shift_db"], front["scale_db"], front["levelling"]) == (25, 20, 0.5)
    assert config.pooling == STATISTICS
    assert config.classifier.standardise == "squashed"
    assert parse(recipe="v2", network="vgg").pooling == ("mean", "std")
    assert parse(recipe="v2", network="sample_level").frontend.model_dump()["levelling"] == 0.5
    assert named(config) == "v2"


@pytest.mark.parametrize(
    "said",
    [
        {"pooling": ["mean"]},
        {"frontend": {"kind": "logmel", "levelling": 0.0}},
        {"classifier": {"name": "svm", "standardise": False}},
        {"classifier": {"name": "svm", "standardise": True}},
        {"classifier": {"name": "elm", "ridge": False}},
        {"network": {"kind": "7x96", "narrower": 1}},
    ],
    ids=str,
)
def test_what_is_said_goes_before_the_recipe_and_makes_it_custom(said: dict[str, Any]) -> None:
    config = parse(recipe="v2", **said)
    written = config.model_dump(mode="json")
    for key, value in said.items():
        assert value == (written[key] if key == "pooling" else {k: written[key][k] for k in value})
    assert named(config) == "custom"


@pytest.mark.parametrize(
    "said",
    [
        {"frontend": {"kind": "logmel", "sr": 16000, "n_mels": 64}},
        {"network": {"kind": "7x86", "n_filters": 12}},
        {"classifier": "elm"},
        {"network": "mfcc"},
        {"data": {"source": "toy", "target": "timbre"}, "seed": 4},
    ],
    ids=str,
)
def test_what_a_recipe_does_not_set_leaves_its_name(said: dict[str, Any]) -> None:
    assert named(parse(recipe="v2", **said)) == "v2"
    assert named(parse(**said)) == "2018"


def test_options_of_v2_under_the_name_of_2018_are_custom() -> None:
    assert named(parse(pooling=["mean", "std"])) == "custom"
    assert named(parse(classifier={"name": "elm", "ridge": True})) == "custom"
    assert named(parse(classifier={"name": "elm", "standardise": "squashed"})) == "custom"
    assert named(parse(classifier={"name": "elm", "standardise": True})) == "2018"


def test_recipes_combine_in_a_sweep_and_are_written_out_to_read_back_the_same() -> None:
    sweep = parse_config({**TOY, "recipe": [2018, "v2"], "classifier": ["svm", "elm"]})
    assert isinstance(sweep, SweepConfig)
    assert [named(cell) for cell in sweep.experiments] == ["2018", "2018", "v2", "v2"]
    for cell in sweep.experiments:
        assert parse_experiment(build_yaml(cell)) == cell


def build_yaml(config: Experiment) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load(to_yaml(config))
    return document


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"recipe": "v3"}, "recipe"),
        ({"classifier": {"name": "svm", "ridge": True}}, "the elm alone has it"),
        ({"network": {"kind": "vgg", "n_filters": 8, "narrower": 2}}, "narrower"),
        ({"frontend": {"kind": "logmel", "levelling": 2}}, "levelling"),
    ],
)
def test_mistakes_are_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse(**change)


@pytest.mark.parametrize("size", ["small", "large"])
@pytest.mark.parametrize("name", STUDY_NETWORKS)
def test_more_statistics_of_fewer_filters_make_about_as_many_features(name: str, size: Any) -> None:
    config = parse(recipe="v2", network={"kind": name, "size": size})
    old = make_network(build.network_section(parse(network={"kind": name, "size": size}).network))
    new = make_network(build.network_section(config.network))
    assert new.n_filters == narrowed(NETWORKS[name], size, len(config.pooling))
    assert new.n_filters <= old.n_filters
    at_least_four = 4 * old.n_features if new.n_filters == 4 else old.n_features
    assert len(config.pooling) * new.n_features <= at_least_four


def features(config: Experiment, data: Dataset) -> Any:
    extractor, _ = build.extractor(config, data)
    return extractor.extract(data.clips[::2]).matrix


def permuted(y: Any, folds: Any, rng: np.random.Generator) -> Any:
    """Shuffle labels inside each fold: across folds, a class rare in training would be common in testing."""
    shuffled = y.copy()
    for fold in set(folds):
        here = np.asarray(folds) == fold
        shuffled[here] = rng.permutation(y[here])
    return shuffled


@pytest.mark.parametrize("network", ["7x96", "sample_level", "mixed"])
def test_on_permuted_labels_the_whole_of_v2_stays_at_chance(network: str, rng: np.random.Generator) -> None:
    config = parse(recipe="v2", network={"kind": network, "size": "small"})
    matrix = features(config, build.dataset(config.data))
    parts = make_splits(matrix.labels, matrix.folds, kind="folds")
    for name in ("elm", "ridge"):
        spec = build.classifier(parse(recipe="v2", classifier=name))
        spec.grid.pop("classifier__n_hidden", None)
        scores = [
            evaluate(spec, matrix.X, y, parts, keep_together=matrix.folds).accuracy
            for y in (permuted(matrix.y, matrix.folds, rng) for _ in range(8))
        ]
        assert abs(np.mean(scores) - 0.25) < 4 * 0.5 / np.sqrt(8 * len(matrix))


def test_a_clips_features_depend_on_no_other_clip() -> None:
    config = parse(recipe="v2")
    data = build.dataset(config.data)
    extractor, _ = build.extractor(config, data)
    together = extractor.extract(data.clips[:4]).matrix.X
    alone = np.concatenate([extractor.extract([clip]).matrix.X for clip in data.clips[:4]])
    np.testing.assert_array_equal(together, alone)


def test_recipes_are_read_without_torch() -> None:
    code = "import sys, elmarc.study.spec; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
