"""Every reader against files that were damaged at random, for as long as one likes.

    python -m studies.reliability.fuzz [--minutes 10] [--targets sounds models] [--seed 0] [--kept FOLDER]

The targets, and what has to hold of any input, are those of tests/fuzz. Each runs in a process of its own, so
that one that crashes is seen, and its memory is its own. Faults that end in the same line of elmarc for the
same reason are counted once; the shortest input of each goes to --kept. Ends with 1 where there is a fault.

An input is refused (or, in a store, set aside in part) or read; `memory` is the largest that a process became
over what it held before the first input, hypothesis and its examples included.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from tests.fuzz import watch
from tests.fuzz.targets import TARGETS, Target

import elmarc

PACKAGE = Path(elmarc.__file__).parent
A_ROUND = 500  # inputs between two looks at the clock; each round has a seed of its own
START_S = 120  # a process may take for its start, and to end
LONGEST = 2000  # characters of an input or message that are shown


@dataclass
class Found:
    """What became of the inputs of one target."""

    target: str
    outcomes: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    slowest_s: float = 0.0
    memory_mb: float = 0.0
    faults: dict[str, str] = field(default_factory=dict)  # what and where -> the shortest input


def explore(name: str, target: Target, folder: Path, *, minutes: float, seed_: int) -> Found:
    """Try inputs of one target for some minutes, in this process; the first round is tried whole."""
    found, outcomes = Found(name), Counter[str]()
    start, last = time.monotonic(), folder / "last.txt"
    before = n_rounds = 0

    def tried(example: Any) -> None:
        nonlocal before
        if (began := time.monotonic()) - start > 60 * minutes and n_rounds:
            return
        before = before or watch.peak_bytes()
        last.write_text(repr(example), encoding="utf-8", errors="backslashreplace")
        try:
            outcomes[target.check(example, folder)] += 1
        except Exception as problem:
            outcomes["fault"] += 1
            where, text = fault_of(problem), repr(example)
            found.faults[where] = min(found.faults.get(where, text), text, key=len)
        found.slowest_s = max(found.slowest_s, time.monotonic() - began)
        found.memory_mb = max(found.memory_mb, (watch.peak_bytes() - before) / 1e6)

    while not n_rounds or time.monotonic() - start < 60 * minutes:
        in_round = settings(
            max_examples=A_ROUND,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        seed(1000 * seed_ + n_rounds)(in_round(given(target.examples())(tried)))()
        n_rounds += 1
    found.seconds, found.outcomes = time.monotonic() - start, dict(outcomes)
    return found


def fault_of(problem: Exception) -> str:
    """Tell what went wrong and where, alike for all inputs that meet the same fault."""
    frames = [
        f for f in traceback.extract_tb(problem.__traceback__) if Path(f.filename).is_relative_to(PACKAGE)
    ]
    where = f"{Path(frames[-1].filename).name}, {frames[-1].name}" if frames else "what was read"
    text = re.sub(r"'[^']*'|[\d.]+", "*", str(problem))[:80]
    return f"{type(problem).__name__} at {where}: {text}"


def in_a_process(name: str, *, minutes: float, seed_: int) -> Found:
    """Explore one target in a process of its own; its end by a signal, or none, is a fault."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "studies.reliability.fuzz", "--in", folder, "--targets", name]
        command += ["--minutes", str(minutes), "--seed", str(seed_)]
        most_s = 60 * minutes + START_S
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, errors="replace", timeout=most_s, check=False
            )
            if not done.returncode:
                return Found(**json.loads(done.stdout.splitlines()[-1]))
            end, said = f"ended with {done.returncode}", done.stderr
        except subprocess.TimeoutExpired:
            end, said = f"still at work after {most_s:g} s", ""
        last = Path(folder, "last.txt")
        text = last.read_text(encoding="utf-8") if last.exists() else said
        return Found(name, {"fault": 1}, faults={end: text})


def row(found: Found) -> str:
    n_inputs = sum(found.outcomes.values())
    cells = [
        found.target, f"{n_inputs:,}", *(f"{found.outcomes.get(kind, 0):,}" for kind in ("read", "refused")),
        str(len(found.faults)), f"{found.slowest_s:.1f} s", f"{found.memory_mb:.0f} MB",
        f"{found.seconds / 60:.1f} min",
    ]  # fmt: skip
    return "| " + " | ".join(cells) + " |"


def keep(folder: Path, found: Found) -> None:
    """Write each fault and its shortest input to a file."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, (fault, example) in enumerate(found.faults.items()):
        text = f"{found.target}\n{fault}\n{example}\n"
        (folder / f"{found.target.replace(' ', '-')}-{number}.txt").write_text(text, encoding="utf-8")


def main() -> None:
    """Run the targets one after the other, print a row for each, and the faults."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10, help="for each target")
    parser.add_argument("--targets", nargs="+", choices=TARGETS, default=list(TARGETS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kept", type=Path, help="folder for the inputs of faults")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--in", dest="folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        (name,) = options.targets
        found = explore(name, TARGETS[name], options.folder, minutes=options.minutes, seed_=options.seed)
        print(json.dumps(asdict(found)))
        return
    print("| target | inputs | read | refused | faults | slowest | memory | time |\n|" + "---|" * 8)
    every = []
    for name in options.targets:
        every.append(in_a_process(name, minutes=options.minutes, seed_=options.seed))
        print(row(every[-1]), flush=True)
        if options.kept:
            keep(options.kept, every[-1])
    for found in every:
        for fault, example in found.faults.items():
            print(f"\n{found.target}: {fault}\n  {example[:LONGEST]}")
    if options.json:
        options.json.write_text(json.dumps([asdict(found) for found in every], indent=1) + "\n")
    if any(found.faults for found in every):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
