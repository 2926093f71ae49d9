"""What the command line shows: a bar with the results so far, notes, rankings, JSON."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console, Group
from rich.live import Live as Display
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from elmarc._io import json_text
from elmarc._names import printable
from elmarc.study.observer import Observer, failure_line, result_line

if TYPE_CHECKING:  # lists of constants load nothing heavy
    from elmarc.comparison.records import Comparison
    from elmarc.results import Failure, Result
    from elmarc.study.forecast import Forecast
    from elmarc.study.spec import Experiment

WHOLE_RUN_S = 1e9  # the pace is that of all that was done, not of the last seconds
A_CELL_S = 1.0  # that a cell counts at least, so that no bar is full before the last
SHOWN = 20  # skipped clips listed on the terminal


class PlainConsole(Console):
    """A console that passes no control character of a name or a message on to the terminal."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Show text, tables and bars."""
        super().print(
            *(printable(part, keep="\n") if isinstance(part, str) else part for part in objects), **options
        )


out = PlainConsole()
err = PlainConsole(stderr=True)


def say(text: str) -> None:
    """Print text to stdout as it is, wrapped by the terminal alone."""
    out.print(escape(text), highlight=False, soft_wrap=True)


def log(text: str) -> None:
    """Print text to stderr as it is, wrapped by the terminal alone."""
    err.print(escape(text), highlight=False, soft_wrap=True)


def note(text: str) -> None:
    """Print a note to stderr, wrapped at words."""
    err.print(f"note: {escape(text)}", highlight=False)


def print_json(document: Any) -> None:
    """Print a JSON document to stdout, for other programs; null stands for NaN, which JSON does not know."""
    sys.stdout.write(json_text(document))


class Live(Observer):
    """On stderr: a bar for the whole work, with the time left, and the results so far, the best first.

    It counts the cells of a run, each by the time that it is expected to take, or else clips. Where stderr is
    no terminal, there is a line for each result.

    Parameters
    ----------
    quiet : bool
        Show nothing but failures.
    forecast : Forecast or None
        Of the run; None: all cells count alike.
    """

    def __init__(self, *, quiet: bool = False, forecast: Forecast | None = None) -> None:
        self.quiet, self._forecast = quiet, forecast
        self._bar = Progress(
            TextColumn("{task.fields[count]}"),
            BarColumn(bar_width=10),
            TimeRemainingColumn(),
            TextColumn("{task.description}", markup=False),  # last, where a narrow terminal cuts
            console=err,
            speed_estimate_period=WHOLE_RUN_S,
        )
        self._task = self._bar.add_task("starting", total=None, count="")
        self._name = ""
        self._cells: tuple[int, int] | None = None  # finished, all; None: the clips are counted
        self._features_s: dict[str, float] = {}  # made once, by name
        self._cell_s: dict[str, float] = {}  # of one cell without its features, by classifier
        self._total = self._done = self._features = 0.0  # seconds of the run, those done, those of features
        self._counts_clips = False
        self._lines: list[tuple[float, Text]] = []
        self._display = Display(self._bar, console=err, transient=True)

    def __enter__(self) -> Self:
        if err.is_terminal and not err.is_dumb_terminal and not self.quiet:
            self._display.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._display.stop()

    def on_start(self, todo: Sequence[Experiment], n_done: int) -> None:
        """Begin the bar of a run, and print how much was done before."""
        from elmarc.study.cells import features_key

        n_cells = n_done + len(todo)
        self._cells = n_done, n_cells
        classifiers = Counter(config.head_name for config in todo)
        groups = Counter({features_key(config): config.label for config in todo}.values())
        of_features = self._forecast.features if self._forecast else {}
        of_classifiers = self._forecast.classifiers if self._forecast else {}
        self._features_s = {name: of_features.get(name, 0.0) / n for name, n in groups.items()}
        self._cell_s = {name: A_CELL_S + of_classifiers.get(name, 0.0) / n for name, n in classifiers.items()}
        self._total = sum(self._features_s[name] * n for name, n in groups.items())
        self._total += sum(self._cell_s[name] * n for name, n in classifiers.items())
        self._bar.reset(self._task, total=self._total, count=f"{n_done}/{n_cells}")
        if n_done and not self.quiet:
            err.print(f"{n_done} of {n_cells} were done", highlight=False)

    def on_features(self, name: str, n_clips: int) -> None:
        """Name the features that are made."""
        self._name, self._counts_clips = name, False
        self._features = self._features_s.get(name, 0.0)
        self._show(f"{name}: features")

    def on_clips(self, done: int, total: int) -> None:
        """Move the bar."""
        if self._cells is None:
            self._count(done, total, "clips")
        self._show(f"{self._name}: features, {done}/{total} clips", done / max(1, total))

    def on_inputs(self, done: int, total: int) -> None:
        """Show how many clips are read."""
        self._show(f"{self._name}: {done}/{total} clips read")

    def on_classifier(self, name: str) -> None:
        """Name the classifier at work."""
        self._finish_features()
        if self._cells is None:
            self._bar.tasks[0].total = None  # nobody knows how long it takes
        self._show(f"{self._name}: {name}")

    def on_epoch(self, done: int, total: int, text: str) -> None:
        """Move the bar, and describe the last epoch."""
        if self._cells is None:
            self._count(done, total, "epochs")
        self._show(f"{self._name}: {text}", done / max(1, total))

    def on_result(self, result: Result, *, resumed: bool) -> None:
        """Show the accuracy of a finished cell; those that were finished before, where there is a bar."""
        line = Text(result_line(result), no_wrap=True, overflow="ellipsis")
        if self._cells is not None and not resumed:
            self._finish_features()
            self._done += self._cell_s.get(result.classifier, A_CELL_S)
            self._cells = self._cells[0] + 1, self._cells[1]
            self._bar.update(self._task, completed=self._done, count="{}/{}".format(*self._cells))
        if self._display.is_started:
            self._lines.append((result.accuracy, line))
            best_first = [text for _, text in sorted(self._lines, key=lambda row: -row[0])]
            self._display.update(Group(*best_first[: max(1, err.height - 4)], self._bar))
        elif not (self.quiet or resumed):
            err.print(line, highlight=False, soft_wrap=True)

    def on_budget(self, n_done: int, n_cells: int) -> None:
        """Print that the time is used up."""
        err.print(f"time is up: {n_done} of {n_cells} results; run the same command again to go on")

    def on_failure(self, failed: Sequence[Failure]) -> None:
        """Print which cells are left out, and why; they are no work any longer."""
        self._total -= self._features + sum(self._cell_s.get(f.classifier, A_CELL_S) for f in failed)
        self._features = 0.0
        if self._cells is not None:
            self._bar.update(self._task, total=max(self._total, self._done))
        err.print(Text(failure_line(failed), style="yellow"), highlight=False, soft_wrap=True)

    def _finish_features(self) -> None:
        self._done, self._features = self._done + self._features, 0.0

    def _show(self, text: str, share: float = 0.0) -> None:
        """Describe the work, and move the bar of a run to a share of the features."""
        done = None if self._cells is None else self._done + share * self._features
        self._bar.update(self._task, description=printable(text), completed=done)

    def _count(self, done: int, total: int, noun: str) -> None:
        """Move a bar of clips or epochs; those of an earlier run say nothing of the pace."""
        if not self._counts_clips or done <= 1:
            self._bar.reset(self._task, total=total, completed=done)
            self._counts_clips = True
        self._bar.update(self._task, total=total, completed=done, count=f"{done}/{total} {noun}")


def show_forecast(forecast: Forecast) -> None:
    """Print how long a run will take about, and what takes it."""
    if not forecast.seconds:
        return
    parts = {**forecast.features, **forecast.classifiers}
    each = ", ".join(f"{name} {_rounded(seconds)}" for name, seconds in parts.items() if seconds >= 0.5)
    err.print(f"about {_rounded(forecast.seconds)}{f': {each}' if each else ''}", highlight=False)


def show_taken(forecast: Forecast, taken_s: float) -> None:
    """Print how long a run took, beside its forecast."""
    if forecast.seconds:
        err.print(f"took {_rounded(taken_s)}; expected {_rounded(forecast.seconds)}", highlight=False)


def _rounded(seconds: float) -> str:
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def show_protocols(compared: Sequence[Comparison]) -> None:
    """Print the protocols of one data set next to each other, and the study's numbers where it has some."""
    from elmarc.reports import terminal

    out.print("Accuracy in %, by classifier and protocol:", style="bold", highlight=False)
    out.print(terminal.protocols_grid(compared))


def show_results(compared: Sequence[Comparison], results: Sequence[Result], *, next_step: str = "") -> None:
    """Print the ranking of each data set and protocol, and the clips that the results skipped.

    `next_step`: commands to go on with, a line of the answer where there is one ranking, else the last line.
    """
    from elmarc.reports import terminal

    step = Text(f"Next: {next_step}")
    for comparison in compared:
        out.print(Group(*terminal.beginning(comparison)), highlight=False)
        if next_step and len(compared) == 1:
            out.print(step, highlight=False, soft_wrap=True)
        out.print(Group(*terminal.table(comparison)), highlight=False)
    if next_step and len(compared) > 1:
        out.print(step, highlight=False, soft_wrap=True)
    notes = list(dict.fromkeys(each for comparison in compared for each in comparison.notes))
    for each in notes[:SHOWN]:
        note(each)
    if len(notes) > SHOWN:
        note(f"{len(notes) - SHOWN} more: see ranking.txt")
    skipped = {clip.id: clip.reason for result in results for clip in result.skipped}
    show_problems(list(skipped.items()), (), quiet=False, listed_in="each cell's result.json")


def show_problems(
    skipped: Sequence[tuple[str, str]], notes: Sequence[str], *, quiet: bool, listed_in: str = ""
) -> None:
    """Print notes unless `quiet`, and the first clips that could not be used; `listed_in` has them all."""
    for note in () if quiet else notes:
        err.print(Text(f"note: {note}"))
    for name, reason in skipped[:SHOWN]:
        text = reason if reason.startswith(name) else f"{name}: {reason}"
        err.print(f"[yellow]skipped[/yellow] {escape(text)}", highlight=False, soft_wrap=True)
    if len(skipped) > SHOWN:
        where = f"; {listed_in} lists them all" if listed_in else ""
        err.print(f"... and {len(skipped) - SHOWN} more{where}", highlight=False)


def skipped_rows(skipped: Sequence[tuple[str, str]]) -> list[dict[str, str]]:
    """Return skipped clips as JSON documents list them."""
    return [{"id": name, "reason": reason} for name, reason in skipped]
