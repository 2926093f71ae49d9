"""Whatever names a network, or is one, to a Network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn

from elmarc._types import DEFAULT_SIZE, Definition, Precision, Size
from elmarc.errors import ConfigError
from elmarc.networks import NETWORKS, Preset, build_network
from elmarc.networks.base import Network
from elmarc.networks.external import ExternalNetwork
from elmarc.networks.external.factory import make_module
from elmarc.networks.external.fingerprint import code_sha256, state_sha256
from elmarc.networks.external.redraw import redraw
from elmarc.networks.own import EXTERNAL, OwnNetwork, own_network, section_of_text


def make_network(
    network: str | Mapping[str, Any] | nn.Module | Callable[..., nn.Module],
    *,
    seed: int = 0,
    n_bands: int | None = None,
    input_length: int | None = None,
    layers: Sequence[str] | None = None,
    precision: Precision = "float32",
    **options: Any,
) -> Network:
    """Return a network, whatever it is given by.

    Parameters
    ----------
    network : str, mapping, nn.Module, callable or Network
        A name of `list_networks()`; "package.module:Name" or "file.py:Name"; a section of a configuration;
        a module, which keeps its weights; a class or function that makes one; or a network, as it is.
    seed : int
        Of the weights.
    n_bands : int or None
        Of the input, as the front-end states it; None for 96, or 1 for waveforms.
    input_length : int or None
        Frames or samples that will be fed. A network of one's own needs it; the others do not look at it.
    layers : sequence of str or None
        The layers to read; None for the network's default. A section that says its own keeps them.
    precision : {"float32", "tf32", "bfloat16"}
        Of the arithmetic. A section that says its own keeps it.
    **options
        Further keys of the network's section, such as `size`; a section that says its own keeps them.

    Raises
    ------
    ConfigError
        For anything unknown or that does not fit together; the message names the way out.

    Examples
    --------
    >>> make_network({"kind": "vgg", "size": "large"}).n_features
    3585
    >>> net = make_network(nn.GRU(96, 8, batch_first=True), layers=["output[0]"], input_length=10)
    >>> net.name, net.n_features
    ('GRU (kept weights)', 8)
    """
    if isinstance(network, Network):
        return network
    given: dict[str, Any] = {"layers": layers, "precision": precision, **options}
    given = {key: value for key, value in given.items() if value is not None}
    if isinstance(network, str):
        section = section_of_text(network)
    elif isinstance(network, Mapping):
        section = dict(network)
    else:
        own = own_network(
            {"factory": f"object:{_name(network)}", "weights": _weights(network), **_own(given)}
        )
        return _external(network, own, seed=seed, n_bands=n_bands, input_length=input_length)
    if section.get("kind") == EXTERNAL:
        own = own_network({**_own(given), **section})
        return _external(own.factory, own, seed=seed, n_bands=n_bands, input_length=input_length)
    return _by_name(**{**given, **section}, seed=seed, n_bands=n_bands)


def narrowed(preset: Preset, size: Size, divisor: int) -> int:
    """Return the filters of a size over `divisor`, rounded down to what the network can have."""
    step = preset.load().filters_multiple
    n_filters: int = getattr(preset, size) // divisor
    return max(step, n_filters - n_filters % step)


def source_digests(section: Mapping[str, Any]) -> Definition | None:
    """Return digests of the code and the weights that a section's factory makes; None for elmarc's networks.

    Raises
    ------
    ConfigError
        The factory cannot be found, or what it makes cannot be read.
    """
    if section.get("kind") != EXTERNAL:
        return None
    own = own_network(section)
    module = make_module(own.factory, own.options)
    drawn = redraw(module, 0, own.label) if own.weights == "redraw" else ()
    return {"code_sha256": code_sha256(module), "state_sha256": state_sha256(module, drawn)}


def _by_name(
    kind: str, *, size: Size | None = None, narrower: int = 1, name: str | None = None, **options: Any
) -> Network:
    """Build a network of a section; `name` is what results call it, and says nothing of what it is."""
    if narrower > 1 and kind in NETWORKS and options.get("n_filters") is None:
        options["n_filters"] = narrowed(NETWORKS[kind], size or DEFAULT_SIZE, narrower)
    return build_network(kind, size=size or DEFAULT_SIZE, **options)


def _own(given: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is said of the study's networks alone, and has a value anyway."""
    if "n_filters" in given:
        raise ConfigError("n_filters: a network of your own has its own width: leave it out, or say options")
    return {
        key: value for key, value in given.items() if key not in ("size", "n_filters", "narrower", "compat")
    }


def _name(network: object) -> str:
    return getattr(network, "__name__", type(network).__name__)


def _weights(network: object) -> str:
    """A module was made by whoever passes it, and keeps its weights; what a factory makes is drawn."""
    return "keep" if isinstance(network, nn.Module) else "redraw"


def _external(
    source: Any, own: OwnNetwork, *, seed: int, n_bands: int | None, input_length: int | None
) -> ExternalNetwork:
    if input_length is None:
        raise ConfigError(f"{own.label}: a network of one's own needs input_length, the {own.unit} to be fed")
    module = source if isinstance(source, nn.Module) else make_module(source, own.options)
    return ExternalNetwork(
        module,
        layers=own.layers,
        input_unit=own.unit,
        input_length=own.min_length or input_length,
        n_bands=n_bands or (96 if own.unit == "frames" else 1),
        name=own.label,
        seed=seed if own.weights == "redraw" else None,
        layout=own.layout,
        channel_axis=own.channel_axis,
        time_axis=own.time_axis,
        precision=own.precision,
    )
