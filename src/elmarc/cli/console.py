"""What the command line shows while it works, and how it says that something went wrong."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Sequence
from io import StringIO
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console, Group
from rich.live import Live as Display
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from elmarc._names import printable
from elmarc.experiments.observer import Observer, failure_line, result_line

if TYPE_CHECKING:  # what only lists a table of constants loads nothing heavy
    from elmarc.comparison.records import Comparison
    from elmarc.experiments.forecast import Forecast
    from elmarc.results import Failure, Result

LOG = logging.getLogger("elmarc")
SHOWN = 20  # skipped clips listed on the terminal


class LoggedConsole(Console):
    """A console whose lines of text go to the log file as well, where there is one."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Show, and log what is text; a terminal obeys nothing in it."""
        objects = tuple(printable(part, keep="\n") if isinstance(part, str) else part for part in objects)
        super().print(*objects, **options)
        log(*objects)


out = LoggedConsole()
err = LoggedConsole(stderr=True)


def log(*objects: Any) -> None:
    """Log text without its markup, and tables as they are shown."""
    if LOG.isEnabledFor(logging.INFO):
        plain = Console(width=120, color_system=None, file=StringIO())
        plain.print(*objects, highlight=False, soft_wrap=True)
        for line in plain.file.getvalue().splitlines():  # type: ignore[attr-defined]
            LOG.info(line.rstrip())


def note(text: str) -> None:
    """Say what is worth knowing beside the results."""
    err.print(f"note: {escape(text)}", highlight=False)


def print_json(document: Any) -> None:
    """Print a JSON document to stdout, for other programs."""
    sys.stdout.write(json.dumps(_without_nan(document), indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def _without_nan(value: Any) -> Any:
    """Return a document with null for NaN, which JSON does not know."""
    if isinstance(value, dict):
        return {key: _without_nan(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(part) for part in value]
    return None if isinstance(value, float) and value != value else value


class Live(Observer):
    """On stderr: a bar with clips/s and time left, and the results so far, the best first.

    Where stderr is no terminal, a line for each result.

    Parameters
    ----------
    quiet : bool
        Show nothing but failures.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self.quiet = quiet
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            console=err,
        )
        self._task = self._bar.add_task("starting", total=None, rate="")
        self._cached: int | None = None
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

    def on_features(self, name: str, n_clips: int) -> None:
        """Begin the bar anew for the next features."""
        self._cached = None
        self._bar.reset(self._task, total=n_clips, description=f"{name}: features", rate="")

    def on_clips(self, done: int, total: int) -> None:
        """Move the bar."""
        if self._cached is None:
            self._cached = done
        elapsed = self._bar.tasks[0].elapsed or 0.0
        rate = f"{(done - self._cached) / elapsed:.1f} clips/s" if elapsed and done > self._cached else ""
        self._bar.update(self._task, completed=done, total=total, rate=rate)

    def on_classifier(self, name: str) -> None:
        """Name the classifier at work."""
        description = self._bar.tasks[0].description.split(":")[0]
        self._bar.update(self._task, description=f"{description}: {name}", rate="")

    def on_epoch(self, done: int, total: int, said: str) -> None:
        """Move the bar, and say what the last epoch gave."""
        description = self._bar.tasks[0].description.split(":")[0]
        if done <= 1:
            self._bar.reset(self._task)
        self._bar.update(
            self._task, completed=done, total=total, description=f"{description}: {said}", rate="epochs"
        )

    def on_result(self, result: Result, *, resumed: bool) -> None:
        """Show the accuracy of a finished cell."""
        line = Text(result_line(result, resumed=resumed), no_wrap=True, overflow="ellipsis")
        if self.quiet:
            log(line)
            return
        if not self._display.is_started:
            err.print(line, highlight=False, soft_wrap=True)
            return
        log(line)
        self._lines.append((result.accuracy, line))
        best_first = [text for _, text in sorted(self._lines, key=lambda row: -row[0])]
        self._display.update(Group(*best_first[: max(1, err.height - 4)], self._bar))

    def on_budget(self, n_done: int, n_cells: int) -> None:
        """Say that the time is used up."""
        err.print(f"time is up: {n_done} of {n_cells} results; run the same command again to go on")

    def on_failure(self, failed: Sequence[Failure]) -> None:
        """Say which cells are left out, and why."""
        err.print(Text(failure_line(failed), style="yellow"), highlight=False, soft_wrap=True)


def show_forecast(forecast: Forecast) -> None:
    """Say how long a run will take about, and what takes it."""
    if not forecast.seconds:
        return
    parts = {**forecast.features, **forecast.classifiers}
    each = ", ".join(f"{name} {_rounded(seconds)}" for name, seconds in parts.items() if seconds >= 0.5)
    done = f"; {forecast.n_done} of {forecast.n_cells} results are there already" if forecast.n_done else ""
    err.print(f"about {_rounded(forecast.seconds)}{f': {each}' if each else ''}{done}", highlight=False)


def show_taken(forecast: Forecast, taken_s: float) -> None:
    """Say how long a run took, beside what was expected."""
    if forecast.seconds:
        err.print(f"took {_rounded(taken_s)}; expected {_rounded(forecast.seconds)}", highlight=False)


def _rounded(seconds: float) -> str:
    if seconds < 100:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def show_beside(compared: Sequence[Comparison]) -> None:
    """Print the protocols of one data set beside each other, and the study's numbers where it has some."""
    from elmarc.reports import terminal

    out.print("Accuracy in %, by classifier and protocol:", style="bold", highlight=False)
    out.print(terminal.beside(compared))


def show_results(compared: Sequence[Comparison], results: Sequence[Result]) -> None:
    """Print the ranking of each data set and protocol, then notes and skipped clips.

    Parameters
    ----------
    compared : sequence of Comparison
        What `comparisons(results)` gave.
    results : sequence of Result
        Those whose notes and skipped clips are shown.
    """
    from elmarc.reports import terminal

    for comparison in compared:
        out.print(terminal.ranking(comparison), highlight=False)
    skipped = {clip.id: clip.reason for result in results for clip in result.skipped}
    notes = dict.fromkeys(note for result in results for note in result.notes)
    show_problems(list(skipped.items()), list(notes), quiet=False, listed_in="each cell's result.json")


def show_problems(
    skipped: Sequence[tuple[str, str]], notes: Sequence[str], *, quiet: bool, listed_in: str = ""
) -> None:
    """List notes, and the clips that could not be used with the reason.

    Parameters
    ----------
    quiet : bool
        Leave out the notes.
    listed_in : str
        What lists all skipped clips, where something does: named when there are too many to show.
    """
    for note in notes:
        show = log if quiet else err.print
        show(Text(f"note: {note}"))
    for name, reason in skipped[:SHOWN]:
        err.print(
            f"[yellow]skipped[/yellow] {escape(name)}: {escape(reason)}", highlight=False, soft_wrap=True
        )
    if len(skipped) > SHOWN:
        where = f"; {listed_in} lists them all" if listed_in else ""
        err.print(f"... and {len(skipped) - SHOWN} more{where}", highlight=False)
