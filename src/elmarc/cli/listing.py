"""Help texts that list names: the lists come from the packages that make them, when help is asked for."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand


class ListingCommand(TyperCommand):
    """A command in whose help {networks}, {classifiers} and {datasets} stand for the names there are."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help, lists put in."""
        names = _Names()
        self.help = (self.help or "").format_map(names)
        for parameter in self.params:
            if text := getattr(parameter, "help", None):
                parameter.help = text.format_map(names)  # type: ignore[attr-defined]
        super().format_help(ctx, formatter)


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
            from elmarc.datasets.opening import RECORDED

            return list(RECORDED)
        case _:
            from elmarc.datasets.opening import DATASETS

            return list(DATASETS)
