"""A network and a classifier that are used together: fit, predict, save, load."""

from __future__ import annotations

from elmarc.model.sound_classifier import SoundClassifier, load
from elmarc.model.timelines import Event, Timeline, timeline

__all__ = ["Event", "SoundClassifier", "Timeline", "load", "timeline"]
