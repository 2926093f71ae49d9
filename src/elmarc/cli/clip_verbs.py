"""The commands that turn clips into something: their options and help."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from elmarc.cli.options import TRUST, FileOutput, Force, Json, Quiet, command, positive, refuse
from elmarc.errors import ConfigError
from elmarc.study.request import Extract, Fit, Run

FILE = Path("features.npz")
SYSTEM = ("network", "classifier", "recipe", "size", "n_filters", "precision", "seed", "overrides")


@command(output=...)
def extract(
    what: Extract,
    out: FileOutput,
    where: Run,
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
) -> None:
    """Write the features of a folder of clips to a file.

    Other tools read it. The columns id, label, fold and group come first, then a column a feature. DATA
    may also be an audio file, or a folder without classes: its labels are empty. With --per-frame the
    columns are id, time_s and the features; clips are read whole, and nothing is stored.
    """
    from elmarc.cli import commands, frames

    if per_frame and where.executor != "serial":
        raise ConfigError(
            f"--executor {where.executor}: features over time are made in this process: leave it out"
        )
    if per_frame:
        frames.extract_frames(what, out, rate=rate)
    elif rate is not None:
        raise ConfigError(f"--rate {rate:g}: a vector per clip has no rate: add --per-frame")
    else:
        commands.extract(what, where, out)


@command(data=None, output=Path("model.elmarc"))
def fit(
    context: typer.Context,
    what: Fit,
    out: FileOutput,
    from_: Annotated[
        Path | None, typer.Option("--from", help="A folder of `elmarc rank`: its winner is fitted.")
    ] = None,
    trust: Annotated[bool, typer.Option("--trust", help=TRUST)] = False,
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
    strict: Annotated[
        bool, typer.Option("--strict", help="Let a clip that cannot be read end the run.")
    ] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Say what clips are, and how probable that is.

    Recordings, over 4 times as long as what the model uses of a clip, are read by windows: a row a window is
    written, and neighbouring windows of one label are shown as one event.
    Clips that cannot be read are named and left out.
    """
    from elmarc.cli import predict as work

    work.predict(
        model,
        clips,
        work.Options(
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
