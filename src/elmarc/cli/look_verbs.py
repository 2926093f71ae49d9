"""The commands that list and check: their options and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from elmarc import _defaults
from elmarc._types import Size
from elmarc.cli.listing import completer
from elmarc.cli.options import Force, Json, Quiet, command, positive
from elmarc.study.request import Clips


def networks_list(as_json: Json = False) -> None:
    """List the networks with their study sizes."""
    from elmarc.cli import describe

    describe.networks_list(as_json=as_json)


def networks_show(
    name: Annotated[
        str,
        typer.Argument(
            help="One of {networks}, or single_layer.",
            autocompletion=completer("networks", more=["single_layer"]),
        ),
    ],
    size: Annotated[Size, typer.Option(help="About 3,500 features, or about 160.")] = _defaults.SIZE,
    n_filters: Annotated[int | None, typer.Option(min=1, help="Width, in place of --size.")] = None,
    length: Annotated[int | None, typer.Option(min=1, help="Frames or samples of a clip.")] = None,
    filter_shape: Annotated[str | None, typer.Option(help="For single_layer: FRAMES,BANDS.")] = None,
    pool_shape: Annotated[str | None, typer.Option(help="For single_layer: FRAMES,BANDS.")] = None,
    as_json: Json = False,
) -> None:
    """Show a network's layers: shapes, parameters, multiply-adds, and the shortest input it takes."""
    from elmarc.cli import describe

    shapes = {"filter_shape": filter_shape, "pool_shape": pool_shape}
    describe.networks_show(name, size, n_filters, length, shapes, as_json=as_json)


def networks_sample(
    space: Annotated[str, typer.Option(help="One of {spaces}.", autocompletion=completer("spaces"))] = "all",
    n: Annotated[int, typer.Option(min=1, help="How many architectures.")] = 40,
    seed: Annotated[int, typer.Option(min=0, help="Of the shapes; the weights have seeds of their own.")] = 0,
    target: Annotated[
        float | None,
        typer.Option(
            parser=positive,
            metavar="NUMBER",
            help="For fixed_features: how many; for fixed_cost: multiply-adds of a clip of 5 s.",
        ),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The YAML file to write.")] = Path(
        "space.yaml"
    ),
    force: Force = False,
    quiet: Quiet = False,
) -> None:
    """Draw architectures from a space into a file that `rank --networks FILE` takes.

    They are drawn from the seed alone, before any clip is heard: filters of other shapes, VGGs of other
    depth, width and pools, mixes of timbral and temporal filters, waveform networks of other strides.
    """
    from elmarc.cli import describe

    describe.networks_sample(space, n=n, seed=seed, target=target, output=output, force=force, quiet=quiet)


def datasets_list(as_json: Json = False) -> None:
    """List the data sets that are known by name."""
    from elmarc.cli import describe

    describe.datasets_list(as_json=as_json)


@command()
def datasets_validate(
    clips: Clips,
    decode: Annotated[bool, typer.Option(help="Read every clip to its end, not its header alone.")] = False,
    as_json: Json = False,
) -> None:
    """Say which files are missing, unreadable, duplicated or off the list. Exit code 1 if any is."""
    from elmarc.cli import describe

    raise typer.Exit(describe.datasets_validate(clips, decode=decode, as_json=as_json))


def datasets_download(
    name: Annotated[
        str,
        typer.Argument(help="One of {datasets}.", autocompletion=completer("datasets"), show_default=False),
    ],
    to: Annotated[Path, typer.Option(help="The folder to unpack it in.")] = Path(),
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    quiet: Quiet = False,
) -> None:
    """Show how large a data set is, and download, check and unpack it."""
    from elmarc.cli import fetching

    fetching.datasets_download(name, to, yes=yes, quiet=quiet)


def config_convert(
    config: Annotated[Path, typer.Argument(help="A 2018 config_file.py, or any configuration.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write here, not to stdout.")] = None,
    force: Force = False,
) -> None:
    """Print a 2018 configuration in today's form; the file is read, never run."""
    from elmarc.cli import describe

    describe.config_convert(config, output, force=force)


def config_schema() -> None:
    """Print the JSON schema of a configuration, for editors."""
    from elmarc.cli import describe

    describe.config_schema()
