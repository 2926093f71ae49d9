"""Weights drawn anew: from the seed and the parameter's name, with the variance that the fan-in asks for."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from elmarc.comparison.records import _without_seeds
from elmarc.errors import ConfigError
from elmarc.networks import ExternalNetwork
from elmarc.networks.weights import redraw

CUT_STD = 0.8796  # of a normal cut at two of its standard deviations


def spread(weight: Tensor, fan_in: int) -> float:
    return float(weight.detach().std() * fan_in**0.5 / CUT_STD)


class Tokens(nn.Module):
    """A free token and a scale beside a matrix."""

    def __init__(self) -> None:
        super().__init__()
        self.token = nn.Parameter(torch.ones(1, 1, 400))
        self.scale = nn.Parameter(torch.full((400,), 0.1))
        self.inner = nn.Linear(20, 400)

    def forward(self, x: Tensor) -> Tensor:
        return (self.inner(x) + self.token) * self.scale


@pytest.mark.parametrize(
    ("part", "key", "fan_in", "gain"),
    [
        (nn.Conv2d(8, 64, 3), "weight", 72, 2.6),
        (nn.Conv1d(8, 256, 5, groups=4), "weight", 10, 2.6),
        (nn.ConvTranspose1d(64, 8, 5), "weight", 320, 2.6),
        (nn.Linear(50, 200), "weight", 50, 2.6),
        (nn.LSTM(30, 60), "weight_ih_l0", 30, 2.6),
        (nn.LSTM(30, 60), "weight_hh_l0", 60, 1.0),
        (nn.MultiheadAttention(64, 4), "in_proj_weight", 64, 2.6),
    ],
)
def test_the_variance_follows_from_the_fan_in(part: nn.Module, key: str, fan_in: int, gain: float) -> None:
    redraw(nn.ModuleDict({"part": part}), 0, "net")
    assert spread(getattr(part, key), fan_in) == pytest.approx(gain**0.5, rel=0.08)


def test_tokens_tables_biases_and_scales() -> None:
    net = nn.Sequential(Tokens(), nn.Embedding(50, 40, padding_idx=0), nn.Linear(4, 4))
    redraw(net, 0, "net")
    assert spread(net[0].token, 1) == pytest.approx(0.02, rel=0.1)
    assert spread(net[1].weight[1:], 1) == pytest.approx(0.02, rel=0.1)
    assert not net[1].weight[0].any()
    assert torch.equal(net[0].scale, torch.full((400,), 0.1))
    assert not net[2].bias.any()


def test_norms_are_as_new() -> None:
    norm = nn.BatchNorm1d(3)
    norm(torch.randn(50, 3) + 9)
    with torch.no_grad():
        norm.weight.fill_(5)
        norm.bias.fill_(5)
    redraw(nn.Sequential(norm, nn.LayerNorm([3, 4])), 0, "net")
    fresh = nn.BatchNorm1d(3).state_dict()
    assert all(torch.equal(value, fresh[key]) for key, value in norm.state_dict().items())


def test_a_parametrised_weight_is_assigned() -> None:
    conv = parametrizations.weight_norm(nn.Conv1d(20, 64, 5))
    drawn = redraw(conv, 0, "net")
    assert spread(conv.weight, 100) == pytest.approx(2.6**0.5, rel=0.08)
    assert len(drawn) == 2
    with pytest.raises(ConfigError, match=r"weight cannot be drawn anew, its parametrisation keeps"):
        redraw(parametrizations.spectral_norm(nn.Linear(4, 4)), 0, "net")


def test_the_old_weight_norm_is_refused() -> None:
    with pytest.warns(FutureWarning):
        conv = nn.utils.weight_norm(nn.Conv1d(20, 4, 3))
    with pytest.raises(ConfigError, match="old weight_norm"):
        redraw(conv, 0, "net")


def test_weights_that_are_not_there_yet_are_refused() -> None:
    with pytest.raises(ConfigError, match="not there yet"):
        redraw(nn.LazyLinear(4), 0, "net")


def network(width: int = 6, seed: int | None = 0, **options: object) -> ExternalNetwork:
    torch.manual_seed(width if seed is None else 100 + int(seed))  # the factory's own numbers play no part
    return ExternalNetwork(
        nn.Conv1d(20, width, 3, padding=1),
        input="bands time",
        input_unit="frames",
        n_bands=20,
        input_length=12,
        seed=seed,
        **options,
    )


def test_seeds_are_one_system_and_other_weights_are_not() -> None:
    definitions = [network(seed=seed).definition() for seed in (0, 1)]
    assert definitions[0] != definitions[1]
    assert _without_seeds(definitions[0]) == _without_seeds(definitions[1])
    assert _without_seeds(network(width=7).definition()) != _without_seeds(definitions[0])
    assert "seed" not in network(seed=None).definition()
    assert network(precision="bfloat16").definition() != definitions[0]


def test_weights_that_were_changed_after_the_draw_are_told_by_their_digest() -> None:
    net = network()
    before = net.definition()
    with torch.no_grad():
        next(net.module.parameters()).zero_()
    assert "seed" not in net.definition()
    assert net.definition()["state_sha256"] != before["state_sha256"]


def test_the_same_seed_gives_the_same_features_and_another_one_others() -> None:
    x = torch.randn(2, 15, 20)
    maps = [network(seed=seed)(x)["output"] for seed in (0, 0, 1)]
    assert torch.equal(maps[0], maps[1])
    assert not torch.equal(maps[0], maps[2])
    assert maps[0].shape == (2, 6, 15)
