"""What the study's networks share: random convolutions, their weights and their definition."""

from __future__ import annotations

import abc
import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, TypeAlias, get_args

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from elmarc._choices import choose
from elmarc._types import Definition, Precision, Unit
from elmarc.errors import ConfigError
from elmarc.networks.base import FeatureMap, Input, LayerCost, LayerInfo, Network
from elmarc.networks.blocks import RandomConv
from elmarc.networks.weights import draw_kernel

Compat = Literal["2018"]
Standards: TypeAlias = tuple[NDArray[np.float32], NDArray[np.float32]]  # level and spread of each band
N_BANDS = 96  # of the study's log-mel spectrograms


class RandomCNN(Network):
    """A network of convolutions with random weights that are never trained.

    Parameters
    ----------
    name : str
        What messages call it.
    convs : mapping of str to RandomConv
        The convolutions, by the names of their weights' streams.
    n_filters : int
        The study's N.
    layer_info : sequence of LayerInfo
    layers : sequence of str or None
        The layers to compute; None for all.
    seed : int
        Of the weights; each layer has its own stream, equal on every platform and device.
    n_bands : int or None
        Of the input; None for 96, or 1 for samples.
    precision : {"float32", "tf32", "bfloat16"}
        "bfloat16" convolves in half precision and adds up in float32; "tf32" lets a GPU round the
        convolutions' inputs to 10 bits, and is float32 on a CPU.
    compat : {"2018"} or None
        "2018" for the published averaging of the frame-level back-ends.

    References
    ----------
    Pons & Serra, "Randomly weighted CNNs for (music) audio classification", arXiv 1805.00237, section 3.
    """

    family: str  # names the weights' streams
    filters_multiple = 1  # n_filters is a multiple of it
    input_unit: Unit = "frames"

    def __init__(
        self,
        name: str,
        convs: Mapping[str, RandomConv],
        *,
        n_filters: int,
        layer_info: Sequence[LayerInfo],
        layers: Sequence[str] | None,
        seed: int = 0,
        n_bands: int | None = None,
        precision: Precision = "float32",
        compat: Compat | None = None,
    ) -> None:
        super().__init__(
            name,
            input_unit=self.input_unit,
            n_bands=self._bands(name, n_bands),
            layer_info=layer_info,
            layers=layers,
        )
        choose("precision", precision, get_args(Precision))
        if compat is not None:
            choose("compat", compat, get_args(Compat))
        self.n_filters, self.seed, self.precision, self.compat = n_filters, seed, precision, compat
        self.convs: dict[str, RandomConv] = dict(convs)
        self.standards: Standards | None = None  # what the input is standardised by, if it is
        self._weights_hash: str | None = None
        for layer, conv in convs.items():
            self.add_module(layer, conv)
            self._draw(layer, conv)
        self.eval()

    def _draw(self, layer: str, conv: RandomConv) -> None:
        """Draw the kernel of a layer; its biases are 0."""
        conv.set_kernel(draw_kernel(self.seed, self.family, layer, conv.kernel_shape))

    @classmethod
    def _bands(cls, name: str, n_bands: int | None) -> int:
        """Return the bands of the input, or the unit's default."""
        if cls.input_unit == "frames":
            return N_BANDS if n_bands is None else n_bands
        if n_bands not in (None, 1):
            raise ConfigError(f"{name} reads samples, which are one band, not {n_bands}")
        return 1

    @abc.abstractmethod
    def _costs(self, input_length: int) -> Iterator[LayerCost]:
        """Yield what is computed for one clip of that many frames or samples, in the order of computation."""

    def options(self) -> Definition:
        """Return the settings of this family, JSON-able."""
        return {}

    @property
    def n_parameters(self) -> int:
        """Weights and biases of all layers."""
        return sum(conv.n_parameters for conv in self.convs.values())

    def layer_costs(self, input_length: int) -> list[LayerCost]:
        """Return shape, parameters and multiply-adds of every layer computed for one clip.

        Raises
        ------
        ConfigError
            A clip of that many frames or samples is too short.
        """
        self.check_input((1, input_length, self.n_bands))
        return list(self._costs(input_length))

    def _n_positions(self, layer: str, length: int) -> int:
        return [cost.shape[1] for cost in self.layer_costs(length) if cost.layer == layer][-1]

    def multiply_adds(self, input_length: int) -> int:
        """Return the dense arithmetic of one clip; a multiply-add is two operations."""
        return sum(cost.multiply_adds for cost in self.layer_costs(input_length))

    def definition(self) -> Definition:
        """Return everything that changes the maps; the name does not."""
        definition: Definition = {
            "network": self.family,
            "n_filters": self.n_filters,
            "layers": list(self.layers),
            "precision": self.precision,
            **self.options(),
        }
        if self.input_unit == "frames":
            definition["n_mels"] = self.n_bands  # the key that stores have for the bands
        if self.collapsed_layers:
            definition["compat"] = self.compat
        if self.is_drawn:
            return {**definition, "seed": self.seed}
        return {**definition, "weights_sha256": self._weights_hash}

    @property
    def is_storable(self) -> bool:
        """Whether the class is elmarc's: another one may compute something else under the same definition."""
        return type(self).__module__.startswith("elmarc.")

    @property
    def is_drawn(self) -> bool:
        """Whether the weights are those of the seed, not some that were set."""
        return self._weights_hash is None

    def get_weights(self) -> list[NDArray[np.float32]]:
        """Return kernel and bias of each layer in turn, in the order and layout of the 2018 program.

        Kernels have the shape (frames, bands, channels, filters) or (frames, channels, filters).
        """
        weights = []
        for conv in self.convs.values():
            weights += [conv.get_kernel(), conv.bias.detach().cpu().numpy().copy()]
        return weights

    def set_weights(
        self, weights: Sequence[NDArray[np.float32]], *, standards: Standards | None = None
    ) -> None:
        """Replace kernels and biases; their digest takes the seed's place in the definition.

        Parameters
        ----------
        weights : sequence of ndarray
            In the order and layout of `get_weights`.
        standards : (ndarray, ndarray) [shape=(n_bands,)] or None
            The input less the first, over the second, is what is convolved; the second is positive.

        Raises
        ------
        ConfigError
            If their number or a shape is not this network's; nothing is changed then.
        """
        arrays = [np.ascontiguousarray(array, np.float32) for array in weights]
        levels = [np.ascontiguousarray(array, np.float32) for array in standards or ()]
        self._check_weights(arrays)
        is_shaped = all(array.shape == (self.n_bands,) for array in levels)
        if not is_shaped or not all((spread > 0).all() for spread in levels[1:]):
            raise ConfigError(
                f"{self.name}: standards have shapes {[array.shape for array in levels]}, expected level and "
                f"positive spread of {self.n_bands} bands"
            )
        for conv, kernel, bias in zip(self.convs.values(), arrays[::2], arrays[1::2], strict=True):
            conv.set_kernel(kernel)
            conv.set_bias(bias)
        digest = hashlib.sha256()
        for array in (*arrays, *levels):
            digest.update(array.data)
        self._weights_hash = digest.hexdigest()
        self.standards = (levels[0], levels[1]) if levels else None

    def _check_weights(self, arrays: Sequence[NDArray[np.float32]]) -> None:
        expected: list[tuple[str, tuple[int, ...]]] = []
        for layer, conv in self.convs.items():
            expected += [(f"{layer} kernel", conv.kernel_shape), (f"{layer} bias", (conv.n_filters,))]
        if len(arrays) != len(expected):
            raise ConfigError(
                f"{self.name} takes {len(expected)} arrays, kernel and bias of each layer, not {len(arrays)}"
            )
        for (part, shape), array in zip(expected, arrays, strict=True):
            if array.shape != shape:
                raise ConfigError(f"{self.name}: {part} has shape {array.shape}, expected {shape}")

    def _prepared(self, x: Input) -> Tensor:
        weight = next(self.parameters())
        if self.standards is not None:
            level, spread = (torch.from_numpy(array).to(x.device) for array in self.standards)
            x = (x - level) / spread
        return x.to(weight.device, torch.bfloat16 if self.precision == "bfloat16" else weight.dtype)

    def _conv_cost(self, layer: str, kind: str, positions: tuple[int, ...]) -> LayerCost:
        conv = self.convs[layer]
        shape = (conv.n_filters, *positions)
        return LayerCost(layer, kind, shape, conv.n_parameters, math.prod(positions) * conv.weight.numel())


def spectrogram(x: Input) -> Tensor:
    """View (clips, frames, bands) as a map of one channel, (clips, 1, bands, frames)."""
    return x.transpose(1, 2).unsqueeze(1)


def sequence(maps: Tensor) -> FeatureMap:
    """View a map of one band, (clips, channels, 1, frames), as (clips, channels, frames)."""
    return maps.squeeze(2)
