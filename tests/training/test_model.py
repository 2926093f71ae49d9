"""What is trained computes what the network does, and gradients reach every weight."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from elmarc.features.pooling import pool
from elmarc.features.recipes import STATISTICS
from elmarc.networks import NETWORKS, ExternalNetwork, build_network
from elmarc.networks.base import Network
from elmarc.networks.fast import plain
from elmarc.training.model import Trainable, pooled

SHAPES = {"single_layer": {"filter_shape": (5, 60), "pool_shape": (2, 3)}}


def network_of(name: str) -> tuple[Network, torch.Tensor]:
    network = build_network(name, n_filters=4, seed=1, **SHAPES.get(name, {}))
    length = max(network.min_input_length, 60 if network.input_unit == "frames" else 3000)
    generator = torch.Generator().manual_seed(0)
    return network, torch.randn(4, length, network.n_bands, generator=generator)


@pytest.mark.parametrize("name", NETWORKS)
def test_pooled_maps_are_those_of_rank(name: str) -> None:
    network, x = network_of(name)
    expected = pool(network, x, statistics=("mean", "std"))
    found = pooled(network, x, ("mean", "std"))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-4 * float(expected.abs().max()))


@pytest.mark.parametrize("name", NETWORKS)
def test_gradients_reach_every_weight(name: str) -> None:
    network, x = network_of(name)
    model = Trainable(network, n_classes=3, statistics=STATISTICS)
    nn.init.normal_(model.head.weight, generator=torch.Generator().manual_seed(0))
    model(x).square().sum().backward()
    for key, weight in model.named_parameters():
        assert weight.grad is not None, key
        assert torch.isfinite(weight.grad).all(), key
        is_bias_before_norm = key.startswith("network.") and key.endswith("bias")
        assert is_bias_before_norm or weight.grad.abs().max() > 0, key


def test_the_2018_average_is_trained_as_it_is_extracted() -> None:
    network = build_network("frame_level", n_filters=4, compat="2018")
    x = torch.randn(2, 3000, 1, generator=torch.Generator().manual_seed(0))
    expected = pool(network, x)
    torch.testing.assert_close(pooled(network, x, ("mean",)), expected, rtol=1e-4, atol=1e-5)


def test_a_norm_of_some_filters_is_that_part_of_the_whole() -> None:
    network, x = network_of("single_layer")
    model = Trainable(network, n_classes=2)
    conv, maps = network.convs["conv"], x[:, None].transpose(2, 3)
    with plain():
        whole = conv(maps)
        parts = torch.cat([conv(maps, filters=slice(0, 3)), conv(maps, filters=slice(3, 4))], dim=1)
    torch.testing.assert_close(parts, whole)
    assert model.norms[0].running_mean.abs().max() > 0


class Own(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv1d(96, 6, 3), nn.BatchNorm1d(6)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.norm(self.conv(x.transpose(1, 2))))


def test_a_module_of_ones_own_learns_in_training_mode_and_is_read_in_eval_mode() -> None:
    torch_module = Own()
    network = ExternalNetwork(
        torch_module, layers=["output"], input_unit="frames", input_length=20, n_bands=96
    )
    x = torch.randn(4, 20, 96, generator=torch.Generator().manual_seed(0)) + 2.0
    before = pool(network, x)
    model = Trainable(network, n_classes=2)
    assert not len(model.norms)
    model.train()
    model(x).sum().backward()
    assert network.module.conv.weight.grad is not None
    assert network.module.norm.running_mean.abs().max() > 0
    assert torch_module.norm.running_mean.abs().max() == 0
    learned = network.module.norm.running_mean.clone()
    assert not torch.equal(pool(network, x), before)
    torch.testing.assert_close(network.module.norm.running_mean, learned)
