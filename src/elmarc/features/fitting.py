"""What an extractor is made of fits together: front-end, network, length and device."""

from __future__ import annotations

import torch

from elmarc._resources import memory_bytes
from elmarc.errors import ConfigError
from elmarc.frontends.base import FrontEnd
from elmarc.networks.base import Network

COPIES = 8  # of a clip's input, in float32, that a network's first layers hold at least


def resolve_device(device: str) -> torch.device:
    """Return the torch device of a name; "auto" is the GPU where there is one."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        found = torch.device(device)
    except RuntimeError:
        raise ConfigError(f"device: {device!r} is unknown: use auto, cpu or cuda") from None
    if found.type == "cuda" and not torch.cuda.is_available():
        raise ConfigError(f"device: {device!r} was asked for, but torch finds no GPU here: use auto or cpu")
    if found.type == "mps" and not torch.backends.mps.is_available():
        raise ConfigError("device: 'mps' was asked for, but torch finds no Apple GPU here: use auto or cpu")
    return found


def check_fit(network: Network | None, frontend: FrontEnd, length: int | None) -> None:
    """Check front-end, network and length before any audio is read.

    Raises
    ------
    ConfigError
        The network does not take what the front-end gives, or needs more of it.
    """
    if network is None:
        if frontend.unit is not None:
            raise ConfigError(f"a {frontend.kind} front-end gives no vector a clip: put a network behind it")
        return
    if (frontend.unit, frontend.n_bands) != (network.input_unit, network.n_bands):
        gives = (
            "one vector a clip" if frontend.unit is None else f"{frontend.unit} of {frontend.n_bands} bands"
        )
        raise ConfigError(
            f"{network.name} takes {network.input_unit} of {network.n_bands} bands, and a {frontend.kind} "
            f"front-end gives {gives}: choose a front-end of that unit, and build the network for its bands"
        )
    if length is not None and length * frontend.n_bands * COPIES * 4 > memory_bytes():
        raise ConfigError(
            f"{network.name} would be fed {length} {frontend.unit} a clip, which do not fit into memory: "
            "feed less (input.seconds)"
        )
    if length is None or length < network.min_input_length:
        raise ConfigError(
            f"{network.name} needs at least {network.min_input_length} {frontend.unit}, and would be fed "
            f"{length}: feed more (repeat-pad makes short clips longer), or choose another network"
        )
