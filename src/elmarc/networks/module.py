"""A user's torch.nn.Module as a network, by a contract that the module states.

**Input.** A float tensor (clips, time, bands) of a spectrogram's frames, or (clips, time) of a waveform's
samples; `input` states another order, such as "1 bands time". The module runs in eval mode.

**Output.** A tensor (clips, channels, time, ...) or (clips, channels), or a mapping of names to such tensors;
`output` states another order, such as "time channels". Where no axis is time, there is no rate.

**Rate.** `reduction` states how many input positions make one output position, where that is not 1.

**Key.** `key` names the module's code and version. Features of a module without a key are not stored.

A module states these four in an attribute `elmarc`, such as `elmarc = {"reduction": 2, "key": "mine-1"}`;
arguments and the section of a configuration precede it. They are checked on a few clips of noise.
"""

from __future__ import annotations

import copy
import hashlib
import math
import threading
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self, get_args

import torch
from torch import Tensor, nn

from elmarc._choices import choose
from elmarc._types import Definition, Unit
from elmarc.errors import ConfigError
from elmarc.networks.base import Input, LayerInfo, Network, Tile
from elmarc.networks.section import OUTPUT, ModulePrecision
from elmarc.networks.weights import redraw

ATTRIBUTE = "elmarc"
MORE = (2**6 * 3 * 5, 2**6 * 3**3 * 5, 2**5 * 3**7 * 5)  # positions: most reductions divide one of them


@dataclass(frozen=True)
class Contract:
    """A module's input, output, rate and key; see the docstring of `elmarc.networks.module`."""

    input: str = "time bands"
    output: str | None = None
    reduction: float | Mapping[str, float] = 1
    key: str | None = None

    @classmethod
    def of(cls, module: nn.Module, name: str, unit: Unit, **stated: Any) -> Contract:
        """Return what a caller states, else what the module states, else the defaults; checked."""
        own = getattr(module, ATTRIBUTE, {})
        if not isinstance(own, Mapping):
            raise ConfigError(
                f"{name}: the module's attribute {ATTRIBUTE!r} is a {type(own).__name__}, expected a mapping "
                "such as {'reduction': 2, 'key': 'mine-1'}"
            )
        for key in own:
            choose(f"key of {name}'s attribute {ATTRIBUTE!r}", key, tuple(cls.__dataclass_fields__))
        default = {} if unit == "frames" else {"input": "time"}
        contract = cls(**{**default, **own, **{key: v for key, v in stated.items() if v is not None}})
        contract._check(name)
        return contract

    def _check(self, name: str) -> None:
        for key in ("input", "output", "key"):
            if not isinstance(value := getattr(self, key), str | None):
                raise ConfigError(f"{name}: {key} is {value!r}, expected a text")
        if sorted(self._words) not in (["bands", "time"], ["time"]):
            raise ConfigError(
                f"{name}: input is {self.input!r}, expected the words time and bands (for samples time "
                "alone) in some order, and 1 for an axis of one"
            )
        axes = (self.output or "channels").split()
        if axes.count("channels") != 1 or len(set(axes)) < len(axes):
            raise ConfigError(
                f"{name}: output is {self.output!r}, expected axes such as 'time channels': channels, time "
                "where there is such an axis, and other words, each once"
            )
        reductions = self.reduction.values() if isinstance(self.reduction, Mapping) else [self.reduction]
        if not all(isinstance(r, int | float) and r > 0 for r in reductions):
            raise ConfigError(
                f"{name}: reduction is {self.reduction!r}, expected a number above 0, or one for each layer"
            )

    @property
    def _words(self) -> list[str]:
        return [axis for axis in self.input.split() if axis != "1"]

    def fed(self, x: Input) -> Tensor:
        """Return clips (clips, length, bands) as the module takes them."""
        if self._words == ["time"]:
            x = x.squeeze(2)
        elif self._words == ["bands", "time"]:
            x = x.transpose(1, 2)
        for place, axis in enumerate(self.input.split(), start=1):
            x = x.unsqueeze(place) if axis == "1" else x
        return x

    def arranged(self, maps: Tensor) -> Tensor:
        """Return a layer's output as (clips, channels, time, *positions)."""
        if maps.ndim == 2:
            return maps[..., None]
        axes = (self.output or "").split()
        if axes:
            order = [axes.index("channels"), *([axes.index("time")] if "time" in axes else [])]
            maps = maps.movedim([1 + axis for axis in order], list(range(1, 1 + len(order))))
        return maps

    def has_time(self, maps: Tensor) -> bool:
        """Return whether a layer's output has an axis that is time."""
        return maps.ndim > 2 and (self.output is None or "time" in self.output.split())

    def reduction_of(self, layer: str) -> float:
        """Return the reduction that is stated for a layer."""
        return self.reduction.get(layer, 1) if isinstance(self.reduction, Mapping) else self.reduction


class ExternalNetwork(Network):
    """A user's module as a network, by the contract in the docstring of `elmarc.networks.module`.

    The module is copied, so later changes of it have no effect. Each thread has a copy that shares the
    weights, so a module may work in place, or set values on itself in a forward pass.

    Parameters
    ----------
    module : nn.Module
        A clip's output must depend on the clip alone.
    input_unit : {"frames", "samples"}
        What the length of the input counts.
    input_length : int
        Frames or samples of the trial clips, and the least that clips must have.
    n_bands : int
        Bands of the input; 1 for waveforms.
    name : str
        What messages call it.
    seed : int or None
        Draws new weights; None for the module's own.
    layers : sequence of str
        Keys of the mapping that the module returns, "output", or names of submodules; empty for all that the
        module returns.
    input, output, reduction, key
        The contract, see `Contract`; None: what the module states.
    precision : {"float32", "bfloat16"}
        "bfloat16" converts the module; otherwise it computes in the type that it has.

    Raises
    ------
    ConfigError
        The module breaks the contract; the message says what it gives.

    Examples
    --------
    >>> conv = nn.Sequential(nn.Conv1d(1, 4, 64, stride=32), nn.ReLU())
    >>> network = ExternalNetwork(conv, input_unit="samples", input_length=2000, input="1 time", reduction=32)
    >>> network.layer_info
    (LayerInfo(name='output', n_channels=4, reduction=32),)
    """

    one_thread = True

    def __init__(
        self,
        module: nn.Module,
        *,
        input_unit: Unit,
        input_length: int,
        n_bands: int = 1,
        name: str = "external",
        seed: int | None = None,
        layers: Sequence[str] = (),
        input: str | None = None,
        output: str | None = None,
        reduction: float | Mapping[str, float] | None = None,
        key: str | None = None,
        precision: ModulePrecision = "float32",
    ) -> None:
        stated = {"input": input, "output": output, "reduction": reduction, "key": key}
        contract = Contract.of(module, name, input_unit, **stated)
        if n_bands > 1 and "bands" not in contract.input:
            raise ConfigError(
                f"{name}: input is {contract.input!r}, and the front-end gives {n_bands} bands: state one "
                "with the word bands, such as 'time bands'"
            )
        choose("precision of a module", precision, get_args(ModulePrecision))
        module, drawn = prepared(module, name, seed, precision)
        state = state_sha256(module)
        info = _Reader(module, contract, name).layer_info(layers, input_length, n_bands)
        if state_sha256(module) != state:
            raise ConfigError(
                f"{name}: a forward pass changes the module's weights or buffers, so a clip's features would "
                "depend on the clips before it: make it leave them alone in eval mode"
            )
        super().__init__(name, input_unit=input_unit, n_bands=n_bands, layer_info=info, layers=None)
        self.module, self.contract, self._min_input_length = module, contract, input_length
        self._seed, self._drawn, self._drawn_state = seed, drawn, state
        self._threads = threading.local()
        self.eval()

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_threads": None}  # copies are made again where they are needed

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        self._threads = threading.local()

    @property
    def min_input_length(self) -> int:
        """The length of the trial clips."""
        return self._min_input_length

    @property
    def is_storable(self) -> bool:
        """Whether the module states a key."""
        return self.contract.key is not None

    def definition(self) -> Definition:
        """Return the contract, the layers, a digest of the weights, and the seed of those that were drawn."""
        state = state_sha256(self.module)
        if self._seed is None or state != self._drawn_state:
            weights: Definition = {"state_sha256": state}
        else:
            weights = {"seed": self._seed, "state_sha256": state_sha256(self.module, self._drawn)}
        return {"network": "external", "layers": list(self.layers), **asdict(self.contract), **weights}

    def _apply(self, *args: Any, **options: Any) -> Self:
        """Move or convert the module, and drop the threads' copies of it."""
        self._threads = threading.local()
        super()._apply(*args, **options)  # type: ignore[no-untyped-call]
        return self

    def _tiles(self, x: Input) -> Iterator[Tile]:
        if not hasattr(self._threads, "reader"):
            self._threads.reader = _Reader(self.module, self.contract, self.name)
        reader: _Reader = self._threads.reader
        reader.module.train(self.module.training and torch.is_grad_enabled())
        maps = reader.read(x, self.layers)
        for layer in self.layers:
            yield Tile(layer, self.contract.arranged(maps.pop(layer)))

    def _prepared(self, x: Input) -> Tensor:
        return x.to(_like(self.module))


class _Reader:
    """A copy of a module for one thread at a time, that shares the weights; reads its layers' outputs."""

    def __init__(self, module: nn.Module, contract: Contract, name: str) -> None:
        shared = {id(value): value for value in module.state_dict(keep_vars=True).values()}
        self.module = _copied(module, name, shared)
        self._contract, self._name = contract, name
        self._parts = dict(self.module.named_modules())

    def read(self, x: Input, layers: Sequence[str]) -> dict[str, Tensor]:
        """Return the outputs of layers with their own axes; where none is named, all that the module returns.

        Raises
        ------
        ConfigError
            The module fails, or a layer gives no tensor (clips, channels, ...) of floating-point numbers.
        """
        calls: dict[str, list[object]] = {layer: [] for layer in layers if layer in self._parts}
        hooks = [self._parts[layer].register_forward_hook(_appending(outs)) for layer, outs in calls.items()]
        clips = self._contract.fed(x)
        try:
            output = self.module(clips)
        except Exception as problem:  # anything that the user's code may raise
            raise ConfigError(
                f"{self._name}: the module fails on clips {tuple(clips.shape)}, (clips, "
                f"{self._contract.input.replace(' ', ', ')}): {type(problem).__name__}: {problem}"
            ) from problem
        finally:
            for hook in hooks:
                hook.remove()
        returned = dict(output) if isinstance(output, Mapping) else {OUTPUT: output}
        for layer, outs in calls.items():
            if layer not in returned and len(outs) != 1:
                raise ConfigError(
                    f"{self._name}: submodule {layer!r} ran {len(outs)} times in a forward pass, and can be "
                    "read where it runs once: return what you want of it in a mapping"
                )
        outputs = {layer: outs[0] for layer, outs in calls.items() if outs} | returned
        for layer in layers:
            choose(f"layer of {self._name}", layer, (*returned, *filter(None, self._parts)))
        return {layer: self._checked(layer, outputs[layer], len(x)) for layer in layers or returned}

    def _checked(self, layer: str, output: object, n_clips: int) -> Tensor:
        axes = self._contract.output
        if (
            isinstance(output, Tensor)
            and output.is_floating_point()
            and output.ndim > 1
            and len(output) == n_clips
            and output.numel()
            and (axes is None or output.ndim in (2, 1 + len(axes.split())))
        ):
            return output
        expected = "channels, time, ..." if axes is None else axes.replace(" ", ", ")
        raise ConfigError(
            f"{self._name}: layer {layer!r} gives {_described(output)} for {n_clips} clip(s), expected a "
            f"float tensor (clips, {expected}): return one or a mapping of them, name layers that are, or "
            "state output"
        )

    @torch.no_grad()
    def layer_info(self, layers: Sequence[str], length: int, n_bands: int) -> list[LayerInfo]:
        """Return the channels and the reduction of each layer, from a few clips of noise.

        Raises
        ------
        ConfigError
            The module breaks its contract.
        """

        def noise(n_clips: int, length: int) -> Input:
            generator = torch.Generator().manual_seed(0)
            return torch.randn(n_clips, length, n_bands, generator=generator).to(_like(self.module))

        clips = noise(2, length)
        maps = self.read(clips[:1], layers)
        again = self.read(clips.flip(0), layers)
        for layer, alone in maps.items():
            self._check_alone(layer, alone, again[layer][1:])
        if isinstance(self._contract.reduction, Mapping):
            for layer in self._contract.reduction:
                choose(f"layer of {self._name}'s reduction", layer, tuple(maps))
        more = max((n for n in MORE if n <= 2 * length), default=MORE[0])
        try:
            longer = self.read(noise(1, length + more), layers)
        except ConfigError:  # it takes clips of one length alone
            longer = {}
        infos = []
        for layer, alone in maps.items():
            arranged = self._contract.arranged(alone)
            reduction = math.inf
            if self._contract.has_time(alone):
                n_longer = self._contract.arranged(longer[layer]).shape[2] if layer in longer else None
                reduction = self._reduction(layer, length, arranged.shape[2], more, n_longer)
            infos.append(LayerInfo(layer, arranged.shape[1], reduction))
        return infos

    def _check_alone(self, layer: str, alone: Tensor, later: Tensor) -> None:
        """Compare a clip's output with that of the clip as the second of two, in a later pass."""
        if not alone.isfinite().all():
            raise ConfigError(f"{self._name}: layer {layer!r} gives NaN or infinity for a clip of noise")
        tolerance = math.sqrt(torch.finfo(alone.dtype).eps) * alone.abs().max().item()
        if later.shape != alone.shape or not torch.allclose(later, alone, rtol=0, atol=tolerance):
            raise ConfigError(
                f"{self._name}: layer {layer!r} gives a clip another output when the clip runs again, beside "
                "another: a module must be a function of the clip alone (no dropout in eval mode, no "
                "statistics over the batch, no state from clip to clip)"
            )

    def _reduction(self, layer: str, length: int, n: int, more: int, n_longer: int | None) -> float:
        """Return the stated reduction, checked by the positions of a clip and of one with `more` input."""
        stated = self._contract.reduction_of(layer)
        if n == 1 and n_longer in (None, 1):
            return math.inf
        if n_longer is None:
            gain, over, tolerance = n, length, length / stated / 2
        else:
            gain, over, tolerance = n_longer - n, more, 1.0
        expected = over / stated
        if abs(gain - expected) >= tolerance + 1e-9 * expected:
            fitting = f"here {over / gain:g}" if gain > 0 else "here none, as it does not grow with the clip"
            raise ConfigError(
                f"{self._name}: layer {layer!r} gives {gain} positions for {over} of its input, and with a "
                f"reduction of {stated:g} they would be {expected:g}: state the reduction ({fitting}), or an "
                "output without the word time"
            )
        return stated


def _appending(outs: list[object]) -> Any:
    """Return a hook that appends a submodule's output; a copy, since later modules may work in place."""
    return lambda _module, _inputs, out: outs.append(out.clone() if isinstance(out, Tensor) else out)


def prepared(
    module: nn.Module, name: str, seed: int | None, precision: ModulePrecision
) -> tuple[nn.Module, frozenset[str]]:
    """Return a copy of a module with drawn and converted weights, and the names of those drawn."""
    module = _copied(module, name)
    drawn: frozenset[str] = frozenset() if seed is None else redraw(module, seed, name)
    return (module.to(torch.bfloat16) if precision == "bfloat16" else module), drawn


def state_sha256(module: nn.Module, drawn: Collection[str] = ()) -> str:
    """Return a digest of a module's parameters and buffers.

    Parameters
    ----------
    module : nn.Module
    drawn : collection of str
        Parameters whose values follow from a seed: of them only type and shape count.
    """
    digest = hashlib.sha256()
    for name, tensor in [*module.named_parameters(), *module.named_buffers()]:
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)} ".encode())
        if name not in drawn:
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def _like(module: nn.Module) -> Tensor:
    """Return a tensor of the type and on the device of the module's weights."""
    return next((weight for weight in module.parameters() if weight.is_floating_point()), torch.empty(0))


def _copied(module: nn.Module, name: str, shared: Mapping[int, Any] | None = None) -> nn.Module:
    """Return a copy of a module in eval mode, with some tensors, by id, shared rather than copied."""
    memo = dict(shared or {})
    for part in module.modules():
        for weight in part.parameters(recurse=False):
            if torch.nn.parameter.is_lazy(weight) or weight.is_meta:
                raise ConfigError(
                    f"{name}: the module has weights that are not there yet: run it once on a clip before it "
                    "is passed"
                )
        for value in vars(part).values():
            if isinstance(value, Tensor) and not value.is_leaf:  # as the old weight_norm keeps
                memo.setdefault(id(value), value.detach().clone())
    try:
        return copy.deepcopy(module, memo).eval()
    except Exception as problem:
        raise ConfigError(
            f"{name}: the module cannot be copied ({type(problem).__name__}: {problem}), and each thread "
            "needs a copy: keep out of it what cannot be copied, or give its class a __deepcopy__"
        ) from problem


def _described(output: object) -> str:
    """Return the shapes of an output.

    >>> _described((torch.zeros(2, 3), None))
    '(float32 (2, 3), NoneType)'
    """
    match output:
        case Tensor():
            return f"{str(output.dtype).removeprefix('torch.')} {tuple(output.shape)}"
        case tuple() | list():
            return f"({', '.join(map(_described, output))})"
        case Mapping():
            return "{" + ", ".join(f"{key}: {_described(value)}" for key, value in output.items()) + "}"
        case _:
            return type(output).__name__
