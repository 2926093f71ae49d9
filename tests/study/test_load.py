"""Configurations: what is written is what is read, and every mistake is named with its way out."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import yaml

from elmarc.errors import ConfigError
from elmarc.frontends import FRONTENDS
from elmarc.study.load import json_schema, load_config, parse_config, to_yaml
from elmarc.study.sections import FRONTEND_SECTIONS, NETWORK_SECTIONS
from elmarc.study.spec import ClipsData, Experiment, parse_experiment
from elmarc.study.sweep import SweepConfig, apply_overrides
from elmarc.training.recipe import TrainingRecipe

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.yaml"))
DOCUMENTED = re.findall(
    r"```yaml\n(.*?)```", (ROOT / "docs" / "configuration.md").read_text(), flags=re.DOTALL
)
TOY = {"data": "toy", "network": "vgg"}
EVERY_SECTION: dict[str, Any] = {
    "name": "all of it",
    "data": {"source": "clips.csv", "audio": "audio", "n_folds": 5, "shuffle": True},
    "network": {"kind": "single_layer", "n_filters": 8, "filter_shape": [7, 80], "pool_shape": [1, 2]},
    "frontend": {"kind": "logmel", "n_mels": 80, "top_db": None, "pad_mode": "constant", "fmax": 5000.0},
    "input": {"n_frames": 188, "fix_length": "repeat-pad"},
    "pooling": ["mean", "std"],
    "classifier": {"name": "elm", "standardise": True},
    "protocol": "paper",
    "seed": 3,
    "batch_size": 16,
    "device": "cuda:1",
    "n_workers": 2,
    "strict": True,
    "store": "store",
    "results": "out",
    "notes": ["by hand"],
}
DOCUMENTS = {
    "short": TOY,
    "mfcc": {"data": "clips", "network": "mfcc"},
    "lists": {"data": {"kind": "lists", "audio": "/data/x_", "files": "all.txt"}, "network": "sample_level"},
    "every section": EVERY_SECTION,
}


@pytest.fixture(params=DOCUMENTS.values(), ids=DOCUMENTS.keys())
def document(request: pytest.FixtureRequest) -> dict[str, Any]:
    return request.param


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


# What is written is what is read


@pytest.mark.parametrize("every_key", [False, True])
def test_yaml_reads_back_as_the_same(document: dict[str, Any], every_key: bool, tmp_path: Path) -> None:
    config = parse_config(document)
    assert load_config(write(tmp_path, "a.yaml", to_yaml(config, every_key=every_key))) == config


def test_json_reads_as_yaml_does(document: dict[str, Any], tmp_path: Path) -> None:
    written = write(tmp_path, "a.json", json.dumps(document))
    assert load_config(written) == load_config(write(tmp_path, "a.yml", yaml.safe_dump(document)))


def test_toml_reads_as_yaml_does(tmp_path: Path) -> None:
    toml = 'data = "toy"\nseed = 2\n[network]\nkind = "7x96"\nsize = "small"\n'
    config = load_config(write(tmp_path, "a.toml", toml))
    assert config == parse_config(
        {"name": "a", "data": "toy", "seed": 2, "network": {"kind": "7x96", "size": "small"}}
    )


def test_every_key_is_written_when_asked_for() -> None:
    written = yaml.safe_load(to_yaml(parse_config(TOY), every_key=True))
    assert set(written) == set(Experiment.model_fields) - {"training"}


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_examples_are_valid(path: Path) -> None:
    assert isinstance(load_config(path), Experiment | SweepConfig)


@pytest.mark.parametrize("text", DOCUMENTED)
def test_documented_configurations_are_valid(text: str) -> None:
    parse_config(yaml.safe_load(text))


def test_there_are_examples_and_all_keys_are_documented() -> None:
    assert EXAMPLES
    assert any(
        set(yaml.safe_load(text)) == set(Experiment.model_fields) - {"training"} for text in DOCUMENTED
    )


def test_an_experiment_without_a_name_takes_the_files(tmp_path: Path) -> None:
    config = load_config(write(tmp_path, "mine.yaml", "{data: toy, network: vgg}"))
    assert isinstance(config, Experiment)
    assert config.name == "mine"


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        parse_experiment(TOY).seed = 1  # type: ignore[misc]


def test_reading_a_configuration_imports_no_torch() -> None:
    code = "import sys, elmarc.study.load; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# Defaults and short forms


@pytest.mark.parametrize(
    ("network", "frontend"),
    [("vgg", "logmel"), ("sample_level", "waveform"), ("mfcc", "mfcc"), (None, "mfcc")],
)
def test_the_front_end_follows_from_the_network(network: str | None, frontend: str) -> None:
    assert parse_experiment({"data": "toy", "network": network}).frontend.kind == frontend


@pytest.mark.parametrize(
    ("text", "source"),
    [("toy", "toy"), ("a/b.csv", Path("a/b.csv")), ("clips", Path("clips")), ("hf:a/b", "hf:a/b")],
)
def test_data_in_one_word(text: str, source: str | Path) -> None:
    data = parse_experiment({**TOY, "data": text}).data
    assert isinstance(data, ClipsData)
    assert data.source == source


def test_other_sections_in_one_word() -> None:
    config = parse_experiment({**TOY, "classifier": "elm", "pooling": "std"})
    assert (config.head_name, config.pooling) == ("elm", ("std",))


def test_nested_selection_under_recipe_v2_is_the_default() -> None:
    config = parse_experiment(TOY)
    assert (config.protocol, config.recipe, config.classifier.name) == ("nested", "v2", "ridge")
    assert (config.classifier.standardise, config.pooling) == ("squashed", ("mean", "std"))


def test_recipe_2018_has_raw_features_and_means() -> None:
    config = parse_experiment({**TOY, "recipe": "2018"})
    assert (config.classifier.standardise, config.pooling) == (False, ("mean",))


def test_a_tilde_is_the_home_folder() -> None:
    assert parse_experiment({**TOY, "results": "~/out"}).results == Path.home() / "out"


def test_compat_may_be_written_as_a_number() -> None:
    network = parse_experiment({"data": "toy", "network": {"kind": "frame_level", "compat": 2018}}).network
    assert network is not None
    assert network.compat == "2018"


def listed(schema: dict[str, Any]) -> set[str]:
    """Return the names that a key of the schema may have."""
    names = set(schema.get("enum", ())) | ({schema["const"]} if "const" in schema else set())
    for part in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        names |= listed(part)
    return names


def test_the_schema_lists_the_names_in_the_tables_of_the_parts() -> None:
    from elmarc.classifiers.grids import CLASSIFIERS
    from elmarc.datasets import DATASETS
    from elmarc.features.statistics import STATISTICS
    from elmarc.frontends import FRONTENDS
    from elmarc.networks import NETWORKS

    forms = json_schema()["$defs"]

    def names(key: str, sections: Iterable[str]) -> set[str]:
        return {name for section in sections for name in listed(forms[section]["properties"][key])}

    assert names("name", ["Classifier"]) == set(CLASSIFIERS)
    assert names("name", ["ListsData"]) == set(DATASETS) - {"toy"}
    assert names("kind", [form.__name__ for form in NETWORK_SECTIONS]) == set(NETWORKS)
    assert names("kind", [form.__name__ for form in FRONTEND_SECTIONS.values()]) == set(FRONTENDS)
    assert listed(json_schema()["properties"]["pooling"]["anyOf"][0]["anyOf"][0]["items"]) == set(STATISTICS)


def test_the_documentation_lists_the_names_in_the_tables_of_the_parts() -> None:
    from elmarc.classifiers.grids import CLASSIFIERS
    from elmarc.datasets import DATASETS
    from elmarc.networks import NETWORKS

    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert {*CLASSIFIERS, *DATASETS, *FRONTENDS, *NETWORKS} <= set(re.findall(r"\w+", page))


def test_front_ends_have_the_keys_and_defaults_of_the_parts() -> None:
    for kind, made in FRONTENDS.items():
        assert FRONTEND_SECTIONS[kind](kind=kind).options() == asdict(made())


def test_the_size_is_small_where_nothing_is_said() -> None:
    network = parse_experiment(TOY).network
    assert network is not None
    assert network == parse_experiment({**TOY, "network": {"kind": "vgg", "size": "small"}}).network
    wide = parse_experiment({**TOY, "network": {"kind": "vgg", "n_filters": 8}}).network
    assert wide is not None
    assert (network.size, wide.size) == ("small", None)


# Mistakes

MISTAKES = [
    ({"sede": 1}, r"^my\.yaml: sede: unknown key; did you mean 'seed'\?$"),
    (
        {"network": {"kind": "vgg", "sizee": "small"}},
        r"network\.sizee: unknown key; did you mean 'network\.size'\?",
    ),
    ({"size": "small"}, r"size: unknown key; did you mean 'network\.size'\?"),
    ({"network": {"kind": "vgg", "seed": 1}}, r"network\.seed: unknown key; did you mean 'seed'\?"),
    ({"zzz": 1}, r"zzz: unknown key$"),
    ({"network": "vgv"}, r"network\.kind: found 'vgv' \(text\), expected 'vgg', .*; did you mean 'vgg'\?"),
    ({"network": {"size": "small"}}, r"network\.kind: missing"),
    ({"network": 7}, r"network: found 7 \(a number\), expected a section"),
    (
        {"network": {"kind": "single_layer"}},
        r"network\.filter_shape: missing\n.*network\.pool_shape: missing",
    ),
    ({"network": {"kind": "vgg", "size": "small", "n_filters": 8}}, "network: found size and n_filters"),
    ({"network": {"kind": "vgg", "layers": []}}, r"network\.layers: .* at least 1 items"),
    ({"network": {"kind": "mfcc", "size": "small"}}, "network: the MFCC baseline has no options"),
    ({"classifier": "SVM"}, r"classifier\.name: found 'SVM' .*did you mean 'svm'\?"),
    (
        {"classifier": {"name": "svm", "standardise": "yes"}},
        r"classifier\.standardise: found 'yes' \(text\), expected false, true or 'squashed'",
    ),
    ({"seed": "3"}, r"seed: found '3' \(text\), expected a whole number"),
    ({"seed": True}, r"seed: found True \(true or false\), expected a whole number"),
    ({"seed": -1}, r"seed: found -1 \(a number\), expected greater than or equal to 0"),
    ({"batch_size": 2.5}, r"batch_size: found 2\.5 \(a number\), expected a whole number"),
    ({"store": 3}, r"store: found 3 \(a number\), expected a path"),
    ({"name": "a/b"}, "name: found 'a/b' .*expected a name without slashes"),
    ({"device": "gpu"}, "device: found 'gpu' .*expected auto, cpu, mps or cuda:0"),
    ({"pooling": "men"}, r"pooling\.0: found 'men' .*did you mean 'mean'\?$"),
    ({"frontend": "waveform"}, r"frontend\.kind: found 'waveform', but vgg reads 'logmel'"),
    (
        {"frontend": {"kind": "logmel", "fmin": "low"}},
        r"frontend\.fmin: found 'low' \(text\), expected a number",
    ),
    ({"frontend": {"kind": "logmel", "pad_mode": "zero"}}, r"frontend\.pad_mode: .*'reflect' or 'constant'"),
    ({"input": {"n_samples": 9}}, r"input\.n_samples: a logmel network is cut by input\.n_frames"),
    ({"network": "mfcc", "input": {"n_frames": 9}}, "input: the MFCC does not read it"),
    ({"network": "mfcc", "pooling": ["std"]}, "pooling: the MFCC has no maps to pool"),
    ({"input": {"seconds": 2, "n_frames": 9}}, "input: found seconds and n_frames, expected one of them"),
    ({"input": {"seconds": 0}}, r"input\.seconds: found 0 .*greater than 0"),
    ({"frontend": {"sr": 0}}, r"frontend\.sr: found 0, expected a positive number"),
    ({"frontend": {"fmax": 9000}}, r"frontend\.fmin, fmax: found 0 and 9000 Hz, expected"),
    (
        {"network": "sample_level", "frontend": {"hop_length": 128}},
        r"frontend\.hop_length: unknown key; kind logmel has it$",
    ),
    ({"data": {"kind": "lists", "train": "a", "test": "b"}}, "data: missing validation; expected train"),
    ({"data": {"kind": "lists", "train": "a", "files": "b"}}, "data: found files beside fixed lists"),
    ({"data": {"source": "x", "n_folds": 1}}, r"data\.n_folds: found 1 .*equal to 2"),
]


@pytest.mark.parametrize(("change", "message"), MISTAKES)
def test_a_mistake_is_named_with_the_way_out(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_config({**TOY, **change}, source="my.yaml")


def test_each_problem_has_one_line_that_names_the_file() -> None:
    with pytest.raises(ConfigError) as error:
        parse_config({"data": "toy", "sede": 1, "clasifier": "svm"}, source="my.yaml")
    lines = str(error.value).splitlines()
    assert [line.split(": ")[:2] for line in lines] == [
        ["my.yaml", key] for key in ("network", "sede", "clasifier")
    ]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.ini", "", r"found '\.ini', expected one of \.yaml"),
        ("a.yaml", "- 1", "found no `key: value` lines"),
        ("a.yaml", "", "found no `key: value` lines"),
        ("a.yaml", "data: [toy", r"a\.yaml, line 1: not YAML"),
        ("a.yaml", "!!python/object/apply:os.getcwd []", "not YAML"),
        ("a.json", "[" * 100_000, "nested too deeply"),
        ("a.json", "{\n,}", r"a\.json, line 2: not JSON"),
        ("a.toml", "data = ", "not TOML"),
        ("a.yaml", "{data: toy, network: vgg, 3: x}", "found"),
    ],
)
def test_an_unreadable_file_is_named(name: str, text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=message):
        load_config(write(tmp_path, name, text))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read: No such file"):
        load_config(tmp_path / "none.yaml")


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_config(tmp_path / "a.yaml")


# --set key=value


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("classifier.name=elm", "classifier", {"name": "elm"}),
        ("network.size=small", "network", {"kind": "vgg", "size": "small"}),
        ("network=7x86", "network", "7x86"),
        ("frontend.top_db=null", "frontend", {"top_db": None}),
        ("pooling=[mean, std]", "pooling", ["mean", "std"]),
        ("name=a=b", "name", "a=b"),
        ("frontend.sr=22050", "frontend", {"sr": 22050}),
    ],
)
def test_an_override_is_put_in(override: str, key: str, value: object) -> None:
    assert apply_overrides(TOY, [override]) == {**TOY, key: value}


@pytest.mark.parametrize("network", ["vgg", "sample_level", "mfcc"])
def test_an_override_of_the_front_end_needs_no_kind(network: str) -> None:
    config = parse_experiment(apply_overrides({**TOY, "network": network}, ["frontend.sr=22050"]))
    assert config.frontend.options()["sr"] == 22050


def test_overrides_leave_the_original_alone() -> None:
    document = {"network": {"kind": "vgg"}}
    apply_overrides(document, ["network.kind=temporal"])
    assert document == {"network": {"kind": "vgg"}}


def test_an_override_reaches_every_section_of_a_list() -> None:
    document = apply_overrides({"network": ["vgg", {"kind": "7x96"}]}, ["network.size=small"])
    assert document["network"] == [{"kind": "vgg", "size": "small"}, {"kind": "7x96", "size": "small"}]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed", "--set seed: expected key=value"),
        ("=3", "expected key=value"),
        ("seed=[1", r"--set seed=\[1, line 1: not YAML"),
        ("seed.first=1", "seed holds a single value"),
    ],
)
def test_a_wrong_override_is_named(override: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        apply_overrides({**TOY, "seed": 3}, [override])


def test_overrides_are_checked_as_the_file_is(tmp_path: Path) -> None:
    path = write(tmp_path, "a.yaml", "{data: toy, network: vgg}")
    with pytest.raises(ConfigError, match=r"a\.yaml: clasifier: unknown key; did you mean 'classifier'\?"):
        load_config(path, ["clasifier=elm"])


# The schema


def test_the_schema_knows_every_key() -> None:
    schema = json_schema()
    assert set(schema["properties"]) == set(Experiment.model_fields) | {"kind"}
    assert set(schema["required"]) == {"data", "network"}
    assert not schema["additionalProperties"]
    assert json.loads(json.dumps(schema)) == schema


def test_a_training_takes_the_place_of_the_classifier(tmp_path: Path) -> None:
    text = "{data: toy, network: vgg, training: {epochs: 2, learning_rates: [0.01]}}"
    config = load_config(write(tmp_path, "a.yaml", text))
    assert isinstance(config, Experiment)
    assert (config.classifier, config.head_name) == (None, "trained")
    assert config.training == TrainingRecipe(epochs=2, learning_rates=(0.01,))
    assert parse_config(yaml.safe_load(to_yaml(config))) == config


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"training": {"epochs": 0}}, "training: epochs: found 0, expected at least 1"),
        ({"training": {"epochs": "x"}}, r"training\.epochs: found 'x' \(text\)"),
        ({"training": {"epoch": 1}}, "training: unknown key of training 'epoch'"),
        ({"training": {"version": 1}}, "this elmarc trains by version"),
        ({"training": {}, "classifier": "svm"}, "training: found it beside a classifier"),
        ({"training": {}, "network": "mfcc"}, "training: there is no one network to train"),
    ],
)
def test_a_mistake_in_a_training_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_config({**TOY, **change})
