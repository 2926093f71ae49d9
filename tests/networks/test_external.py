"""A module of one's own as a network."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from elmarc._errors import ConfigError
from elmarc.features.pooling import pool
from elmarc.networks import ExternalNetwork


class Trained(nn.Module):
    """Takes (clips, frames, bands), as many published taggers do after one transpose."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(20, 6, 3)
        self.drop = nn.Dropout(0.9)
        self.unused = nn.Linear(2, 2)
        self.head = nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.drop(self.first(x.transpose(1, 2)).relu())
        return self.head(x.mean(dim=2))


@pytest.fixture
def module() -> Trained:
    torch.manual_seed(0)
    return Trained()


def wrap(module: nn.Module, *layers: str) -> ExternalNetwork:
    return ExternalNetwork(module, layers=layers, input_unit="frames", n_bands=20, input_length=12)


def test_layers_are_read_in_eval_mode(module: Trained) -> None:
    x = torch.randn(3, 15, 20)
    network = wrap(module, "head", "first")
    features = pool(network, x)
    assert features.shape == (3, network.n_features) == (3, 9)
    first = module.first(x.transpose(1, 2))
    expected = torch.cat([module.head(first.relu().mean(dim=2)), first.mean(dim=2)], dim=1)
    torch.testing.assert_close(features, expected.detach())


def test_the_module_is_left_without_hooks(module: Trained) -> None:
    wrap(module, "first")(torch.zeros(1, 12, 20))
    assert not module.first._forward_hooks


def test_the_recipe_follows_the_weights(module: Trained) -> None:
    before = wrap(module, "first").recipe()
    assert before == wrap(module, "first").recipe()
    with torch.no_grad():
        module.head.bias.add_(1)
    assert wrap(module, "first").recipe() != before


def test_a_layer_that_does_not_exist_or_does_not_run_is_named(module: Trained) -> None:
    with pytest.raises(ConfigError, match="did you mean 'first'"):
        wrap(module, "firts")
    with pytest.raises(ConfigError, match=r"\['unused'\] took no part"):
        wrap(module, "unused")
    with pytest.raises(ConfigError, match="at least 12 frames"):
        wrap(module, "first")(torch.zeros(1, 11, 20))
