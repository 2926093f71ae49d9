"""The ranking as a terminal and a text file show it: the answer, then the table."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.text import Text

from elmarc.comparison.answer import answer, details, not_run
from elmarc.comparison.records import Comparison
from elmarc.reports import wording
from elmarc.reports.grid import Cell, Grid
from elmarc.reports.published import published_bar

WIDTH = 80  # of text that goes to a file


def ranking(comparison: Comparison, *, next_step: str = "") -> RenderableType:
    """Return what to print of a comparison: heading, answer, table, and what could not be run.

    The layout follows the width of the console that prints it.

    Parameters
    ----------
    next_step : str
        Commands to go on with: the last line of the answer.
    """
    caption = Text(wording.caption(comparison), style="dim")
    failed = (Text(sentence, style="yellow") for sentence in not_run(comparison))
    return Group(*_beginning(comparison, next_step), ranking_grid(comparison), caption, *failed, "")


def _beginning(comparison: Comparison, next_step: str = "") -> list[RenderableType]:
    """Return the heading and the answer, a line each."""
    first, *others = [*answer(comparison), *([f"Next: {next_step}"] if next_step else [])]
    heading = Text(wording.heading(comparison), style="bold")
    return [heading, "", Text(first, style="bold green"), *map(Text, others)]


def to_text(comparison: Comparison, *, width: int = WIDTH) -> str:
    """Return heading, answer, table, legend, details and notes as plain text.

    Parameters
    ----------
    width : int
        The most characters of a line.
    """
    notes = (f"Note: {note}" for note in comparison.notes)
    below = map(Text, (*wording.legend(comparison), "", *details(comparison), *notes))
    return plain_text(Group(*_beginning(comparison), ranking_grid(comparison), *below), width=width)


def short_text(comparison: Comparison, *, width: int = WIDTH) -> str:
    """Return what the terminal shows as plain text."""
    return plain_text(ranking(comparison), width=width)


def plain_text(shown: RenderableType, *, width: int = WIDTH) -> str:
    """Render for a file: no colour, whatever the environment says, and no blanks at the ends of lines."""
    console = Console(file=io.StringIO(), width=width, color_system=None, legacy_windows=False, _environ={})
    with console.capture() as capture:
        console.print(shown)
    return "\n".join(line.rstrip() for line in capture.get().rstrip().split("\n")) + "\n"


def ranking_grid(comparison: Comparison) -> Grid:
    """Return accuracy, interval, macro-F1 and ties of each network with each classifier, best first."""
    ties = ("ties",) if wording.has_ties(comparison) else ()
    others = ("interval", "macro-F1", "ties")
    return Grid(
        columns={name: {"accuracy": name, **{key: key for key in others}} for name in comparison.classifiers},
        cells=[(s.name, s.system.classifier, wording.cells(s)) for s in comparison.scores],
        levels={name: wording.percent(level) for name, level in wording.levels(comparison).items()},
        forms=[
            ("accuracy", "interval", "macro-F1", *ties), ("accuracy", "interval", *ties), ("accuracy", *ties),
        ],
    )  # fmt: skip


def beside(compared: Sequence[Comparison]) -> Grid:
    """Return accuracies by classifier and protocol, beside the study's own.

    Parameters
    ----------
    compared : sequence of Comparison
        The protocols of one data set; networks come in the order of the first.
    """
    cells: list[Cell] = [
        (score.name, score.system.classifier, {c.protocol: wording.percent(score.accuracy, score.deviation)})
        for c in compared
        for score in c.scores
    ]
    cells += _published_cells(compared[0])
    protocols = [*(c.protocol for c in compared), "2018"]
    shown = {(group, key) for _, group, texts in cells for key in texts}
    return Grid(
        columns={
            group: {key: f"{group} {key}" for key in protocols if (group, key) in shown}
            for group in compared[0].classifiers
        },
        cells=cells,
        levels={name: wording.percent(level) for name, level in wording.levels(compared[0]).items()},
        forms=[protocols],
    )


def _published_cells(comparison: Comparison) -> Iterator[Cell]:
    for score in comparison.scores:
        classifier = score.system.classifier
        bar = published_bar(comparison.dataset, score.system.features, classifier)
        if bar is not None:
            yield score.name, classifier, {"2018": wording.percent(bar[0])}
