"""Whatever names a network, or is one, to a Network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn

from elmarc._errors import ConfigError
from elmarc._types import DEFAULT_SIZE, Precision, Size
from elmarc.networks import NETWORKS, Preset, build_network
from elmarc.networks.base import Network
from elmarc.networks.external import ExternalNetwork
from elmarc.networks.external.factory import make_module
from elmarc.networks.own import EXTERNAL, OwnNetwork, own_network, section_of_text

OF_THE_STUDY = ("size", "n_filters", "narrower", "compat")  # keys that a network of one's own has not


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
    >>> flat = nn.Sequential(nn.Flatten(), nn.Linear(960, 8))
    >>> net = make_network(flat, n_bands=96, input_length=10, layers=["1"])
    >>> net.name, net.n_features
    ('Sequential (kept weights)', 8)
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


def _by_name(kind: str, *, size: Size | None = None, narrower: int = 1, **options: Any) -> Network:
    if narrower > 1 and kind in NETWORKS and options.get("n_filters") is None:
        options["n_filters"] = narrowed(NETWORKS[kind], size or DEFAULT_SIZE, narrower)
    return build_network(kind, size=size or DEFAULT_SIZE, **options)


def _own(given: Mapping[str, Any]) -> dict[str, Any]:
    """Leave out what is said of the study's networks alone."""
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
    _check_supported(own)
    module = source if isinstance(source, nn.Module) else make_module(source, own.options)
    return ExternalNetwork(
        module,
        layers=own.layers,
        input_unit=own.unit,
        input_length=input_length,
        n_bands=n_bands or (96 if own.unit == "frames" else 1),
        name=own.label,
    )


def _check_supported(own: OwnNetwork) -> None:
    """Refuse what would be without effect."""
    plain = OwnNetwork(own.factory, weights="keep")
    for key in ("weights", "layout", "channel_axis", "time_axis", "min_length", "batch_norm", "precision"):
        if getattr(own, key) != getattr(plain, key):
            raise ConfigError(
                f"{own.label}: {key} {getattr(own, key)!r} is not supported, use {getattr(plain, key)!r}"
            )
