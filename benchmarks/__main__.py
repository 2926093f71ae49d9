"""Every benchmark, one after the other, on an idle machine: `make bench`.

JSON goes to benchmarks/results/, the tables to docs/lab/measured.md, which docs/performance.md explains.
"""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import torch

from elmarc._resources import n_cores

HERE = Path(__file__).parent
RESULTS = HERE / "results"
RUNS = {
    "Networks, float32": ["bench_networks", "--json", f"{RESULTS}/networks-float32.json"],
    "Networks, bfloat16": [
        "bench_networks", "--precision", "bfloat16", "--no-plain",
        "--json", f"{RESULTS}/networks-bfloat16.json",
    ],
    "Convolutions, float32, a thread": ["bench_networks", "--layers", "--threads", "1"],
    "Convolutions, float32, all threads": ["bench_networks", "--layers"],
    "Convolutions, bfloat16, a thread": [
        "bench_networks", "--layers", "--threads", "1", "--precision", "bfloat16",
    ],
    "Convolutions, bfloat16, all threads": ["bench_networks", "--layers", "--precision", "bfloat16"],
    "From file to ranking": ["bench_pipeline", "--json", f"{RESULTS}/pipeline.json"],
    "Classifier grids": ["bench_classifiers", "--output", f"{RESULTS}/classifiers.json"],
}  # fmt: skip


def processor() -> str:
    """Name the processor, and the widest instructions that torch finds in it."""
    described = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    names = [line.split(":")[1].strip() for line in described.splitlines() if line.startswith("model name")]
    return f"{names[0] if names else platform.machine()}, {torch.backends.cpu.get_cpu_capability()}"


def main() -> None:
    RESULTS.mkdir(exist_ok=True)
    parts = [
        "# Measured",
        f"`make bench` on {n_cores()} cores ({processor()}), torch {torch.__version__}; what it means: "
        "[performance.md](../performance.md).",
    ]
    for title, (module, *options) in RUNS.items():
        print(f"{title} ...", file=sys.stderr)
        command = [sys.executable, "-m", f"benchmarks.{module}", *options]
        said = subprocess.run(command, cwd=HERE.parent, check=True, stdout=subprocess.PIPE, text=True).stdout
        parts.append(f"## {title}\n\n{said.strip()}")
        (HERE.parent / "docs" / "lab" / "measured.md").write_text("\n\n".join(parts) + "\n")


if __name__ == "__main__":
    main()
