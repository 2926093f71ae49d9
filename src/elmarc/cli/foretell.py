"""What `elmarc reproduce foretell` does: rank, train, compare; run again, it goes on where it stopped."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from elmarc.cli import commands, console
from elmarc.cli.folders import check_results_folder, check_writable
from elmarc.cli.options import Output
from elmarc.features.pooling import one_thread
from elmarc.features.store import FeatureStore
from elmarc.results import Result
from elmarc.study.cells import Cell, make_cells
from elmarc.study.forecast import Forecast, forecast
from elmarc.study.foretell_study import FULL, QUICK, Study, write_space
from elmarc.study.foretelling import WRITTEN
from elmarc.study.request import Run
from elmarc.study.run import run_cells

RANK, SHORT, TRAINED = "rank", "short", "trained"


@dataclass(frozen=True)
class _Step:
    """Cells of one kind, and what is done with them."""

    name: str
    cells: list[Cell]
    work: Callable[..., list[Result]]
    forecast: Callable[[list[Cell]], Forecast]


def foretell(audio: Path | None, *, quick: bool, where: Run, out: Output) -> None:
    """Run the study, or a small one that only shows that it runs."""
    output, store, n_jobs, quiet = out.output, out.open_store(), where.n_jobs, out.quiet
    check_writable(output, option="--output")
    check_results_folder(output, WRITTEN)
    study = QUICK if quick else FULL
    steps = list(_steps(study, audio, output, store=store, n_jobs=n_jobs))
    write_space(study.networks(), output / "space.yaml")
    if not (quick or quiet):
        console.show_forecast(_expected(steps))
    command = shlex.join(["elmarc", *sys.argv[1:]])
    with one_thread() if quick else nullcontext():  # two wait for each other longer than tiny networks take
        for step in steps:
            with console.Live(quiet=quiet) as live:
                step.work(step.cells, observer=live, keep_going=True, command=command)
    commands.agreement(
        output / RANK, output / TRAINED, short=output / SHORT, naswot=True, output=output, as_json=out.as_json
    )
    commands.end_after([cell for step in steps for cell in step.cells])


def _steps(
    study: Study, audio: Path | None, output: Path, *, store: FeatureStore, n_jobs: int
) -> Iterator[_Step]:
    sets = study.sets(audio, output)
    for recipe in study.recipes:
        yield _Step(
            RANK, make_cells(study.ranking(sets, recipe), output / RANK / recipe),
            partial(run_cells, store=store, n_jobs=n_jobs), partial(forecast, store=store, n_jobs=n_jobs),
        )  # fmt: skip
    for name, training, seeds in ((SHORT, study.short, 1), (TRAINED, study.training, study.trained_seeds)):
        yield _Step(
            name, make_cells(study.trainings(sets, training, seeds=seeds), output / name),
            partial(run_cells, store=store), partial(forecast, store=store),
        )  # fmt: skip


def _expected(steps: list[_Step]) -> Forecast:
    """Return how long all steps will take together."""
    seconds: dict[str, float] = {}
    known = [(step.name, step.forecast(step.cells)) for step in steps]
    for name, found in known:
        seconds[name] = seconds.get(name, 0.0) + found.seconds
    n_done, n_cells = (sum(getattr(f, key) for _, f in known) for key in ("n_done", "n_cells"))
    return Forecast(seconds, {}, n_done=n_done, n_cells=n_cells)
