"""The commands that list and check: their options and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from elmarc.cli.listing import completer
from elmarc.cli.numbers import positive
from elmarc.cli.options import (
    DEFAULT_SIZE,
    Audio,
    Data,
    Force,
    Json,
    Quiet,
    SizeName,
    SizeOption,
    Split,
)


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
    size: SizeOption = DEFAULT_SIZE,
    n_filters: Annotated[int | None, typer.Option(min=1, help="Width, in place of --size.")] = None,
    length: Annotated[int | None, typer.Option(min=1, help="Frames or samples of a clip.")] = None,
    filter_shape: Annotated[str | None, typer.Option(help="For single_layer: FRAMES,BANDS.")] = None,
    pool_shape: Annotated[str | None, typer.Option(help="For single_layer: FRAMES,BANDS.")] = None,
    as_json: Json = False,
) -> None:
    """Show a network's layers: shapes, parameters, multiply-adds, and the shortest input it takes."""
    from elmarc.cli import describe

    shapes = {"filter_shape": filter_shape, "pool_shape": pool_shape}
    describe.networks_show(
        name, "small" if size is SizeName.small else "large", n_filters, length, shapes, as_json=as_json
    )


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


def datasets_validate(
    data: Data,
    audio: Audio = None,
    split: Split = None,
    decode: Annotated[bool, typer.Option(help="Read every clip to its end, not its header alone.")] = False,
    as_json: Json = False,
) -> None:
    """Say which files are missing, unreadable, duplicated or off the list. Exit code 1 if any is."""
    from elmarc.cli import describe
    from elmarc.study import studies

    section = studies.data_section(data, audio=audio, target=None, split=split)
    raise typer.Exit(describe.datasets_validate(section, decode=decode, as_json=as_json))


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
