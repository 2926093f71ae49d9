"""From waveforms to what a network is fed, or to the MFCC baseline."""

from __future__ import annotations

from elmarc.frontends.base import FrontEnd
from elmarc.frontends.logmel import LogMel
from elmarc.frontends.mfcc import MFCC
from elmarc.frontends.waveform import RawWaveform

__all__ = ["MFCC", "FrontEnd", "LogMel", "RawWaveform"]
