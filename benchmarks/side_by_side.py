"""Whether this version costs more than another one: both do the same work in turn, in one run.

    git worktree add ../other 033094d
    python -m benchmarks.side_by_side ../other [--rounds 3] [--networks vgg,7x96]

Each round takes the large networks of `bench_networks`, and ranks the nine small ones on the folder of ESC-10
as in 2018 with an empty store, here and there, in turn; the order changes with each round. The table has the
median over rounds of the ratio of times, here over there, and its range. The ranking needs the ESC-10 clips
(ELMARC_DATA, default ../shared/data).
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from benchmarks.bench_pipeline import DATA
from elmarc.networks import STUDY_NETWORKS

HERE = Path(__file__).resolve().parents[1]
SUM, RANK = "all networks", "rank esc10"
SAME_WORK = shlex.split("--networks all --size small --recipe 2018 --classifiers svm,elm --seeds 1")


def run(checkout: Path, *arguments: str) -> float:
    """Run a module of a checkout; return seconds."""
    start = time.perf_counter()
    environment = os.environ | {"PYTHONPATH": str(checkout / "src")}
    subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=checkout,
        env=environment,
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return time.perf_counter() - start


def measure(checkout: Path, networks: str) -> dict[str, float]:
    """Return the seconds of each network for a clip, and those of the ranking."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "networks.json"
        run(checkout, "benchmarks.bench_networks", "--no-plain", "--networks", networks, "--json", str(file))
        rows = json.loads(file.read_text())["rows"]
        found = {row["network"]: row["s_per_clip"] for row in rows}
        found[SUM] = sum(found.values())
        if (DATA / "esc10").is_dir():
            ranking = ["rank", str(DATA / "esc10"), *SAME_WORK, "--quiet"]
            found[RANK] = run(
                checkout, "elmarc", *ranking, "--store", f"{folder}/store", "-o", f"{folder}/ranked"
            )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("other", type=Path, help="another checkout of elmarc")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--networks", default=",".join(STUDY_NETWORKS))
    options = parser.parse_args()
    other = options.other.resolve()
    seconds: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for turn in range(options.rounds):
        order = [HERE, other][:: 1 if turn % 2 else -1]
        found = {checkout: measure(checkout, options.networks) for checkout in order}
        for name in found[HERE]:
            seconds[name].append((found[HERE][name], found[other][name]))
            print(turn, name, *(f"{s:.3f}" for s in seconds[name][-1]), file=sys.stderr)
    print("| | here, s | there, s | here / there | range |\n|---|---|---|---|---|")
    for name, pairs in seconds.items():
        here, there = (statistics.median(side) for side in zip(*pairs, strict=True))
        ratios = sorted(mine / theirs for mine, theirs in pairs)
        middle = statistics.median(ratios)
        print(f"| {name} | {here:.3f} | {there:.3f} | {middle:.2f} | {ratios[0]:.2f}, {ratios[-1]:.2f} |")


if __name__ == "__main__":
    main()
