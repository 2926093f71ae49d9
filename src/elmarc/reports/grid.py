"""Tables of text for any width: a number never breaks over two lines.

Where all classifiers do not fit beside each other, they come in several tables, one below the other; then
long names fold, and the columns that matter least are left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

NAME = 20  # characters that a name keeps before columns are left out for it
UNLIMITED = 100_000
Cell = tuple[str, str, Mapping[str, str]]  # name, group, column -> text


@dataclass(frozen=True)
class Grid:
    """Rows of text, a name each, whose columns belong to groups (classifiers).

    Parameters
    ----------
    columns : mapping
        Group -> column -> heading.
    cells : sequence of (name, group, column -> text)
        Rows stand in the order in which the cells of a table's groups come.
    levels : mapping
        Name -> text: rows below the others, for every group alike.
    forms : sequence of columns
        Those to show, the form with most first; the first that fits is taken.
    heading : str
        Of the names.
    """

    columns: Mapping[str, Mapping[str, str]]
    cells: Sequence[Cell]
    levels: Mapping[str, str]
    forms: Sequence[Sequence[str]]
    heading: str = "network"

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
        """Choose what columns to show, and which groups stand in a table together."""
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
        for title, texts in self._rows(groups).items():
            # Text: a bracket in a name is no markup
            table.add_row(Text(title), *(Text(texts.get(column, "")) for column in shown))
        table.add_section()
        for title, text in self.levels.items():
            table.add_row(title, *(text if key == form[0] else "" for _, key in shown), style="dim")
        return table

    def _rows(self, groups: Sequence[str]) -> dict[str, dict[tuple[str, str], str]]:
        rows: dict[str, dict[tuple[str, str], str]] = {}
        for name, group, texts in self.cells:
            if group in groups:
                rows.setdefault(name, {}).update({(group, key): text for key, text in texts.items()})
        return rows
