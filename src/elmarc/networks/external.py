"""Any torch.nn.Module as a network: its layers are read through forward hooks, its weights left alone."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from elmarc._choices import choose
from elmarc._errors import ConfigError
from elmarc._types import Recipe, Unit
from elmarc.networks.base import FeatureMap, Input, Network, Tile


class ExternalNetwork(Network):
    """A module of your own, in eval mode and without gradients.

    Parameters
    ----------
    module : takes (clips, frames, n_mels) or (clips, samples, 1).
    layers : names of submodules, as `module.named_modules()` has them, whose output is
        (clips, channels, *positions).
    input_unit, n_bands : what the module takes.
    input_length : frames or samples of one trial clip, and the least that clips must have.

    >>> net = ExternalNetwork(
    ...     nn.Sequential(nn.Conv1d(100, 4, 1), nn.ReLU()), layers=["1"], input_unit="frames", n_bands=96,
    ...     input_length=100)
    >>> net.n_features
    4
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        layers: Sequence[str],
        input_unit: Unit,
        input_length: int,
        n_bands: int = 1,
        name: str = "external",
    ) -> None:
        known = [path for path, _ in module.named_modules() if path]
        for layer in layers:
            choose(f"layer of {name}", layer, known)
        super().__init__(name, input_unit=input_unit, n_bands=n_bands, layer_names=layers, layers=layers)
        self.module = module.eval()
        self._min_input_length = input_length
        self._channels = {layer: maps.shape[1] for layer, maps in self._trial(input_length).items()}

    @property
    def min_input_length(self) -> int:
        """The length of the trial clip."""
        return self._min_input_length

    def n_channels(self, layer: str) -> int:
        """Return the channels of a layer."""
        return self._channels[layer]

    def recipe(self) -> Recipe:
        """Return the module's class, text and the sha256 of its state."""
        digest = hashlib.sha256(repr(self.module).encode())
        for key, value in self.module.state_dict().items():
            digest.update(
                key.encode() + value.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes()
            )
        return {"network": "external", "layers": list(self.layers), "module_sha256": digest.hexdigest()}

    def _tiles(self, x: Input) -> Iterator[Tile]:
        for layer, maps in self._read(x).items():
            yield Tile(layer, maps)

    @torch.no_grad()
    def _trial(self, input_length: int) -> dict[str, FeatureMap]:
        like = next(self.module.parameters(), torch.empty(0))
        return self._read(like.new_zeros(1, input_length, self.n_bands))

    def _read(self, x: Input) -> dict[str, FeatureMap]:
        maps: dict[str, FeatureMap] = {}

        def reader(layer: str, output: object) -> None:
            if not isinstance(output, Tensor) or output.ndim < 2:
                raise ConfigError(
                    f"{self.name}: layer {layer!r} gives no tensor (clips, channels, *positions)"
                )
            maps[layer] = output if output.ndim > 2 else output[..., None]

        hooks = [
            self.module.get_submodule(layer).register_forward_hook(
                lambda _module, _input, output, layer=layer: reader(layer, output)
            )
            for layer in self.layers
        ]
        try:
            self.module(x)
        finally:
            for hook in hooks:
                hook.remove()
        missing = [layer for layer in self.layers if layer not in maps]
        if missing:
            raise ConfigError(f"{self.name}: layers {missing} took no part in the module's forward")
        return maps
