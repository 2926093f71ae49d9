"""The command that downloads a data set: what it asks and shows."""

from __future__ import annotations

import sys
from pathlib import Path

import typer
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

from elmarc.cli import console
from elmarc.datasets.download import offer
from elmarc.errors import ConfigError


def datasets_download(name: str, to: Path, *, yes: bool, quiet: bool) -> None:
    """Say what is to come, ask, and fetch it."""
    offered = offer(name, to=to)
    console.out.print(escape(str(offered)), highlight=False, soft_wrap=True)
    if not yes:
        if not sys.stdin.isatty():
            raise ConfigError("nobody can be asked whether to download it: add --yes")
        typer.confirm("download it?", abort=True)
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console.err, disable=quiet, transient=True) as bar:
        task = bar.add_task("", total=offered.size)
        folder = offered.fetch(progress=lambda have, total: bar.update(task, completed=have, total=total))
    console.out.print(
        escape(
            f"{offered.name}: lies in {folder}; rank it with: elmarc rank {offered.name} --audio {folder}"
        ),
        highlight=False,
        soft_wrap=True,
    )
