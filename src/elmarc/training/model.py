"""The network that is trained: standardised input, normalised convolutions, pooled maps, a linear head.

Each of elmarc's convolutions is followed by a BatchNorm: without any, five layers are hard to train.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from elmarc.features.pooling import taken
from elmarc.features.statistics import STATISTICS, Map
from elmarc.networks.base import Input, Network
from elmarc.networks.blocks import EVERY, RandomConv
from elmarc.networks.random_cnn import RandomCNN


class Trainable(nn.Module):
    """A network, its pooled maps and a linear head over them.

    The network itself is changed: its weights get gradients, and norms are hooked after its convolutions.

    Parameters
    ----------
    network : Network
    n_classes : int
    statistics : sequence of str
        Keys of `elmarc.features.statistics.STATISTICS`.
    """

    level: Tensor
    spread: Tensor

    def __init__(self, network: Network, *, n_classes: int, statistics: Sequence[str] = ("mean",)) -> None:
        super().__init__()
        self.network, self.statistics = network, tuple(statistics)
        self.register_buffer("level", torch.zeros(network.n_bands))
        self.register_buffer("spread", torch.ones(network.n_bands))
        self.norms = nn.ModuleList(_normalised(m) for m in network.modules() if isinstance(m, RandomConv))
        n_features = sum(network.n_channels(layer) for _, layer in taken(network, self.statistics))
        self.scale = nn.BatchNorm1d(n_features)
        with torch.device("meta"):  # nothing is drawn
            head = nn.Linear(n_features, n_classes)
        self.head = head.to_empty(device="cpu")
        for weight in self.head.parameters():  # equal scores at first
            nn.init.zeros_(weight)
        self._n_batches = 0
        for weight in network.parameters():
            if weight.is_floating_point():
                weight.requires_grad_(True)

    def standardised(self, x: Input) -> Input:
        """Return the input less the training clips' mean of each band, over their standard deviation."""
        return (x - self.level) / self.spread

    def begin_epoch(self) -> None:
        """Reset the norms' running statistics, which are the mean over the batches of one epoch.

        With the usual moving average, they would lag behind where an epoch has few steps.
        """
        self._n_batches = 0

    def forward(self, x: Input) -> Tensor:
        """Return logits [shape=(clips, classes)] of standardised input [shape=(clips, length, bands)]."""
        if self.training:
            self._n_batches += 1
            for norm in (*self.norms, self.scale):
                norm.momentum = 1.0 / self._n_batches
        scores: Tensor = self.head(self.scale(pooled(self.network, x, self.statistics)))
        return scores

    def groups(self, weight_decay: float) -> list[dict[str, Any]]:
        """Return the parameters for an optimiser; vectors (biases, norms) do not decay."""
        trained = [p for p in self.parameters() if p.requires_grad]
        return [
            {"params": [p for p in trained if p.ndim > 1], "weight_decay": weight_decay},
            {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
        ]


def pooled(network: Network, x: Input, statistics: Sequence[str]) -> Tensor:
    """Return what `elmarc.features.pooling.pool` does, with gradients [shape=(clips, features)]."""
    parts: dict[tuple[str, str], list[Tensor]] = defaultdict(list)
    for layer, maps, _, _ in network.tiles_with_gradients(x):
        for name in statistics:
            if network.takes(layer, name):
                parts[name, layer].append(STATISTICS[name](Map(_guarded(maps))))
    blocks = {key: torch.cat(tiles, dim=1) for key, tiles in parts.items()}
    for layer in network.collapsed_layers:
        overall = blocks["mean", layer].mean(dim=1, keepdim=True)
        blocks["mean", layer] = F.pad(overall, (0, network.n_channels(layer) - 1))
    return torch.cat([blocks[key] for key in taken(network, statistics)], dim=1)


def _guarded(maps: Tensor) -> Tensor:
    """View maps so that the gradient is 0 where a constant map's deviation has none."""
    if not maps.requires_grad:
        return maps
    view = maps.view_as(maps)
    view.register_hook(partial(torch.nan_to_num, nan=0.0, posinf=0.0, neginf=0.0))  # type: ignore[no-untyped-call]
    return view


class _Norm(nn.BatchNorm2d):
    """A BatchNorm over (clips, filters, bands, frames), also of some of the filters."""

    def some(self, maps: Tensor, filters: slice) -> Tensor:
        assert self.running_mean is not None
        assert self.running_var is not None
        return F.batch_norm(
            maps, self.running_mean[filters], self.running_var[filters], self.weight[filters],
            self.bias[filters], training=self.training, momentum=self.momentum or 0.0, eps=self.eps,
        )  # fmt: skip


def _normalised(conv: RandomConv) -> _Norm:
    """Hook a norm after a convolution, and return it."""
    norm = _Norm(conv.n_filters)

    def normalise(_conv: nn.Module, _args: object, options: dict[str, Any], maps: Tensor) -> Tensor:
        return norm.some(maps, options.get("filters", EVERY))

    conv.register_forward_hook(normalise, with_kwargs=True)
    return norm


@dataclass(frozen=True)
class Learnt:
    """The result of a training without norms: those of convolutions are part of kernels and biases.

    Parameters
    ----------
    weights, standards
        For `RandomCNN.set_weights`.
    coef : np.ndarray [shape=(n_classes, n_features)]
    intercept : np.ndarray [shape=(n_classes,)]
        Pooled features to logits, the norm of the features included.
    """

    weights: list[NDArray[np.float32]]
    standards: tuple[NDArray[np.float32], NDArray[np.float32]]
    coef: NDArray[np.float64]
    intercept: NDArray[np.float64]


def learnt(model: Trainable) -> Learnt:
    """Return what a model of a `RandomCNN` computes in evaluation, without its norms."""
    assert isinstance(model.network, RandomCNN)
    convs = [module for module in model.network.modules() if isinstance(module, RandomConv)]
    norms = {id(conv): norm for conv, norm in zip(convs, model.norms, strict=True)}
    weights: list[NDArray[np.float32]] = []
    for conv in model.network.convs.values():
        gain, shift = _affine(norms[id(conv)])
        bias = conv.bias.detach().cpu().numpy().astype(np.float64)
        weights += [
            (conv.get_kernel() * gain).astype(np.float32),
            (bias * gain + shift).astype(np.float32),
        ]
    gain, shift = _affine(model.scale)
    head, intercept = (p.detach().cpu().numpy().astype(np.float64) for p in model.head.parameters())
    standards = (model.level.cpu().numpy().copy(), model.spread.cpu().numpy().copy())
    return Learnt(weights, standards, head * gain, head @ shift + intercept)


def _affine(norm: nn.Module) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return what a norm multiplies by and adds in evaluation."""
    mean, variance, weight, bias = (
        getattr(norm, name).detach().cpu().numpy().astype(np.float64)
        for name in ("running_mean", "running_var", "weight", "bias")
    )
    gain = weight / np.sqrt(variance + norm.eps)
    return gain, bias - mean * gain
