"""A step of training in a thread, with and without freed memory kept, each in a process of its own.

    python -m benchmarks.bench_training [--rounds 3]

The rounds alternate; each number is the least of its rounds. The loss after the steps must be the same.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

from elmarc.networks import NETWORKS

NAMES = ("vgg", "timbral", "sample_level")
STEP = """
from elmarc._resources import keep_freed_memory
if {keep}: keep_freed_memory()
import time, torch
from threading import Thread
from elmarc.networks import build_network
from elmarc.training.model import Trainable, pooled
torch.set_num_threads(1)
network = build_network({name!r}, size="small")
model = Trainable(network, n_classes=10)
shape = (16, 234, 96) if network.input_unit == "frames" else (16, 60000, 1)
if shape[1] < network.min_input_length: shape = (16, network.min_input_length, shape[2])
x = torch.rand(shape, generator=torch.Generator().manual_seed(0))
def steps():
    least = 1e9
    for _ in range(4):
        start = time.perf_counter()
        loss = pooled(model.network, x, model.statistics).square().mean()
        loss.backward()
        least = min(least, time.perf_counter() - start)
    print(least, loss.item())
thread = Thread(target=steps)
thread.start()
thread.join()
"""


def step(name: str, *, keep: bool) -> tuple[float, str]:
    """Return the seconds of a forward and backward pass, and the loss as it is printed."""
    code = STEP.format(name=name, keep=keep)
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    seconds, loss = said.split()
    return float(seconds), loss


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=3)
    rounds = parser.parse_args().rounds
    print("| network | as it is, ms | freed memory kept, ms | ratio |\n|---|---|---|---|")
    for name in NAMES:
        assert name in NETWORKS
        least = {False: 1e9, True: 1e9}
        losses = set()
        for _ in range(rounds):
            for keep in (False, True):
                seconds, loss = step(name, keep=keep)
                least[keep] = min(least[keep], seconds)
                losses.add(loss)
        assert len(losses) == 1, f"{name}: the losses differ: {losses}"
        before, after = (1000 * least[keep] for keep in (False, True))
        print(f"| {name} | {before:.0f} | {after:.0f} | {before / after:.2f} |", flush=True)


if __name__ == "__main__":
    main()
