"""What each network costs for a 29.2 s clip, beside a plain torch version and the machine's own best rate.

    python -m benchmarks.bench_networks [--networks vgg,temporal] [--precision bfloat16] [--json FILE]
    python -m benchmarks.bench_networks --layers

Each network runs in a process of its own. `s_per_clip` is the extractor's, from wav files to features, with
all cores; `memory` its peak over what importing torch takes. `rate` is the dense arithmetic per second of the
network alone, one clip on all cores; `share` compares it with a large convolution timed in the same process,
before and after (over 100 % where a layer needs fewer multiplications). `plain` keeps every map of the batch
and averages in NumPy, as the 2018 program did; `ratio` is plain / ours. `--layers` gives rate and share of
every convolution of 1 GFLOP or more; `--threads 1` as a worker of the extractor computes them.
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
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
import torch.nn.functional as F
from torch import Tensor

IMPORTED_BYTES = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

from elmarc.datasets.base import Clip  # noqa: E402 - after the memory of torch alone is known
from elmarc.features.extractor import FeatureExtractor  # noqa: E402
from elmarc.features.pooling import pool  # noqa: E402
from elmarc.frontends.logmel import LogMel  # noqa: E402
from elmarc.frontends.waveform import RawWaveform  # noqa: E402
from elmarc.networks import STUDY_NETWORKS, RandomCNN, build_network  # noqa: E402
from elmarc.networks.blocks import BandConv, RandomConv  # noqa: E402
from elmarc.networks.mixed import Mixed  # noqa: E402

SR = 12000
N_FRAMES, N_SAMPLES = 1368, 350_000
COLUMNS = ("network", "s_per_clip", "gflop", "rate", "share", "memory_gb", "plain_s", "ratio")
LAYER_COLUMNS = ("network", "layer", "gflop", "rate", "share")


def best_of(action: Callable[[], object], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return min(times)


def write_clips(folder: Path, n: int) -> list[Clip]:
    rng = np.random.default_rng(0)
    clips = [Clip(f"{i}", folder / f"{i}.wav", "x") for i in range(n)]
    for clip in clips:
        noise = rng.normal(size=N_SAMPLES) * np.exp(-3 * (np.arange(N_SAMPLES) % 6000) / 6000)
        soundfile.write(clip.path, 0.1 * noise, SR, subtype="PCM_16")
    return clips


def make_extractor(network: RandomCNN, batch_size: int) -> FeatureExtractor:
    logmel = network.input_unit == "frames"
    return FeatureExtractor(
        LogMel(sr=SR) if logmel else RawWaveform(sr=SR),
        network,
        length=N_FRAMES if logmel else N_SAMPLES,
        fix_length="repeat-pad",
        batch_size=batch_size,
    )


def machine_rate(precision: str) -> float:
    """GFLOP/s of a channels-last convolution of 896 channels and 7 taps."""
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    maps = torch.randn(1, 896, 1, 4006).to(dtype, memory_format=torch.channels_last)
    weight = torch.randn(896, 896, 1, 7).to(dtype, memory_format=torch.channels_last)
    return 2 * 896 * 896 * 7 * 4000 / best_of(lambda: F.conv2d(maps, weight), 3) / 1e9


def plain_maps(network: RandomCNN, x: Tensor) -> Iterator[Tensor]:
    """Yield the same layers as torch computes them when asked plainly."""
    weights = iter(torch.from_numpy(array) for array in network.get_weights())

    def conv(maps: Tensor, *, stride: Any = 1, padding: str | tuple[int, int] = "valid") -> Tensor:
        kernel, bias = next(weights), next(weights)
        if maps.ndim == 4:
            filters = kernel.permute(3, 2, 0, 1).contiguous()
            return F.conv2d(maps, filters, bias, stride=stride, padding=padding)
        if kernel.ndim == 4:
            kernel = kernel.squeeze(2)
        return F.conv1d(maps, kernel.permute(2, 1, 0).contiguous(), bias, stride=stride, padding=padding)

    def back_end(maps: Tensor) -> Iterator[Tensor]:
        first = conv(maps).relu()
        second = conv(first, padding="same").relu() + first
        pooled = F.max_pool1d(second, 2)
        yield from (first, second, conv(pooled, padding="same").relu() + pooled)

    family = network.family
    maps = x.transpose(1, 2) if network.input_unit == "samples" else x[:, None]
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
    elif isinstance(network, Mixed):
        for shape in network.shapes.values():
            places = conv(maps, stride=(1, shape.step), padding=(shape.taps[1] // 2, 0)).relu()
            yield from (zone.amax(dim=3) for zone in places.tensor_split(shape.n_zones, dim=3))
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
    extractor = make_extractor(network, options.batch)
    with tempfile.TemporaryDirectory() as folder:
        clips = write_clips(Path(folder), 2 * options.batch)
        extractor.extract(clips[:2])
        rates = [machine_rate(options.precision)]
        seconds = best_of(lambda: extractor.extract(clips), options.repeats) / len(clips)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 - IMPORTED_BYTES
        x = torch.from_numpy(np.stack([extractor.prepare(clip) for clip in clips[: options.batch]]))
    network_s = best_of(lambda: pool(network, x[:1]), options.repeats + 1)
    rates.append(machine_rate(options.precision))
    gflop = 2 * network.multiply_adds(x.shape[1]) / 1e9
    plain_s = None
    if options.plain:
        plain_s = best_of(lambda: plain_features(network, x), 1) / len(x)
    return {
        "network": name,
        "s_per_clip": seconds,
        "gflop": gflop,
        "rate": gflop / network_s,
        "share": gflop / network_s / max(rates),
        "memory_gb": memory / 1e9,
        "plain_s": plain_s,
        "ratio": plain_s and plain_s / seconds,
    }


def measure_layers(name: str, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Time each convolution where it stands, on the tiles and in the layout in which the network calls it."""
    torch.set_num_threads(options.threads)
    network = build_network(name, size=options.size, precision=options.precision)
    length = N_FRAMES if network.input_unit == "frames" else N_SAMPLES
    x = torch.randn(1, length, network.n_bands)
    spent = dict.fromkeys(network.convs, 0.0)
    gflop = dict.fromkeys(network.convs, 0.0)

    def note(layer: str, started: float, out: Tensor, n_places: int = 1) -> None:
        spent[layer] += time.perf_counter() - started
        gflop[layer] += 2 * n_places * out.numel() * network.convs[layer].weight[0].numel() / 1e9

    def watch(layer: str, conv: RandomConv) -> None:
        started: list[float] = []
        conv.register_forward_pre_hook(lambda *_: started.append(time.perf_counter()))
        conv.register_forward_hook(lambda _, __, out: note(layer, started.pop(), out))

    def watch_peaks(layer: str, conv: BandConv) -> None:
        untimed = conv.peaks

        def peaks(maps: Tensor) -> Iterator[tuple[int, Tensor]]:
            n_places = conv.n_bands_out(maps.shape[2])
            start = time.perf_counter()
            for first, values in untimed(maps):
                note(layer, start, values, n_places)
                yield first, values
                start = time.perf_counter()

        conv.peaks = peaks

    for layer, conv in network.convs.items():
        watch_peaks(layer, conv) if isinstance(conv, BandConv) else watch(layer, conv)
    pool(network, x)
    least = dict.fromkeys(network.convs, np.inf)
    best_rate = machine_rate(options.precision)
    for _ in range(options.repeats + 1):
        for record in (spent, gflop):
            record.update(dict.fromkeys(record, 0.0))
        pool(network, x)
        least = {layer: min(least[layer], spent[layer]) for layer in least}
    best_rate = max(best_rate, machine_rate(options.precision))
    rates = {layer: gflop[layer] / least[layer] for layer in least}
    return [
        {"network": name, "layer": layer, "gflop": gflop[layer], "rate": rate, "share": rate / best_rate}
        for layer, rate in rates.items()
        if gflop[layer] >= 1
    ]


def to_markdown(rows: list[dict[str, Any]], columns: Sequence[str] = COLUMNS) -> str:
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    lines += ["| " + " | ".join(_cell(row[column]) for column in columns) + " |" for row in rows]
    if "s_per_clip" in columns:
        total = sum(row["s_per_clip"] for row in rows)
        lines.append(f"\nAll: {total:.2f} s a clip, {torch.get_num_threads()} threads.")
    return "\n".join(lines)


def _cell(value: object) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--networks", default=",".join((*STUDY_NETWORKS, "mixed")))
    parser.add_argument("--size", default="large", choices=("large", "small"))
    parser.add_argument("--precision", default="float32", choices=("float32", "bfloat16"))
    parser.add_argument("--batch", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--plain", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--layers", action="store_true", help="each convolution of 1 GFLOP or more")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="with --layers")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    names = options.networks.split(",")
    if options.one:
        print(
            json.dumps(measure_layers(names[0], options) if options.layers else [measure(names[0], options)])
        )
        return
    rows = []
    for name in names:
        command = [sys.executable, *sys.argv, "--one", "--networks", name]
        rows += json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        print(*rows[-1:], file=sys.stderr)
    print(to_markdown(rows, LAYER_COLUMNS if options.layers else COLUMNS))
    if options.json:
        options.json.write_text(
            json.dumps({"options": vars(options) | {"json": None}, "rows": rows}, indent=2)
        )


if __name__ == "__main__":
    main()
