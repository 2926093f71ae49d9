"""What the whole way from files costs: decoding, small networks, memory against clips, a ranking.

    python -m benchmarks.bench_pipeline [--json FILE]

The ranking needs the ESC-10 clips (ELMARC_DATA, default ../shared/data) and is left out without them.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from elmarc.networks import STUDY_NETWORKS

SECONDS = 29.2
SCALES = (10_000, 100_000)
DATA = Path(os.environ.get("ELMARC_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))

EXTRACT = """
import json, resource, sys, time
import torch
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
from pathlib import Path
from elmarc.datasets.base import Clip
from elmarc.features.extractor import FeatureExtractor
from elmarc.frontends.logmel import LogMel
from elmarc.frontends.waveform import RawWaveform
from elmarc.networks import build_network
folder, name, size, n_clips = sys.argv[1:]
files = sorted(Path(folder).iterdir())
clips = [Clip(str(i), files[i % len(files)], "x") for i in range(int(n_clips))]
net = build_network(name, size=size)
logmel = net.input_unit == "frames"
extractor = FeatureExtractor(
    LogMel() if logmel else RawWaveform(), net, length=1360 if logmel else 350_000, fix_length="repeat-pad"
)
if len(clips) > len(files):  # the same file again is not computed again: give each clip a key of its own
    extractor._contents = lambda clips: ([clip.id for clip in clips], {})
extractor.extract(clips[:4])
start = time.perf_counter()
extractor.extract(clips)
seconds = time.perf_counter() - start
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"clips_per_s": len(clips) / seconds, "memory_gb": (peak - base) * 1024 / 1e9}))
"""


def extract(folder: Path, name: str, size: str, n_clips: int) -> dict[str, float]:
    """Extract features in a process of its own; return clips/s and peak memory over importing torch."""
    command = [sys.executable, "-c", EXTRACT, str(folder), name, size, str(n_clips)]
    said = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(said.stdout)
    return found


def write_clips(folder: Path, n: int, sr: int, ending: str) -> None:
    rng = np.random.default_rng(0)
    for i in range(n):
        noise = 0.1 * rng.standard_normal((int(SECONDS * sr), 1))
        with soundfile.SoundFile(folder / f"{i:03d}.{ending}", "w", sr, 1) as file:
            for block in np.array_split(noise, 64):
                file.write(block)


def decoding(folder: Path) -> dict[str, float]:
    """Return clips/s through decoding, resampling and log-mel on all cores."""
    from elmarc._resources import n_cores
    from elmarc.audio.decode import load
    from elmarc.features.parallel import Workers
    from elmarc.frontends.logmel import LogMel

    logmel = LogMel()
    files = sorted(folder.iterdir())
    rates = {}
    for what, work in {"decode": load, "decode + log-mel": lambda path: logmel(load(path))}.items():
        with Workers(n_cores()) as workers:
            list(workers.map(work, files[:4]))
            start = time.perf_counter()
            list(workers.map(work, files))
            rates[what] = len(files) / (time.perf_counter() - start)
    return rates


SCALE = """
import json, resource, sys, time
from pathlib import Path
import numpy as np, soundfile
from elmarc.datasets import open_dataset
from elmarc.features.extractor import FeatureExtractor
from elmarc.features.store import FeatureStore
from elmarc.frontends.logmel import LogMel
from elmarc.networks import build_network
folder, n_clips = Path(sys.argv[1]), int(sys.argv[2])
rng = np.random.default_rng(0)
for label in range(10):
    (folder / "clips" / str(label)).mkdir(parents=True)
for i in range(n_clips):
    soundfile.write(folder / "clips" / str(i % 10) / f"{i}.wav", 0.1 * rng.standard_normal(4096), 12000)
base = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found = {}
for what in ("open", "cold", "warm"):
    start = time.perf_counter()
    if what == "open":
        data = open_dataset(folder / "clips")
    else:
        net, store = build_network("temporal", n_filters=4), FeatureStore(folder / "store")
        FeatureExtractor(LogMel(), net, length=16, fix_length="repeat-pad", store=store).extract(data.clips)
    found[f"{what}_s"] = time.perf_counter() - start
start = time.perf_counter()
index = store.index(FeatureExtractor(LogMel(), net, length=16, fix_length="repeat-pad").definition)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
found |= {"index_s": time.perf_counter() - start, "indexed": len(index), "memory_gb": (peak - base) / 1e6}
print(json.dumps(found))
"""


def scale(n_clips: int) -> dict[str, float]:
    """Take many clips of 0.34 s through a tiny network and the store, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-c", SCALE, folder, str(n_clips)]
        said = subprocess.run(command, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(said.stdout)
    return found


def ranking() -> dict[str, float]:
    """Return seconds of `elmarc rank esc10` with an empty store, and again with a full one."""
    times = {}
    with tempfile.TemporaryDirectory() as folder:
        for what in ("cold", "warm"):
            command = [sys.executable, "-m", "elmarc", "rank", "esc10", "--audio", str(DATA / "esc10"), "-q"]
            start = time.perf_counter()
            subprocess.run(
                [*command, "--store", f"{folder}/store", "-o", f"{folder}/{what}"],
                check=True,
                stdout=subprocess.DEVNULL,
            )
            times[what] = time.perf_counter() - start
    return times


def measure() -> dict[str, Any]:
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as root:
        for ending, sr in (("wav", 44100), ("wav", 12000), ("ogg", 44100)):
            folder = Path(root) / f"{ending}{sr}"
            folder.mkdir()
            write_clips(folder, 40, sr, ending)
            found[f"{ending} {sr} Hz"] = decoding(folder)
        wav = Path(root) / "wav12000"
        found["small"] = {name: extract(wav, name, "small", 120) for name in STUDY_NETWORKS}
        found["memory"] = {n: extract(wav, "7x96", "large", n) for n in (50, 1000)}
    found["scale"] = {n: scale(n) for n in SCALES}
    if (DATA / "esc10").is_dir():
        found["rank esc10"] = ranking()
    return found


def to_markdown(found: dict[str, Any]) -> str:
    lines = ["| clips of 29.2 s | decode, clips/s | decode + log-mel, clips/s |", "|---|---|---|"]
    for name, row in found.items():
        if "decode" in row:
            lines.append(f"| {name} | {row['decode']:.0f} | {row['decode + log-mel']:.0f} |")
    lines += ["", "| small network, from 12 kHz wav | clips/s | memory, GB |", "|---|---|---|"]
    lines += [f"| {n} | {r['clips_per_s']:.0f} | {r['memory_gb']:.2f} |" for n, r in found["small"].items()]
    lines += ["", "| 7x96 large, clips | clips/s | peak memory over torch, GB |", "|---|---|---|"]
    lines += [f"| {n} | {r['clips_per_s']:.0f} | {r['memory_gb']:.2f} |" for n, r in found["memory"].items()]
    lines += ["", "| clips of 0.34 s, tiny network | open, s | cold, s | warm, s | index, s | memory, GB |"]
    lines += ["|---" * 6 + "|"]
    for n, row in found["scale"].items():
        times = " | ".join(f"{row[f'{what}_s']:.2f}" for what in ("open", "cold", "warm", "index"))
        lines.append(f"| {n} | {times} | {row['memory_gb']:.2f} |")
    if "rank esc10" in found:
        cold, warm = found["rank esc10"].values()
        lines += [
            "",
            f"`elmarc rank esc10`: {cold:.0f} s, and {warm:.0f} s with a full store.",
        ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    result = measure()
    if options.json:
        options.json.write_text(json.dumps(result, indent=1))
    print(to_markdown(result))
