"""How a command is ended from outside, and how what it warns of is shown."""

from __future__ import annotations

import signal
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import typer

from elmarc._names import printable
from elmarc.errors import ElmarcWarning

SIGNALS = ("SIGTERM", "SIGHUP")  # of a scheduler, a container, and a terminal that was closed


def end_as_ctrl_c() -> None:
    """Let the signals that ask a process to end do what Ctrl-C does: finished work is kept."""
    for name in SIGNALS:
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:  # nohup ignores SIGHUP
            signal.signal(number, _interrupt)


def _interrupt(number: int, _frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)  # a second one must not break off the clearing up
    raise KeyboardInterrupt


@contextmanager
def warnings_as_notes() -> Iterator[None]:
    """Show elmarc's own warnings as notes on stderr, each of them every time."""
    shown = warnings.showwarning

    def show(message: Warning | str, category: type[Warning], *rest: Any, **options: Any) -> None:
        if issubclass(category, ElmarcWarning):
            typer.echo(f"note: {printable(str(message), keep=chr(10))}", err=True)
        else:
            shown(message, category, *rest, **options)

    with warnings.catch_warnings():
        warnings.simplefilter("always", ElmarcWarning)
        warnings.showwarning = show
        yield
