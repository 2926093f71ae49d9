"""Sweeps: a list where one value belongs is an axis; the cells are every combination that makes sense."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest
import yaml

from elmarc.errors import ConfigError
from elmarc.study.load import load_config, parse_config, to_yaml
from elmarc.study.spec import Experiment
from elmarc.study.sweep import SweepConfig, is_sweep

TOY = {"data": "toy", "network": "vgg"}


def cells(**changes: Any) -> list[Experiment]:
    sweep = parse_config({**TOY, **changes})
    assert isinstance(sweep, SweepConfig)
    return list(sweep.experiments)


def test_cells_are_every_combination_each_once() -> None:
    found = cells(
        data=["toy", {"source": "toy", "target": "timbre"}],
        network={"kind": ["vgg", "temporal"], "size": ["small", "large"]},
        classifier=["svm", {"name": "elm"}],
        seed=[0, 1, 2],
    )
    keys = [(c.data, c.network, c.classifier.name, c.seed) for c in found]
    assert len(set(keys)) == len(keys) == 2 * 2 * 2 * 2 * 3
    assert {(c.network.kind, c.network.size) for c in found if c.network} == set(
        product(["vgg", "temporal"], ["small", "large"])
    )


def test_cells_are_those_of_single_experiments() -> None:
    assert cells(seed=[0, 1]) == [parse_config({**TOY, "seed": seed}) for seed in (0, 1)]


def test_a_repeated_value_makes_no_second_cell() -> None:
    assert len(cells(seed=[0, 0])) == 1


def test_keys_that_hold_lists_vary_by_lists_of_lists() -> None:
    assert not is_sweep({**TOY, "pooling": ["mean", "std"]})
    assert [c.pooling for c in cells(pooling=[["mean"], ["mean", "std"]])] == [("mean",), ("mean", "std")]
    layers = [
        c.network.layers for c in cells(network={"kind": "vgg", "layers": [None, ["pool5"]]}) if c.network
    ]
    assert layers == [None, ("pool5",)]


def test_a_sweep_of_one_cell_says_so() -> None:
    assert len(cells(kind="sweep")) == 1


def test_a_front_end_goes_with_the_networks_that_read_it() -> None:
    found = cells(
        network=["vgg", "sample_level", "mfcc"],
        frontend={"kind": "logmel", "pad_mode": ["reflect", "constant"]},
    )
    assert [c.frontend.kind for c in found] == ["logmel", "logmel", "waveform", "mfcc"]


def test_a_front_end_that_nothing_reads_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"frontend\.kind: no network of the sweep reads 'waveform'"):
        cells(network=["vgg", "temporal"], frontend="waveform")


def test_a_length_goes_with_everything_but_the_mfcc() -> None:
    found = cells(network=["vgg", "sample_level", "mfcc"], input={"n_frames": 1376, "n_samples": 350000})
    assert [c.input.n_frames for c in found] == [1376, 1376, None]


def test_a_mistake_is_told_once_however_many_cells_it_spoils() -> None:
    with pytest.raises(ConfigError, match=r"^sweep\.yaml: sede: unknown key; did you mean 'seed'\?$"):
        parse_config({**TOY, "sede": 1, "classifier": ["svm", "elm"]}, source="sweep.yaml")


def test_an_empty_axis_is_refused() -> None:
    with pytest.raises(ConfigError, match="seed: found an empty list"):
        cells(seed=[])


def test_a_sweep_reads_back_as_the_same(tmp_path: Path) -> None:
    document = {
        "name": "grid",
        **TOY,
        "network": [{"kind": ["vgg", "7x96"], "size": "small"}, "mfcc"],
        "seed": [0, 1],
    }
    path = tmp_path / "grid.yaml"
    path.write_text(to_yaml(parse_config(document)))
    assert load_config(path) == parse_config(document)
    assert yaml.safe_load(path.read_text()) == document


def test_an_override_can_make_a_sweep_of_an_experiment(tmp_path: Path) -> None:
    path = tmp_path / "one.yaml"
    path.write_text("{data: toy, network: vgg}")
    sweep = load_config(path, ["seed=[0, 1, 2]"])
    assert isinstance(sweep, SweepConfig)
    assert [c.seed for c in sweep.experiments] == [0, 1, 2]


# A front-end without kind


def test_a_front_end_without_kind_is_that_of_each_network() -> None:
    found = cells(network=["vgg", "sample_level", "mfcc"], frontend={"sr": 22050})
    assert [(c.frontend.kind, c.frontend.options()["sr"]) for c in found] == [
        ("logmel", 22050), ("waveform", 22050), ("mfcc", 22050),
    ]  # fmt: skip


def test_a_key_goes_to_the_cells_whose_front_end_has_it() -> None:
    found = cells(network=["vgg", "sample_level", "mfcc"], frontend={"hop_length": [128, 512]})
    assert [c.frontend.options().get("hop_length") for c in found] == [128, 512, None, None]


def test_a_key_that_no_front_end_of_the_sweep_has_is_refused() -> None:
    for networks in (["vgg", "sample_level", "mfcc"], ["sample_level", "frame_level"]):
        key = "hop_lenth" if "vgg" in networks else "hop_length"
        with pytest.raises(ConfigError, match=rf"frontend\.{key}: unknown key"):
            cells(network=networks, frontend={key: 128})


def test_an_unknown_front_end_is_refused_though_no_network_reads_it() -> None:
    with pytest.raises(ConfigError, match=r"frontend\.kind: found 'logmell' .*did you mean 'logmel'"):
        cells(network=["vgg", "sample_level"], frontend={"kind": "logmell"})


def test_what_a_network_alone_can_use_is_left_out_of_the_mfcc() -> None:
    baseline = parse_config({**TOY, "network": "mfcc"})
    sections = {"input": {"seconds": 2.0}, "pooling": ["std"]}
    assert cells(network=[{"kind": ["vgg", "mfcc"], "size": "large"}], **sections)[1] == baseline
    with pytest.raises(ConfigError, match="input: the MFCC does not read it"):
        cells(network="mfcc", seed=[0, 1], input={"seconds": 2.0})


def test_seconds_go_with_networks_of_every_unit() -> None:
    found = cells(network=["vgg", "sample_level"], input={"seconds": 2.5})
    assert [c.input.seconds for c in found] == [2.5, 2.5]
