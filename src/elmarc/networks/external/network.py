"""Any torch.nn.Module as a network: layers are read through forward hooks, weights kept or drawn anew."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Self, get_args

import torch
from torch import Tensor, nn

from elmarc._choices import choose
from elmarc._types import Definition, Unit
from elmarc.errors import ConfigError
from elmarc.networks.base import Network
from elmarc.networks.external.capture import Reader, copied, like_weights
from elmarc.networks.external.fingerprint import code_sha256, state_sha256
from elmarc.networks.external.layouts import LAYOUTS, check_layout
from elmarc.networks.external.names import Call, find_calls
from elmarc.networks.external.redraw import redraw
from elmarc.networks.external.trial import Trial, default_layer
from elmarc.networks.layers import Input, Tile
from elmarc.networks.own import OUTPUT, Axis, OwnPrecision


class ExternalNetwork(Network):
    """A module of your own, in eval mode and without gradients.

    The module is copied, so that it stays as it is, and what is done to it later does not reach the network.
    Each thread runs a copy of its own that shares the weights: modules may work in place, or keep values on
    themselves during a forward pass. A few trial clips are run at once to see what the layers give.

    Parameters
    ----------
    module : nn.Module
        It must give a clip the same maps whatever ran before it or beside it. BatchNorm uses its running
        statistics: mean 0 and variance 1 where it is new or drawn anew.
    layers : sequence of str
        Names of submodules, as `module.named_modules()` has them; "output" is what the module gives.
        "act#2" is the second call of "act" in a forward pass, "lstm[0]" and "output[last_hidden_state]" are
        elements of an output, "head.input" is what goes into "head", and `*` stands for one component of a
        path: "blocks.*". None named: see `trial.default_layer`.
    input_unit : {"frames", "samples"}
        What the length of the input counts.
    input_length : int
        Frames or samples of the trial clips, and the least that clips must have.
    n_bands : int
        Bands of the input; 1 for waveforms.
    name : str
        What messages call it.
    seed : int or None
        Draws the weights anew; None keeps those that the module has.
    layout : str or None
        The axes of the module's input behind the clips: "length bands", "bands length", "1 length bands",
        "1 bands length" or, for one band, "length". None: the only one that the module takes.
    channel_axis, time_axis : int, mapping of layers to int, or None
        Axes of the layers' outputs, clips being 0; None: found where it is certain.
    precision : {"float32", "bfloat16"}
        "bfloat16" converts the module; otherwise it computes in the type that it has.

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
        seed: int | None = None,
        layout: str | None = "length bands",
        channel_axis: Axis = None,
        time_axis: Axis = None,
        precision: OwnPrecision = "float32",
    ) -> None:
        if layout is not None:
            check_layout(layout, input_unit, name)
        copy = copied(module, name)
        asked, shape = tuple(layers), (input_length, n_bands)
        layers = asked or (default_layer(copy, name, shape=shape, unit=input_unit, layout=layout),)
        found = find_calls(copy, layers, name)
        calls = dict(found)
        drawn = None if seed is None else redraw(copy, seed, name)
        if choose("precision of a module", precision, get_args(OwnPrecision)) == "bfloat16":
            copy = copy.to(torch.bfloat16)
        code, state = code_sha256(copy), state_sha256(copy)
        told = {"channel_axis": channel_axis, "time_axis": time_axis}
        _check_told(told, calls, name)
        trial = Trial(
            copy, calls, name, shape=(input_length, n_bands), unit=input_unit, layout=layout, **told
        )
        super().__init__(
            name,
            input_unit=input_unit,
            n_bands=n_bands,
            layer_info=trial.layer_info(),
            layers=[layer for layer, _ in found],
        )
        self.module, self._calls, self._min_input_length = copy, calls, input_length
        self._axes, self._layout, self._told = trial.axes, trial.layout, told
        self._seed, self._drawn, self._drawn_state = seed, drawn, state
        self._threads = threading.local()
        self.eval()
        if not asked and layers[0] != OUTPUT:
            self.note = (
                f"{name}: ends in a linear layer: features are made of {layers[0]}, what goes into it; "
                "layers: [output] takes what the module returns"
            )
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
        """Return how the layers are read, digests of code and weights, and the seed of drawn weights."""
        told = {key: axis for key, axis in self._told.items() if axis is not None}
        layout = {} if self._layout == "length bands" else {"layout": self._layout}
        return {
            "network": "external",
            "layers": list(self.layers),
            **layout,
            **told,
            "code_sha256": self._code_sha256,
            **self._weights(),
        }

    def _weights(self) -> Definition:
        """Return the seed, as long as the weights are those that were drawn; else a digest of them."""
        state = state_sha256(self.module)
        if self._drawn is None or state != self._drawn_state:
            return {"state_sha256": state}
        return {
            "seed": self._seed,
            "dtype": str(like_weights(self.module).dtype),
            "state_sha256": state_sha256(self.module, self._drawn),
        }

    def _apply(self, *args: Any, **options: Any) -> Self:
        """Move or convert the module; what threads have copied of it goes."""
        self._threads = threading.local()
        super()._apply(*args, **options)  # type: ignore[no-untyped-call]
        return self

    def _tiles(self, x: Input) -> Iterator[Tile]:
        if not hasattr(self._threads, "reader"):
            self._threads.reader = Reader(self.module, self._calls, self.name, LAYOUTS[self._layout])
        self._threads.reader.train(self.module.training and torch.is_grad_enabled())
        maps: dict[str, Tensor] = self._read(x)
        for layer in self.layers:
            yield Tile(layer, self._axes[layer].arranged(maps.pop(layer)))

    def _read(self, x: Input) -> dict[str, Tensor]:
        try:
            maps: dict[str, Tensor] = self._threads.reader(x)
        except ConfigError:
            raise
        except Exception as problem:  # of the user's code: whatever it is, this network cannot be run
            if x.shape[1] == self._min_input_length:
                raise ConfigError(
                    f"{self.name}: the module fails on clips {tuple(x.shape)}, (clips, length, bands): "
                    f"{type(problem).__name__}: {problem}"
                ) from problem
            raise ConfigError(
                f"{self.name}: the module took clips of {self._min_input_length} {self.input_unit}, and "
                f"fails on {x.shape[1]}: {problem}. Feed that length"
            ) from problem
        return maps

    def _prepared(self, x: Input) -> Tensor:
        return x.to(like_weights(self.module))


def _check_told(told: Mapping[str, Axis], calls: Mapping[str, Call], name: str) -> None:
    for axes in told.values():
        for layer in axes if isinstance(axes, Mapping) else ():
            choose(f"layer of {name}", layer, list(calls))
