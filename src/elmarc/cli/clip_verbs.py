"""The commands that turn clips into something: their options and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from elmarc._errors import ConfigError
from elmarc.cli.folders import store_at
from elmarc.cli.listing import completer
from elmarc.cli.options import (
    Audio,
    Batch,
    Data,
    Device,
    Json,
    Precision,
    Quiet,
    Recipe,
    RecipeName,
    Seed,
    SizeName,
    SizeOption,
    Store,
    Strict,
    Target,
    Workers,
)


def extract(
    data: Data,
    network: Annotated[
        str,
        typer.Option(help="mfcc, or one of {networks}.", autocompletion=completer("networks", more=["mfcc"])),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="FILE.npz, FILE.parquet or FILE.csv.")],
    audio: Audio = None,
    target: Target = None,
    size: SizeOption = SizeName.small,
    n_filters: Annotated[int | None, typer.Option(min=1, help="Width, in place of --size.")] = None,
    seed: Seed = 0,
    recipe: Recipe = RecipeName.study,
    precision: Precision = "float32",
    device: Device = "auto",
    batch_size: Batch = None,
    n_workers: Workers = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Any other key of the configuration.")
    ] = None,
    per_frame: Annotated[
        bool, typer.Option("--per-frame", help="Features over time: a row a frame, with its time in seconds.")
    ] = False,
    rate: Annotated[
        float | None,
        typer.Option(help="With --per-frame: frames per second; default: the fastest layer's, at most 50."),
    ] = None,
    store: Store = None,
    strict: Strict = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write the features of a folder of clips to a file that other tools read.

    The columns id, label, fold and group come first, then a column a feature. DATA may also be an audio
    file, or a folder without classes: its labels are empty. With --per-frame the columns are id, time_s and
    the features; clips are read whole, and nothing is stored.
    """
    from elmarc.cli import commands, frames
    from elmarc.experiments import studies

    width: dict[str, Any] = {"n_filters": n_filters} if n_filters else {"size": size.value}
    work = {
        "batch_size": batch_size,
        "n_workers": n_workers,
        "device": device,
        "strict": strict,
        "seed": seed,
    }
    what: dict[str, Any] = {
        "common": {"recipe": recipe.value} | {key: value for key, value in work.items() if value is not None},
        "overrides": set_ or [],
        "quiet": quiet,
        "as_json": as_json,
    }
    section = studies.data_section(data, audio=audio, target=target)
    settings = {"kind": network, **width, "precision": precision}
    if per_frame:
        frames.extract_frames(section, settings, output, rate=rate, **what)
    elif rate is not None:
        raise ConfigError(f"--rate {rate:g}: a vector a clip has no rate: add --per-frame")
    else:
        commands.extract(section, settings, output, store=store_at(store), **what)
