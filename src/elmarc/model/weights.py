"""The weights of elmarc's own networks as bytes, where they are not those of the seed."""

from __future__ import annotations

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from elmarc.errors import ConfigError, ModelError
from elmarc.networks.random_cnn import RandomCNN

LEVEL, SPREAD = "level", "spread"


def pack(network: RandomCNN) -> bytes:
    """Return kernels and biases by layer, and what the input is standardised by."""
    arrays = dict(zip(_names(network), network.get_weights(), strict=True))
    if network.standards is not None:
        arrays |= dict(zip((LEVEL, SPREAD), network.standards, strict=True))
    return bytes(save(arrays))


def take(network: RandomCNN, data: bytes) -> None:
    """Set the weights of `pack`.

    Raises
    ------
    ModelError
        They are damaged, or those of another network.
    """
    try:
        arrays = {name: np.asarray(array, np.float32) for name, array in load(data).items()}
        standards = (arrays.pop(LEVEL), arrays.pop(SPREAD)) if {LEVEL, SPREAD} <= set(arrays) else None
        if sorted(arrays) != sorted(_names(network)):
            raise ConfigError(f"found {', '.join(sorted(arrays))}")
        if not all(np.isfinite(array).all() for array in (*arrays.values(), *(standards or ()))):
            raise ConfigError("some are not finite")
        network.set_weights([arrays[name] for name in _names(network)], standards=standards)
    except (SafetensorError, ConfigError, ValueError) as problem:
        raise ModelError(
            f"its weights are not those of the network {network.name}: {problem}: fit it again"
        ) from None


def _names(network: RandomCNN) -> list[str]:
    return [f"{layer}.{part}" for layer in network.convs for part in ("kernel", "bias")]
