"""Runs that are killed at random and started again: the same end, and nothing left behind.

    python -m studies.reliability.kills [--kills 20] [--terms 10] [--commands extract rank]
        [--executors serial dask]

A series begins with an empty store. Its run is ended by one to three signals, each at a random moment after
the run has begun to write, and is started again after each; at last it runs to its end. Moments, kinds of
signals and whom they hit come from a seed. A signal does not count where the run has written its last file.
With worker processes or Dask, a third of the SIGKILLs hit one of the two workers, which the run survives.

What must hold of every series: SIGTERM ends the run with 130. Every file of the output and every row in the
store is that of a run in one process that was left alone, to the byte but for times. The temporary folder is
empty, no unfinished file is in store or output, and no process of the run is alive. Ends with 1 where one of
these does not hold.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import psutil
import soundfile as sf

from elmarc.features.store import SHARDS, read_shard
from elmarc.results import Result

SR, KINDS = 12000, ("low", "high")
N_CLIPS = {"extract": 1500, "rank": 300}  # three shards of the store; one for each of two networks
NETWORK = ("--set", "network.n_filters=4", "--set", "network.size=null", "--quiet")
COMMANDS = {
    "extract": ("extract", "clips", "--network", "temporal", *NETWORK),
    "rank": ("rank", "clips", "--networks", "temporal,timbral", "--classifiers", "ridge,knn", *NETWORK),
}
LAST = {"extract": "features.npz", "rank": "differences.svg"}  # that a run writes
TIMELESS = {"timings": {}, "environment": {}, "created": "", "command": "", "source": {}}
MARK = "ELMARC_KILLS"
TICK_S, END_S = 0.005, 30.0


@dataclass
class Found:
    """What became of the runs of one command with one executor."""

    command: str
    executor: str
    signals: Counter[str] = field(default_factory=Counter)
    n_series: int = 0
    problems: list[str] = field(default_factory=list)


class Place:
    """A folder for one series: its store, output, temporary files, and the processes that work in it."""

    def __init__(self, folder: Path, clips: Path, command: str, executor: str) -> None:
        self.folder, self.command, self.executor = folder, command, executor
        (folder / "tmp").mkdir(parents=True)
        (folder / "clips").symlink_to(clips)
        self.output = folder / ("out/features.npz" if command == "extract" else "out")

    def start(self) -> subprocess.Popen[str]:
        environment = os.environ | {
            "ELMARC_CACHE": f"{self.folder}/cache", "TMPDIR": f"{self.folder}/tmp", MARK: str(self.folder)
        }  # fmt: skip
        workers = [] if self.executor == "serial" else ["--workers", "2"]
        words = [*COMMANDS[self.command], "--executor", self.executor, *workers, "--store", "store"]
        return subprocess.Popen(
            [sys.executable, "-m", "elmarc", *words, "-o", str(self.output)],
            cwd=self.folder, env=environment, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
        )  # fmt: skip

    def files(self) -> set[tuple[Path, int]]:
        """Name what the run has written, with its times: decoded clips, features, results."""
        found = set()
        for root in (self.folder / "store", self.folder / "out"):
            for path in root.rglob("*"):
                with suppress(OSError):
                    found.add((path, path.stat().st_mtime_ns))
        return found

    def await_begin(self, process: subprocess.Popen[str], before: set[tuple[Path, int]]) -> bool:
        """Wait until the run writes; False where it ended before."""
        while process.poll() is None:
            if self.files() - before:
                return True
            time.sleep(TICK_S)
        return False

    def finish(self) -> dict[str, str]:
        """Run to the end; return what was made: files of the output and rows of the store, as hashes."""
        process = self.start()
        _, said = process.communicate()
        if process.returncode:
            raise RuntimeError(f"the run that was left alone ended with {process.returncode}: {said}")
        made: dict[str, bytes] = {}
        for path in (self.folder / "store").rglob("*"):
            if path.match(SHARDS):
                names, X = read_shard(path)
                rows = zip(names, X, strict=True)
                made |= {f"{path.parent.name}/{name}": row.tobytes() for name, row in rows}
        files = (path for path in (self.folder / "out").rglob("*") if path.is_file())
        made |= {str(path.relative_to(self.folder)): timeless(path) for path in files}
        return {name: hashlib.sha256(value).hexdigest() for name, value in made.items()}

    def processes(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if (
                    process.environ().get(MARK) == str(self.folder)
                    and process.status() != psutil.STATUS_ZOMBIE
                ):
                    found.append(process)
        return found

    def workers(self) -> list[psutil.Process]:
        found = []
        for process in self.processes():
            with suppress(psutil.Error):
                if any("spawn_main" in word for word in process.cmdline()):
                    found.append(process)
        return found

    def left(self) -> list[str]:
        """Name what should be gone."""
        deadline = time.monotonic() + END_S
        while (alive := self.processes()) and time.monotonic() < deadline:
            time.sleep(0.1)
        found = [f"process {process.pid}" for process in alive]
        found += [str(path) for path in (self.folder / "tmp").iterdir()]
        for root in ("store", "out"):
            found += map(str, (self.folder / root).rglob(".*.part"))
            found += map(str, (self.folder / root).glob("frontend-*"))
        return found


def timeless(path: Path) -> bytes:
    """Return a file's bytes, without times where it has any."""
    match path.name:
        case "result.json":
            return replace(Result.from_json(path.read_text()), **TIMELESS).to_json().encode()
        case "ranking.csv":
            return pd.read_csv(path, dtype=str).drop(columns="s_per_clip").to_csv().encode()
        case "ranking.json":
            return json.dumps(without_times(json.loads(path.read_text()))).encode()
        case "run.json":
            return b""  # how long it took
    return path.read_bytes()


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_times(v) for k, v in value.items() if k != "s_per_clip"}
    return [without_times(v) for v in value] if isinstance(value, list) else value


def write_clips(folder: Path, n_clips: int) -> None:
    rng = np.random.default_rng(0)
    for i in range(n_clips):
        path = folder / KINDS[i % 2] / f"{i:03d}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        sf.write(path, 0.1 * rng.standard_normal(SR // 4) + 0.1 * (i % 2), SR)


def usual(place: Place) -> float:
    """Return how long a run that is left alone works from its first file on."""
    process = place.start()
    begun = place.await_begin(process, set())
    start = time.monotonic()
    process.communicate()
    if not begun or process.returncode:
        raise RuntimeError(f"{place.command}: ended with {process.returncode} at once")
    return time.monotonic() - start


def strike(place: Place, kind: str, seconds: float, rng: np.random.Generator) -> str | None:
    """Start the run and end it, or a worker; return what was hit, or None where it was over before."""
    before = place.files()
    process = place.start()
    killed_worker = kind == "KILL" and place.executor != "serial" and rng.random() < 1 / 3
    wait = rng.uniform(0, seconds)
    said = ""
    if place.await_begin(process, before):
        with suppress(subprocess.TimeoutExpired):
            _, said = process.communicate(timeout=wait)
    if process.poll() is not None:
        if process.returncode:
            raise RuntimeError(f"ended by itself with {process.returncode}: {said}")
        return None
    if killed_worker:
        workers = place.workers()
        if not workers:
            process.communicate()
            return None
        workers[int(rng.integers(len(workers)))].kill()
        _, said = process.communicate()
        if process.returncode:
            raise RuntimeError(f"a worker was killed, and the run ended with {process.returncode}: {said}")
        return "worker KILL"
    process.send_signal(signal.Signals[f"SIG{kind}"])
    process.communicate()
    if any(path.name == LAST[place.command] for path, _ in place.files() - before):
        return None  # it had done all but to end
    expected = -signal.SIGKILL if kind == "KILL" else 130
    if process.returncode != expected:
        raise RuntimeError(f"SIG{kind}: ended with {process.returncode}, expected {expected}")
    return kind


def attack(root: Path, clips: Path, found: Found, wanted: Counter[str], rng: np.random.Generator) -> None:
    """Strike until every kind of signal has been counted as often as wanted."""
    whole = Place(root / "serial", clips, found.command, "serial").finish()
    seconds = usual(Place(root / "usual", clips, found.command, found.executor))
    while left := list((wanted - _ends(found.signals)).elements()):
        place = Place(root / f"{found.n_series}", clips, found.command, found.executor)
        found.n_series += 1
        try:
            for kind in rng.permutation(left)[: rng.integers(1, 4)]:
                hit = strike(place, str(kind), seconds, rng)
                if hit is None:
                    break  # nothing is left to be done in this place
                found.signals[hit] += 1
            made = place.finish()
            if others := sorted(name for name in made.keys() | whole if made.get(name) != whole.get(name)):
                raise RuntimeError(f"other than in a run that was left alone: {', '.join(others)}")
            if rest := place.left():
                raise RuntimeError(f"left behind: {', '.join(rest)}")
        except RuntimeError as problem:
            found.problems.append(f"{place.folder.name}: {problem}")
        print(found.command, found.executor, dict(found.signals), found.problems, file=sys.stderr, flush=True)


def _ends(signals: Counter[str]) -> Counter[str]:
    """Count workers that were killed as kills."""
    return Counter({"KILL": signals["KILL"] + signals["worker KILL"], "TERM": signals["TERM"]})


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--terms", type=int, default=10)
    parser.add_argument("--commands", nargs="+", choices=COMMANDS, default=list(COMMANDS))
    parser.add_argument("--executors", nargs="+", default=["serial", "dask"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    every = []
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        for command in options.commands:
            clips = Path(folder) / f"{command}-clips"
            write_clips(clips, N_CLIPS[command])
            for executor in options.executors:
                found = Found(command, executor)
                rng = np.random.default_rng([options.seed, len(every)])
                root = Path(folder) / f"{command}-{executor}"
                wanted = Counter(KILL=options.kills, TERM=options.terms)
                attack(root, clips, found, wanted, rng)
                every.append(found)
    print("| command | executor | series | SIGKILL | of a worker | SIGTERM | faults |")
    print("|---" * 7 + "|")
    for found in every:
        kills, terms = _ends(found.signals)["KILL"], found.signals["TERM"]
        print(
            f"| {found.command} | {found.executor} | {found.n_series} | {kills} "
            f"| {found.signals['worker KILL']} | {terms} | {len(found.problems)} |"
        )
        for problem in found.problems:
            print(f"{found.command} {found.executor} {problem}", file=sys.stderr)
    if options.json:
        options.json.write_text(json.dumps([vars(found) for found in every], indent=1))
    return int(any(found.problems for found in every))


if __name__ == "__main__":
    sys.exit(main())
