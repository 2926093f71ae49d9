"""The command line: its commands, how they end, and what their exit codes mean."""

from __future__ import annotations

import gc
import os
import signal
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from types import FrameType
from typing import Annotated, Any

import typer

from elmarc._names import printable
from elmarc.cli import commands, describe
from elmarc.cli.options import ListingCommand

SIGNALS = ("SIGTERM", "SIGHUP")  # of a scheduler, a container, and a terminal that was closed
UsageProblem: Any = typer.BadParameter.__mro__[2]  # click's base of all; typer may bring a click of its own
INTERRUPTED = 130
STOPPED = "stopped: finished work is kept; run the same command again to resume"


def _one_spelling(word: str) -> str:
    """Let --network be --networks and the other way round, for every command."""
    return "networks" if word == "network" else word


app = typer.Typer(
    name="elmarc",
    context_settings={"token_normalize_func": _one_spelling},
    help="Audio features from randomly weighted CNNs that are never trained, and which architecture suits "
    "your data.\n\nStart with `elmarc demo`, then `elmarc rank FOLDER`, where FOLDER has one sub-folder of "
    "clips per class.",
    no_args_is_help=True,
    rich_markup_mode=None,  # its tables cut names at 80 columns
    pretty_exceptions_enable=False,
)
datasets_app = typer.Typer(
    help="List the data sets, check one, or download one.", no_args_is_help=True, rich_markup_mode=None
)
for verb in (  # in the order of `elmarc --help`
    commands.demo,
    commands.rank,
    commands.train,
    commands.extract,
    commands.fit,
    commands.predict,
    commands.report,
    commands.run,
    commands.reproduce,
    commands.agreement,
    describe.networks,
    describe.store,
):
    app.command(cls=ListingCommand)(verb)
app.add_typer(datasets_app, name="datasets")
datasets_app.command("list", cls=ListingCommand)(describe.datasets_list)
datasets_app.command("validate", cls=ListingCommand)(describe.datasets_validate)
datasets_app.command("download", cls=ListingCommand)(describe.datasets_download)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False) -> None:
    if version:
        from elmarc import __version__

        typer.echo(f"elmarc {__version__}")
        raise typer.Exit


def entry_point() -> None:
    """Run what was typed, and end the process."""
    gc.set_threshold(50_000)  # imports make many objects, and all of them stay
    for name in SIGNALS:  # they end a run as Ctrl-C does: finished work is kept
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:  # nohup ignores SIGHUP
            signal.signal(number, _interrupt)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a folder's name need not be UTF-8
            stream.reconfigure(errors="backslashreplace")
    sys.exit(main())


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Parameters
    ----------
    argv : sequence of str or None
        The words after `elmarc`; None: those that were typed.

    Returns
    -------
    int
        0 done, 1 a check failed or a cell could not be run, 2 a mistake of the user's, 130 stopped.
    """
    from elmarc.errors import ElmarcError

    if argv is not None:
        sys.argv = ["elmarc", *argv]  # results keep the command that made them
    try:
        with _warnings_as_notes():
            code = app(standalone_mode=False)
    except UsageProblem as problem:
        problem.message = problem.message.removeprefix("Value error, ")  # pydantic's, by which typer checks
        problem.show()
        return int(problem.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        typer.echo(STOPPED, err=True)
        return INTERRUPTED
    except BrokenPipeError:  # whoever read the output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or closing it complains
        return 1
    except (ElmarcError, OSError) as problem:
        typer.secho("error: ", fg="red", err=True, nl=False)
        typer.echo(_sentence(problem), err=True)
        return 2
    if code == INTERRUPTED:
        typer.echo(STOPPED, err=True)
    return code if isinstance(code, int) else 0


def _sentence(problem: Exception) -> str:
    if not isinstance(problem, OSError):
        return str(problem)
    place = f"{problem.filename}: " if problem.filename else ""
    return printable(
        f"{place}{problem.strerror or problem}: check the path, its permissions and the space left"
    )


def _interrupt(number: int, _frame: FrameType | None) -> None:
    signal.signal(number, signal.SIG_IGN)  # a second one must not interrupt the clean-up
    raise KeyboardInterrupt


@contextmanager
def _warnings_as_notes() -> Iterator[None]:
    """Show elmarc's own warnings as notes on stderr, each of them every time."""
    from elmarc.errors import ElmarcWarning

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
