"""Arguments and options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from elmarc.cli.listing import completer

if TYPE_CHECKING:
    from elmarc.experiments.executors import Wanted


class SizeName(StrEnum):
    """The study's two sizes."""

    large = "large"
    small = "small"


class ProtocolName(StrEnum):
    """How hyper-parameters are chosen."""

    nested = "nested"
    paper = "paper"


class ExecutorName(StrEnum):
    """Where features are computed, and networks trained."""

    serial = "serial"
    processes = "processes"
    dask = "dask"


class RecipeName(StrEnum):
    """What is made of the networks' maps."""

    study = "2018"
    v2 = "v2"


def data_names(incomplete: str) -> list[str]:
    """Complete a data set's name, or a folder or file."""
    folder, slash, start = incomplete.rpartition("/")
    paths = sorted(Path(folder + slash or ".").glob(f"{start}*")) if "*" not in start else []
    return completer("datasets")(incomplete) + [
        f"{folder}{slash}{path.name}{'/' * path.is_dir()}" for path in paths
    ]


Data = Annotated[
    str,
    typer.Argument(
        help="A folder with one sub-folder a class; a CSV file with columns path, label and perhaps fold; "
        "one of {datasets}, whose clips lie in --audio (toy needs none); or mirdata:NAME, "
        "soundata:NAME or hf:NAME.",
        show_default=False,
        autocompletion=data_names,
    ),
]
Audio = Annotated[Path | None, typer.Option(help="Where the clips of a named data set or CSV file lie.")]
Split = Annotated[str | None, typer.Option(help="For `hf:NAME`: this split alone.")]
Target = Annotated[str | None, typer.Option(help="For `toy`: label the clips by rhythm or by timbre.")]
Networks = Annotated[
    str,
    typer.Option(
        help="Names with commas between, or all (the study's nine). Known: {networks}; or a module of your "
        "own: package.module:Name or file.py:Name; or FILE.yaml with sections of a configuration, as "
        "`elmarc networks sample` writes it.",
        autocompletion=completer("networks", more=["all"]),
    ),
]
SizeOption = Annotated[SizeName, typer.Option(help="large: about 3,500 features; small: about 160.")]
Store = Annotated[Path | None, typer.Option(help="Folder of stored features; default: the user's cache.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but results and errors.")]
Json = Annotated[bool, typer.Option("--json", help="Print results as JSON.")]
Strict = Annotated[bool, typer.Option("--strict", help="Let a clip that cannot be read end the run.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of the random weights.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Recipe = Annotated[
    RecipeName,
    typer.Option(help="2018: the study's; v2: more accuracy from the same networks (docs/recipe.md)."),
]
Precision = Annotated[str, typer.Option(help="float32, tf32 (faster on a GPU) or bfloat16.")]
Overrides = Annotated[list[str] | None, typer.Option("--set", help="Any other key of the configuration.")]
Budget = Annotated[str | None, typer.Option(help="Stop after this time, e.g. 120s, 10m, 2h.")]
Output = Annotated[Path, typer.Option("--output", "-o", help="Folder for results.")]
Jobs = Annotated[int, typer.Option(min=1, help="Threads for the classifiers' grids.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Threads that decode ahead of the network.")]
Executor = Annotated[
    ExecutorName,
    typer.Option(help="Where the work is done: in this process, in processes of this machine, or by Dask."),
]
Processes = Annotated[
    int | None,
    typer.Option("--workers", min=1, help="How many processes to start; default: one a core, or a GPU."),
]
Scheduler = Annotated[
    str | None, typer.Option(help="With --executor dask: the address of a scheduler that runs already.")
]
SchedulerFile = Annotated[
    Path | None, typer.Option(help="With --executor dask: the file that holds that address.")
]
Together = Annotated[
    bool,
    typer.Option("--keep-duplicates-together", help="Keep clips of equal bytes in one fold."),
]
Force = Annotated[
    bool,
    typer.Option("--force", help="Replace a file that elmarc did not write; one that is read never is."),
]
Trust = Annotated[
    bool,
    typer.Option(
        "--trust", help="Import modules that the results name: whoever made these results can run code then."
    ),
]
Batch = Annotated[int | None, typer.Option(min=1, help="Clips in flight at once.")]


def together(section: dict[str, Any], keep: bool) -> dict[str, Any]:
    """Return a data section, with the option in it where it is given."""
    return section | ({"keep_duplicates_together": True} if keep else {})


def wanted(
    executor: ExecutorName, n_workers: int | None, scheduler: str | None, scheduler_file: Path | None
) -> Wanted:
    """Return what the four options of an executor say."""
    from elmarc.experiments.executors import Wanted

    return Wanted(executor.value, n_workers, scheduler, scheduler_file)
