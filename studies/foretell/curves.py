"""Learning curves of the second study: every architecture, trained once, with held-out accuracy by epoch.

    python -m studies.foretell.curves --data ../shared/data -o runs/curves

What a race over these architectures would have chosen, and at what cost, follows from the curves. Each row
of `curves/*.csv` is an epoch: loss of the training, loss and accuracy on the held-out fold, and processor
seconds. Run again, it goes on where it stopped.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from elmarc._io import csv_text, write_atomic
from elmarc.evaluation.splits import Folds
from elmarc.features.cache import FrontEndCache
from elmarc.study import build
from elmarc.study.cells import make_cells
from elmarc.study.request import Clips
from elmarc.study.spec import Experiment
from elmarc.training.inputs import open_inputs
from elmarc.training.loop import Row, Run, Trainer
from studies.foretell.plan import FULL, Excerpts, some_rows

WHOLE = replace(FULL.training, patience=1.0)  # no curve ends before its last epoch
ORDER = ("words20", "drum_styles", "esc10", "rhythm", "fsdd")


def excerpts(name: str, data: Path, output: Path) -> Excerpts:
    """Return a data set: of words every second recording, of digits every tenth."""
    if name == "esc10":
        return Excerpts(Clips(data="esc10", audio=data / "esc10").data_section(), 5.0)
    if name == "rhythm":
        return Excerpts(Clips(data="toy", target="rhythm").data_section(), 8.0)
    step, seconds = {"words20": (2, 2.0), "drum_styles": (1, 4.0), "fsdd": (10, 0.7)}[name]
    listed = some_rows(data / name / f"{name}.csv", step, output)
    return Excerpts(Clips(data=str(listed), audio=data / name).data_section(), seconds)


def train(config: Experiment, output: Path) -> str:
    """Train an architecture for each fold of a data set, and write its curves."""
    (cell,) = make_cells([config], output)
    file = output / "curves" / f"{cell.material.dataset.name} {cell.folder.name}.csv"
    if file.exists():
        return f"{file.name}: there already"
    data, recipe = cell.material.dataset, config.training
    assert recipe is not None
    extractor, _ = build.extractor(config, data, cache=FrontEndCache(output / "front-ends"))
    inputs = open_inputs(extractor, data.clips, cell.material.contents)
    folds = [clip.fold or "" for clip in inputs.clips]
    splits = cell.material.splits(inputs.labels, folds, [clip.group or "" for clip in inputs.clips])
    assert extractor.network is not None
    started = time.process_time()

    def on_epoch(run: Run, epoch: int, row: Row) -> None:
        nonlocal started
        row["cpu_s"], started = time.process_time() - started, time.process_time()

    trainer = Trainer(
        extractor.network, inputs, data.classes, recipe=recipe, statistics=config.pooling, seed=config.seed,
        on_epoch=on_epoch,
    )  # fmt: skip
    assert isinstance(splits, Folds)
    rows: list[dict[str, Any]] = []
    for name, (learnt, held_out) in zip(splits.names, splits.splits, strict=True):
        run = Run(name, recipe.learning_rates[0], recipe.epochs, learnt, held_out)
        common = {"dataset": data.name, "network": config.label, "seed": config.seed, "fold": name}
        rows += [common | row for row in trainer.train(run).rows]
    write_atomic(file, csv_text(pd.DataFrame(rows)))
    return f"{file.name}: {rows[-1]['validation_accuracy']:.2f} in its last fold"


def configs(data: Path, output: Path, seeds: int, sets: tuple[str, ...]) -> Iterator[Experiment]:
    """Yield what is trained: all architectures of one seed of one set after the other."""
    for seed in range(seeds):
        for name in sets:
            trainings = FULL.trainings([excerpts(name, data, output)], WHOLE, seeds=seeds)
            yield from (config for config in trainings if config.seed == seed)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of esc10/, words20/, ...")
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/curves"))
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--sets", default=",".join(ORDER), help="with commas between")
    parser.add_argument("--processes", type=int, default=2)
    args = parser.parse_args()
    todo = list(configs(args.data, args.output, args.seeds, tuple(args.sets.split(","))))
    with ProcessPoolExecutor(args.processes) as pool:
        futures = [pool.submit(train, config, args.output) for config in todo]
        for number, future in enumerate(as_completed(futures), 1):
            print(f"{number} of {len(todo)}: {future.result()}", flush=True)


if __name__ == "__main__":
    main()
