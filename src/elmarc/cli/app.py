"""The command line: which commands there are, and how they end."""

from __future__ import annotations

import logging
import os
import sys
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from elmarc._names import printable
from elmarc.cli import clip_verbs, look_verbs, store_verbs, study_verbs
from elmarc.cli.endings import end_as_ctrl_c, warnings_as_notes
from elmarc.cli.listing import ListingCommand

if TYPE_CHECKING:
    from elmarc.cli.logbook import Logbook


def _one_spelling(word: str) -> str:
    """Let --network be --networks and the other way round, for every command."""
    return "networks" if word == "network" else word


app = typer.Typer(
    name="elmarc",
    context_settings={"token_normalize_func": _one_spelling},
    help="Audio features from randomly weighted CNNs that are never trained, and which architecture suits "
    "your data.\n\nStart with `elmarc demo`, then `elmarc rank FOLDER`, where FOLDER has one sub-folder of "
    "clips a class.",
    no_args_is_help=True,
    rich_markup_mode=None,  # its tables cut names at 80 columns
    pretty_exceptions_enable=False,
)
networks_app = typer.Typer(
    help="List the networks, show one layer by layer, or draw a space.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
datasets_app = typer.Typer(
    help="List the data sets, check one, or download one.", no_args_is_help=True, rich_markup_mode=None
)
config_app = typer.Typer(
    help="Convert a configuration, or print its schema.", no_args_is_help=True, rich_markup_mode=None
)
store_app = typer.Typer(
    help="Look into the store of features, check it, or clear it.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

# In the order of `elmarc --help`.
for verb in (
    study_verbs.demo,
    study_verbs.run,
    clip_verbs.extract,
    study_verbs.rank,
    study_verbs.train,
    clip_verbs.fit,
    clip_verbs.predict,
    study_verbs.agreement,
    study_verbs.reproduce,
    study_verbs.report,
):
    app.command(cls=ListingCommand)(verb)
app.add_typer(networks_app, name="networks")
app.add_typer(datasets_app, name="datasets")
app.add_typer(config_app, name="config")
app.add_typer(store_app, name="store")
store_app.command("info")(store_verbs.info)
store_app.command("verify")(store_verbs.verify)
store_app.command("prune")(store_verbs.prune)
networks_app.command("list")(look_verbs.networks_list)
networks_app.command("show", cls=ListingCommand)(look_verbs.networks_show)
networks_app.command("sample", cls=ListingCommand)(look_verbs.networks_sample)
datasets_app.command("list")(look_verbs.datasets_list)
datasets_app.command("validate", cls=ListingCommand)(look_verbs.datasets_validate)
datasets_app.command("download", cls=ListingCommand)(look_verbs.datasets_download)
config_app.command("convert")(look_verbs.config_convert)
config_app.command("schema")(look_verbs.config_schema)

UsageProblem: Any = typer.BadParameter.__mro__[2]  # click's base of all; typer may bring a click of its own
INTERRUPTED = 130
STOPPED = "stopped: what is finished is kept; run the same command again to go on"


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
    log_file: Annotated[
        Path | None,
        typer.Option(
            help="Append what the run says to this file, --quiet or not, with times, command and versions."
        ),
    ] = None,
) -> None:
    if version:
        from elmarc import __version__

        typer.echo(f"elmarc {__version__}")
        raise typer.Exit
    if log_file is not None and not context.resilient_parsing:
        from elmarc.cli.logbook import Logbook

        _logbooks.append(Logbook(log_file))
        _logbooks[-1].open()


_logbooks: list[Logbook] = []


def main() -> None:
    """Run the command line.

    Exit codes: 0 done, 1 a check failed or a cell could not be run, 2 a mistake of the user's, 130 stopped.
    """
    end_as_ctrl_c()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # a folder's name need not be UTF-8
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run())


def run() -> int:
    """Run the command line; return its exit code, once the log file has it too."""
    code = 1  # of a traceback
    try:
        code = _exit_code()
    finally:
        while _logbooks:
            _logbooks.pop().close(code)
    return code


def _exit_code() -> int:
    from elmarc.errors import ElmarcError

    try:
        with warnings_as_notes():
            code = app(standalone_mode=False)
    except UsageProblem as problem:
        problem.message = problem.message.removeprefix("Value error, ")  # pydantic's, by which typer checks
        problem.show()
        return int(problem.exit_code)
    except ElmarcError as problem:
        return _refused(problem)
    except (KeyboardInterrupt, typer.Abort):
        typer.echo(STOPPED, err=True)
        return INTERRUPTED
    except BrokenPipeError:  # whoever read the output, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or closing it complains
        return 1
    except OSError as problem:
        return _refused(problem)
    if code == INTERRUPTED:
        typer.echo(STOPPED, err=True)
    return code if isinstance(code, int) else 0


def _refused(problem: Exception) -> int:
    """Say in one sentence what went wrong; return the exit code."""
    text = str(problem)
    if isinstance(problem, OSError):
        place = f"{problem.filename}: " if problem.filename else ""
        said = f"{place}{problem.strerror or problem}: check the path, its permissions and the space left"
        text = printable(said)
    logging.getLogger("elmarc").error(text)
    typer.secho("error: ", fg="red", err=True, nl=False)
    typer.echo(text, err=True)
    return 2
