"""Any torch.nn.Module as a network: its layers are read through forward hooks, its weights left alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any, Self

from torch import Tensor, nn

from elmarc._errors import ConfigError
from elmarc._types import Definition, Unit
from elmarc.networks.base import Network
from elmarc.networks.external.capture import Reader, copied, find_calls, like_weights
from elmarc.networks.external.fingerprint import code_sha256, state_sha256
from elmarc.networks.external.trial import Trial
from elmarc.networks.layers import FeatureMap, Input, Tile


class ExternalNetwork(Network):
    """A module of your own, in eval mode and without gradients.

    The module is copied, so that it stays as it is, and what is done to it later does not reach the network.
    Each thread runs a copy of its own that shares the weights: modules may work in place, or keep values on
    themselves during a forward pass. A few trial clips are run at once to see what the layers give.

    Parameters
    ----------
    module : nn.Module
        Takes (clips, length, n_bands). It must give a clip the same maps whatever ran before it or beside it.
    layers : sequence of str
        Names of submodules, as `module.named_modules()` has them, whose output is (clips, channels) or
        (clips, channels, *positions). "act#2" is the second call of "act" in a forward pass.
    input_unit : {"frames", "samples"}
        What the length of the input counts.
    input_length : int
        Frames or samples of the trial clips, and the least that clips must have.
    n_bands : int
        Bands of the input; 1 for waveforms.
    name : str
        What messages call it.

    Raises
    ------
    ConfigError
        The module or a layer is not as said above.

    Examples
    --------
    >>> conv = nn.Conv1d(1, 4, 64, stride=32)
    >>> module = nn.Sequential(nn.Flatten(), nn.Unflatten(1, (1, -1)), conv, nn.ReLU())
    >>> network = ExternalNetwork(module, layers=["2", "3"], input_unit="samples", input_length=2000)
    >>> network.n_features, network.layer_info[0]
    (8, LayerInfo(name='2', n_channels=4, reduction=32))
    """

    one_thread = True

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
        calls = find_calls(module, layers, name)
        copy = copied(module, name)
        code, state = code_sha256(copy), state_sha256(copy)
        trial = Trial(copy, calls, name, shape=(input_length, n_bands))
        super().__init__(
            name, input_unit=input_unit, n_bands=n_bands, layer_info=trial.layer_info(), layers=layers
        )
        self.module, self._calls, self._min_input_length = copy, calls, input_length
        self._time_axes = trial.time_axes
        self._threads = threading.local()
        self.eval()
        self._code_sha256 = code  # of the copy, whose code and settings stay
        if state_sha256(copy) != state:
            raise ConfigError(
                f"{name}: a forward pass changes the module's weights or buffers, so a clip's features would "
                "depend on the clips before it: make it leave them alone in eval mode"
            )

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_threads": None}  # copies are made again where they are needed

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self._threads = threading.local()

    @property
    def min_input_length(self) -> int:
        """The length of the trial clip."""
        return self._min_input_length

    def definition(self) -> Definition:
        """Return the layers, and digests of the module's code and weights."""
        return {
            "network": "external",
            "layers": list(self.layers),
            "code_sha256": self._code_sha256,
            "state_sha256": state_sha256(self.module),
        }

    def _apply(self, *args: Any, **options: Any) -> Self:
        """Move or convert the module; what threads have copied of it goes."""
        self._threads = threading.local()
        super()._apply(*args, **options)  # type: ignore[no-untyped-call]
        return self

    def _tiles(self, x: Input) -> Iterator[Tile]:
        if not hasattr(self._threads, "reader"):
            self._threads.reader = Reader(self.module, self._calls, self.name)
        maps: dict[str, FeatureMap] = self._threads.reader(x)
        for layer in self.layers:
            yield Tile(layer, maps.pop(layer).movedim(self._time_axes[layer], 2))

    def _prepared(self, x: Input) -> Tensor:
        return x.to(like_weights(self.module))
