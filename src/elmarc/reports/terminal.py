"""The ranking in the terminal and in a text file: the answer, then tables that fit any width.

A number never breaks over two lines. Where all classifiers do not fit next to each other, they come in
several tables, one below the other; then long names fold, and the least important columns are left out.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from elmarc.comparison.answer import answer, details, not_run
from elmarc.comparison.records import Comparison
from elmarc.reports import wording
from elmarc.reports.published import published_bar

WIDTH = 80  # of text that goes to a file


def ranking(comparison: Comparison) -> RenderableType:
    """Return what to print of a comparison; the layout follows the width of the console that prints it."""
    return Group(*beginning(comparison), *table(comparison))


def beginning(comparison: Comparison) -> list[RenderableType]:
    """Return the heading and the answer, a line each."""
    first, *others = answer(comparison)
    heading = Text(wording.heading(comparison), style="bold")
    return [heading, "", Text(first, style="bold green"), *map(Text, others)]


def table(comparison: Comparison) -> list[RenderableType]:
    """Return the table, a line that explains it, and what could not be run."""
    caption = Text(wording.caption(comparison), style="dim")
    failed = (Text(sentence, style="yellow") for sentence in not_run(comparison))
    return [ranking_grid(comparison), caption, *failed, ""]


def to_text(comparison: Comparison, *, width: int = WIDTH) -> str:
    """Return heading, answer, table, legend, details and notes as plain text, `width` characters wide."""
    notes = (f"Note: {note}" for note in comparison.notes)
    below = map(Text, (*wording.legend(comparison), "", *details(comparison), *notes))
    return plain_text(Group(*beginning(comparison), ranking_grid(comparison), *below), width=width)


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


def protocols_grid(compared: Sequence[Comparison]) -> Grid:
    """Return accuracies by classifier and protocol of one data set, next to those published in 2018.

    Networks come in the order of the first protocol.
    """
    cells: list[Cell] = [
        (score.name, score.system.classifier, {c.protocol: wording.percent(score.accuracy, score.deviation)})
        for c in compared
        for score in c.scores
    ]
    for score in compared[0].scores:
        classifier = score.system.classifier
        if bar := published_bar(compared[0].dataset, score.system.features, classifier):
            cells.append((score.name, classifier, {"2018": wording.percent(bar[0])}))
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


NAME = 20  # characters of a name that are never cut for another column
UNLIMITED = 100_000
Cell = tuple[str, str, Mapping[str, str]]  # name, group, column -> text


@dataclass(frozen=True)
class Grid:
    """Rows of text whose columns belong to groups (classifiers)."""

    columns: Mapping[str, Mapping[str, str]]  # group -> column -> heading
    cells: Sequence[Cell]  # rows are in the order of the first cells of their names
    levels: Mapping[str, str]  # name -> text: rows below the others, equal in every group
    forms: Sequence[Sequence[str]]  # columns to show, most first; the first that fits is taken
    heading: str = "network"  # of the column of names

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield one table, or several below each other."""

        def fits(groups: Sequence[str], form: Sequence[str], name: int | None = None) -> bool:
            table = self.table(groups, form, name=name)
            natural = Measurement.get(console, options.update(max_width=UNLIMITED), table).maximum
            return natural <= options.max_width

        form, parts = self._layout(fits)
        for groups in parts:
            yield self.table(groups, form)

    def _layout(self, fits: Callable[..., bool]) -> tuple[Sequence[str], list[Sequence[str]]]:
        """Choose what columns to show, and the groups of each table."""
        left = list(self.columns)
        for form in self.forms[:-1] or self.forms:  # several tables before the barest form
            if fits(left, form):
                return form, [left]
        whole = (form for form in self.forms if all(fits([group], form, NAME) for group in left))
        form = next(whole, self.forms[-1])
        parts: list[Sequence[str]] = []
        while left:
            n = next((n for n in range(len(left), 1, -1) if fits(left[:n], form)), 1)
            parts.append(left[:n])
            left = left[n:]
        return form, parts

    def table(self, groups: Sequence[str], form: Sequence[str], *, name: int | None = None) -> Table:
        """Return the table of some groups; `name` is the width that names are cut to when it is measured."""
        table = Table(box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0))
        table.add_column(self.heading, overflow="fold", max_width=name)
        shown = [(group, key) for group in groups for key in self.columns[group] if key in form]
        for group, key in shown:
            style = "bold" if key == form[0] else ""
            table.add_column(Text(self.columns[group][key]), justify="right", style=style, no_wrap=True)
        rows: dict[str, dict[tuple[str, str], str]] = {}
        for title, group, texts in self.cells:
            if group in groups:
                rows.setdefault(title, {}).update({(group, key): text for key, text in texts.items()})
        for title, row in rows.items():
            # Text: a bracket in a name is no markup
            table.add_row(Text(title), *(Text(row.get(column, "")) for column in shown))
        table.add_section()
        for title, text in self.levels.items():
            table.add_row(title, *(text if key == form[0] else "" for _, key in shown), style="dim")
        return table
