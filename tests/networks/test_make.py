"""Whatever names a network, or is one, becomes a network; what is wrong with a factory is said."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from elmarc.errors import ConfigError
from elmarc.networks import build_network, make_network
from elmarc.networks.make import identity

MINE = """
from pathlib import Path

from torch import nn

HERE = Path(__file__).parent

class MyNet(nn.Module):
    def __init__(self, width=8):
        super().__init__()
        self.conv = nn.Conv1d(20, width, 3)

    def forward(self, x):
        return self.conv(x.transpose(1, 2))

def broken():
    raise RuntimeError("no weights here")

number = 3

def text():
    return "no module"
"""


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "my_models.py").write_text(MINE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "my_models.py"


def kept(factory: str) -> dict[str, object]:
    return {"kind": "external", "factory": factory, "weights": "keep", "key": "mine-1"}


def test_a_name_and_a_section_of_the_studys_networks() -> None:
    assert make_network("vgg", seed=3).definition() == build_network("vgg", seed=3).definition()
    assert make_network({"kind": "vgg", "size": "large"}, size="small").n_features == 3585
    assert make_network("vgg", size="small", narrower=2).n_features == 80
    ready = build_network("7x96")
    assert make_network(ready) is ready


def test_a_factory_is_found_by_file_and_in_the_current_folder(mine: Path) -> None:
    state = torch.get_rng_state()
    nets = [
        make_network(kept(f"{source}:MyNet"), n_bands=20, input_length=12) for source in (mine, mine.name)
    ]
    nets.append(make_network(kept(f"{mine.stem}:MyNet"), n_bands=20, input_length=12))
    assert {net.name for net in nets} == {"MyNet (kept weights)"}
    assert len({net.definition()["state_sha256"] for net in nets}) == 1  # a factory gives the same each time
    assert torch.equal(torch.get_rng_state(), state)


def test_an_edited_file_is_read_anew_at_once(mine: Path) -> None:
    x = torch.ones(1, 12, 20)
    before = make_network(kept(f"{mine}:MyNet"), n_bands=20, input_length=12)(x)
    mine.write_text(MINE.replace("x.transpose(1, 2))", "x.transpose(1, 2)*2)"), encoding="utf-8")
    after = make_network(kept(f"{mine}:MyNet"), n_bands=20, input_length=12)(x)
    assert not torch.equal(before["output"], after["output"])


def test_what_results_are_found_by(mine: Path) -> None:
    assert identity({"kind": "vgg"}) is None
    unnamed = {key: value for key, value in kept(f"{mine}:MyNet").items() if key != "key"}
    assert identity(unnamed) != identity(unnamed)  # without a key, nothing is found again
    for weights in ("keep", "redraw"):
        section = {**kept(f"{mine}:MyNet"), "weights": weights}
        found = identity(section)
        assert found == identity(section) != identity({**section, "options": {"width": 5}})
        definition = make_network(section, n_bands=20, input_length=12).definition()
        assert found == {key: definition[key] for key in ("key", "state_sha256")}


def test_options_reach_the_factory(mine: Path) -> None:
    section = {**kept(f"{mine}:MyNet"), "options": {"width": 5}}
    assert make_network(section, n_bands=20, input_length=12).n_features == 5


@pytest.mark.parametrize(
    ("factory", "match"),
    [
        ("my_models.py", "expected 'package.module:Name'"),
        ("no_such_place:Net", "no module 'no_such_place'"),
        ("nowhere.py:Net", "no file nowhere.py"),
        ("my_models:MyNat", "did you mean 'MyNet'"),
        ("my_models:number", "int that cannot be called"),
        ("my_models:text", "gives a str, expected a torch.nn.Module"),
        ("my_models:broken", "RuntimeError: no weights here"),
    ],
)
def test_what_is_wrong_with_a_factory_is_said(mine: Path, factory: str, match: str) -> None:
    with pytest.raises(ConfigError, match=match):
        make_network(kept(factory), n_bands=20, input_length=12)


def test_a_module_keeps_its_weights_and_is_named_so() -> None:
    flat = nn.Sequential(nn.Flatten(), nn.Linear(40, 8))
    network = make_network(flat, n_bands=20, input_length=2, reduction=40)
    assert (network.name, network.n_features) == ("Sequential (kept weights)", 8)
    with pytest.raises(ConfigError, match="needs input_length"):
        make_network(flat, n_bands=20)


def test_what_a_factory_makes_is_drawn_from_the_seed(mine: Path) -> None:
    nets = [make_network(f"{mine}:MyNet", n_bands=20, input_length=12, seed=seed) for seed in (0, 1, 0)]
    first, second, again = (net.definition() for net in nets)
    assert first == again
    assert first["seed"] == 0
    assert {**first, "seed": 1} == second
    assert nets[0].name == "MyNet"


def test_a_module_object_can_be_drawn_too() -> None:
    nets = [
        make_network(
            nn.Linear(20, 4),
            output="time channels",
            weights="redraw",
            n_bands=20,
            input_length=9,
        )
        for _ in "12"
    ]
    assert nets[0].definition() == nets[1].definition()
    assert nets[0].name == "Linear"
