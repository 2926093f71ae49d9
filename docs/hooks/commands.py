"""The command reference, made from the program: what `elmarc COMMAND --help` says, as one page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer
from mkdocs.structure.files import File

from elmarc.cli.app import app
from elmarc.cli.options import listed

PAGE = "reference/commands.md"


def on_files(files: Any, config: Any) -> Any:
    """Add the page."""
    files.append(File.generated(config, PAGE, content=reference()))
    return files


def reference() -> str:
    """Return the page: the program, then every command."""
    return "\n\n".join(["# Command line", *sections("elmarc", typer.main.get_command(app))]) + "\n"


def sections(name: str, command: Any) -> Iterator[str]:
    """Yield the text of a command and of those below it."""
    yield from own(name, command)
    for part, below in getattr(command, "commands", {}).items():
        yield from sections(f"{name} {part}", below)


def own(name: str, command: Any) -> Iterator[str]:
    """Yield what one command's help says."""
    yield f"## {name}"
    usage = " ".join(command.collect_usage_pieces(command.make_context(name, [], resilient_parsing=True)))
    yield f"```text\n{name} {usage}\n```"
    yield listed(command.help or "")
    rows = [row(parameter) for parameter in command.params if not getattr(parameter, "hidden", False)]
    if rows:
        yield "\n".join(["| | | default |", "|---|---|---|", *rows])


def row(parameter: Any) -> str:
    """Return a parameter as a row of a table."""
    names = [*parameter.opts, *parameter.secondary_opts]
    shown = ", ".join(f"`{name}`" for name in names) if names[0].startswith("-") else f"`{names[0].upper()}`"
    default = (
        "" if parameter.default is None or not parameter.show_default else f"`{plain(parameter.default)}`"
    )
    help_text = listed(getattr(parameter, "help", None) or "").replace("|", "\\|").replace("\n", " ")
    return f"| {shown} | {help_text} | {default} |"


def plain(value: Any) -> str:
    """Return a default as it is typed."""
    return str(getattr(value, "value", value))
