"""From a file to mono float32 samples at one rate, and to one length."""

from __future__ import annotations

from elmarc.audio.decode import content_hash, decode, duration_s, load, resample
from elmarc.audio.length import InputLength, fit_length
from elmarc.audio.recordings import Window, blocks, windows

__all__ = [
    "InputLength",
    "Window",
    "blocks",
    "content_hash",
    "decode",
    "duration_s",
    "fit_length",
    "load",
    "resample",
    "windows",
]
