"""Waveforms to network input, or to one vector per clip. `FRONTENDS` lists every front-end in one line."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

from elmarc.errors import ConfigError
from elmarc.frontends.base import FrontEnd
from elmarc.frontends.logmel import LogMel
from elmarc.frontends.logmel_vectors import (
    LogMelStatistics,
    MiniRocketInput,
    MultiRocketHydraInput,
    WhitenedInput,
)
from elmarc.frontends.mfcc import MFCC
from elmarc.frontends.scattering import Scattering
from elmarc.frontends.waveform import RawWaveform

__all__ = ["FRONTENDS", "MFCC", "FrontEnd", "LogMel", "RawWaveform", "check_installed", "frontends_of"]

FRONTENDS: dict[str, type[Any]] = {
    "logmel": LogMel,
    "waveform": RawWaveform,
    "mfcc": MFCC,
    "logmel_statistics": LogMelStatistics,
    "scattering": Scattering,
    "minirocket": MiniRocketInput,
    "multirocket_hydra": MultiRocketHydraInput,
    "whitened": WhitenedInput,
}
NEEDS = {"scattering": "kymatio", "minirocket": "aeon", "multirocket_hydra": "aeon"}  # packages


def frontends_of(unit: str | None) -> tuple[str, ...]:
    """Return the names of the front-ends of a unit; None for those that give one vector per clip.

    >>> frontends_of("samples")
    ('waveform',)
    """
    return tuple(name for name, frontend in FRONTENDS.items() if frontend.unit == unit)


def check_installed(kind: str) -> None:
    """Raise a ConfigError where a front-end, or what it feeds, needs a package that is not installed."""
    package = NEEDS.get(kind)
    if package is not None and find_spec(package) is None:
        raise ConfigError(f"{kind}: needs the package {package}: pip install 'elmarc[rivals]'")
