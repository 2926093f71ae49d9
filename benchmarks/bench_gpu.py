"""How fast a GPU is beside the CPU of the same machine, and how far their features lie apart.

    python -m benchmarks.bench_gpu [--size small] [--networks vgg,temporal] [--precisions float32,bfloat16]

For each network, the network alone on clips of 29.2 s that lie in memory: clips per second on all cores of
the CPU in float32, and on the GPU in batches. `deviation` is the largest |GPU - CPU| / |CPU|, in float32, of
a clip's feature vector. `files` is the whole extractor on the GPU, from wav files to features.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import torch

from benchmarks.bench_networks import best_of, make_extractor, write_clips
from elmarc.features.extractor import FeatureExtractor
from elmarc.networks import STUDY_NETWORKS, build_network

COLUMNS = ("network", "precision", "cpu clips/s", "gpu clips/s", "ratio", "deviation", "files clips/s")


def on(device: str, name: str, options: argparse.Namespace, precision: str = "float32") -> FeatureExtractor:
    network = build_network(name, size=options.size, precision=precision)
    made = make_extractor(network, options.batch)
    return FeatureExtractor(
        made.frontend,
        network,
        length=made.length,
        fix_length=made.fix_length,
        batch_size=options.batch,
        device=device,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", default=",".join(STUDY_NETWORKS))
    parser.add_argument("--precisions", default="float32,tf32,bfloat16")
    parser.add_argument("--size", choices=("small", "large"), default="large")
    parser.add_argument("--batch", type=int, default=16)
    options = parser.parse_args()
    print(f"{torch.cuda.get_device_name()}, {torch.get_num_threads()} cores, torch {torch.__version__}")
    print("| " + " | ".join(COLUMNS) + " |\n" + "|---" * len(COLUMNS) + "|", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        clips = write_clips(Path(folder), 4 * options.batch)
        for name in options.networks.split(","):
            cpu = on("cpu", name, options)
            some = [cpu.prepare(clip) for clip in clips[: options.batch]]
            x = np.stack(some)
            expected = cpu.pool(x[:4])
            cpu_rate = 4 / best_of(lambda cpu=cpu, x=x: cpu.pool(x[:4]), 1)
            for precision in options.precisions.split(","):
                gpu = on("cuda", name, options, precision)
                found = gpu.pool(x)[:4]
                apart = np.linalg.norm(found - expected, axis=1) / np.linalg.norm(expected, axis=1)
                gpu_rate = len(x) / best_of(lambda gpu=gpu, x=x: gpu.pool(x), 3)
                files = len(clips) / best_of(lambda gpu=gpu: gpu.extract(clips), 1)
                cells = (f"{cpu_rate:.1f}", f"{gpu_rate:.0f}", f"{gpu_rate / cpu_rate:.0f}")
                print(
                    "| " + " | ".join((name, precision, *cells, f"{apart.max():.1e}", f"{files:.0f}")) + " |",
                    flush=True,
                )


if __name__ == "__main__":
    main()
