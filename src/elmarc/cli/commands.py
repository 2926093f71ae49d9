"""The options and help of the commands that compute; what they do is imported when one runs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from elmarc._resources import keep_freed_memory
from elmarc._types import Size
from elmarc.cli.options import (
    FileOutput,
    Force,
    Json,
    Output,
    Predictions,
    Quiet,
    command,
    completer,
    not_negative,
    positive,
    refuse,
)
from elmarc.errors import ConfigError
from elmarc.study.request import Extract, Fit, Protocol, Rank, Run, Train

SYSTEM = ("network", "classifier", "recipe", "size", "n_filters", "precision", "seed", "overrides")


@command(output=Path("runs/demo"))
def demo(out: Output) -> None:
    """Rank untrained networks on built-in clips, in a minute.

    Once by rhythm, once by timbre, it is `elmarc rank toy --target rhythm` and the same with timbre: networks
    differ much where the classes differ in rhythm, and hardly where they differ in timbre.
    """
    from elmarc.cli import studies

    studies.demo(out)


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
    from elmarc.cli import studies

    studies.run_file(config, overrides or [], where, out)


@command(output=Path("runs/rank"))
def rank(study: Rank, where: Run, out: Output) -> None:
    """Say which untrained network suits a data set.

    How sure that is, and whether any beats the MFCC. Networks run cheapest first; the answer ends with the
    commands to go on with.
    """
    from elmarc.cli import studies

    studies.run(study.experiments(), where, out, keep_going=not study.strict)


@command(output=Path("runs/trained"))
def train(study: Train, where: Run, out: Output) -> None:
    """Train networks end to end, or say which to train.

    With --budget 30m, say, they race: all for a few epochs on one fold, the better ones longer, the winner
    on all folds, by the highest learning rate and with one seed.
    """
    keep_freed_memory()  # before anything heavy is imported
    from elmarc.cli import studies

    if where.budget is not None:
        studies.race(study, where, out)
    else:
        studies.run(study.experiments(), where, out, keep_going=not study.strict)


@command(output=None)
def reproduce(
    name: Annotated[
        str,
        typer.Argument(help="One of {recorded}.", show_default=False, autocompletion=completer("recorded")),
    ],
    where: Run,
    out: Output,
    audio: Annotated[Path | None, typer.Option(help="The folder of its clips.", show_default=False)] = None,
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
    from elmarc.cli import studies

    out = replace(out, output=out.output or Path("runs") / f"reproduce-{name}")
    protocols = [protocol] if protocol else ["nested", "paper"]
    studies.reproduce(
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
    as_json: Json = False,
) -> None:
    """Measure how well an untrained ranking predicts the trained one.

    For each data set that both folders have: rank correlations with intervals, and the accuracy lost by
    training only the first networks of the ranking.
    """
    from elmarc.cli import studies

    studies.agreement(ranked, trained, output=output, as_json=as_json)


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
    from elmarc.cli import studies

    studies.report(results, output, embed_mb=embed_mb, force=force, quiet=quiet)


@command(output=...)
def extract(
    what: Extract,
    out: FileOutput,
    where: Run,
    per_frame: Annotated[
        bool,
        typer.Option("--per-frame", help="Features over time: a row per frame, with its time in seconds."),
    ] = False,
    rate: Annotated[
        float | None,
        typer.Option(
            parser=positive,
            metavar="HZ",
            help="With --per-frame: frames per second; default: the fastest layer's, at most 50.",
        ),
    ] = None,
) -> None:
    """Write the features of a folder of clips to a file.

    Other tools read it. The columns id, label, fold and group come first, then one per feature. DATA
    may also be an audio file, or a folder without classes: its labels are empty. With --per-frame the
    columns are id, time_s and the features; clips are read whole, and nothing is stored.
    """
    from elmarc.cli import extract as work

    if per_frame and where.executor != "serial":
        raise ConfigError(
            f"--executor {where.executor}: features over time are made in this process: leave it out"
        )
    if per_frame:
        work.extract_frames(what, out, rate=rate)
    elif rate is not None:
        raise ConfigError(f"--rate {rate:g}: a vector per clip has no rate: add --per-frame")
    else:
        work.extract(what, where, out)


@command(data=None, output=Path("model.elmarc"))
def fit(
    context: typer.Context,
    what: Fit,
    out: FileOutput,
    from_: Annotated[
        Path | None, typer.Option("--from", help="A folder of `elmarc rank`: its winner is fitted.")
    ] = None,
    trust: Annotated[
        bool,
        typer.Option(
            "--trust",
            help="Import modules that the results name: whoever made these results can run code then.",
        ),
    ] = False,
) -> None:
    """Fit a classifier on all clips and write it to a file.

    `elmarc predict` reads the file. Its hyper-parameters are chosen by cross-validation. The accuracy to
    expect is the nested score: each fold is predicted by a classifier that was chosen and fitted without
    it. With --from DATA may be left out: the clips that were ranked.
    """
    from elmarc.cli import fit as work

    if from_ is not None:
        refuse(context, *SYSTEM, because="--from says what is fitted")
        if what.data is None and what.keep_duplicates_together:
            raise ConfigError("--keep-duplicates-together: the ranking says whether they were: name DATA too")
        chosen = work.from_ranking(from_, what, trust=trust)
    elif what.data is None:
        raise ConfigError("no DATA: name a folder, a CSV file or a data set, or a ranking with --from")
    else:
        chosen = work.Chosen(what.experiment())
    work.fit(chosen, out)


@command()
def predict(
    model: Annotated[Path, typer.Argument(help="A model file of `elmarc fit`.")],
    clips: Annotated[
        list[str],
        typer.Argument(help="Audio files, folders of them, or - for paths on stdin, one per line."),
    ],
    out: Predictions,
) -> None:
    """Say what clips are, and how probable that is.

    Recordings, over 4 times as long as what the model uses of a clip, are read by windows: a row per window
    is written, and neighbouring windows of one label are shown as one event.
    Clips that cannot be read are named and left out.
    """
    from elmarc.cli import predict as work

    work.predict(model, clips, out)
