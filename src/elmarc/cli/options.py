"""Arguments and options that several commands share."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from elmarc import _defaults
from elmarc.cli.listing import ADVANCED, completer

if TYPE_CHECKING:
    from elmarc.study.executors import Wanted


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


DEFAULT_SIZE, DEFAULT_RECIPE = SizeName(_defaults.SIZE), RecipeName(_defaults.RECIPE)


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
        metavar="DATA",
        show_default=False,
        autocompletion=data_names,
    ),
]
Audio = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Where the clips of a named set or CSV file lie.")
]
Networks = Annotated[
    str,
    typer.Option(
        metavar="NAMES",
        help="With commas between, or all (the study's nine). Known: {networks}; or a module of your own, "
        "package.module:Name or file.py:Name; or a FILE.yaml of `elmarc networks sample`.",
        autocompletion=completer("networks", more=["all"]),
    ),
]
SizeOption = Annotated[SizeName, typer.Option(help="About 3,500 features, or about 160.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but results and errors.")]
Json = Annotated[bool, typer.Option("--json", help="Print results as JSON.")]
Seed = Annotated[int, typer.Option(min=0, metavar="N", help="Seed of the random weights.")]
Recipe = Annotated[RecipeName, typer.Option(help="More accurate, or the study's: docs/recipe.md.")]
Budget = Annotated[str | None, typer.Option(metavar="TIME", help="Stop after 120s, 10m or 2h, say.")]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="DIR", help="Folder for results.")]


def rare(*names: str, **options: Any) -> Any:
    """Return an option that few need, which help shows apart."""
    return typer.Option(*names, rich_help_panel=ADVANCED, **options)


Split = Annotated[str | None, rare(metavar="NAME", help="For hf:NAME: this split alone.")]
Target = Annotated[str | None, rare(metavar="NAME", help="For toy: label by rhythm or by timbre.")]
Store = Annotated[
    Path | None, rare(metavar="DIR", help="Folder of stored features; default: the user's cache.")
]
Strict = Annotated[bool, rare("--strict", help="Let a clip that cannot be read end the run.")]
Device = Annotated[str, rare(metavar="NAME", help="auto, cpu, cuda or mps.")]
Precision = Annotated[str, rare(metavar="NAME", help="float32, tf32 (faster on a GPU) or bfloat16.")]
Overrides = Annotated[
    list[str] | None, rare("--set", metavar="KEY=VALUE", help="Any other key of the configuration.")
]
Jobs = Annotated[int, rare(min=1, metavar="N", help="Threads for the classifiers' grids.")]
Workers = Annotated[int | None, rare(min=1, metavar="N", help="Threads that decode ahead of the network.")]
Executor = Annotated[ExecutorName, rare(help="Where the work is done: this process, others, or Dask.")]
Processes = Annotated[
    int | None, rare("--workers", min=1, metavar="N", help="Processes; default: one a core, or a GPU.")
]
Scheduler = Annotated[
    str | None, rare(metavar="ADDRESS", help="With --executor dask: a scheduler that runs already.")
]
SchedulerFile = Annotated[
    Path | None, rare(metavar="FILE", help="With --executor dask: the file with its address.")
]
Together = Annotated[bool, rare("--keep-duplicates-together", help="Keep clips of equal bytes in one fold.")]
Force = Annotated[
    bool, rare("--force", help="Replace a file that elmarc did not write; one that is read never is.")
]
Trust = Annotated[
    bool,
    rare(
        "--trust", help="Import modules that the results name: whoever made these results can run code then."
    ),
]
Batch = Annotated[int | None, rare(min=1, metavar="N", help="Clips in flight at once.")]


def together(section: dict[str, Any], keep: bool) -> dict[str, Any]:
    """Return a data section, with the option in it where it is given."""
    return section | ({"keep_duplicates_together": True} if keep else {})


def wanted(
    executor: ExecutorName, n_workers: int | None, scheduler: str | None, scheduler_file: Path | None
) -> Wanted:
    """Return what the four options of an executor say."""
    from elmarc.study.executors import Wanted

    return Wanted(executor.value, n_workers, scheduler, scheduler_file)
