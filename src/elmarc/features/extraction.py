"""What an extraction gives: features, and what is to be said of the clips."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from elmarc.audio.oddities import Oddities, notes
from elmarc.features.matrix import FeatureMatrix


@dataclass(frozen=True)
class Extraction:
    """The features of the good clips, and the others with the reason why not.

    `frontend_s` and `network_s` are seconds a clip on one worker, None where nothing was computed: those of
    decoding and front-end, also where another network of the run had them made, and those of the network.
    `oddities` are by clip id what `elmarc.audio.oddities` has of it.
    """

    matrix: FeatureMatrix
    skipped: tuple[tuple[str, str], ...]
    n_computed: int
    seconds: float
    frontend_s: float | None = None
    network_s: float | None = None
    oddities: Mapping[str, Oddities] = field(default_factory=dict)

    @property
    def notes(self) -> list[str]:
        """What is odd about the clips, in sentences."""
        return notes(self.oddities, len(self.matrix))
