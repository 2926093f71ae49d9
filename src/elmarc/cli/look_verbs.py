"""The commands that list and check: their options and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from elmarc.cli.listing import completer
from elmarc.cli.options import (
    Audio,
    Data,
    Json,
    SizeName,
    SizeOption,
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
    size: SizeOption = SizeName.small,
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


def datasets_list(as_json: Json = False) -> None:
    """List the data sets that are known by name."""
    from elmarc.cli import describe

    describe.datasets_list(as_json=as_json)


def datasets_validate(
    data: Data,
    audio: Audio = None,
    decode: Annotated[bool, typer.Option(help="Read every clip to its end, not its header alone.")] = False,
    as_json: Json = False,
) -> None:
    """Say which files are missing, unreadable, duplicated or off the list. Exit code 1 if any is."""
    from elmarc.cli import describe
    from elmarc.experiments import studies

    section = studies.data_section(data, audio=audio, target=None)
    raise typer.Exit(describe.datasets_validate(section, decode=decode, as_json=as_json))


def config_convert(
    config: Annotated[Path, typer.Argument(help="A 2018 config_file.py, or any configuration.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write here, not to stdout.")] = None,
) -> None:
    """Print a 2018 configuration in today's form; the file is read, never run."""
    from elmarc.cli import describe

    describe.config_convert(config, output)


def config_schema() -> None:
    """Print the JSON schema of a configuration, for editors."""
    from elmarc.cli import describe

    describe.config_schema()
