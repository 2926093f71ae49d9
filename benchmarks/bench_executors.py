"""What executors cost: two workers beside the serial path, a task, and many workers.

    python -m benchmarks.bench_executors pace [--networks vgg,7x96] [--clips 40] [--rounds 3]
    python -m benchmarks.bench_executors overhead [--tasks 500]
    python -m benchmarks.bench_executors scaling [--slots 1 4 16 64] [--seconds 60]

`pace` extracts large networks' features of clips of 29.2 s without an executor, with a worker process a core
and with a Dask worker a core, in turn; workers have started and done a task before. The ratio is serial over
executor: over 1 the executor is faster. `overhead` is the time that a task of no work takes, of many at once.
`scaling` lets a Dask cluster of this machine pretend: a clip is 0.2 s of sleep. Scheduler, coordinator,
cutting into tasks and the way of specifications and rows are real. Efficiency is the time that the sleep
would take, shared evenly, over the time that the run took.
"""

from __future__ import annotations

import argparse
import logging
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from concurrent.futures import Future, wait
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from distributed import LocalCluster

from benchmarks.bench_networks import write_clips
from elmarc._resources import n_cores
from elmarc.datasets.base import Clip
from elmarc.features.cache import Stopwatch
from elmarc.features.contents import Contents
from elmarc.features.extractor import FeatureExtractor
from elmarc.networks import STUDY_NETWORKS
from elmarc.study import build
from elmarc.study.executors import Dask, Pool, Processes
from elmarc.study.spec import Experiment, parse_experiment
from elmarc.study.tasks import Extraction, Rows, computing

CLIP_S = 0.2  # of a clip that is pretended; large vgg takes as long


def config_of(network: str) -> Experiment:
    return parse_experiment(
        {
            "data": {"source": "toy"},
            "network": {"kind": network, "size": "large"},
            "input": {"seconds": 29.2, "fix_length": "repeat-pad"},
        },
        source="bench_executors",
    )


def pace(options: argparse.Namespace) -> None:
    n = n_cores()
    makes: dict[str, Callable[[], Pool]] = {
        "processes": lambda: Processes(n),
        "dask": lambda: Dask(n_workers=n),
    }
    print(f"| network | serial, clips/s | {' | '.join(makes)} |\n|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder, makes["processes"]() as first, makes["dask"]() as second:
        clips = write_clips(Path(folder), options.clips)
        executors = {"serial": None, "processes": first, "dask": second}
        for network in options.networks.split(","):
            config = config_of(network)
            extractor, _ = build.extractor(config, None)
            seconds: dict[str, list[float]] = defaultdict(list)
            for turn in range(options.rounds + 1):
                for name, executor in executors.items():
                    compute = computing(config, extractor, executor)
                    some = clips if turn else clips[: 4 * n]  # the first round sets workers up
                    start = time.perf_counter()
                    extractor.extract(some, compute=compute)
                    if turn:
                        seconds[name].append(time.perf_counter() - start)
            serial = seconds.pop("serial")
            ratios = {
                name: sorted(a / b for a, b in zip(serial, own, strict=True)) for name, own in seconds.items()
            }
            cells = " | ".join(
                f"{statistics.median(r):.2f} ({r[0]:.2f}, {r[-1]:.2f})" for r in ratios.values()
            )
            print(f"| {network} | {options.clips / statistics.median(serial):.1f} | {cells} |", flush=True)


@dataclass(frozen=True)
class Nothing:
    """A task of no work."""

    key: str

    def __dask_tokenize__(self) -> str:
        return self.key


def nothing(task: Nothing) -> str:
    return task.key


def overhead(options: argparse.Namespace) -> None:
    n = n_cores()
    for name, executor in (("processes", Processes(n)), ("dask", Dask(n_workers=n))):
        with executor:
            wait([executor.submit(nothing, Nothing(f"first {i}")) for i in range(4 * n)])
            start = time.perf_counter()
            wait([executor.submit(nothing, Nothing(f"{i}")) for i in range(options.tasks)])
            seconds = time.perf_counter() - start
        print(f"{name}: {1e3 * seconds / options.tasks:.2f} ms a task")


def pretend(task: Extraction, *, n_features: int) -> Rows:
    """Sleep as long as a slot would work, and give rows."""
    seconds = CLIP_S * len(task.pairs)
    time.sleep(seconds)
    rows = np.zeros((len(task.pairs), n_features), np.float32)
    return Rows(tuple(content for _, content in task.pairs), rows, {}, {}, Stopwatch(), seconds, "nowhere")


class Pretending(Dask):
    """A cluster whose workers sleep."""

    n_features = 0

    def submit(self, _do: Callable[[Any], Any], task: Any) -> Future[Any]:
        return super().submit(partial(pretend, n_features=self.n_features), task)


def scaling(options: argparse.Namespace) -> None:
    config = config_of("vgg")
    print("| slots | clips | tasks at 20 s | s | efficiency |\n|---|---|---|---|---|")
    for n_slots in options.slots:
        n_clips = round(options.seconds * n_slots / CLIP_S)
        clips = [Clip(f"{i:08d}.wav", Path(f"/{i:08d}.wav"), "x") for i in range(n_clips)]
        contents = Contents({clip.id: sha256(clip.id.encode()).hexdigest() for clip in clips}, {})
        extractor: FeatureExtractor = build.extractor(config, None)[0]
        n_workers = min(n_slots, 4)
        with (
            LocalCluster(
                n_workers=n_workers,
                threads_per_worker=n_slots // n_workers,
                dashboard_address="127.0.0.1:0",
                silence_logs=logging.CRITICAL,
            ) as cluster,  # type: ignore[no-untyped-call]
            Pretending(cluster.scheduler_address) as executor,
        ):
            executor.n_features = len(extractor.columns)
            start = time.perf_counter()
            extractor.extract(clips, contents=contents, compute=computing(config, extractor, executor))
            seconds = time.perf_counter() - start
        print(
            f"| {n_slots} | {n_clips} | {n_clips * CLIP_S / 20:.0f} | {seconds:.1f} "
            f"| {options.seconds / seconds:.2f} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parts = parser.add_subparsers(required=True)
    part = parts.add_parser("pace")
    part.add_argument("--networks", default=",".join(STUDY_NETWORKS))
    part.add_argument("--clips", type=int, default=40)
    part.add_argument("--rounds", type=int, default=3)
    part.set_defaults(work=pace)
    part = parts.add_parser("overhead")
    part.add_argument("--tasks", type=int, default=500)
    part.set_defaults(work=overhead)
    part = parts.add_parser("scaling")
    part.add_argument("--slots", type=int, nargs="+", default=[1, 4, 16, 64])
    part.add_argument("--seconds", type=float, default=60.0, help="that each slot works")
    part.set_defaults(work=scaling)
    options = parser.parse_args()
    options.work(options)


if __name__ == "__main__":
    main()
