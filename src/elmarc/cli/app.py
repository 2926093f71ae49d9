"""The command line: `elmarc --help`."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from elmarc.cli.listing import ListingCommand
from elmarc.cli.options import (
    Audio,
    Batch,
    Data,
    Device,
    Jobs,
    Json,
    Output,
    Precision,
    ProtocolName,
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

app = typer.Typer(
    name="elmarc",
    help="Audio features from randomly weighted CNNs that are never trained, and which architecture suits "
    "your data.\n\nStart with `elmarc demo`, then `elmarc rank FOLDER`, where FOLDER has one sub-folder of "
    "clips a class.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
)
networks_app = typer.Typer(help="List the networks, or show one layer by layer.", no_args_is_help=True)
datasets_app = typer.Typer(help="List the data sets, or check one.", no_args_is_help=True)
config_app = typer.Typer(help="Convert a configuration, or print its schema.", no_args_is_help=True)
app.add_typer(networks_app, name="networks")
app.add_typer(datasets_app, name="datasets")
app.add_typer(config_app, name="config")
UsageProblem: Any = typer.BadParameter.__mro__[2]  # click's base of all; typer may bring a click of its own

INTERRUPTED = 130
STOPPED = "stopped: what is finished is kept; run the same command again to go on"


def _store(folder: Path | None) -> Any:
    from elmarc.datasets import cache_dir
    from elmarc.features.store import FeatureStore

    return FeatureStore(folder or cache_dir() / "features")


@app.command()
def demo(
    output: Output = Path("runs/demo"),
    store: Store = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Rank nine untrained networks on built-in clips, by rhythm and by timbre, in a minute or two.

    It shows the study's point: long temporal filters win where rhythm tells the classes apart, and do not
    where timbre does.
    """
    from elmarc.cli import commands

    commands.demo(output, store=_store(store), quiet=quiet, as_json=as_json)


@app.command()
def run(
    config: Annotated[Path, typer.Argument(help="YAML, TOML or JSON, or a 2018 config_file.py.")],
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Override a key: --set classifier.name=elm.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder for results.")] = None,
    store: Store = None,
    budget: Annotated[str | None, typer.Option(help="Stop after this time, e.g. 120s, 10m, 2h.")] = None,
    n_jobs: Jobs = 2,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Run an experiment or a sweep from a configuration file; run it again to take up where it stopped."""
    from elmarc.cli import commands

    commands.run(
        config, set_ or [], output, store=store, budget=budget, n_jobs=n_jobs, quiet=quiet, as_json=as_json
    )


@app.command(cls=ListingCommand)
def extract(
    data: Data,
    network: Annotated[str, typer.Option(help="mfcc, or one of {networks}.")],
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
    store: Store = None,
    strict: Strict = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write the features of a folder of clips to a file that other tools read.

    The columns id, label, fold and group come first, then a column a feature.
    """
    from elmarc.cli import commands
    from elmarc.experiments import studies

    width: dict[str, Any] = {"n_filters": n_filters} if n_filters else {"size": size.value}
    work = {
        "batch_size": batch_size,
        "n_workers": n_workers,
        "device": device,
        "strict": strict,
        "seed": seed,
    }
    commands.extract(
        studies.data_section(data, audio=audio, target=target),
        {"kind": network, **width, "precision": precision},
        output,
        common={"recipe": recipe.value} | {key: value for key, value in work.items() if value is not None},
        overrides=set_ or [],
        store=_store(store),
        quiet=quiet,
        as_json=as_json,
    )


@app.command(cls=ListingCommand)
def rank(
    data: Data,
    audio: Audio = None,
    target: Target = None,
    networks: Annotated[
        str, typer.Option(help="Names with commas between, or all (the study's nine). Known: {networks}.")
    ] = "all",
    classifiers: Annotated[
        str, typer.Option(help="Names with commas between, or all. Known: {classifiers}.")
    ] = "svm,elm",
    size: SizeOption = SizeName.small,
    seeds: Annotated[
        int, typer.Option(min=1, help="How many draws of the weights; one cannot tell networks apart.")
    ] = 2,
    protocol: Annotated[
        ProtocolName, typer.Option(help="nested: honest; paper: the 2018 study's, optimistic on folds.")
    ] = ProtocolName.nested,
    baseline: Annotated[bool, typer.Option(help="Rank the MFCC baseline beside the networks.")] = True,
    standardise: Annotated[
        bool | None,
        typer.Option(
            help="Standardise the features; default: yes, but not under --protocol paper.", show_default=False
        ),
    ] = None,
    recipe: Recipe = RecipeName.study,
    budget: Annotated[str | None, typer.Option(help="Stop after this time, e.g. 120s, 10m, 2h.")] = None,
    precision: Precision = "float32",
    device: Device = "auto",
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Any other key of the configuration.")
    ] = None,
    output: Output = Path("runs/rank"),
    store: Store = None,
    n_jobs: Jobs = 2,
    strict: Strict = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Say which untrained network suits a data set, how sure that is, and whether any beats the MFCC.

    Networks run cheapest first; the last line is the command that extracts the features of the best.
    """
    from elmarc.cli import commands
    from elmarc.experiments import studies

    commands.rank(
        studies.data_section(data, audio=audio, target=target),
        networks=networks,
        classifiers=classifiers,
        size=size.value,
        seeds=seeds,
        protocol=protocol.value,
        baseline=baseline,
        standardise=standardise,
        budget=budget,
        common={"device": device, "strict": strict, "recipe": recipe.value},
        precision=precision,
        overrides=set_ or [],
        output=output,
        store=_store(store),
        n_jobs=n_jobs,
        quiet=quiet,
        as_json=as_json,
    )


@app.command(cls=ListingCommand)
def reproduce(
    name: Annotated[str, typer.Argument(help="One of {recorded}.", show_default=False)],
    audio: Annotated[Path, typer.Option(help="Where its clips lie.")],
    size: SizeOption = SizeName.large,
    seeds: Annotated[int, typer.Option(min=1, help="How many draws of the weights.")] = 3,
    protocol: Annotated[
        ProtocolName | None,
        typer.Option(help="One protocol alone; default: nested beside paper.", show_default=False),
    ] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="Any other key of the configuration.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Folder for results.")] = None,
    store: Store = None,
    n_jobs: Jobs = 2,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Make the 2018 study's figure for a data set anew, its published bars beside ours, and a report page.

    Nine networks and the MFCC baseline, SVM and ELM on unscaled features. The frame-level networks come
    twice: averaged as they should be, and (`_2018`) as the published numbers were.
    """
    from elmarc.cli import commands

    commands.reproduce(
        name,
        audio,
        size=size.value,
        seeds=seeds,
        protocols=[protocol.value] if protocol else ["nested", "paper"],
        overrides=set_ or [],
        output=output or Path("runs") / f"reproduce-{name}",
        store=_store(store),
        n_jobs=n_jobs,
        quiet=quiet,
        as_json=as_json,
    )


@networks_app.command("list")
def networks_list(as_json: Json = False) -> None:
    """List the networks with their study sizes."""
    from elmarc.cli import describe

    describe.networks_list(as_json=as_json)


@networks_app.command("show", cls=ListingCommand)
def networks_show(
    name: Annotated[str, typer.Argument(help="One of {networks}, or single_layer.")],
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


@datasets_app.command("list")
def datasets_list(as_json: Json = False) -> None:
    """List the data sets that are known by name."""
    from elmarc.cli import describe

    describe.datasets_list(as_json=as_json)


@datasets_app.command("validate", cls=ListingCommand)
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


@config_app.command("convert")
def config_convert(
    config: Annotated[Path, typer.Argument(help="A 2018 config_file.py, or any configuration.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write here, not to stdout.")] = None,
) -> None:
    """Print a 2018 configuration in today's form; the file is read, never run."""
    from elmarc.cli import describe

    describe.config_convert(config, output)


@config_app.command("schema")
def config_schema() -> None:
    """Print the JSON schema of a configuration, for editors."""
    from elmarc.cli import describe

    describe.config_schema()


@app.command()
def report(
    results: Annotated[Path, typer.Argument(help="A folder with results.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The page to write.")] = Path("report.html"),
    embed_mb: Annotated[
        float, typer.Option(min=0, help="Megabytes of audio and pictures to put into the page.")
    ] = 20.0,
    quiet: Quiet = False,
) -> None:
    """Write one self-contained HTML page: ranking, figures, and the clips behind every mistake."""
    from elmarc.cli import commands

    commands.report(results, output, embed_mb=embed_mb, quiet=quiet)


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False,
) -> None:
    if version:
        from elmarc import __version__

        typer.echo(f"elmarc {__version__}")
        raise typer.Exit


def main() -> None:
    """Run the command line: 0 done, 1 a check failed, 2 a mistake of the user's, 130 interrupted."""
    sys.exit(_exit_code())


def _exit_code() -> int:
    from elmarc._errors import ElmarcError

    try:
        code = app(standalone_mode=False)
    except UsageProblem as problem:
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
        text = f"{place}{problem.strerror or problem}: check the path, its permissions and the space left"
    typer.secho("error: ", fg="red", err=True, nl=False)
    typer.echo(text, err=True)
    return 2
