"""What each network costs for a 29.2 s clip, beside a plain torch version and the machine's own best rate.

    python -m benchmarks.bench_networks [--networks vgg,temporal] [--precision bfloat16] [--json FILE]

Each network runs in a process of its own, from wav files to features. `rate` is dense arithmetic per second
of network time; `share` compares it with a large convolution timed in the same process, before and after
(over 100 % where a layer needs fewer multiplications). `memory` is the peak over what importing torch takes.
`plain` keeps every map of the batch and averages in NumPy, as the 2018 program did; `ratio` is plain / ours.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
import torch.nn.functional as F
from torch import Tensor

IMPORTED_BYTES = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

from elmarc.audio.decode import load  # noqa: E402 - after the memory of torch alone is known
from elmarc.features.pooling import pool  # noqa: E402
from elmarc.frontends.logmel import LogMel  # noqa: E402
from elmarc.networks import STUDY_NETWORKS, RandomCNN, build_network  # noqa: E402

SR = 12000
N_SAMPLES = 350_000
COLUMNS = ("network", "s_per_clip", "frontend_s", "gflop", "rate", "share", "memory_gb", "plain_s", "ratio")


def best_of(action: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def write_clips(folder: Path, n: int) -> list[Path]:
    rng = np.random.default_rng(0)
    paths = [folder / f"{i}.wav" for i in range(n)]
    for path in paths:
        noise = rng.normal(size=N_SAMPLES) * np.exp(-3 * (np.arange(N_SAMPLES) % 6000) / 6000)
        soundfile.write(path, 0.1 * noise, SR, subtype="PCM_16")
    return paths


def read_inputs(network: RandomCNN, paths: list[Path]) -> Tensor:
    waves = np.stack([load(path, sr=SR)[:N_SAMPLES] for path in paths])
    return torch.from_numpy(LogMel(sr=SR)(waves) if network.input_kind == "logmel" else waves[..., None])


def machine_rate(precision: str) -> float:
    """GFLOP/s of a channels-last convolution of 896 channels and 7 taps."""
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    maps = torch.randn(1, 896, 1, 4006).to(dtype, memory_format=torch.channels_last)
    weight = torch.randn(896, 896, 1, 7).to(dtype, memory_format=torch.channels_last)
    return 2 * 896 * 896 * 7 * 4000 / best_of(lambda: F.conv2d(maps, weight), 3) / 1e9


def plain_maps(network: RandomCNN, x: Tensor) -> Iterator[Tensor]:
    """Yield the same layers as torch computes them when asked plainly."""
    weights = iter(torch.from_numpy(array) for array in network.get_weights())

    def conv(maps: Tensor, *, stride: int = 1, padding: str | tuple[int, int] = "valid") -> Tensor:
        kernel, bias = next(weights), next(weights)
        if maps.ndim == 4:
            return F.conv2d(maps, kernel.permute(3, 2, 0, 1).contiguous(), bias, padding=padding)
        if kernel.ndim == 4:
            kernel = kernel.squeeze(2)
        return F.conv1d(maps, kernel.permute(2, 1, 0).contiguous(), bias, stride=stride, padding=padding)

    def back_end(maps: Tensor) -> Iterator[Tensor]:
        first = conv(maps).relu()
        second = conv(first, padding="same").relu() + first
        pooled = F.max_pool1d(second, 2)
        yield from (first, second, conv(pooled, padding="same").relu() + pooled)

    family = network.family
    maps = x.transpose(1, 2) if network.input_kind == "waveform" else x[:, None]
    if family == "vgg":
        for size in ((4, 2), (4, 3), (5, 2), (4, 2), (4, 4)):
            maps = F.max_pool2d(F.elu(conv(maps, padding="same")), size)
            yield maps
    elif family == "single_layer":
        yield F.max_pool2d(conv(maps).relu(), network.options()["pool_shape"])
    elif family == "timbral_temporal":
        if "timbral" in network.layers:
            pads = [(frames // 2, 0) for frames in (7, 3, 1, 7, 3, 1)]
            yield torch.cat([conv(maps, padding=pad).relu().amax(dim=3) for pad in pads], dim=1)
        if "temporal" in network.layers:
            envelope = maps.mean(dim=3)
            yield torch.cat([conv(envelope, padding="same").relu() for _ in range(4)], dim=1)
    elif family == "sample_level":
        maps = conv(maps, stride=3).relu()
        yield maps
        for _ in range(6):
            maps = F.max_pool1d(conv(maps, padding="same").relu(), 3)
            yield maps
    elif family == "frame_level":
        front = conv(maps, stride=32).relu()
        yield front
        yield from back_end(front)
    else:
        fronts = [conv(F.pad(maps, (n // 2 - 16, n // 2)), stride=32).relu() for n in (512, 256, 128, 64, 32)]
        fronts = [front[..., : -(-maps.shape[2] // 32)] for front in fronts]
        yield from fronts
        yield from back_end(torch.cat(fronts, dim=1))


@torch.no_grad()
def plain_features(network: RandomCNN, x: Tensor) -> np.ndarray:
    warnings.filterwarnings("ignore", "Using padding='same' with even kernel lengths")
    kept = [maps.numpy() for maps in plain_maps(network, x)]
    return np.concatenate([maps.reshape(*maps.shape[:2], -1).mean(axis=-1) for maps in kept], axis=1)


def measure(name: str, options: argparse.Namespace) -> dict[str, Any]:
    network = build_network(name, size=options.size, precision=options.precision)
    with tempfile.TemporaryDirectory() as folder:
        paths = write_clips(Path(folder), options.batch)
        pool(network, read_inputs(network, paths[:1]))
        rates = [machine_rate(options.precision)]
        front_s = best_of(lambda: read_inputs(network, paths), options.repeats) / len(paths)
        x = read_inputs(network, paths)
    network_s = best_of(lambda: pool(network, x), options.repeats) / len(x)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - IMPORTED_BYTES
    rates.append(machine_rate(options.precision))
    plain_s = None
    if options.plain:
        plain_s = front_s + best_of(lambda: plain_features(network, x), 1) / len(x)
    gflop = 2 * network.multiply_adds(x.shape[1]) / 1e9
    return {
        "network": name,
        "s_per_clip": front_s + network_s,
        "frontend_s": front_s,
        "gflop": gflop,
        "rate": gflop / network_s,
        "share": gflop / network_s / max(rates),
        "memory_gb": memory / 1e9,
        "plain_s": plain_s,
        "ratio": plain_s and plain_s / (front_s + network_s),
    }


def to_markdown(rows: list[dict[str, Any]]) -> str:
    lines = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    lines += ["| " + " | ".join(_cell(row[column]) for column in COLUMNS) + " |" for row in rows]
    total = sum(row["s_per_clip"] for row in rows)
    return "\n".join([*lines, f"\nAll: {total:.2f} s a clip, {torch.get_num_threads()} threads."])


def _cell(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", default=",".join(STUDY_NETWORKS))
    parser.add_argument("--size", default="large", choices=("large", "small"))
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--batch", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--plain", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    names = options.networks.split(",")
    if options.one:
        print(json.dumps(measure(names[0], options)))
        return
    rows = []
    for name in names:
        command = [sys.executable, *sys.argv, "--one", "--networks", name]
        rows.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        print(rows[-1], file=sys.stderr)
    print(to_markdown(rows))
    if options.json:
        options.json.write_text(
            json.dumps({"options": vars(options) | {"json": None}, "rows": rows}, indent=2)
        )


if __name__ == "__main__":
    main()
