"""Help that fits a terminal: rare options by name alone, lists of names from the packages that make them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from textwrap import fill, indent
from typing import Any

from typer.core import TyperCommand

ADVANCED = "Advanced options"  # `rich_help_panel` of those that few need
HELP_ALL = "--help-all"


class ListingCommand(TyperCommand):
    """A command in whose help {networks}, {classifiers} and {datasets} stand for the names there are."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help, lists put in."""
        self.help = listed(self.help or "")
        for parameter in self.params:
            if text := getattr(parameter, "help", None):
                parameter.help = listed(text)  # type: ignore[attr-defined]
        super().format_help(ctx, formatter)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse what was typed; --help-all is --help that explains the rare options, too."""
        if HELP_ALL in args:
            ctx.meta[HELP_ALL] = True
            args = ["--help"]
        parsed: list[str] = super().parse_args(ctx, args)
        return parsed

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Write the arguments and options, rare ones by name alone unless all are asked for."""
        sections: dict[str, list[tuple[str, str]]] = {}
        rare = []
        for parameter in self.get_params(ctx):
            if (row := parameter.get_help_record(ctx)) is None:
                continue
            panel = getattr(parameter, "rich_help_panel", None)
            if panel == ADVANCED and not ctx.meta.get(HELP_ALL):
                rare.append(parameter.opts[0])
            else:
                title = panel or f"{parameter.param_type_name.capitalize()}s"
                sections.setdefault(title, []).append(row)
        for title in sorted(sections, key=ADVANCED.__eq__):
            with formatter.section(title):
                formatter.write_dl(sections[title], col_max=24)
        if rare:
            with formatter.section(f"{ADVANCED} ({HELP_ALL} explains them)"):
                text = fill(", ".join(rare), width=formatter.width - 2, break_on_hyphens=False)
                formatter.write(indent(text, "  ") + "\n")


def listed(text: str) -> str:
    """Put the names in the place of {networks} and its like.

    >>> "vgg" in listed("One of {networks}.")
    True
    """
    return text.format_map(_Names())


def completer(*kinds: str, more: Sequence[str] = ()) -> Callable[[str], list[str]]:
    """Return what completes a name of these kinds, the last where several stand with commas between.

    Examples
    --------
    >>> completer("networks")("vgg,timbral_temporal_")
    ['vgg,timbral_temporal_audio']
    """

    def complete(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        known = [*more, *(name for kind in kinds for name in _names(kind))]
        return [f"{before}{comma}{name}" for name in known if name.startswith(last)]

    return complete


class _Names(dict[str, str]):
    """Names by kind, looked up where they are listed: some take a second to import."""

    def __missing__(self, kind: str) -> str:
        self[kind] = ", ".join(_names(kind))
        return self[kind]


def _names(kind: str) -> list[str]:
    match kind:
        case "networks":
            from elmarc.networks import NETWORKS

            return [name for name, preset in NETWORKS.items() if not preset.required]
        case "classifiers":
            from elmarc.classifiers.grids import CLASSIFIERS

            return list(CLASSIFIERS)
        case "recorded":
            from elmarc.datasets.named import RECORDED

            return list(RECORDED)
        case _:
            from elmarc.datasets.named import DATASETS

            return list(DATASETS)
