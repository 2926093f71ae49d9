"""Spaces of architectures: drawn from the seed alone, all different, of the size that was asked for."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from studies.foretell.spaces import FAMILIES, SECONDS, cost, n_features, sample_space
from torch.utils.flop_counter import FlopCounterMode

from elmarc.config.files import yaml_text
from elmarc.errors import ConfigError
from elmarc.features.pooling import pool
from elmarc.networks import RandomCNN, fast, make_network
from elmarc.study.load import load_config
from elmarc.study.request import Rank

N = 16


@pytest.fixture(scope="module")
def sections() -> list[dict]:
    return sample_space("all", n=N, seed=3)


def test_a_space_follows_from_its_seed_alone(sections: list[dict]) -> None:
    state = random.getstate(), *_states()
    assert sample_space("all", n=6, seed=3) == sections[:6]
    assert sample_space("all", n=6, seed=4) != sections[:6]
    assert random.getstate() == state[0]
    assert all(torch.equal(a, b) for a, b in zip(state[1:], _states(), strict=True))


def _states() -> tuple[torch.Tensor, torch.Tensor]:
    """Return the global states of NumPy and torch."""
    return torch.from_numpy(np.random.get_state()[1].astype(np.int64)), torch.get_rng_state()  # noqa: NPY002


def test_names_are_unique_and_families_take_turns(sections: list[dict]) -> None:
    assert len({section["name"] for section in sections}) == N
    shapes = [{key: v for key, v in section.items() if key != "name"} for section in sections]
    assert all(shape not in shapes[:k] for k, shape in enumerate(shapes))
    for k, family in enumerate(FAMILIES):
        kinds = {section["kind"] for section in sections[k :: len(FAMILIES)]}
        assert kinds <= {section["kind"] for section in sample_space(family, n=30, seed=0)}


def test_multiply_adds_from_shapes_are_those_of_a_counted_forward(sections: list[dict]) -> None:
    for section in sections:
        net = make_network(
            {**section, "n_filters": 4, **({"n_temporal": 4} if "n_temporal" in section else {})}
        )
        length = max(int(12000 if net.n_bands == 1 else 12000 / 256), net.min_input_length)
        with fast.plain(), FlopCounterMode(display=False) as counted:
            net(torch.zeros(1, length, net.n_bands))
        counts = counted.get_total_flops() / 2 - twice(net, length)
        assert 0.95 <= counts / net.multiply_adds(length) <= 1.0, section["name"]  # pools drop a rest


def twice(net: RandomCNN, length: int) -> int:
    """Return the multiply-adds of a first layer that is not kept, but computed anew for the second."""
    first = net.layer_costs(length)[0]
    return first.multiply_adds if first.layer == "conv0" else 0


def test_what_is_fixed_is_the_same_for_all() -> None:
    for section in sample_space("fixed_features", n=8, seed=1):
        assert 0.75 * 160 <= n_features(section) <= 160 / 0.75
    for section in sample_space("fixed_cost", n=8, seed=1, target=2e7):
        assert 0.75 * 2e7 <= cost(section, SECONDS) <= 2e7 / 0.75


def test_rank_and_run_take_the_file(tmp_path, sections: list[dict]) -> None:
    file = tmp_path / "space.yaml"
    file.write_text(yaml_text({"seed": 3, "networks": sections}))
    toy = {"source": "toy", "target": "rhythm"}
    for recipe in ("2018", "v2"):
        study = Rank(data=toy, networks=f"{file},vgg", seeds=1, baseline=False, recipe=recipe)
        cells = study.experiments()
        assert {cell.network.label for cell in cells} == {"vgg", *(section["name"] for section in sections)}
    config = tmp_path / "sweep.yaml"
    config.write_text(f"data: toy\nnetwork: {file}\nclassifier: ridge\n")
    assert [cell.network.name for cell in load_config(config).experiments] == [s["name"] for s in sections]


def test_a_sampled_network_gives_features_and_writes_only_what_it_says(sections: list[dict]) -> None:
    net = make_network(sections[1])
    x = torch.randn(1, net.min_input_length + 20, net.n_bands, generator=torch.Generator().manual_seed(0))
    assert torch.isfinite(pool(net, x)).all()
    kept = ("pool_frames", "pool_bands")
    assert {key: net.definition()[key] for key in kept} == {key: sections[1][key] for key in kept}
    assert not set(kept) & set(make_network("vgg").definition())


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"space": "alll"}, "did you mean 'all'"),
        ({"n": 0}, "at least 1"),
        ({"target": 3.0}, "only a fixed_ space"),
    ],
)
def test_a_mistake_is_named(change: dict, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        sample_space(**{"space": "all", "n": 2, **change})


def test_two_networks_of_one_name_are_refused(sections: list[dict]) -> None:
    twice = [sections[0], {**sections[1], "name": sections[0]["name"]}]
    with pytest.raises(ConfigError, match="give each a name of its own"):
        Rank(data="toy", networks=twice, seeds=1).experiments()
    with pytest.raises(ConfigError, match="several are called 'vgg'"):
        Rank(data="toy", networks=["vgg", {**sections[0], "name": "vgg"}], seeds=1).experiments()
