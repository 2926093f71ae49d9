"""Rank, train and compare: `python -m studies.foretell --audio DATA -o runs/foretell`, or `--quick`.

Run again, it goes on where it stopped.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from elmarc.datasets import cache_dir
from elmarc.features.pooling import one_thread
from elmarc.features.store import FeatureStore
from elmarc.results import Result, collect
from elmarc.study.cells import Cell, failures, make_cells
from elmarc.study.observer import Lines
from elmarc.study.run import run_cells
from elmarc.study.summary import comparable
from studies.foretell import report
from studies.foretell.compare import Comparison, comparisons
from studies.foretell.naswot import naswot_scores
from studies.foretell.plan import FULL, QUICK, Study, write_space

RANK, SHORT, TRAINED = "rank", "short", "trained"


def run(
    study: Study, audio: Path | None, output: Path, store: FeatureStore, *, n_jobs: int = 2
) -> list[Cell]:
    """Rank and train all architectures on all data sets; return the cells."""
    sets = study.sets(audio, output)
    write_space(study.networks(), output / "space.yaml")
    observer, command = Lines(quiet=False), shlex.join(["python", "-m", "studies.foretell", *sys.argv[1:]])
    every: list[Cell] = []
    for recipe in study.recipes:
        cells = make_cells(study.ranking(sets, recipe), output / RANK / recipe)
        run_cells(cells, store=store, n_jobs=n_jobs, observer=observer, keep_going=True, command=command)
        every += cells
    for name, training, seeds in ((SHORT, study.short, 1), (TRAINED, study.training, study.trained_seeds)):
        cells = make_cells(study.trainings(sets, training, seeds=seeds), output / name)
        run_cells(cells, store=store, observer=observer, keep_going=True, command=command)
        every += cells
    return every


def compare(output: Path) -> list[Comparison]:
    """Compare what the folders of a run contain."""
    sides: list[Sequence[Result]] = []
    for name in (RANK, TRAINED, SHORT):
        results, notes = comparable(collect(output / name, notes=[]))
        sides.append(results)
        for note in notes:
            print(f"note: {name}: {note}", file=sys.stderr)
    proxies = {"NASWOT": naswot_scores(sides[0], output / RANK)}
    return comparisons(sides[0], sides[1], short=sides[2], proxies=proxies)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the study; return 1 where a cell could not be run."""
    parser = argparse.ArgumentParser(prog="python -m studies.foretell", description=__doc__)
    parser.add_argument("--audio", type=Path, help="the folder of esc10/ and fsdd/")
    parser.add_argument("--quick", action="store_true", help="a minute on toy; its numbers mean nothing")
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/foretell"))
    parser.add_argument("--store", type=Path, default=cache_dir() / "features", help="folder of features")
    args = parser.parse_args(arguments)
    with one_thread() if args.quick else nullcontext():  # more only wait for each other
        cells = run(QUICK if args.quick else FULL, args.audio, args.output, FeatureStore(args.store))
    compared = compare(args.output)
    report.write(compared, args.output)
    print(report.to_text(compared))
    return 1 if failures(cells) else 0


if __name__ == "__main__":
    sys.exit(main())
