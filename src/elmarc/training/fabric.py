"""Lightning Fabric, which puts model and batches on a device and leaves the loop plain."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from elmarc._errors import ConfigError

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def open_fabric(device: torch.device) -> Fabric:
    """Return a Fabric for one device.

    Raises
    ------
    ConfigError
        The extra is not installed.
    """
    try:
        from lightning_fabric import Fabric
    except ImportError as problem:
        raise ConfigError(
            f"training needs Lightning Fabric ({problem}): pip install 'elmarc[train]'"
        ) from problem
    devices = [device.index or 0] if device.type == "cuda" else 1
    return Fabric(accelerator=device.type, devices=devices)
