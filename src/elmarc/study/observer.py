"""Observers of a run: what happens, as method calls."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from elmarc.errors import warn

if TYPE_CHECKING:  # the command line shows lists by what loads this module, and loads nothing heavy
    from elmarc.results import Failure, Result
    from elmarc.study.spec import Experiment


class Observer:
    """Does nothing with what happens; subclasses override what they need."""

    def on_start(self, todo: Sequence[Experiment], n_done: int) -> None:
        """A run begins: the cells that are to be run, and how many are finished already."""

    def on_features(self, name: str, n_clips: int) -> None:
        """Extraction of one network's features begins."""

    def on_clips(self, done: int, total: int) -> None:
        """Some clips have their features."""

    def on_inputs(self, done: int, total: int) -> None:
        """Some clips are read, for a network that is to be trained on them."""

    def on_classifier(self, name: str) -> None:
        """A classifier's grid begins."""

    def on_epoch(self, done: int, total: int, text: str) -> None:
        """Some epochs of a network's training are done; `text` describes the last one."""

    def on_result(self, result: Result, *, resumed: bool) -> None:
        """A cell is finished, or was before the run (`resumed`)."""

    def on_budget(self, n_done: int, n_cells: int) -> None:
        """The time given is used up."""

    def on_failure(self, failed: Sequence[Failure]) -> None:
        """Cells of one kind of features cannot be run, for one reason."""


class Lines(Observer):
    """A line on stderr for each result, and a warning for each cell that cannot be run.

    Parameters
    ----------
    quiet : bool
        Write no lines.

    Attributes
    ----------
    problems : list of str
        What was left out, and why.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self.problems: list[str] = []

    def on_result(self, result: Result, *, resumed: bool) -> None:
        """Write the accuracy."""
        if not (self.quiet or resumed):
            print(result_line(result), file=sys.stderr)

    def on_start(self, todo: Sequence[Experiment], n_done: int) -> None:
        """Write how much was done before."""
        if n_done and not self.quiet:
            print(f"{n_done} of {n_done + len(todo)} were done", file=sys.stderr)

    def on_budget(self, n_done: int, n_cells: int) -> None:
        """Keep how far the work came."""
        self._warn(f"time is up: {n_done} of {n_cells} results")

    def on_failure(self, failed: Sequence[Failure]) -> None:
        """Keep what is left out."""
        self._warn(failure_line(failed))

    def _warn(self, problem: str) -> None:
        self.problems.append(problem)
        warn(problem)


def failure_line(failed: Sequence[Failure]) -> str:
    """Return which cells of one kind of features cannot be run, and why."""
    classifiers = ", ".join(dict.fromkeys(f.classifier for f in failed))
    seeds = ", ".join(dict.fromkeys(str(f.seed) for f in failed))
    name, reason = failed[0].features, failed[0].reason
    return f"left out {name} + {classifiers}, seed {seeds}: {reason.removeprefix(f'{name}: ')}"


def result_line(result: Result) -> str:
    """Return a cell's result in a line, the number first: a narrow terminal cuts the end."""
    skipped = f", {len(result.skipped)} clips skipped" if result.skipped else ""
    return (
        f"{100 * result.accuracy:5.1f} %  {result.label:<28} {result.classifier:<6} seed {result.seed}, "
        f"{result.dataset}, {result.protocol}{skipped}"
    )
