"""Many short clips through `elmarc extract`: memory, open files, what is left behind, time a clip.

    python -m studies.reliability.soak [--clips 20000] [--executors serial] [--workers 2] [--json FILE]

Every clip is other noise, a quarter of a second at 12 kHz. The run is a process of its own; it and all that
it starts are looked at five times a second. Memory is the sum over these processes, of pages that they share
each a part. Processor time is theirs, so that other work on the machine disturbs it less than the clock. The
fifths are those of the clips, by the shards of the store; the first is start-up as far as memory goes.

Ends with 1 where memory grows by more than the rows themselves and 50 MB from the second to the last fifth,
where open files or threads grow, where something is left in the temporary folder or the store, where a clip
of the last fifth takes more than 1.5 times the processor time of one of the first, or where executors give
different features.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
import soundfile as sf

from elmarc.features.matrix import FeatureMatrix
from elmarc.features.store import SHARDS, read_header

SR, SECONDS = 12000, 0.25
KINDS = ("low", "high")
NETWORK = "temporal"
TICK_S = 0.2
MOST_MB, MOST_TIMES = 50, 1.5
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Look:
    """What the processes of a run held at one moment."""

    n_rows: int
    seconds: float
    processor_s: float
    memory_mb: float
    n_files: int
    n_threads: int
    n_processes: int


@dataclass(frozen=True)
class Found:
    """One run, in figures."""

    executor: str
    n_clips: int
    seconds: float
    ms_first: float
    ms_last: float
    mb_second: float
    mb_last: float
    mb_most: float
    files_second: int
    files_last: int
    threads_second: int
    threads_last: int
    left: tuple[str, ...]
    features: str

    def problems(self, rows_mb: float) -> list[str]:
        """Name the bounds that are not kept; `rows_mb` of features are held by right."""
        held = {
            f"memory grew from {self.mb_second:.0f} to {self.mb_last:.0f} MB": self.mb_last
            > self.mb_second + rows_mb + MOST_MB,
            f"open files grew from {self.files_second} to {self.files_last}": self.files_last
            > self.files_second + 2,
            f"threads grew from {self.threads_second} to {self.threads_last}": self.threads_last
            > self.threads_second + 2,
            f"left behind: {', '.join(self.left)}": bool(self.left),
            f"a clip took {self.ms_first:.2f} ms and then {self.ms_last:.2f}": self.ms_last
            > MOST_TIMES * self.ms_first,
        }
        return [problem for problem, is_so in held.items() if is_so]


def write_clips(folder: Path, n_clips: int) -> None:
    rng = np.random.default_rng(0)
    for kind in KINDS:
        (folder / kind).mkdir(parents=True)
    for number in range(n_clips):
        noise = rng.normal(size=round(SR * SECONDS)) / 20
        sf.write(folder / KINDS[number % 2] / f"{number:06d}.wav", noise, SR)


def tree(root: int) -> list[int]:
    """Return a process and all that descend from it."""
    found = [root]
    for process in found:
        with suppress(OSError):
            for task in Path(f"/proc/{process}/task").iterdir():
                found += map(int, (task / "children").read_text().split())
    return found


def held(process: int) -> tuple[float, float, int, int]:
    """Return processor seconds (of children that have ended too), MB, open files and threads."""
    at = Path(f"/proc/{process}")
    fields = (at / "stat").read_text().rpartition(")")[2].split()
    shared = next(line for line in (at / "smaps_rollup").read_text().splitlines() if line.startswith("Pss:"))
    return (
        sum(map(int, fields[11:15])) / TICKS, int(shared.split()[1]) / 1024,
        len(os.listdir(at / "fd")), int(fields[17]),
    )  # fmt: skip


def looks(run: subprocess.Popen[str], store: Path) -> Iterator[Look]:
    """Look again and again until the run has ended."""
    start, known = time.monotonic(), dict[Path, int]()
    while run.poll() is None:
        for path in store.glob(f"*/{SHARDS}"):
            if path not in known:
                known[path] = len(read_header(path)[0])
        every = []
        for process in tree(run.pid):
            with suppress(OSError, StopIteration, IndexError):  # one that has ended meanwhile
                every.append(held(process))
        if every:
            processor_s, memory_mb, n_files, n_threads = (sum(column) for column in zip(*every, strict=True))
            yield Look(
                sum(known.values()), time.monotonic() - start, processor_s, memory_mb,
                int(n_files), int(n_threads), len(every),
            )  # fmt: skip
        time.sleep(TICK_S)


def soak(
    executor: str, sounds: Path, folder: Path, *, n_clips: int, n_workers: int
) -> tuple[Found, list[Look]]:
    """Run once, and sum up what was seen."""
    folder.mkdir()
    (folder / "tmp").mkdir()
    command = [sys.executable, "-m", "elmarc", "extract", str(sounds), "--network", NETWORK, "--quiet"]
    command += ["--store", str(folder / "store"), "-o", str(folder / "features.npz")]
    if executor != "serial":
        command += ["--executor", executor, "--workers", str(n_workers)]
    surroundings = {**os.environ, "TMPDIR": str(folder / "tmp")}
    start = time.monotonic()
    with subprocess.Popen(command, env=surroundings, cwd=folder, text=True, stdout=subprocess.DEVNULL) as run:
        seen = list(looks(run, folder / "store"))
    if run.returncode:
        raise SystemExit(f"{executor}: extract ended with {run.returncode}")
    seconds = time.monotonic() - start
    X = FeatureMatrix.load(folder / "features.npz").X
    if len(X) != n_clips:
        raise SystemExit(f"{executor}: {len(X)} rows for {n_clips} clips")
    second, last = (part(seen, k, n_clips) for k in (1, 4))
    found = Found(
        executor, n_clips, seconds,
        per_clip_ms(part(seen, 0, n_clips)), per_clip_ms(last),
        median(look.memory_mb for look in second), median(look.memory_mb for look in last),
        max(look.memory_mb for look in seen),
        max(look.n_files for look in second), max(look.n_files for look in last),
        max(look.n_threads for look in second), max(look.n_threads for look in last),
        tuple(left_behind(folder)), hashlib.sha256(X.tobytes()).hexdigest(),
    )  # fmt: skip
    return found, seen


def part(seen: list[Look], fifth: int, n_clips: int) -> list[Look]:
    """Return the looks of one fifth of the clips, its first row stored."""
    low, high = max(1, fifth * n_clips / 5), (fifth + 1) * n_clips / 5
    return [look for look in seen if low <= look.n_rows <= high]


def per_clip_ms(seen: list[Look]) -> float:
    """Return processor time a clip between the first and the last shard of these looks."""
    ends = [now for before, now in pairwise(seen) if now.n_rows > before.n_rows]
    if len(ends) < 2:
        raise SystemExit("too few clips, or too fast: nothing can be told of first and last")
    return 1000 * (ends[-1].processor_s - ends[0].processor_s) / (ends[-1].n_rows - ends[0].n_rows)


def left_behind(folder: Path) -> Iterator[str]:
    """Yield what a run has left in its temporary folder, its store and its working folder."""
    yield from (str(path.relative_to(folder)) for path in (folder / "tmp").iterdir())
    for path in (folder / "store").rglob("*"):
        if path.is_file() and not path.match(SHARDS) and path.name != "definition.json":
            yield str(path.relative_to(folder))
    yield from (path.name for path in folder.iterdir() if path.name not in ("tmp", "store", "features.npz"))


def row(found: Found) -> str:
    cells = [
        found.executor, f"{found.n_clips:,}", f"{found.seconds:.0f} s",
        f"{found.ms_first:.2f} ms", f"{found.ms_last:.2f} ms",
        f"{found.mb_second:.0f} MB", f"{found.mb_last:.0f} MB", f"{found.mb_most:.0f} MB",
        f"{found.files_second}, {found.files_last}", f"{found.threads_second}, {found.threads_last}",
        str(len(found.left)),
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Soak each executor, print a row for each, and fail where a bound is not kept."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--clips", type=int, default=20_000)
    parser.add_argument("--executors", nargs="+", default=["serial"], help="serial, or what --executor takes")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    heads = [
        "executor", "clips", "clock", "a clip, first fifth", "last fifth", "memory, second fifth",
        "last fifth", "peak", "open files, second and last", "threads", "left behind",
    ]  # fmt: skip
    every, problems = [], []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_clips(folder / "sounds", options.clips)
        print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads), flush=True)
        for executor in options.executors:
            found, seen = soak(
                executor,
                folder / "sounds",
                folder / executor,
                n_clips=options.clips,
                n_workers=options.workers,
            )
            rows_mb = (folder / executor / "features.npz").stat().st_size / 1e6
            problems += [f"{executor}: {problem}" for problem in found.problems(rows_mb)]
            every.append({**asdict(found), "looks": [asdict(look) for look in seen]})
            print(row(found), flush=True)
    if len({found["features"] for found in every}) > 1:
        problems.append("the executors give different features")
    if options.json:
        options.json.write_text(json.dumps(every, indent=1) + "\n")
    if problems:
        raise SystemExit("\n".join(problems))


if __name__ == "__main__":
    main()
