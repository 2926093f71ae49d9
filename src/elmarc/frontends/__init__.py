"""Waveforms to network input, or to one vector per clip. `FRONTENDS` lists every front-end in one line."""

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
    """Return the names of the front-ends of a unit; None for those that give one vector per clip.

    >>> frontends_of("samples")
    ('waveform',)
    """
    return tuple(name for name, frontend in FRONTENDS.items() if frontend.unit == unit)
