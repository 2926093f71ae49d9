"""The commands that run studies: their options and help; `commands.py` runs them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from elmarc._resources import keep_freed_memory
from elmarc._types import Size
from elmarc.cli.listing import completer
from elmarc.cli.options import Force, Output, Quiet, command, not_negative
from elmarc.study.request import Protocol, Rank, Run, Train


@command(output=Path("runs/demo"))
def demo(out: Output) -> None:
    """Rank nine untrained networks on built-in clips, in a minute.

    Once by rhythm and once by timbre, it shows the study's point: long temporal filters win where the
    classes differ in rhythm, and nearly all networks do well where they differ in timbre. The networks are
    small, so that it is quick; all else is as in `elmarc rank`.
    """
    from elmarc.cli import commands

    commands.demo(out)


@command(output=None)
def run(
    config: Annotated[Path, typer.Argument(help="YAML, TOML or JSON, or a 2018 config_file.py.")],
    where: Run,
    out: Output,
    overrides: Annotated[
        list[str] | None, typer.Option("--set", help="Override a key: --set classifier.name=elm.")
    ] = None,
) -> None:
    """Run an experiment or a sweep from a configuration file.

    Run it again to take up where it stopped.
    """
    from elmarc.cli import commands

    commands.run(config, overrides or [], where, out)


@command(output=Path("runs/rank"))
def rank(study: Rank, where: Run, out: Output) -> None:
    """Say which untrained network suits a data set.

    How sure that is, and whether any beats the MFCC. Networks run cheapest first; the answer ends with the
    commands to go on with.
    """
    from elmarc.cli import commands

    commands.study(study, where, out)


@command(output=Path("runs/trained"))
def train(study: Train, where: Run, out: Output) -> None:
    """Train networks end to end, to compare with the untrained.

    The classifier is called "trained". Stopped or killed, the same command goes on where it was.
    """
    keep_freed_memory()  # before anything heavy is imported
    from elmarc.cli import commands

    commands.study(study, where, out)


@command(output=None)
def reproduce(
    name: Annotated[
        str,
        typer.Argument(
            help="One of {recorded}.",
            show_default=False,
            autocompletion=completer("recorded"),
        ),
    ],
    where: Run,
    out: Output,
    audio: Annotated[
        Path | None,
        typer.Option(help="The folder of its clips.", show_default=False),
    ] = None,
    size: Annotated[Size, typer.Option(help="About 3,500 features, or about 160.")] = "large",
    seeds: Annotated[int, typer.Option(min=1, help="How many draws of the weights.")] = 3,
    protocol: Annotated[
        Protocol | None,
        typer.Option(help="One protocol alone; default: nested beside paper.", show_default=False),
    ] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Any other key of the configuration."),
    ] = None,
) -> None:
    """Make the 2018 study's figure for a data set anew.

    Its published bars stand beside ours, on a page too. Nine networks and the MFCC baseline, SVM and ELM
    on unscaled features. The frame-level networks come twice: averaged as they should be, and (`_2018`)
    as the published numbers were.
    """
    out = replace(out, output=out.output or Path("runs") / f"reproduce-{name}")
    from elmarc.cli import commands

    protocols = [protocol] if protocol else ["nested", "paper"]
    commands.reproduce(
        name, audio, where, out, size=size, seeds=seeds, protocols=protocols, overrides=overrides or []
    )


def agreement(
    ranked: Annotated[Path, typer.Argument(help="The folder of `elmarc rank`, or of any results.")],
    trained: Annotated[
        Path, typer.Argument(help="The folder of the same networks' trained results, of one kind.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder for results.")] = Path(
        "runs/agreement"
    ),
    as_json: Annotated[bool, typer.Option("--json", help="Print results as JSON.")] = False,
) -> None:
    """Measure how well an untrained ranking predicts the trained one.

    For each data set that both folders have: rank correlations with intervals, and the accuracy lost by
    training only the first networks of the ranking.
    """
    from elmarc.cli import commands

    commands.agreement(ranked, trained, output=output, as_json=as_json)


def report(
    results: Annotated[
        list[Path],
        typer.Argument(help="Folders with results, such as those of rank and train for one data set."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The page to write.")] = Path("report.html"),
    embed_mb: Annotated[
        float,
        typer.Option(
            parser=not_negative, metavar="MB", help="Megabytes of audio and pictures to put into the page."
        ),
    ] = 20.0,
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Write one self-contained HTML page of results.

    It has the ranking, figures, and the clips behind every mistake.
    """
    from elmarc.cli import pages

    pages.report(results, output, embed_mb=embed_mb, force=force, quiet=quiet)
