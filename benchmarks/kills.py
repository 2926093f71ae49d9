"""SIGKILLs and SIGTERMs at random moments of `elmarc extract` and `elmarc rank`, and what comes of going on.

    python -m benchmarks.kills [--kills 20 --terms 10 --worker-kills 4] [--commands extract rank]
        [--executors serial dask] [--seed 0] [--minutes 30] [-o FILE.json]

A series begins with an empty store. The command is ended at a random moment of the time that it takes
unbroken (the least that was measured), started again, up to five times, and then left to come to its end.
What it has made by then is compared with what an unbroken run in one process has made: every row and
definition in the store, `features.npz` to the byte, each file in the folder of `rank` to the byte, but for
the times in result.json, ranking.csv and ranking.json. A signal counts as one in work where the command had
stored or written something since its start and had not come to its end; one that came after it is drawn
again.

With dask the workers are two processes that outlive the command (`--scheduler-file`). In the last run of some
series one of them is killed too, and another one started. Each sixth series has `--workers 2` instead.

Commands are forked from a process that has imported all they need, so that the moments are not those of
`import torch`. At the end of each series, and after each SIGTERM, nothing may be left: no process (known by
its TMPDIR), no unfinished file, nothing in the temporary folder. Ends with 1 where something is.
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.soak import write_clips
from elmarc.features import shards
from elmarc.results import Result

N_CLIPS = {"extract": 1100, "rank": 40}  # three shards of features; enough to search grids on
WORDS = {
    "extract": ("extract", "clips", "--network", "temporal", "-o", "features.npz"),
    "rank": (
        "rank", "clips", "--networks", "temporal", "--classifiers", "knn,ridge", "--seeds", "1",
        "--set", "network.n_filters=4", "--set", "network.size=null", "-o", "out",
    ),
}  # fmt: skip
MOST_ENDS = 5  # of a series
LOCAL_EACH = 6  # series of dask: the workers of one are the command's own
PATIENCE_S = 300
START_S = 0.1  # from the fork to the handlers of signals
GONE_S = 30  # in which the processes of a command that was killed have to end
TIMELESS = {"timings": {}, "environment": {}, "created": "", "command": "", "source": {}}
DAEMON = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", "scratch")
STARTER = """
import json, os, runpy, sys
import distributed, matplotlib.figure, matplotlib.pyplot, pandas, sklearn.neighbors, sklearn.svm, torch
import elmarc.cli.commands, elmarc.experiments.ranking, elmarc.experiments.winner, elmarc.cli.winner
import elmarc.experiments.executors.cluster
for line in sys.stdin:
    job = json.loads(line)
    child = os.fork()
    if not child:
        break
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
else:
    sys.exit()
os.chdir(job["folder"])
os.environ |= {"TMPDIR": job["folder"] + "/tmp", "ELMARC_CACHE": job["folder"] + "/cache"}
os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
log = os.open("log.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
os.dup2(log, 1), os.dup2(log, 2), os.close(log)
sys.argv = ["elmarc", *job["words"]]
runpy.run_module("elmarc", run_name="__main__", alter_sys=True)
"""


@dataclass
class Found:
    """A command with an executor, in figures."""

    command: str
    executor: str
    usual_s: dict[str, float] = field(default_factory=dict)
    n_series: int = 0
    n_series_own_workers: int = 0
    n_resumed: int = 0
    kills: int = 0
    kills_in_work: int = 0
    terms: int = 0
    terms_in_work: int = 0
    worker_kills: int = 0
    too_late: int = 0
    codes_of_terms: list[int] = field(default_factory=list)
    unequal: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)

    def problems(self) -> list[str]:
        """Say what is not as promised."""
        codes = [f"SIGTERM ended with {code}" for code in self.codes_of_terms if code != 130]
        return [f"{self.command}, {self.executor}: {what}" for what in (*self.unequal, *self.left, *codes)]


class Starter:
    """Forks commands, one after the other, from a process that has imported what they need."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", STARTER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
        )

    def start(self, folder: Path, words: tuple[str, ...]) -> int:
        """Start a command; return its process."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"folder": str(folder), "words": words}).encode() + b"\n")
        return self._number(PATIENCE_S)

    def ended(self, seconds: float) -> int | None:
        """Wait so long for the command's end; return its exit code, None where it still runs."""
        assert self._process.stdout is not None
        there, _, _ = select.select([self._process.stdout], [], [], max(0, seconds))
        return self._number(PATIENCE_S) if there else None

    def _number(self, seconds: float) -> int:
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], seconds)[0]:
            raise SystemExit(f"a command did not end in {seconds} s")
        return int(self._process.stdout.readline())

    def close(self) -> None:
        """End; a command that runs is waited for."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE_S)


class Cluster:
    """A scheduler and two workers, which outlive the commands that ask them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self.file = folder / "scheduler.json"
        quiet = ("--port", "0", "--host", "127.0.0.1", "--no-dashboard", "--no-show")
        self._all = [self._daemon("scheduler", *quiet)]
        while not self.file.exists():
            time.sleep(0.05)
        self.workers = [self._daemon("worker", *DAEMON) for _ in range(2)]
        self._all += self.workers

    def kill_one(self) -> None:
        """Kill the older worker, and start another."""
        self.workers.pop(0).kill()
        self.workers.append(self._daemon("worker", *DAEMON))
        self._all.append(self.workers[-1])

    def _daemon(self, kind: str, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}"]
        command += ["--scheduler-file", str(self.file), *words]
        surroundings = {**os.environ, "DASK_TEMPORARY_DIRECTORY": str(self.folder / "scratch")}
        with (self.folder / f"{kind}.log").open("ab") as log:
            return subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log, env=surroundings)

    def close(self) -> None:
        """End them all."""
        for process in reversed(self._all):
            process.kill()
            process.wait()


def answer(command: str, folder: Path) -> dict[str, str]:
    """Return what a run has made, each part by a name, as a hash; times are left out."""
    parts: dict[str, bytes] = {}
    for path in (folder / "store").rglob("*"):
        if path.match(shards.PATTERN):
            names, X = shards.read(path)
            parts |= {f"{path.parent.name}/{name}": row.tobytes() for name, row in zip(names, X, strict=True)}
        elif path.is_file():
            parts[str(path.relative_to(folder))] = path.read_bytes()
    made = [folder / "features.npz"] if command == "extract" else (folder / "out").rglob("*")
    parts |= {str(path.relative_to(folder)): timeless(path) for path in made if path.is_file()}
    return {name: hashlib.sha256(value).hexdigest() for name, value in parts.items()}


def timeless(path: Path) -> bytes:
    """Return a file's bytes; without times where it has any."""
    if path.name == "result.json":
        return replace(Result.from_json(path.read_text()), **TIMELESS).to_json().encode()
    if path.name == "ranking.csv":
        rows = list(csv.DictReader(io.StringIO(path.read_text())))
        return repr([{k: v for k, v in row.items() if k != "s_per_clip"} for row in rows]).encode()
    if path.name == "ranking.json":
        return json.dumps(without_times(json.loads(path.read_text()))).encode()
    return path.read_bytes()


def without_times(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: without_times(v) for k, v in value.items() if k != "s_per_clip"}
    return [without_times(v) for v in value] if isinstance(value, list) else value


def written(folder: Path) -> set[Path]:
    """Return the files that runs have stored or written, the unfinished ones too."""
    return {path for name in ("store", "out") for path in (folder / name).rglob("*") if path.is_file()}


def left_behind(folder: Path) -> Iterator[str]:
    """Yield unfinished files, what is in the temporary folder, and processes that do not end."""
    deadline = time.monotonic() + GONE_S
    while (orphans := processes_of(folder)) and time.monotonic() < deadline:
        time.sleep(0.05)
    yield from (f"process: {line}" for line in orphans)
    for pattern in ("tmp/*", "store/frontend-*", "**/.*.part", "dask-scratch-space"):
        yield from (str(path.relative_to(folder)) for path in folder.glob(pattern))
    known = {"tmp", "store", "cache", "out", "features.npz", "clips", "log.txt"}
    yield from (path.name for path in folder.iterdir() if path.name not in known)


def processes_of(folder: Path) -> list[str]:
    """Return the command lines of the processes that have this run's temporary folder."""
    found, mark = [], f"TMPDIR={folder}/tmp\0".encode()
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with suppress(OSError):  # it has ended, or is another user's
                if mark in (process / "environ").read_bytes():
                    found.append((process / "cmdline").read_text().replace("\0", " "))
    return found


@contextmanager
def fresh(folder: Path, clips: Path) -> Iterator[Path]:
    """Make a folder for a series, and remove it where nothing went wrong."""
    (folder / "tmp").mkdir(parents=True)
    (folder / "clips").symlink_to(clips)
    yield folder
    shutil.rmtree(folder)


def words(command: str, *more: str) -> tuple[str, ...]:
    return (*WORDS[command], "--store", "store", "--quiet", *more)


def to_the_end(starter: Starter, folder: Path, asked: tuple[str, ...]) -> float:
    """Run a command to its end; return the seconds."""
    start = time.monotonic()
    starter.start(folder, asked)
    code = starter.ended(PATIENCE_S)
    if code != 0:
        raise SystemExit(f"{' '.join(asked)}: ended with {code}: {(folder / 'log.txt').read_text()[-2000:]}")
    return time.monotonic() - start


class Killing:
    """The series of one command with one executor."""

    def __init__(
        self,
        found: Found,
        starter: Starter,
        cluster: Cluster | None,
        whole: dict[str, str],
        clips: Path,
        until: float,
    ) -> None:
        self.found, self.starter, self.cluster, self.whole, self.clips = found, starter, cluster, whole, clips
        self.until = until

    def run(
        self, folder: Path, signals: list[signal.Signals], worker_kills: int, rng: np.random.Generator
    ) -> None:
        """Go on until all signals are sent, or the time is up."""
        while (signals or self.found.worker_kills < worker_kills) and time.monotonic() < self.until:
            with fresh(folder / f"series-{self.found.n_series}", self.clips) as here:
                self._series(here, signals, worker_kills, rng)
            print(row(self.found), file=sys.stderr, flush=True)
            self.found.n_series += 1

    def _series(
        self, folder: Path, signals: list[signal.Signals], worker_kills: int, rng: np.random.Generator
    ) -> None:
        kind, more = self._executor()
        asked, usual = words(self.found.command, *more), self._usual(folder.parent, kind, more)
        for n_before in range(MOST_ENDS):
            start = time.monotonic()
            late = not signals or time.monotonic() > self.until
            if late or not self._end(folder, asked, signals, float(rng.uniform(0, usual))):
                if signals and not late and n_before == 0:  # an unbroken run, and a quicker one
                    self.found.usual_s[kind] = min(usual, time.monotonic() - start)
                break
        self.starter.start(folder, asked)
        if kind == "scheduler" and self.found.worker_kills < worker_kills:
            code = self.starter.ended(float(rng.uniform(0, usual)) / 2)
            if code is None and self.cluster is not None:
                self.cluster.kill_one()
                self.found.worker_kills += 1
        else:
            code = None
        code = self.starter.ended(PATIENCE_S) if code is None else code
        if code != 0:
            self.found.unequal.append(
                f"going on ended with {code}: {(folder / 'log.txt').read_text()[-600:]}"
            )
            return
        now = answer(self.found.command, folder)
        names = sorted(self.whole.keys() | now.keys())
        self.found.unequal += [f"{name} differs" for name in names if self.whole.get(name) != now.get(name)]
        self.found.left += left_behind(folder)

    def _end(
        self, folder: Path, asked: tuple[str, ...], signals: list[signal.Signals], seconds: float
    ) -> bool:
        """Start, and send the next signal after so many seconds; tell whether it came in time."""
        before, number = written(folder), signals[-1]
        process = self.starter.start(folder, asked)
        if self.starter.ended(START_S + seconds) is not None:
            self.found.too_late += 1
            return False
        in_work = bool(written(folder) - before)
        os.kill(process, number)
        code = self.starter.ended(PATIENCE_S)
        if code is None:
            raise SystemExit(f"{' '.join(asked)}: goes on after {number.name}")
        if code == 0 or answer(self.found.command, folder) == self.whole:  # the work was done
            self.found.too_late += 1
            return False
        signals.pop()
        self.found.n_resumed += 1
        if number == signal.SIGKILL:
            self.found.kills += 1
            self.found.kills_in_work += in_work
            self.found.left += [what for what in left_behind(folder) if what.startswith("process")]
        else:
            self.found.terms += 1
            self.found.terms_in_work += in_work
            self.found.codes_of_terms.append(code)
            self.found.left += [f"after SIGTERM: {what}" for what in left_behind(folder)]
        return True

    def _executor(self) -> tuple[str, tuple[str, ...]]:
        """Return what the next series runs on, and the options that say so."""
        if self.cluster is None:
            return "serial", ()
        if self.found.n_series % LOCAL_EACH == LOCAL_EACH - 1:
            self.found.n_series_own_workers += 1
            return "own workers", ("--executor", "dask", "--workers", "2")
        return "scheduler", ("--executor", "dask", "--scheduler-file", str(self.cluster.file))

    def _usual(self, folder: Path, kind: str, more: tuple[str, ...]) -> float:
        """Return the seconds of an unbroken run; the first has more to set up, and counts not."""
        if kind not in self.found.usual_s:
            for name in ("first", "usual") if kind == "scheduler" else ("usual",):
                with fresh(folder / name, self.clips) as here:
                    self.found.usual_s[kind] = to_the_end(
                        self.starter, here, words(self.found.command, *more)
                    )
                    now = answer(self.found.command, here)
                    if now != self.whole:
                        self.found.unequal.append(f"an unbroken run on {kind} differs")
                    self.found.left += left_behind(here)
        return self.found.usual_s[kind]


def one(command: str, executor: str, folder: Path, options: argparse.Namespace) -> Found:
    """Send all signals to one command with one executor."""
    found, clips, until = Found(command, executor), folder / "clips", time.monotonic() + 60 * options.minutes
    write_clips(clips, N_CLIPS[command])
    rng = np.random.default_rng([options.seed, *f"{command} {executor}".encode()])
    signals = [signal.SIGKILL] * options.kills + [signal.SIGTERM] * options.terms
    signals = [signals[i] for i in rng.permutation(len(signals))]
    with ExitStack() as stack:
        starter = Starter()
        stack.callback(starter.close)
        cluster = None
        if executor == "dask":
            cluster = Cluster(folder / "cluster")
            stack.callback(cluster.close)
        with fresh(folder / "whole", clips) as here:
            seconds = to_the_end(starter, here, words(command))
            whole = answer(command, here)
        if executor == "serial":
            found.usual_s["serial"] = seconds
        n_worker_kills = 0 if cluster is None else options.worker_kills
        Killing(found, starter, cluster, whole, clips, until).run(folder, signals, n_worker_kills, rng)
    return found


def row(found: Found) -> str:
    codes = sorted(set(found.codes_of_terms))
    cells = [
        f"`{found.command}`", found.executor, f"{found.kills} ({found.kills_in_work})",
        f"{found.terms} ({found.terms_in_work})", found.worker_kills, found.n_series, found.n_resumed,
        "no" if found.unequal else "yes", len(found.left), ", ".join(map(str, codes)),
    ]  # fmt: skip
    return "| " + " | ".join(map(str, cells)) + " |"


def main() -> None:
    """Print a row for each command and executor; fail where anything is not as promised."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--terms", type=int, default=10)
    parser.add_argument("--worker-kills", type=int, default=4, help="with dask, of workers")
    parser.add_argument("--commands", nargs="+", choices=WORDS, default=list(WORDS))
    parser.add_argument("--executors", nargs="+", choices=["serial", "dask"], default=["serial", "dask"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=30, help="at most, for a command with an executor")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    heads = [
        "command", "executor", "SIGKILLs (in work)", "SIGTERMs (in work)", "workers killed", "series",
        "runs that went on", "equal to the byte", "left behind", "exit code of SIGTERM",
    ]  # fmt: skip
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads), flush=True)
    every: list[Found] = []
    for command in options.commands:
        for executor in options.executors:
            with tempfile.TemporaryDirectory(prefix="kills-") as name:
                every.append(one(command, executor, Path(name), options))
            print(row(every[-1]), flush=True)
            if options.output:
                options.output.write_text(json.dumps([asdict(found) for found in every], indent=1) + "\n")
    if problems := [problem for found in every for problem in found.problems()]:
        raise SystemExit("\n".join(problems))


if __name__ == "__main__":
    main()
