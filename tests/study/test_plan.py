"""The cells of a ranking: overrides reach every cell that can use them."""

from __future__ import annotations

from typing import Any

import pytest

from elmarc.errors import ConfigError
from elmarc.study.plan import experiments
from elmarc.study.spec import Experiment

MIXED = ("mfcc", "temporal", "sample_level")


def grid(*overrides: str, networks: Any = MIXED) -> dict[str, Experiment]:
    systems = [{"network": network} for network in networks]
    heads = [{"classifier": "svm"}]
    cells = experiments({"data": "toy"}, systems=systems, heads=heads, seeds=1, overrides=overrides)
    return {cell.network.kind if cell.network else "mfcc": cell for cell in cells}


def options(cell: Experiment) -> dict[str, Any]:
    return cell.frontend.options()


def test_the_rate_alone_reaches_every_cell() -> None:
    assert {options(cell)["sr"] for cell in grid("frontend.sr=22050").values()} == {22050}


def test_a_hop_reaches_the_cells_that_have_one() -> None:
    plain, found = grid(), grid("frontend.hop_length=128")
    assert options(found["temporal"])["hop_length"] == 128
    assert {name for name in MIXED if found[name] != plain[name]} == {"temporal"}


@pytest.mark.parametrize("networks", [("sample_level",), ("mfcc", "sample_level")])
def test_a_key_that_no_cell_has_is_refused(networks: Any) -> None:
    with pytest.raises(ConfigError, match=r"^config: frontend\.hop_length: unknown key; kind logmel has it$"):
        grid("frontend.hop_length=128", networks=networks)


@pytest.mark.parametrize(
    "override", ["network.n_filters=8", "input.seconds=2", "pooling=std", "frontend.kind=logmel"]
)
def test_what_says_nothing_to_the_baseline_leaves_it_as_it_is(override: str) -> None:
    baseline = grid(override)["mfcc"]
    assert baseline == grid()["mfcc"]
    assert options(baseline)["fixed_length"] == 2048


def test_the_baselines_own_keys_reach_it_alone() -> None:
    plain, found = grid(), grid("frontend.n_mfcc=13")
    assert options(found["mfcc"])["n_mfcc"] == 13
    assert {name for name in MIXED if found[name] != plain[name]} == {"mfcc"}
