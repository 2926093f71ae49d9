"""What `elmarc.networks.fast` gains over torch's own calls, network by network, from wav files to features.

    python -m benchmarks.bench_fast [--seconds 5] [--recipes v2,2018] [--sizes large,small] [--rounds 5]

Each network extracts the same clips with and without `plain()`, in turn, in one process. Times are processor
time of all threads, medians over rounds, in ms for each clip; `network` is the ratio for the network alone,
`files` that from file to features, decoding and front-end included. Over 1 the fast path is faster.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import soundfile
import torch

from elmarc._types import Size
from elmarc.audio.length import InputLength
from elmarc.datasets.base import Clip
from elmarc.features.assemble import FeatureOptions, assemble
from elmarc.features.pooling import pool
from elmarc.networks import STUDY_NETWORKS
from elmarc.networks.fast import plain

SR, N_CLIPS = 12000, 2


def write_clips(folder: Path, seconds: float) -> list[Clip]:
    rng = np.random.default_rng(0)
    clips = [Clip(f"{i}", folder / f"{i}.wav", "x") for i in range(N_CLIPS)]
    for clip in clips:
        soundfile.write(clip.path, 0.1 * rng.normal(size=int(seconds * SR)), SR, subtype="PCM_16")
    return clips


def medians(action: Callable[[], object], rounds: int) -> tuple[float, float]:
    """Return the median processor times without and with `plain()`, taken in turn."""
    times: dict[bool, list[float]] = {False: [], True: []}
    for round_ in range(rounds + 1):
        for is_plain in (False, True):
            with plain() if is_plain else nullcontext():
                start = time.process_time()
                action()
                if round_:  # the first one warms up
                    times[is_plain].append(time.process_time() - start)
    return statistics.median(times[False]), statistics.median(times[True])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--recipes", default="v2,2018")
    parser.add_argument("--sizes", default="large,small")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print("| recipe | size | network | fast, ms | torch, ms | network | files |\n|" + "---|" * 7)
    with tempfile.TemporaryDirectory() as folder:
        clips = write_clips(Path(folder), options.seconds)
        for recipe in options.recipes.split(","):
            for size in options.sizes.split(","):
                for name in STUDY_NETWORKS:
                    print(f"| {recipe} | {size} | {name} | {measured(name, recipe, size, clips, options)} |")


def measured(name: str, recipe: str, size: Size, clips: list[Clip], options: argparse.Namespace) -> str:
    """Return the cells of a row."""
    length = InputLength(options.seconds, options.seconds, "repeat-pad")
    extractor = assemble(FeatureOptions(name, recipe=recipe, size=size, sr=SR), default_length=length)
    network, statistics_ = extractor.network, extractor.statistics
    x = torch.from_numpy(np.stack([extractor.prepare(clips[0])]))
    alone = medians(lambda: pool(network, x, statistics=statistics_), options.rounds)
    files = medians(lambda: extractor.extract(clips), options.rounds)
    ratios = f"{alone[1] / alone[0]:.2f} | {files[1] / files[0]:.2f}"
    return f"{1000 * alone[0]:.1f} | {1000 * alone[1]:.1f} | {ratios}"


if __name__ == "__main__":
    main()
