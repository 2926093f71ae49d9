"""The commands that run studies: their options and help; `commands.py` does what they say."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from elmarc import _defaults
from elmarc._resources import keep_freed_memory
from elmarc.cli.folders import store_at
from elmarc.cli.listing import completer
from elmarc.cli.numbers import not_negative
from elmarc.cli.options import (
    DEFAULT_RECIPE,
    DEFAULT_SIZE,
    Audio,
    Budget,
    Data,
    Device,
    Executor,
    ExecutorName,
    Force,
    Jobs,
    Json,
    Networks,
    Output,
    Overrides,
    Precision,
    Processes,
    ProtocolName,
    Quiet,
    Recipe,
    Scheduler,
    SchedulerFile,
    SizeName,
    SizeOption,
    Split,
    Store,
    Strict,
    Target,
    Together,
    Trust,
    rare,
    together,
    wanted,
)

FORETELL = "foretell"  # the study that `reproduce` makes beside those of 2018
EXECUTOR_OPTIONS = ("executor", "workers", "scheduler", "scheduler_file")


def demo(
    output: Output = Path("runs/demo"),
    store: Store = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Rank nine untrained networks on built-in clips, in a minute.

    Once by rhythm and once by timbre, it shows the study's point: long temporal filters win where rhythm
    tells the classes apart, and do not where timbre does.
    """
    from elmarc.cli import commands

    commands.demo(output, store=store_at(store), quiet=quiet, as_json=as_json)


def run(
    config: Annotated[Path, typer.Argument(help="YAML, TOML or JSON, or a 2018 config_file.py.")],
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Override a key: --set classifier.name=elm.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder for results.")] = None,
    store: Store = None,
    budget: Budget = None,
    n_jobs: Jobs = 2,
    executor: Executor = ExecutorName.serial,
    workers: Processes = None,
    scheduler: Scheduler = None,
    scheduler_file: SchedulerFile = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Run an experiment or a sweep from a configuration file.

    Run it again to take up where it stopped.
    """
    from elmarc.cli import commands

    commands.run(
        config, set_ or [], output, store=store, budget=budget, n_jobs=n_jobs, quiet=quiet, as_json=as_json,
        wanted=wanted(executor, workers, scheduler, scheduler_file),
    )  # fmt: skip


def rank(
    data: Data,
    audio: Audio = None,
    target: Target = None,
    split: Split = None,
    keep_duplicates_together: Together = False,
    networks: Networks = "all",
    classifiers: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            help="With commas between, or all. Known: {classifiers}.",
            autocompletion=completer("classifiers", more=["all"]),
        ),
    ] = _defaults.CLASSIFIER,
    size: SizeOption = DEFAULT_SIZE,
    seeds: Annotated[
        int, typer.Option(min=1, metavar="N", help="Draws of the weights; with one nothing is tested.")
    ] = _defaults.SEEDS,
    protocol: Annotated[
        ProtocolName, rare(help="paper is the 2018 study's: optimistic on folds.")
    ] = ProtocolName.nested,
    baseline: Annotated[bool, rare(help="Rank the MFCC baseline beside the networks.")] = True,
    features: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FILE",
            help="Features made elsewhere, ranked beside the networks: FILE or NAME=FILE; .npz, .parquet, "
            ".csv or .pt. May be given several times.",
            show_default=False,
        ),
    ] = None,
    standardise: Annotated[
        bool | None,
        rare(
            help="Standardise the features; default: yes, but not under --protocol paper.", show_default=False
        ),
    ] = None,
    recipe: Recipe = DEFAULT_RECIPE,
    budget: Budget = None,
    precision: Precision = "float32",
    device: Device = "auto",
    set_: Overrides = None,
    output: Output = Path("runs/rank"),
    store: Store = None,
    n_jobs: Jobs = 2,
    executor: Executor = ExecutorName.serial,
    workers: Processes = None,
    scheduler: Scheduler = None,
    scheduler_file: SchedulerFile = None,
    strict: Strict = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Say which untrained network suits a data set.

    How sure that is, and whether any beats the MFCC. Networks run cheapest first; the last lines are the
    commands that extract the features of the best, and that fit a classifier of them.
    """
    from elmarc.cli import commands
    from elmarc.study import studies

    commands.rank(
        together(
            studies.data_section(data, audio=audio, target=target, split=split), keep_duplicates_together
        ),
        networks=networks,
        classifiers=classifiers,
        size=size.value,
        seeds=seeds,
        protocol=protocol.value,
        baseline=baseline,
        standardise=standardise,
        features=features or [],
        budget=budget,
        common={"device": device, "strict": strict, "recipe": recipe.value},
        precision=precision,
        overrides=set_ or [],
        output=output,
        store=store_at(store),
        n_jobs=n_jobs,
        wanted=wanted(executor, workers, scheduler, scheduler_file),
        quiet=quiet,
        as_json=as_json,
    )


def train(
    data: Data,
    audio: Audio = None,
    target: Target = None,
    split: Split = None,
    keep_duplicates_together: Together = False,
    networks: Networks = "all",
    size: SizeOption = DEFAULT_SIZE,
    seeds: Annotated[int, typer.Option(min=1, metavar="N", help="Draws of the first weights.")] = (
        _defaults.SEEDS
    ),
    epochs: Annotated[
        int, typer.Option(min=1, metavar="N", help="At most so many times through the clips.")
    ] = 40,
    learning_rates: Annotated[
        str,
        typer.Option(
            metavar="NUMBERS",
            help="With commas between; an inner fold chooses, and how many epochs. One alone is taken, for "
            "all epochs, in a third of the time.",
        ),
    ] = "0.001,0.004",
    recipe: Recipe = DEFAULT_RECIPE,
    budget: Budget = None,
    device: Device = "auto",
    set_: Overrides = None,
    output: Output = Path("runs/trained"),
    store: Store = None,
    executor: Executor = ExecutorName.serial,
    workers: Processes = None,
    scheduler: Scheduler = None,
    scheduler_file: SchedulerFile = None,
    strict: Strict = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train networks end to end, to compare with the untrained.

    Front-end, statistics, folds and form of the results are those of rank; the classifier is "trained".
    Stopped or killed, the same command goes on where it was.
    docs/training.md has the recipe.
    """
    keep_freed_memory()  # before anything heavy is imported
    from elmarc.cli import commands
    from elmarc.cli.numbers import positive_numbers
    from elmarc.study import studies
    from elmarc.training.recipe import TrainingRecipe

    rates = positive_numbers(learning_rates, option="--learning-rates")
    commands.train(
        together(
            studies.data_section(data, audio=audio, target=target, split=split), keep_duplicates_together
        ),
        networks=networks,
        size=size.value,
        seeds=seeds,
        recipe=TrainingRecipe(epochs=epochs, learning_rates=rates),
        budget=budget,
        common={"device": device, "strict": strict, "recipe": recipe.value},
        overrides=set_ or [],
        output=output,
        store=store_at(store),
        wanted=wanted(executor, workers, scheduler, scheduler_file),
        quiet=quiet,
        as_json=as_json,
    )


def reproduce(
    context: typer.Context,
    name: Annotated[
        str,
        typer.Argument(
            help="One of {recorded}; or foretell, the study of docs/lab/foretell.md.",
            show_default=False,
            autocompletion=completer("recorded", more=[FORETELL]),
        ),
    ],
    audio: Annotated[
        Path | None,
        typer.Option(
            help="Where its clips lie; for foretell, the folder of esc10/ and fsdd/.", show_default=False
        ),
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="For foretell: a few minutes on toy; its numbers mean nothing.")
    ] = False,
    size: SizeOption = SizeName.large,
    seeds: Annotated[int, typer.Option(min=1, help="How many draws of the weights.")] = 3,
    protocol: Annotated[
        ProtocolName | None,
        typer.Option(help="One protocol alone; default: nested beside paper.", show_default=False),
    ] = None,
    set_: Overrides = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder for results.")] = None,
    store: Store = None,
    n_jobs: Jobs = 2,
    executor: Executor = ExecutorName.serial,
    workers: Processes = None,
    scheduler: Scheduler = None,
    scheduler_file: SchedulerFile = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Make the 2018 study's figure for a data set anew.

    Its published bars stand beside ours, on a page too. Nine networks and the MFCC baseline, SVM and ELM
    on unscaled features. The frame-level networks come twice: averaged as they should be, and (`_2018`)
    as the published numbers were.

    `foretell` ranks architectures untrained, trains them, and says how well the one foretells the other. It
    takes a day or more; stopped, the same command goes on.
    """
    where = output or Path("runs") / f"reproduce-{name}"
    work: dict[str, Any] = {"store": store_at(store), "n_jobs": n_jobs, "quiet": quiet, "as_json": as_json}
    if name == FORETELL:
        _refuse(context, "size", "seeds", "protocol", "set_", because="the study's plan sets it")
        _refuse(context, *EXECUTOR_OPTIONS, because="the study is made in this process")
        keep_freed_memory()  # before anything heavy is imported
        from elmarc.cli.foretell import foretell

        foretell(audio, quick=quick, output=where, **work)
        return
    _refuse(context, "quick", because=f"{name} has no quick form")
    from elmarc.cli import commands

    commands.reproduce(
        name,
        audio,
        size=size.value,
        seeds=seeds,
        protocols=[protocol.value] if protocol else ["nested", "paper"],
        overrides=set_ or [],
        output=where,
        wanted=wanted(executor, workers, scheduler, scheduler_file),
        **work,
    )


def _refuse(context: typer.Context, *names: str, because: str) -> None:
    """Refuse options that were given and would change nothing."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if parameter.name in names and source is not None and source.name == "COMMANDLINE":
            raise typer.BadParameter(f"{because}: leave {parameter.opts[0]} out")


def agreement(
    ranked: Annotated[Path, typer.Argument(help="The folder of `elmarc rank`, or of any results.")],
    trained: Annotated[
        Path, typer.Argument(help="The folder of the same networks' trained results, of one kind.")
    ],
    short: Annotated[
        Path | None,
        typer.Option(help="As a control: a folder of training for a few epochs.", show_default=False),
    ] = None,
    naswot: Annotated[
        bool, typer.Option("--naswot", help="As a control: NASWOT of the untrained networks on 64 clips.")
    ] = False,
    trust: Trust = False,
    output: Output = Path("runs/agreement"),
    as_json: Json = False,
) -> None:
    """Say how well an untrained ranking foretells the trained one.

    And how sure that is. For each data set that both folders have: rank correlations, the accuracy lost
    by training only what comes first, the ceiling, the number of parameters and other controls, and the
    time saved.
    """
    from elmarc.cli import commands

    commands.agreement(
        ranked, trained, short=short, naswot=naswot, trust=trust, output=output, as_json=as_json
    )


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
