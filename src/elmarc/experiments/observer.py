"""Who wants to know what a run is doing."""

from __future__ import annotations

from elmarc._errors import ElmarcError
from elmarc.config.sections import ExperimentConfig
from elmarc.results import Result


class Observer:
    """Told what happens; every method may be left as it is."""

    def on_features(self, name: str, n_clips: int) -> None:
        """Extraction of one network's features begins."""

    def on_clips(self, done: int, total: int) -> None:
        """Some clips have their features."""

    def on_classifier(self, name: str) -> None:
        """A classifier's grid begins."""

    def on_result(self, result: Result, *, resumed: bool) -> None:
        """A cell is finished, or was found finished."""

    def on_budget(self, n_done: int, n_cells: int) -> None:
        """The time given is used up."""

    def on_failure(self, config: ExperimentConfig, problem: ElmarcError) -> None:
        """A cell cannot be run; the others go on."""
