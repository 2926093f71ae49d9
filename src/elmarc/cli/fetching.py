"""`elmarc datasets download`: show the size, ask, and download with a progress bar."""

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
    """Show what will be downloaded, ask, and download it."""
    offered = offer(name, to=to)
    console.out.print(escape(str(offered)), highlight=False, soft_wrap=True)
    if not yes:
        if not sys.stdin.isatty():
            raise ConfigError("nobody can be asked whether to download it: add --yes")
        typer.confirm("download it?", abort=True)
    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console.err, disable=quiet, transient=True) as bar:
        task = bar.add_task("", total=offered.size)
        folder = offered.fetch(
            progress=lambda n_bytes, total: bar.update(task, completed=n_bytes, total=total)
        )
    text = f"{offered.name}: lies in {folder}; rank it with: elmarc rank {offered.name} --audio {folder}"
    console.out.print(escape(text), highlight=False, soft_wrap=True)
