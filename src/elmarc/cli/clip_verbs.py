"""The commands that turn clips into something: their options and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from elmarc import _defaults
from elmarc.cli.folders import store_at
from elmarc.cli.listing import completer
from elmarc.cli.numbers import positive
from elmarc.cli.options import (
    DEFAULT_RECIPE,
    DEFAULT_SIZE,
    Audio,
    Batch,
    Data,
    Device,
    Executor,
    ExecutorName,
    Force,
    Json,
    Overrides,
    Precision,
    Processes,
    Quiet,
    Recipe,
    RecipeName,
    Scheduler,
    SchedulerFile,
    Seed,
    SizeName,
    SizeOption,
    Split,
    Store,
    Strict,
    Target,
    Together,
    Trust,
    Workers,
    data_names,
    together,
    wanted,
)
from elmarc.errors import ConfigError


def extract(
    data: Data,
    output: Annotated[Path, typer.Option("--output", "-o", help="FILE.npz, FILE.parquet or FILE.csv.")],
    network: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="mfcc, one of {networks}, or a module of your own: package.module:Name or file.py:Name.",
            autocompletion=completer("networks", more=["mfcc"]),
        ),
    ] = _defaults.NETWORK,
    force: Force = False,
    audio: Audio = None,
    target: Target = None,
    split: Split = None,
    size: SizeOption = DEFAULT_SIZE,
    n_filters: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Width, in place of --size.")
    ] = None,
    seed: Seed = 0,
    recipe: Recipe = DEFAULT_RECIPE,
    precision: Precision = "float32",
    device: Device = "auto",
    batch_size: Batch = None,
    n_workers: Workers = None,
    executor: Executor = ExecutorName.serial,
    workers: Processes = None,
    scheduler: Scheduler = None,
    scheduler_file: SchedulerFile = None,
    set_: Overrides = None,
    per_frame: Annotated[
        bool, typer.Option("--per-frame", help="Features over time: a row a frame, with its time in seconds.")
    ] = False,
    rate: Annotated[
        float | None,
        typer.Option(
            parser=positive,
            metavar="HZ",
            help="With --per-frame: frames per second; default: the fastest layer's, at most 50.",
        ),
    ] = None,
    store: Store = None,
    strict: Strict = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write the features of a folder of clips to a file.

    Other tools read it. The columns id, label, fold and group come first, then a column a feature. DATA
    may also be an audio file, or a folder without classes: its labels are empty. With --per-frame the
    columns are id, time_s and the features; clips are read whole, and nothing is stored.
    """
    from elmarc.cli import commands, frames
    from elmarc.networks.section import EXTERNAL, section_of_text
    from elmarc.study import studies

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
        "force": force,
        "quiet": quiet,
        "as_json": as_json,
    }
    section = studies.data_section(data, audio=audio, target=target, split=split)
    settings = {**section_of_text(network), "precision": precision}
    if settings["kind"] != EXTERNAL or n_filters:
        settings |= width
    where = wanted(executor, workers, scheduler, scheduler_file)
    if per_frame and where.executor != "serial":
        raise ConfigError(
            f"--executor {where.executor}: features over time are made in this process: leave it out"
        )
    if per_frame:
        frames.extract_frames(section, settings, output, rate=rate, **what)
    elif rate is not None:
        raise ConfigError(f"--rate {rate:g}: a vector a clip has no rate: add --per-frame")
    else:
        commands.extract(section, settings, output, store=store_at(store), wanted=where, **what)


def fit(
    data: Annotated[
        str | None,
        typer.Argument(
            help="As for `elmarc rank`. With --from it may be left out: the clips that were ranked.",
            show_default=False,
            autocompletion=data_names,
        ),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The model file to write.")] = Path(
        "model.elmarc"
    ),
    force: Force = False,
    from_: Annotated[
        Path | None, typer.Option("--from", help="A folder of `elmarc rank`: its winner is fitted.")
    ] = None,
    trust: Trust = False,
    network: Annotated[
        str | None,
        typer.Option(
            help=f"mfcc, or one of {{networks}}; default: {_defaults.NETWORK}.",
            autocompletion=completer("networks", more=["mfcc"]),
        ),
    ] = None,
    classifier: Annotated[
        str | None,
        typer.Option(
            help=f"One of {{classifiers}}; default: {_defaults.CLASSIFIER}.",
            autocompletion=completer("classifiers"),
        ),
    ] = None,
    recipe: Annotated[
        RecipeName | None, typer.Option(help=f"2018 or v2; default: {_defaults.RECIPE}.")
    ] = None,
    size: Annotated[SizeName | None, typer.Option(help=f"large or small; default: {_defaults.SIZE}.")] = None,
    audio: Audio = None,
    target: Target = None,
    keep_duplicates_together: Together = False,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the weights; default: 0.")] = None,
    device: Device = "auto",
    n_workers: Workers = None,
    set_: Overrides = None,
    store: Store = None,
    strict: Strict = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Fit a classifier on all clips and write it to a file.

    `elmarc predict` reads the file. Its hyper-parameters are chosen by cross-validation. The accuracy to
    expect is the nested score: each fold is predicted by a classifier that was chosen and fitted without
    it.
    """
    from elmarc.cli import fit as work
    from elmarc.study import studies

    section = None if data is None else studies.data_section(data, audio=audio, target=target)
    if section is not None:
        section = together(section, keep_duplicates_together)
    elif keep_duplicates_together:
        raise ConfigError("--keep-duplicates-together: the ranking says whether they were: name DATA too")
    common: dict[str, Any] = {"device": device, "strict": strict}
    common |= {} if n_workers is None else {"n_workers": n_workers}
    named: dict[str, Any] = {"--network": network, "--classifier": classifier, "--recipe": recipe}
    named |= {"--size": size, "--seed": seed, "--set": set_ or None}
    if from_ is not None:
        if typed := [option for option, value in named.items() if value is not None]:
            raise ConfigError(f"{typed[0]}: --from says what is fitted: leave one of the two out")
        chosen = work.from_ranking(from_, section, trust=trust, **common)
    elif section is None:
        raise ConfigError("no DATA: name a folder, a CSV file or a data set, or a ranking with --from")
    else:
        chosen = work.named(
            section,
            network={"kind": network or _defaults.NETWORK, "size": size.value if size else _defaults.SIZE},
            classifier=classifier or _defaults.CLASSIFIER,
            common={**common, "recipe": recipe.value if recipe else _defaults.RECIPE, "seed": seed or 0},
            overrides=set_ or [],
        )
    work.fit(chosen, output, store=store_at(store), force=force, quiet=quiet, as_json=as_json)


def predict(
    model: Annotated[Path, typer.Argument(help="A model file of `elmarc fit`.")],
    clips: Annotated[
        list[str],
        typer.Argument(help="Audio files, folders of them, or - for paths on stdin, one a line."),
    ],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="FILE.csv or FILE.json.")] = None,
    force: Force = False,
    window: Annotated[
        float | None,
        typer.Option(parser=positive, metavar="SECONDS", help="Read all files by windows of this length."),
    ] = None,
    hop: Annotated[
        float | None,
        typer.Option(
            parser=positive, metavar="SECONDS", help="From one window to the next; default: half a window."
        ),
    ] = None,
    min_confidence: Annotated[
        float, typer.Option(min=0, max=1, help='Below this probability the label is "": unknown.')
    ] = 0.0,
    plot: Annotated[
        Path | None, typer.Option(help="With --window: a picture of the time line, FILE.png or FILE.svg.")
    ] = None,
    strict: Strict = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Say what clips are, and how probable that is.

    Recordings, over 4 times as long as what the model hears of a clip, are read by windows: a row a window is
    written, and neighbouring windows of one label are shown as one event.
    Clips that cannot be read are named and left out.
    """
    from elmarc.cli import predict as work

    work.predict(
        model,
        clips,
        work.Asked(
            min_confidence=min_confidence,
            window_s=window,
            hop_s=hop,
            output=output,
            plot=plot,
            force=force,
            strict=strict,
            quiet=quiet,
            as_json=as_json,
        ),
    )
