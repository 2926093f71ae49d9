"""From waveforms to what a network is fed, or to one vector a clip.

`FRONTENDS` lists every front-end, in one line each.
"""

from __future__ import annotations

from typing import Any

from elmarc.frontends.base import FrontEnd
from elmarc.frontends.logmel import LogMel
from elmarc.frontends.mfcc import MFCC
from elmarc.frontends.waveform import RawWaveform

__all__ = ["FRONTENDS", "MFCC", "FrontEnd", "LogMel", "RawWaveform", "frontends_of"]

FRONTENDS: dict[str, type[Any]] = {
    "logmel": LogMel,
    "waveform": RawWaveform,
    "mfcc": MFCC,
}


def frontends_of(unit: str | None) -> tuple[str, ...]:
    """Return the front-ends of a unit, by name; None for those that give one vector a clip.

    >>> frontends_of("samples")
    ('waveform',)
    """
    return tuple(name for name, made in FRONTENDS.items() if made.unit == unit)
